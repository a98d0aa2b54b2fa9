//! The latest instant that a question by time was answered for, stored durably in the data directory.
//!
//! No record may be dated at or before an instant that was answered, because the answer would change. Without this
//! file, a record could be dated too early after a restart with a clock that was set back. The stored instant runs
//! ahead of the answered one by [`STEP`], so that questions about the present cost one fsync per second and not one
//! each. Closing the store saves the exact instant.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::data_dir::write_durably;

/// How far the stored instant runs ahead.
const STEP: SignedDuration = SignedDuration::from_secs(1);

/// The name of the file in the data directory.
const NAME: &str = "ANSWERED";

/// The answered instant, in memory and on disk.
#[derive(Debug)]
pub(super) struct Answered {
    path: PathBuf,
    through: Timestamp,
    stored: Timestamp,
}

impl Answered {
    /// Reads the instant stored in a data directory. If it cannot be read, a warning is logged and no question counts
    /// as answered.
    pub(super) fn read(data_dir: &Path) -> Answered {
        let path = data_dir.join(NAME);
        let read = fs::read_to_string(&path).and_then(|text| text.trim().parse().map_err(io::Error::other));
        let through = read.unwrap_or_else(|error: io::Error| {
            if error.kind() != io::ErrorKind::NotFound {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    event = "answered_time_unreadable",
                    error,
                    "ANSWERED cannot be read: if the clock was set back, answers with known_at.time may change"
                );
            }
            Timestamp::UNIX_EPOCH
        });
        Answered { path, through, stored: through }
    }

    /// The instant at or before which no record may be dated.
    pub(super) fn through(&self) -> Timestamp {
        self.through
    }

    /// Records that questions up to an instant are about to be answered. It is durable when this returns.
    pub(super) fn advance(&mut self, instant: Timestamp) -> io::Result<()> {
        if instant > self.stored {
            self.store(instant.saturating_add(STEP).unwrap_or(instant))?;
        }
        self.through = self.through.max(instant);
        Ok(())
    }

    /// Stores the exact instant.
    pub(super) fn close(&mut self) -> io::Result<()> {
        if self.stored == self.through { Ok(()) } else { self.store(self.through) }
    }

    fn store(&mut self, instant: Timestamp) -> io::Result<()> {
        write_durably(&self.path, format!("{instant}\n").as_bytes(), 0o644)?;
        self.stored = instant;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn the_answered_instant_survives_a_kill_and_a_close() {
        let directory = tempfile::tempdir().unwrap();
        let mut answered = Answered::read(directory.path());
        answered.advance(at(100)).unwrap();
        answered.advance(at(90)).unwrap();
        assert_eq!(answered.through(), at(100));
        let found = Answered::read(directory.path()).through();
        assert!((at(100)..=at(101)).contains(&found), "after a kill: {found}");
        answered.close().unwrap();
        assert_eq!(Answered::read(directory.path()).through(), at(100), "after a close");
    }

    #[test]
    fn a_second_of_questions_costs_one_write() {
        let directory = tempfile::tempdir().unwrap();
        let mut answered = Answered::read(directory.path());
        let file = || directory.path().join(NAME).metadata().unwrap().ino();
        answered.advance(at(100)).unwrap();
        let first = file();
        for micros in 0..1000 {
            answered.advance(at(100) + SignedDuration::from_micros(micros * 1000)).unwrap();
        }
        assert_eq!(file(), first, "the file was not replaced");
        answered.advance(at(102)).unwrap();
        assert!(Answered::read(directory.path()).through() >= at(102));
    }

    #[test]
    fn an_unreadable_file_does_not_prevent_a_start() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(NAME), "yesterday").unwrap();
        assert_eq!(Answered::read(directory.path()).through(), Timestamp::UNIX_EPOCH);
    }
}
