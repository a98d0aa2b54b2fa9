//! The thread that looks after the closed files: it removes those that are old enough, and packs the others.
//!
//! It has a low priority. Nobody waits for it but the end of the process, and then for no more than the block that it is
//! packing.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Shared;
use super::trail::Trail;

/// How often it looks for files that have become old enough.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// How long a line is kept at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// In days.
    pub days: u32,
}

impl Keep {
    pub(super) fn duration(self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.days) * 24)
    }
}

struct Keeper<N> {
    trail: Trail,
    keep: Keep,
    now: N,
    shared: Arc<Shared>,
    fails: bool,
}

/// Starts the thread. It looks at the files when it is woken, and ends when nobody can wake it any more. What comes back
/// disconnects then.
pub(super) fn start(
    trail: Trail,
    keep: Keep,
    now: impl Fn() -> Timestamp + Send + 'static,
    shared: Arc<Shared>,
    woken: Receiver<()>,
    lower_priority: fn(),
) -> io::Result<Receiver<Infallible>> {
    let (ended, running) = channel();
    let mut keeper = Keeper { trail, keep, now, shared, fails: false };
    std::thread::Builder::new().name("audit keep".to_owned()).spawn(move || {
        let _ended = ended;
        lower_priority();
        loop {
            keeper.look();
            if woken.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    })?;
    Ok(running)
}

impl<N: Fn() -> Timestamp> Keeper<N> {
    /// Does what is due. What fails is tried again the next time.
    fn look(&mut self) {
        match self.tidy() {
            Err(error) if error.kind() != io::ErrorKind::Interrupted && !self.fails => {
                self.fails = true;
                tracing::error!(
                    event = "audit_keep_failed",
                    error = &error as &dyn std::error::Error,
                    "closed audit files cannot be packed or removed: they take more disk than they should"
                );
            }
            Ok(()) if self.fails => {
                self.fails = false;
                tracing::info!(event = "audit_keep_recovered", "closed audit files are packed and removed again");
            }
            Err(_) | Ok(()) => {}
        }
    }

    fn tidy(&self) -> io::Result<()> {
        remove_old(&self.trail, self.keep, (self.now)())?;
        self.trail.clean()?;
        for file in self.trail.closed()?.iter().filter(|file| file.plain_bytes.is_some()) {
            self.trail.pack(file, &|| self.shared.is_closing.load(Ordering::Acquire))?;
        }
        Ok(())
    }
}

/// Removes the files whose last line is as old as lines have to become.
pub(super) fn remove_old(trail: &Trail, keep: Keep, now: Timestamp) -> io::Result<()> {
    let Ok(kept_from) = now.checked_sub(keep.duration()) else { return Ok(()) };
    for file in trail.closed()?.iter().filter(|file| file.span.last < kept_from) {
        remove(&file.plain)?;
        remove(&file.packed())?;
        tracing::info!(event = "audit_file_removed", file = %file.plain.display(), "an audit file became older than audit_keep_days");
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
