//! The scrub: reads the closed segments of the log again and again, slowly, so that damage is found before the data is
//! needed and while a backup still has it.

mod damage;

use std::convert::Infallible;
use std::io;
use std::ops::ControlFlow::{Break, Continue};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

pub(super) use self::damage::Damage;
use crate::store::log::{ReadError, ReadLog};
use crate::store::priority::{BACKGROUND, lower_priority, restart_on_panic};

/// The number of bytes read between two pauses. It is small, so that the scrub does not noticeably delay questions.
const CHUNK_BYTES: u64 = 64 * 1024;

/// The speed of a scrub.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The maximum read rate, in bytes per second.
    pub bytes_per_second: u64,
    /// The pause after a complete pass.
    pub rest: Duration,
    /// The pause after a pass that failed.
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

/// Reads the log again.
pub(super) struct Scrubber {
    pub(super) log: Arc<dyn ReadLog>,
    /// The bytes that the present or last pass has read.
    pub(super) pass_bytes: Arc<AtomicU64>,
}

/// A running scrub on a thread of its own. Dropping it ends the scrub.
pub struct Scrub {
    _running: mpsc::Sender<Infallible>,
}

/// Why a pass was not completed.
enum Ended {
    /// The scrub was dropped.
    Dropped,
    Failed(ReadError),
}

impl Scrubber {
    /// Starts the scrub. `on_pass` receives the result of each pass over the log. A segment that could not be read, or
    /// is damaged, is read again in the next pass: the damage may have happened on the way from the disk. Fails if the
    /// thread cannot be started.
    pub(super) fn begin(
        self,
        pace: Pace,
        on_pass: impl Fn(Result<(), &ReadError>) + Send + 'static,
    ) -> io::Result<Scrub> {
        let (running, pause) = mpsc::channel();
        thread::Builder::new().name("scrub".to_owned()).spawn(move || {
            lower_priority(BACKGROUND);
            let pause = Pause(pause);
            let rest = || if pause.wait(pace.rest_after_refusal).is_err() { Break(()) } else { Continue(()) };
            restart_on_panic(rest, || self.run(pace, &on_pass, &pause));
        })?;
        Ok(Scrub { _running: running })
    }

    fn run(&self, pace: Pace, on_pass: &impl Fn(Result<(), &ReadError>), pause: &Pause) {
        loop {
            let rest = match self.read_all(pace, pause) {
                Ok(()) => {
                    on_pass(Ok(()));
                    pace.rest
                }
                Err(Ended::Failed(error)) => {
                    on_pass(Err(&error));
                    pace.rest_after_refusal
                }
                Err(Ended::Dropped) => return,
            };
            if pause.wait(rest).is_err() {
                return;
            }
        }
    }

    fn read_all(&self, pace: Pace, pause: &Pause) -> Result<(), Ended> {
        let mut bytes = 0;
        self.pass_bytes.store(0, Ordering::Relaxed);
        for record in self.log.reread() {
            let read = record.map_err(Ended::Failed)?.1.len() as u64;
            self.pass_bytes.fetch_add(read, Ordering::Relaxed);
            bytes += read;
            if bytes >= CHUNK_BYTES {
                let nanos = bytes.saturating_mul(1_000_000_000) / pace.bytes_per_second.max(1);
                pause.wait(Duration::from_nanos(nanos))?;
                bytes = 0;
            }
        }
        Ok(())
    }
}

/// Waits between reads.
struct Pause(mpsc::Receiver<Infallible>);

impl Pause {
    /// Waits for `time`, unless the scrub is dropped.
    fn wait(&self, time: Duration) -> Result<(), Ended> {
        match self.0.recv_timeout(time) {
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(()),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(Ended::Dropped),
        }
    }
}

#[cfg(test)]
mod tests;
