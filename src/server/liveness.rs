//! Whether the threads that answer and record still move. A thread is stuck if it has not moved for long while work
//! waits for it: a deadlock, or an endless loop. Then a restart helps. A thread that waits for a disk or a database is
//! not stuck: no restart makes those faster.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How often the threads should be looked at, and how often a worker shows that it moves.
pub(super) const PERIOD: Duration = Duration::from_secs(1);

/// The most that one look counts. If the looks themselves stop for longer, the whole process was stopped.
const LONGEST_COUNTED: Duration = Duration::from_millis(1500);

/// The least time after which a thread may count as stuck. A worker may miss one look, and another after a pause of the
/// whole process.
pub(super) const LEAST_LIMIT: Duration = PERIOD.saturating_mul(3);

/// The names of the threads.
pub(super) const WRITER: &str = "writer";
pub(super) const WORKER: &str = "worker";

/// The threads that are watched. Clones watch the same ones.
#[derive(Clone)]
pub(super) struct Liveness {
    limit: Duration,
    watched: Arc<Mutex<Watched>>,
}

#[derive(Default)]
struct Watched {
    threads: Vec<Thread>,
    looked_at: Option<Instant>,
    stuck: Option<&'static str>,
}

/// What is seen of a thread at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// A number that changes whenever the thread moves.
    pub steps: u64,
    /// True if work waits for it to move.
    pub is_awaited: bool,
}

struct Thread {
    part: &'static str,
    /// `None` once the thread has ended.
    look: Box<dyn Fn() -> Option<Seen> + Send>,
    steps: u64,
    /// How long it has not moved while work waited for it.
    still: Duration,
}

impl Liveness {
    /// Watches nothing yet. A thread is stuck after `limit`.
    pub(super) fn new(limit: Duration) -> Liveness {
        Liveness { limit, watched: Arc::default() }
    }

    /// Watches a thread until `look` returns `None`.
    pub(super) fn watch(&self, part: &'static str, look: impl Fn() -> Option<Seen> + Send + 'static) {
        self.watched().threads.push(Thread { part, look: Box::new(look), steps: 0, still: Duration::ZERO });
    }

    /// Returns what a worker thread runs to show that it moves. The thread is watched until that is dropped.
    pub(super) fn worker(&self) -> impl Future<Output = ()> + Send + use<> {
        let beats = Arc::new(AtomicU64::new(0));
        let seen: Weak<AtomicU64> = Arc::downgrade(&beats);
        // Its own timer is the work that waits.
        self.watch(WORKER, move || {
            seen.upgrade().map(|beats| Seen { steps: beats.load(Ordering::Relaxed), is_awaited: true })
        });
        async move {
            loop {
                beats.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(PERIOD).await;
            }
        }
    }

    /// Looks at all threads. Returns the name of one that is stuck.
    pub(super) fn look(&self, now: Instant) -> Option<&'static str> {
        let mut watched = self.watched();
        let since = watched.looked_at.replace(now).map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let elapsed = since.min(LONGEST_COUNTED);
        watched.threads.retain_mut(|thread| {
            let Some(seen) = (thread.look)() else { return false };
            let moves = seen.steps != thread.steps || !seen.is_awaited;
            thread.still = if moves { Duration::ZERO } else { thread.still + elapsed };
            thread.steps = seen.steps;
            true
        });
        watched.stuck = watched.threads.iter().find(|thread| thread.still >= self.limit).map(|thread| thread.part);
        watched.stuck
    }

    /// The name of a thread that the last look found stuck.
    pub(super) fn stuck(&self) -> Option<&'static str> {
        self.watched().stuck
    }

    /// How long a thread may stay still.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(600);

    /// A thread whose state a test sets, and a clock that it turns.
    struct Rig {
        liveness: Liveness,
        seen: Arc<Mutex<Option<Seen>>>,
        now: Instant,
    }

    impl Rig {
        fn new() -> Rig {
            Rig::with_limit(LIMIT)
        }

        fn with_limit(limit: Duration) -> Rig {
            let (liveness, seen) = (Liveness::new(limit), Arc::new(Mutex::new(None)));
            let shown = Arc::clone(&seen);
            liveness.watch("writer", move || *shown.lock().unwrap());
            let rig = Rig { liveness, seen, now: Instant::now() };
            rig.set(1, false);
            rig
        }

        fn set(&self, steps: u64, is_awaited: bool) {
            *self.seen.lock().unwrap() = Some(Seen { steps, is_awaited });
        }

        /// Looks every second for this long. Returns the last result.
        fn after(&mut self, seconds: u64) -> Option<&'static str> {
            for _ in 0..seconds {
                self.now += PERIOD;
                self.liveness.look(self.now);
            }
            self.liveness.stuck()
        }
    }

    #[test]
    fn a_thread_that_stays_still_while_work_waits_is_stuck_until_it_moves() {
        let mut rig = Rig::new();
        assert_eq!(rig.after(10_000), None, "nothing waits for it");
        rig.set(1, true);
        assert_eq!(rig.after(599), None);
        assert_eq!(rig.after(1), Some("writer"));
        rig.set(2, true);
        assert_eq!(rig.after(1), None, "it moves");
        assert_eq!(rig.after(599), None);
        assert_eq!(rig.after(1), Some("writer"));
        *rig.seen.lock().unwrap() = None;
        assert_eq!(rig.after(1), None, "it has ended");
    }

    #[test]
    fn a_thread_that_moves_now_and_then_or_waits_for_a_disk_is_not_stuck() {
        let mut rig = Rig::new();
        for steps in 2..20 {
            rig.set(steps, true);
            assert_eq!(rig.after(590), None);
        }
        rig.set(20, false);
        assert_eq!(rig.after(100_000), None, "what it waits for does not count");
    }

    #[test]
    fn time_in_which_nobody_looked_does_not_count() {
        let mut rig = Rig::new();
        rig.set(1, true);
        rig.after(1);
        rig.now += 10 * LIMIT;
        assert_eq!(rig.after(1), None, "the whole process was stopped");
        // The look after the pause counted one second and a half.
        assert_eq!(rig.after(598), None);
        assert_eq!(rig.after(1), Some("writer"));
    }

    #[test]
    fn with_the_least_limit_a_pause_of_the_process_is_no_alarm() {
        let mut rig = Rig::with_limit(LEAST_LIMIT);
        rig.set(1, true);
        rig.after(1);
        assert_eq!(rig.after(1), None, "a worker shows once a second that it moves, and one look may miss it");
        rig.now += 10 * LEAST_LIMIT;
        assert_eq!(rig.after(1), None, "the whole process was stopped");
        assert_eq!(rig.after(1), Some("writer"), "it does not move");
    }
}
