//! What a scrub finds and what health says of it: once the log is known to be damaged questions are answered from what is
//! resident, and writes are taken elsewhere, so that as little as possible is behind the backup that has to be restored.

use crate::grpc::health::HealthBoard;
use crate::registry::scrub::{Pace, Scrubbed, Scrubber};

/// Scrubs until damage is found, and tells health.
pub(super) async fn watch_over(scrubber: Scrubber, pace: Pace, health: HealthBoard) {
    scrubber.run(pace, |scrubbed| health.hold_writes(scrubbed != Scrubbed::Whole)).await;
}

#[cfg(test)]
mod tests;
