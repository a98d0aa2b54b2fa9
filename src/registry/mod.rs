//! The registry: the use cases, on top of the store.
//!
//! The files are a ladder: each imports only from those below it, and a test over the source tree holds that. From the
//! ground up:
//!
//! * what is kept and said: [`head`], [`registry_history`], [`clock`], [`seal`], [`token`], the caches, and what can go
//!   wrong (`errors`);
//! * `shared`, which holds them for the writer and for those who read;
//! * [`snapshot`], what a question pins, and [`question`], [`list`] and [`search`], how it is answered from there;
//! * `batch`, the records that are decided and not durable yet; `decision_context` and `impact`, what a command is judged
//!   by and what a record changes; `staging`, which decides and adds them; `writer`, which makes them durable;
//! * `handle`, the registry as its callers hold it, and its uses: `pin`, `commands`, `day_rollover`, [`feed`], `open`.
//!
//! A question pins the published head once and never waits for a write. A command is answered when its batch is durable,
//! folded and published, so that its caller reads what was written.

#[cfg(test)]
mod answered;
mod batch;
mod bulk_load;
pub mod check;
pub mod clock;
mod commands;
mod content;
mod day_rollover;
mod decision_context;
mod dry_run;
mod due_dates;
mod errors;
pub mod feed;
pub mod filters;
mod handle;
pub mod head;
mod historical_cache;
mod impact;
pub mod list;
mod open;
mod pin;
mod preface;
pub mod question;
mod receipt;
mod recent_records;
pub mod registry_history;
pub mod review;
pub mod scrub;
pub mod seal;
pub mod search;
mod semantics_upgrade;
mod shared;
pub mod snapshot;
mod specialist_cache;
mod staff;
mod staging;
mod standstill;
mod submission;
mod timeline_cache;
mod timeline_loading;
pub mod token;
mod watchers;
mod writer;

pub use self::bulk_load::{LoadBatch, LoadError, LoadOptions, Loader};
pub use self::content::Content;
pub use self::decision_context::Numbers;
pub use self::errors::{Held, OpenError, PinError, ReadError, SubmitError, WriterFailed};
pub use self::handle::Registry;
pub use self::open::{Opened, Options};
pub use self::preface::SEMANTICS_VERSION;
pub use self::receipt::{Receipt, ReportedJob, Resource};
pub use self::submission::{Place, Submission};
pub use crate::store::incident;
