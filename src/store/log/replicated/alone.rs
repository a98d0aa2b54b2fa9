//! Whether this process alone is the replica whose name it has.
//!
//! Each barrier raises the beat of the replica's row by one. If the beat grows by more than the barriers of this
//! process explain, another process writes to the row. Two replicas with one name are a danger: if the database is
//! restored, one of them speaks for both, and what only the other one knows is not missed. So the one that came later
//! ends.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::statements::{Barrier, Known};
use super::{AppendError, ReplicatedLog, not_done};
use crate::store::incident::Incident;
use crate::store::random::random_byte;

/// A process that lost sight of the database for this long comes back as the later one.
const AWAY: Duration = Duration::from_secs(10);

/// A process that meets another one so soon after it came is the later one.
const SOON: Duration = Duration::from_secs(20);

/// The shortest time between two signs that count, and the longest. A statement that an earlier process left behind
/// gives one sign, and another process gives one every second.
const SPACING: Duration = Duration::from_millis(500);
const MEMORY: Duration = Duration::from_secs(10);

/// A process ends after this many signs, and up to `MORE` more at random. So of two that start together, one usually
/// ends first, and the other one stays.
const SIGNS: u8 = 3;
const MORE: u8 = 5;

/// What the beats of a replica's row show.
pub(super) struct Alone {
    /// The beat after the last barrier that was acknowledged, when that was, and how many were sent since.
    last: Option<(u64, Instant)>,
    sent: u64,
    /// When this process came.
    came_at: Option<Instant>,
    signs: Option<Signs>,
    needed: u8,
    others: Incident,
}

/// The signs of another process, without a long pause.
struct Signs {
    count: u8,
    last_at: Instant,
    is_later: bool,
}

impl Alone {
    pub(super) fn new() -> Alone {
        // Without randomness, two that came at the same time may both end.
        let needed = SIGNS + random_byte() % (MORE + 1);
        Alone { last: None, sent: 0, came_at: None, signs: None, needed, others: Incident::new() }
    }

    /// Counts a barrier that is sent. It may be done, whatever is answered.
    fn sends(&mut self) {
        self.sent = self.sent.saturating_add(1);
    }

    /// Takes in the beat before a barrier. Returns true if this process must end.
    fn hears(&mut self, beat_before: u64, now: Instant) -> bool {
        let explained = self.last.map(|(beat, _)| beat.saturating_add(self.sent.saturating_sub(1)));
        let is_contact = self.last.is_some_and(|(_, at)| now.duration_since(at) <= AWAY);
        if !is_contact {
            self.came_at = Some(now);
        }
        (self.last, self.sent) = (Some((beat_before.saturating_add(1), now)), 0);
        if explained.is_some_and(|beat| beat_before > beat) {
            self.sees_sign(now);
        }
        let signs = self.signs.take_if(|signs| now.duration_since(signs.last_at) > MEMORY);
        if signs.is_some() && self.others.resolve() {
            tracing::info!(event = "replica_id_is_free", "no other process writes to the row of this replica any more");
        }
        let Some(signs) = self.signs.as_ref().filter(|signs| signs.count >= self.needed) else { return false };
        let is_later = signs.is_later;
        if let Some(times) = self.others.occurred() {
            tracing::error!(
                event = "replica_id_in_use",
                times,
                is_later,
                "another process has the name of this replica: stop it, or give it a name of its own"
            );
        }
        is_later
    }

    fn sees_sign(&mut self, now: Instant) {
        match &mut self.signs {
            Some(signs) if now.duration_since(signs.last_at) < SPACING => {}
            Some(signs) if now.duration_since(signs.last_at) <= MEMORY => {
                (signs.count, signs.last_at) = (signs.count.saturating_add(1), now);
            }
            _ => {
                let is_later = self.came_at.is_none_or(|came_at| now.duration_since(came_at) <= SOON);
                self.signs = Some(Signs { count: 1, last_at: now, is_later });
            }
        }
    }
}

