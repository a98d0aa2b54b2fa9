//! The domain: facts, and the pure functions that turn them into standings, verdicts and refusals.
//!
//! Nothing here waits, reads a clock or touches a disk: time and facts are parameters. In reading order:
//!
//! 1. [`day`], [`id`], [`name`], [`npi`]: the small words. [`fact`] (with its [`enums`]) and [`record`]: what is reported, and what is kept of it.
//! 2. [`retraction`], [`specialist`], [`provider`], [`rule_sets`] and [`requirements`]: from facts to what is known at a revision.
//! 3. [`timeline`]: the walk, compiled. [`verdict`] (with its [`sets`]): the answer to a question. [`diff`]: what a record changes.
//! 4. [`command`], [`evaluation`], [`decide`]: what is asked of the registry, and what it refuses.

pub mod command;
pub mod day;
pub mod day_runs;
pub mod decide;
pub mod diff;
pub mod enums;
pub mod evaluation;
pub mod fact;
pub mod id;
pub mod name;
pub mod npi;
pub mod provider;
pub mod record;
pub mod replica_state;
pub mod requirements;
pub mod retraction;
pub mod review;
pub mod rule_sets;
pub mod sets;
pub mod specialist;
pub mod standing;
pub mod text;
pub mod timeline;
pub mod verdict;
