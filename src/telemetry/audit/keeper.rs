//! The thread that maintains the closed files: it removes those that are past their retention period, and packs the
//! others.
//!
//! It runs in the background at low priority. Only the end of the process waits for it, and only for the block that it
//! is packing.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::forecast::{self, Sized};
use super::trail::close::span_of;
use super::trail::{Span, Trail};
use super::{Shared, Usage};

/// How often it checks for files to remove, and measures the size of all files.
const LOOK_PERIOD: Duration = Duration::from_secs(10);

/// How often it warns that the share of the disk will soon be used up.
const WARNING_PERIOD: SignedDuration = SignedDuration::from_hours(24);

/// The minimum retention period of a line.
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

/// The audit files and their settings.
pub(super) struct Files {
    pub(super) trail: Trail,
    pub(super) keep: Keep,
    pub(super) usage: Arc<Usage>,
}

struct Keeper<N> {
    files: Files,
    now: N,
    shared: Arc<Shared>,
    fails: bool,
    /// When it last warned that the share will be used up.
    warned: Option<Timestamp>,
}

/// Starts the thread. It checks the files when it is woken, and ends when all wakers are dropped. The returned channel
/// then disconnects.
pub(super) fn start(
    files: Files,
    now: impl Fn() -> Timestamp + Send + 'static,
    shared: Arc<Shared>,
    woken: Receiver<()>,
    lower_priority: fn(),
) -> io::Result<Receiver<Infallible>> {
    let (ended, running) = channel();
    let mut keeper = Keeper { files, now, shared, fails: false, warned: None };
    std::thread::Builder::new().name("audit keep".to_owned()).spawn(move || {
        let _ended = ended;
        lower_priority();
        loop {
            keeper.look();
            if woken.recv_timeout(LOOK_PERIOD) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    })?;
    Ok(running)
}

impl<N: Fn() -> Timestamp> Keeper<N> {
    /// Runs the maintenance that is due. Failed work is retried at the next check.
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

    fn tidy(&mut self) -> io::Result<()> {
        let Files { trail, keep, usage } = &self.files;
        usage.removed(remove_old(trail, *keep, (self.now)())?);
        trail.clean()?;
        self.measure()?;
        let Files { trail, .. } = &self.files;
        for file in trail.closed()?.iter().filter(|file| file.plain_bytes.is_some()) {
            trail.pack(file, &|| self.shared.is_closing.load(Ordering::Acquire))?;
        }
        self.measure()
    }

    fn measure(&mut self) -> io::Result<()> {
        let Files { trail, keep, usage } = &self.files;
        let (now, used) = ((self.now)(), trail.bytes()?);
        let mut files: Vec<_> = trail.closed()?.iter().map(Sized::from).collect();
        if let Ok(span) = span_of(trail.open()) {
            let bytes = fs::metadata(trail.open())?.len();
            files.push(Sized { span: Span::new(span.first, now), bytes, is_plain: true });
        }
        let until_full = forecast::seconds_until_full(&files, keep.duration(), usage.limit(), now);
        usage.measured(used, until_full);
        let is_due = self.warned.is_none_or(|warned| now.duration_since(warned) >= WARNING_PERIOD);
        if let Some(days) = usage.days_left().filter(|_| is_due) {
            self.warned = Some(now);
            tracing::warn!(
                event = "audit_share_ends_soon",
                used,
                limit = usage.limit(),
                days,
                "the audit's share of the disk will be used up: raise audit_max_bytes, or make room"
            );
        }
        Ok(())
    }
}

/// Removes the files whose last line is past the retention period. Returns their number.
pub(super) fn remove_old(trail: &Trail, keep: Keep, now: Timestamp) -> io::Result<u64> {
    let Ok(kept_from) = now.checked_sub(keep.duration()) else { return Ok(0) };
    let mut removed = 0;
    for file in trail.closed()?.iter().filter(|file| file.span.last < kept_from) {
        remove(&file.plain)?;
        remove(&file.packed())?;
        removed += 1;
        tracing::info!(event = "audit_file_removed", file = %file.plain.display(), "removed an audit file older than audit_keep_days");
    }
    Ok(removed)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
