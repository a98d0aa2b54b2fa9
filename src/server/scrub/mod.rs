//! What a scrub finds and what health says of it: once the log is known to be damaged questions are answered from what is
//! resident, and writes are taken elsewhere, so that as little as possible is behind the backup that has to be restored.

use std::io;

use crate::grpc::health::HealthBoard;
use crate::registry::scrub::{Pace, Scrub, Scrubbed, Scrubber};

/// Scrubs until damage is found, and tells health.
pub(super) fn watch_over(scrubber: Scrubber, pace: Pace, health: HealthBoard) -> io::Result<Scrub> {
    scrubber.begin(pace, move |scrubbed| health.hold_writes(scrubbed != Scrubbed::Whole))
}

#[cfg(test)]
mod tests;
