//! What the database acknowledged to a replica, in a file beside its copy.
//!
//! A database that was restored has acknowledged less. The replica that knows more notices it, also after a restart.
//! The file is written at most once a second, and on close.

use std::error::Error;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::domain::id::Revision;
use crate::store::data_dir::write_durably;
use crate::store::incident::Incident;
use crate::store::record::Tip;

/// The shortest time between two writes of the file.
const INTERVAL: Duration = Duration::from_secs(1);

/// What the database acknowledged, in memory and on disk.
pub(super) struct Acknowledged {
    /// `None` if nothing outlives the process.
    path: Option<PathBuf>,
    beat: u64,
    tip: Tip,
    stored: (u64, Tip),
    stored_at: Option<Instant>,
    refusals: Incident,
}

impl Acknowledged {
    /// Reads the file. If it cannot be read, a warning is logged and nothing is known.
    pub(super) fn read(path: Option<PathBuf>) -> Acknowledged {
        let found = path.as_ref().map_or(Ok(None), |path| match fs::read_to_string(path) {
            Ok(text) => parse(&text).map(Some).ok_or_else(|| io::Error::other("it has another form")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        });
        let known = found.unwrap_or_else(|error| {
            let error = &error as &dyn Error;
            tracing::warn!(
                event = "acknowledged_unreadable",
                error,
                "ACKNOWLEDGED cannot be read: if the database was restored since the last run, it may go unnoticed"
            );
            None
        });
        let stored = known.unwrap_or((0, Tip::ORIGIN));
        Acknowledged { path, beat: stored.0, tip: stored.1, stored, stored_at: None, refusals: Incident::new() }
    }

    /// The greatest beat.
    pub(super) fn beat(&self) -> u64 {
        self.beat
    }

    /// The latest tip.
    pub(super) fn tip(&self) -> Tip {
        self.tip
    }

    /// Takes in what the database acknowledged now.
    pub(super) fn advance(&mut self, beat: u64, tip: Tip) {
        (self.beat, self.tip) = (beat, tip);
        if self.stored_at.is_none_or(|at| at.elapsed() >= INTERVAL) {
            self.store();
        }
    }

    /// Goes back to an earlier tip, after which the log continues in another epoch. False: that is not stored.
    pub(super) fn go_back_to(&mut self, tip: Tip) -> bool {
        self.tip = tip;
        self.store();
        self.path.is_none() || self.stored == (self.beat, tip)
    }

    /// Stores what is not stored yet.
    pub(super) fn store(&mut self) {
        let Some(path) = self.path.as_ref().filter(|_| self.stored != (self.beat, self.tip)) else { return };
        match write_durably(path, text(self.beat, &self.tip).as_bytes(), 0o600) {
            Ok(()) => {
                (self.stored, self.stored_at) = ((self.beat, self.tip), Some(Instant::now()));
                self.refusals.resolve();
            }
            Err(error) => {
                if let Some(times) = self.refusals.occurred() {
                    let error = &error as &dyn Error;
                    tracing::warn!(
                        event = "acknowledged_not_stored",
                        times,
                        error,
                        "ACKNOWLEDGED cannot be written: after a restart, a restored database may go unnoticed"
                    );
                }
            }
        }
    }
}

fn text(beat: u64, Tip { revision, chain }: &Tip) -> String {
    let chain: String = chain.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{beat} {} {chain}\n", revision.0)
}

fn parse(text: &str) -> Option<(u64, Tip)> {
    let words: Vec<_> = text.split_whitespace().collect();
    let [beat, revision, digits] = words[..] else { return None };
    let digit = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    let chain: Vec<u8> = (0..digits.len()).step_by(2).map(digit).collect::<Option<_>>()?;
    let tip = Tip { revision: Revision(revision.parse().ok()?), chain: chain.try_into().ok()? };
    Some((beat.parse().ok()?, tip))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tip(revision: u64) -> Tip {
        Tip { revision: Revision(revision), chain: [0xc7; 32] }
    }

    #[test]
    fn going_back_that_is_not_stored_is_reported() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ACKNOWLEDGED");
        let mut known = Acknowledged::read(Some(path.clone()));
        known.advance(1, tip(7));
        let draft = path.with_extension("tmp");
        fs::create_dir(&draft).unwrap();
        assert!(!known.go_back_to(tip(5)));
        assert_eq!(Acknowledged::read(Some(path.clone())).tip(), tip(7));
        fs::remove_dir(&draft).unwrap();
        assert!(known.go_back_to(tip(5)));
        assert_eq!(Acknowledged::read(Some(path)).tip(), tip(5));
    }

    #[test]
    fn what_was_acknowledged_is_known_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ACKNOWLEDGED");
        let read = || Acknowledged::read(Some(path.clone()));
        let mut known = read();
        assert_eq!((known.beat(), known.tip()), (0, Tip::ORIGIN));
        known.advance(1, tip(7));
        assert_eq!((read().beat(), read().tip()), (1, tip(7)), "the first one is stored at once");
        known.advance(2, tip(8));
        assert_eq!((read().beat(), known.beat()), (1, 2), "not each one");
        known.store();
        assert_eq!((read().beat(), read().tip()), (2, tip(8)));
        for other in ["", "3", "3 9 c7", &"3 9 c7 ".repeat(2), &format!("3 9 {}", "é".repeat(32))] {
            fs::write(&path, other).unwrap();
            assert_eq!((read().beat(), read().tip()), (0, Tip::ORIGIN), "{other}");
        }
    }
}
