//! The registry: the use cases, built on the store.
//!
//! The files form layers: each file imports only from the layers below it, and a test over the source tree checks this.
//! From the bottom up:
//!
//! * state and errors: [`head`], [`registry_history`], [`clock`], [`seal`], [`token`], the caches, what the writer
//!   counts and notes (`figures`, `progress`), and the error types (`errors`);
//! * `shared`: the state that the writer and the readers share;
//! * [`snapshot`]: the revision that a question pins; `bearer`, [`question`], [`verdict_change`], [`list`], [`people`]
//!   and [`search`]: how a snapshot answers;
//! * `batch`: records that are decided but not yet durable;
//!   `decision_context`: the state that commands are decided against; `impact`: what a record changes; `staging`:
//!   decides commands and adds their records to the batch; `message`: what the writer is asked; `mailbox`: the queue of
//!   messages; `not_committed`: why a batch was not committed; `writer`: makes the batch durable, and follows the
//!   records of others; `outage`: refuses what the log cannot take; `locking`: stages records of others that may not
//!   last;
//! * `handle`: the registry as callers hold it; its operations are in `pin`, `commands`, `day_rollover`, [`feed`],
//!   `report`, `evidence`, `writer_progress` and `open`, which uses `beginning`: what a start records; `moving`: ends
//!   the log in one place;
//! * [`checkpoints`]: the latest signed checkpoint; `tree_follower`: the thread that keeps the tree over the records
//!   and signs checkpoints; [`transparency`]: proofs.
//!
//! A question pins the published head once and never waits for a write. A command is answered after its batch is
//! durable, folded into the index and published, so its caller reads its own writes.

#[cfg(test)]
mod answers_by_time;
pub mod backup;
mod batch;
mod bearer;
mod beginning;
mod bulk_load;
pub mod check;
pub mod checkpoints;
pub mod clock;
mod commands;
mod content;
mod day_rollover;
mod decision_context;
mod dry_run;
mod due_dates;
mod errors;
mod evidence;
pub mod feed;
mod figures;
pub mod filters;
mod following;
mod handle;
pub mod head;
mod historical_cache;
mod impact;
pub mod list;
mod locking;
mod mailbox;
mod message;
mod moving;
mod not_committed;
mod open;
mod opening_backoff;
mod outage;
pub mod people;
mod pin;
mod preface;
mod prefetch;
mod progress;
pub mod question;
mod read_ahead;
mod receipt;
mod recent_records;
pub mod registry_history;
#[cfg(test)]
mod replicas;
mod report;
pub mod review;
mod rung;
pub mod scrub;
pub mod seal;
pub mod search;
mod semantics_upgrade;
mod shared;
pub mod snapshot;
mod specialist_cache;
mod staff;
mod staging;
mod submission;
mod timeline_cache;
mod timeline_loading;
pub mod token;
pub mod transparency;
mod tree_follower;
mod turns;
pub mod verdict_change;
mod watchers;
mod writer;
mod writer_progress;

pub use self::bulk_load::{LoadBatch, LoadError, LoadOptions, Loader};
pub use self::content::Content;
pub use self::decision_context::Numbers;
pub use self::dry_run::Impact;
pub use self::errors::{Held, OpenError, PinError, ReadError, SubmitError, SubmitErrorSource, WriterFailed, WritesOff};
pub use self::evidence::Evidence;
pub use self::figures::{CommitFailure, Figures};
pub use self::handle::Registry;
pub use self::open::{Opened, Options};
pub use self::preface::SEMANTICS_VERSION;
pub use self::receipt::{Receipt, ReportedJob, Resource};
pub use self::report::{Report, ScrubReport};
pub use self::rung::{LogReport, Rung};
pub use self::submission::{QueueSlot, Submission};
pub use self::tree_follower::TreeFollower;
pub use self::writer_progress::WriterProgress;
pub use crate::store::incident;
pub use crate::store::log::trouble::{Cause, Trouble};
