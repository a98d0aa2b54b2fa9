//! Records for replays. An import that is sent again asks for one record after the other, and each is in a frame with
//! many others, so they are read ahead.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::domain::id::Revision;
use crate::store::log::{self, ReadLog};
use crate::store::record::{self, Tip};

/// The maximum number of records that are read at once.
const AHEAD: u64 = 256;

/// The number of bytes after which reading ahead ends.
const AHEAD_BYTES: usize = 1024 * 1024;

/// Records that were read ahead.
#[derive(Debug, Default)]
pub(super) struct ReadAhead(Mutex<Ahead>);

#[derive(Debug, Default)]
struct Ahead {
    /// The revision that was asked for last.
    last: u64,
    /// Records in order, each with its tip.
    records: VecDeque<(Tip, Vec<u8>)>,
}

impl Ahead {
    /// Returns a record that was read ahead.
    fn get(&self, revision: Revision) -> Option<&(Tip, Vec<u8>)> {
        let (first, _) = self.records.front()?;
        let at = revision.0.checked_sub(first.revision.0)?;
        self.records.get(usize::try_from(at).ok()?)
    }

    /// Reads a record, and those after it if the last replays were near it.
    fn fill(&mut self, log: &dyn ReadLog, revision: Revision) -> Result<(), log::ReadError> {
        self.records.clear();
        let is_near = revision.0.abs_diff(self.last) <= AHEAD;
        let to = if is_near { Revision(revision.0.saturating_add(AHEAD - 1)) } else { revision };
        let Some(chain) = log.chain_at(revision)? else { return Ok(()) };
        let (mut tip, mut bytes_read) = (Tip { revision, chain }, 0);
        for found in log.read(revision, to) {
            let (at, bytes) = match found {
                Err(error) if self.records.is_empty() => return Err(error),
                // A damaged record is reported to the replay that asks for it.
                Err(_) => return Ok(()),
                Ok(found) => found,
            };
            if at != revision {
                let Ok(digest) = record::digest(&bytes) else { return Ok(()) };
                tip = tip.follow(&digest);
            }
            bytes_read += bytes.len();
            self.records.push_back((tip, bytes));
            if bytes_read > AHEAD_BYTES {
                break;
            }
        }
        Ok(())
    }
}

impl ReadAhead {
    /// Returns a record as it is in the log, with its tip; `None` beyond the head. Reads the log.
    pub(super) fn read(&self, log: &dyn ReadLog, revision: Revision) -> Result<Option<(Tip, Vec<u8>)>, log::ReadError> {
        let mut ahead = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ahead.get(revision).is_none() {
            ahead.fill(log, revision)?;
        }
        ahead.last = revision.0;
        Ok(ahead.get(revision).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Opened, Options, Registry};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn records_read_ahead_are_those_of_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options::of_a_test(directory.path(), Some("2026-03-02"));
        let Opened { registry, writer } = Registry::open(options, &mut |_| {}).unwrap();
        registry.open_days("2026-04-02".parse().unwrap()).await.unwrap();
        let head = registry.head_revision().0;
        assert!(head > 30, "{head}");
        let shared = &registry.shared;
        // In order, backward, and from place to place.
        let order = (1..=head).chain((1..=head).rev()).chain((0..head).map(|at| 1 + at * 7 % head));
        for revision in order.map(Revision) {
            let (record, token) = shared.replayed(revision).unwrap().unwrap();
            assert_eq!(Some(&record), shared.record(revision).unwrap().as_ref());
            assert_eq!(token, shared.token_at(revision).unwrap(), "{revision}");
        }
        assert_eq!(shared.replayed(Revision(head + 1)).unwrap().map(|(record, _)| record), None);
        registry.close().await;
        drop(registry);
        writer.join().unwrap().unwrap().close().unwrap();
    }
}
