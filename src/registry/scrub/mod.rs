//! Scrub: the closed segments of the log are read over and over, slowly, so that damage is found before somebody needs
//! what was there, and while a backup still has it.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use crate::store::log::{ReadError, ReadLog, Records};

/// How much is read between two pauses.
const CHUNK_BYTES: u64 = 256 * 1024;

/// How slow a scrub is.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// At most so many bytes a second.
    pub bytes_per_second: u64,
    /// How long to rest after everything was read.
    pub rest: Duration,
    /// How long to rest after the disk could not read something.
    pub rest_after_refusal: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            bytes_per_second: 4 * 1024 * 1024,
            rest: Duration::from_secs(24 * 60 * 60),
            rest_after_refusal: Duration::from_secs(60),
        }
    }
}

/// What a scrub has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scrubbed {
    /// Every frame of every closed segment is as it was written.
    Whole,
    /// The disk cannot read a part of the log. It is tried again.
    Unreadable,
    /// A part of the log is not what was written. Only a restore helps; the scrub ends.
    Damaged,
}

/// Reads the log over.
pub struct Scrubber {
    pub(super) log: Arc<dyn ReadLog>,
}

impl Scrubber {
    /// Goes on until damage is found. `told` hears what came of each time that everything was read.
    pub async fn run(self, pace: Pace, told: impl Fn(Scrubbed)) {
        loop {
            let Err(error) = self.read_over(pace).await else {
                told(Scrubbed::Whole);
                tokio::time::sleep(pace.rest).await;
                continue;
            };
            let found = found(&error);
            told(found);
            if found == Scrubbed::Damaged {
                return;
            }
            tokio::time::sleep(pace.rest_after_refusal).await;
        }
    }

    async fn read_over(&self, pace: Pace) -> Result<(), ReadError> {
        let mut records = self.log.reread();
        loop {
            let read = tokio::task::spawn_blocking(move || read_some(records));
            // A runtime that ends takes the scrub with it.
            let Ok(read) = read.await else { return Ok(()) };
            let Some((rest, bytes)) = read? else { return Ok(()) };
            records = rest;
            let nanos = bytes.saturating_mul(1_000_000_000) / pace.bytes_per_second.max(1);
            tokio::time::sleep(Duration::from_nanos(nanos)).await;
        }
    }
}

/// What an error means, said to the operator.
fn found(error: &ReadError) -> Scrubbed {
    let (found, advice) = match error {
        ReadError::Damaged(_) => (Scrubbed::Damaged, "the log is damaged: restore the registry from a backup"),
        ReadError::Disk { .. } => (Scrubbed::Unreadable, "the disk cannot read the log"),
    };
    tracing::error!(error = error as &dyn Error, "{advice}");
    found
}

/// Reads a chunk; gives what is left and how much was read, or nothing at the end.
fn read_some(mut records: Records) -> Result<Option<(Records, u64)>, ReadError> {
    let mut bytes = 0;
    while bytes < CHUNK_BYTES {
        let Some(record) = records.next() else { return Ok(None) };
        bytes += record?.1.len() as u64;
    }
    Ok(Some((records, bytes)))
}

#[cfg(test)]
mod tests;
