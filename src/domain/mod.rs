//! The domain: facts, and the pure functions that derive standings, verdicts and rejections from them.
//!
//! Nothing here blocks, reads a clock or accesses a disk: time and facts are parameters. In reading order:
//!
//! 1. [`day`], [`id`], [`prior_number`], [`name`], [`npi`]: basic types. [`fact`] (with its [`enums`]) and [`record`]:
//!    what is reported and what the registry stores.
//! 2. [`retraction`], [`specialist`] (with [`specialist_file`]), [`provider`], [`rule_sets`] and [`requirements`]: from
//!    facts to the state known at a revision.
//! 3. [`walk`] and [`timeline`]: the standing on each day. [`verdict`] (with its [`sets`]): the answer to a question.
//!    [`diff`]: the changes that a record makes.
//! 4. [`command`], [`evaluation`], [`decide`]: the commands, and which of them the registry rejects.

mod calendar;
pub mod command;
pub mod day;
pub mod day_runs;
pub mod decide;
pub mod diff;
pub mod enums;
pub mod evaluation;
pub mod fact;
pub mod id;
mod log_home;
pub mod name;
pub mod npi;
pub mod prior_number;
pub mod provider;
pub mod published_credential;
pub mod record;
pub mod replica_state;
pub mod requirements;
pub mod retraction;
pub mod review;
pub mod rule_sets;
pub mod sets;
pub mod specialist;
pub mod specialist_file;
pub mod standing;
pub mod text;
pub mod timeline;
pub mod verdict;
pub mod walk;