impl ReplicatedLog {
    /// Runs a barrier. Fails if this replica has no row, or if it is not alone.
    pub(super) fn run_barrier(&mut self, known: &Known) -> Result<Barrier, AppendError> {
        self.alone.sends();
        let barrier = self.run(|session| {
            let Some(barrier) = session.barrier(known)? else {
                // No row is no answer, because nothing was written. But once the same session has written something
                // durably, what it showed before is certain too. This write changes nothing.
                return Ok(Err(session.settle_again(Timestamp::UNIX_EPOCH)?));
            };
            Ok(Ok(barrier))
        });
        match barrier.map_err(not_done)? {
            Ok(barrier) if self.alone.hears(barrier.beat_before, Instant::now()) => Err(AppendError::NotAlone),
            Ok(barrier) => Ok(barrier),
            Err(true) => Err(AppendError::Forgotten),
            Err(false) => Err(AppendError::Unreachable("the database has no row for this replica".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row, and the processes that write to it.
    struct Row {
        beat: u64,
        begun: Instant,
    }

    impl Row {
        fn new() -> Row {
            Row { beat: 1000, begun: Instant::now() }
        }

        /// A barrier of a process, a number of milliseconds after the beginning.
        fn barrier(&mut self, alone: &mut Alone, at: u64) -> bool {
            alone.sends();
            self.beat += 1;
            alone.hears(self.beat - 1, self.begun + Duration::from_millis(at))
        }
    }

    #[test]
    fn a_process_alone_explains_every_beat() {
        let (mut row, mut alone) = (Row::new(), Alone::new());
        for second in 0..100 {
            assert!(!row.barrier(&mut alone, second * 1000));
            // Some were not answered, and are done or not, and some come from the process before.
            alone.sends();
            alone.sends();
            row.beat += second % 3;
            row.beat += u64::from(second == 30 || second == 50);
        }
        assert!(!alone.others.is_active());
    }

    #[test]
    fn the_later_of_two_processes_ends() {
        let (mut row, mut first, mut second) = (Row::new(), Alone::new(), Alone::new());
        for at in 0..60 {
            assert!(!row.barrier(&mut first, at * 1000));
        }
        let ended = (60..90).find(|at| {
            assert!(!row.barrier(&mut first, at * 1000), "it was there before");
            row.barrier(&mut second, at * 1000 + 500)
        });
        let ended = ended.expect("the later one ends");
        assert!((63..70).contains(&ended), "after a few signs: {ended}");
        for at in ended..100 {
            assert!(!row.barrier(&mut first, at * 1000));
        }
        assert!(!first.others.is_active(), "it is alone again");
    }

    #[test]
    fn one_that_was_away_comes_back_as_the_later_one() {
        let (mut row, mut first, mut second) = (Row::new(), Alone::new(), Alone::new());
        for at in 0..30 {
            assert!(!row.barrier(&mut first, at * 1000));
        }
        for at in 30..60 {
            assert!(!row.barrier(&mut second, at * 1000), "the first one is away");
        }
        let ended = (60..90).find(|at| {
            assert!(!row.barrier(&mut second, at * 1000));
            row.barrier(&mut first, at * 1000 + 500)
        });
        assert!(ended.is_some());
    }

    #[test]
    fn of_two_that_come_at_once_one_ends_unless_both_take_the_same_number() {
        let (mut row, mut first, mut second) = (Row::new(), Alone::new(), Alone::new());
        (first.needed, second.needed) = (SIGNS, SIGNS + MORE);
        let ended = (0..30).find(|at| {
            assert!(!row.barrier(&mut second, at * 1000));
            row.barrier(&mut first, at * 1000 + 500)
        });
        assert!(ended.is_some());
        for at in ended.unwrap()..60 {
            assert!(!row.barrier(&mut second, at * 1000));
        }
    }

    #[test]
    fn a_busy_process_meets_one_that_only_beats() {
        let (mut row, mut first, mut second) = (Row::new(), Alone::new(), Alone::new());
        for at in 0..3000 {
            assert!(!row.barrier(&mut first, at * 10));
        }
        let ended = (3000..5000).find(|at| {
            if at % 100 == 0 {
                row.barrier(&mut second, at * 10)
            } else {
                assert!(!row.barrier(&mut first, at * 10));
                false
            }
        });
        assert!(ended.is_some() && first.signs.is_some());
    }
}
