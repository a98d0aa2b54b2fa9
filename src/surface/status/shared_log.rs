//! What a replica answers while it cannot use the log that it shares.

use std::time::Duration;

use tonic::{Code, Status};

use super::{status, store_damaged, try_later};
use crate::domain::id::Revision;
use crate::registry::{Cause, Trouble};

/// The shared log does not take a write, or cannot be read up to its head; nothing was recorded.
pub fn log_unreachable(retry_after: Duration) -> Status {
    let message = "the shared log cannot be reached, and this call recorded nothing: try again";
    try_later(Code::Unavailable, "LOG_UNREACHABLE", message, retry_after)
}

/// The shared log does not take writes; nothing was recorded.
pub fn log_trouble(trouble: &Trouble, retry_after: Duration) -> Status {
    match &trouble.cause {
        Cause::Unreachable { .. } => log_unreachable(retry_after),
        Cause::NotOpened { waiting_for } => {
            let message = format!(
                "the shared log was started or restored, and takes no writes before these replicas have looked at it: \
                 {}; this call recorded nothing: try again",
                waiting_for.join(", ")
            );
            try_later(Code::Unavailable, "LOG_NOT_OPENED", &message, retry_after)
        }
        Cause::Lost { ours, head, .. } => diverged(*ours, *head),
        cause @ Cause::ClockSkewed { .. } => {
            let message = format!("{cause}; this call recorded nothing");
            try_later(Code::Unavailable, "CLOCK_SKEWED", &message, retry_after)
        }
        Cause::DurabilityReduced { .. } => {
            let message =
                "what the shared log acknowledges is not durable now, and this call recorded nothing: try again";
            try_later(Code::Unavailable, "DURABILITY_REDUCED", message, retry_after)
        }
        Cause::Damaged { .. } => store_damaged(),
        Cause::NotCopied { .. } => {
            let message = "the disk of this replica takes no records, and this call recorded nothing: try again, at \
                           another replica if there are several";
            try_later(Code::Unavailable, "NOT_WRITTEN", message, retry_after)
        }
    }
}

/// Other replicas may have recorded something that this one does not know, for longer than it may answer so.
/// `age`: how long ago it knew every record, if it ever did.
pub fn replica_stale(age: Option<Duration>) -> Status {
    let since = match age {
        Some(age) => format!("for {} s", age.as_secs()),
        None => "since its start".to_owned(),
    };
    let message = format!(
        "this replica has not reached the shared log {since}, and its answers could be out of date: try again, ask \
         another replica, or name a known_at.revision"
    );
    try_later(Code::Unavailable, "REPLICA_STALE", &message, Duration::from_secs(1))
}

/// The shared log does not contain records that this replica knows.
fn diverged(ours: Revision, head: Revision) -> Status {
    let message = format!(
        "the shared log was restored, and ends with revision {head}: it does not contain the records up to {ours} that \
         this replica has, and this call recorded nothing; the operator must bring them back with `cpss-registry log \
         push`, or accept the loss with `cpss-registry accept-loss`: see deploy/docs/postgresql-restore.md"
    );
    status(Code::Unavailable, "DIVERGED", &message)
}
