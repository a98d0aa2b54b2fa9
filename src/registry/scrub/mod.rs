//! Scrub: the closed segments of the log are read over and over, slowly, so that damage is found before somebody needs
//! what was there, and while a backup still has it.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::ops::ControlFlow::{Break, Continue};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use crate::store::log::{ReadError, ReadLog};
use crate::store::priority::{LAST, lower_priority, restarted};
use crate::store::trouble::Trouble;

/// How much is read between two pauses: so little that whoever has a question does not notice.
const CHUNK_BYTES: u64 = 64 * 1024;

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
            bytes_per_second: 1024 * 1024,
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
    /// A part of the log is not what was written. Only a restore helps; but it is tried again, for it may have been the
    /// way from the disk that changed it.
    Damaged,
}

/// What a scrub has found, for those who take writes. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Damage(Arc<AtomicBool>);

impl Damage {
    /// Whether the last scrub that came to an end found damage, or a part that cannot be read.
    pub(super) fn is_there(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn found(&self, scrubbed: Scrubbed) {
        self.0.store(scrubbed != Scrubbed::Whole, Ordering::Release);
    }
}

/// Reads the log over.
pub(super) struct Scrubber {
    pub(super) log: Arc<dyn ReadLog>,
}

/// A scrub that goes on, on a thread of its own, until this is dropped.
pub struct Scrub {
    _goes_on: mpsc::Sender<Infallible>,
}

/// Why not everything was read.
enum Ended {
    /// The scrub was dropped.
    Unwanted,
    Failed(ReadError),
}

impl Scrubber {
    /// Begins a scrub. `told` hears what came of each time that everything was read. An error: there is no thread for it.
    pub(super) fn begin(self, pace: Pace, told: impl Fn(Scrubbed) + Send + 'static) -> io::Result<Scrub> {
        let (goes_on, pause) = mpsc::channel();
        thread::Builder::new().name("scrub".to_owned()).spawn(move || {
            lower_priority(LAST);
            let (pause, trouble) = (Pause(pause), Trouble::new());
            let rest = || if pause.lasts(pace.rest_after_refusal).is_err() { Break(()) } else { Continue(()) };
            restarted(rest, || self.run(pace, &told, &pause, &trouble));
        })?;
        Ok(Scrub { _goes_on: goes_on })
    }

    fn run(&self, pace: Pace, told: &impl Fn(Scrubbed), pause: &Pause, trouble: &Trouble) {
        loop {
            let rest = match self.read_over(pace, pause) {
                Ok(()) => {
                    told(Scrubbed::Whole);
                    if trouble.has_ended() {
                        tracing::info!(
                            event = "scrub_passed",
                            "scrub passed: every closed log segment is intact again, writes are accepted"
                        );
                    }
                    pace.rest
                }
                Err(Ended::Failed(error)) => {
                    told(found(&error, trouble));
                    pace.rest_after_refusal
                }
                Err(Ended::Unwanted) => return,
            };
            if pause.lasts(rest).is_err() {
                return;
            }
        }
    }

    fn read_over(&self, pace: Pace, pause: &Pause) -> Result<(), Ended> {
        let mut bytes = 0;
        for record in self.log.reread() {
            bytes += record.map_err(Ended::Failed)?.1.len() as u64;
            if bytes >= CHUNK_BYTES {
                let nanos = bytes.saturating_mul(1_000_000_000) / pace.bytes_per_second.max(1);
                pause.lasts(Duration::from_nanos(nanos))?;
                bytes = 0;
            }
        }
        Ok(())
    }
}

/// What a scrub waits with.
struct Pause(mpsc::Receiver<Infallible>);

impl Pause {
    /// Waits so long, unless the scrub is dropped.
    fn lasts(&self, time: Duration) -> Result<(), Ended> {
        match self.0.recv_timeout(time) {
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(()),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(Ended::Unwanted),
        }
    }
}

/// What an error means, said to the operator.
fn found(error: &ReadError, trouble: &Trouble) -> Scrubbed {
    let (found, advice) = match error {
        ReadError::Damaged(_) => {
            (Scrubbed::Damaged, "the log is damaged, and no write is taken: restore the registry from a backup")
        }
        ReadError::Disk { .. } => (Scrubbed::Unreadable, "the disk cannot read the log, and no write is taken"),
    };
    if let Some(times) = trouble.met() {
        tracing::error!(event = "scrub_failed", times, error = error as &dyn Error, "{advice}");
    }
    found
}

#[cfg(test)]
mod tests;
