//! Scrub: the closed segments of the log are read over and over, slowly, so that damage is found before somebody needs
//! what was there, and while a backup still has it.

mod damage;

use std::convert::Infallible;
use std::io;
use std::ops::ControlFlow::{Break, Continue};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

pub(super) use self::damage::Damage;
use crate::store::log::{ReadError, ReadLog};
use crate::store::priority::{BACKGROUND, lower_priority, restart_on_panic};

/// How much is read between two pauses: so little that no question is delayed noticeably.
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
    /// Begins a scrub. `on_pass` gets the result of each pass over the log: it was as it was written, or not. What
    /// cannot be read is tried again, and so is what is damaged: the damage may have happened on the way from the disk.
    /// An error: there is no thread for it.
    pub(super) fn begin(
        self,
        pace: Pace,
        on_pass: impl Fn(Result<(), &ReadError>) + Send + 'static,
    ) -> io::Result<Scrub> {
        let (goes_on, pause) = mpsc::channel();
        thread::Builder::new().name("scrub".to_owned()).spawn(move || {
            lower_priority(BACKGROUND);
            let pause = Pause(pause);
            let rest = || if pause.lasts(pace.rest_after_refusal).is_err() { Break(()) } else { Continue(()) };
            restart_on_panic(rest, || self.run(pace, &on_pass, &pause));
        })?;
        Ok(Scrub { _goes_on: goes_on })
    }

    fn run(&self, pace: Pace, on_pass: &impl Fn(Result<(), &ReadError>), pause: &Pause) {
        loop {
            let rest = match self.read_over(pace, pause) {
                Ok(()) => {
                    on_pass(Ok(()));
                    pace.rest
                }
                Err(Ended::Failed(error)) => {
                    on_pass(Err(&error));
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

#[cfg(test)]
mod tests;
