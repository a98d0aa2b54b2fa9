//! The thread that syncs the audit. A sync can take the disk seconds. The writer thread does not wait for it, because
//! questions would have to be refused in the meantime.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

/// What to sync.
pub(super) enum SyncTarget {
    /// The contents of a file.
    File(Arc<File>),
    /// The directory entries of a directory.
    Directory(PathBuf),
}

/// A handle to the sync thread.
pub(super) struct Syncing {
    files: Sender<SyncTarget>,
    pending: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Syncing {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Syncing> {
        let (mut syncing, files) = Syncing::without_thread();
        let pending = Arc::clone(&syncing.pending);
        let run = move || run(&files, &pending);
        syncing.thread = Some(thread::Builder::new().name("audit sync".to_owned()).spawn(run)?);
        Ok(syncing)
    }

    /// Creates a handle without a thread. Returns it with the receiver of what is to be synced.
    pub(super) fn without_thread() -> (Syncing, Receiver<SyncTarget>) {
        let (files, taken) = channel();
        (Syncing { files, pending: Arc::default(), thread: None }, taken)
    }

    /// Queues a sync. Fails if the thread has ended.
    pub(super) fn put(&self, target: SyncTarget) -> io::Result<()> {
        self.pending.fetch_add(1, Ordering::AcqRel);
        self.files.send(target).map_err(|_| io::Error::other("the thread that syncs the audit has ended"))
    }

    /// True if a queued sync has not finished.
    pub(super) fn is_busy(&self) -> bool {
        self.pending.load(Ordering::Acquire) > 0
    }

    /// Waits until all queued syncs have finished.
    pub(super) fn finish(self) {
        drop(self.files);
        if self.thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(event = "audit_sync_died", "the audit sync thread died");
        }
    }
}

fn run(files: &Receiver<SyncTarget>, pending: &AtomicUsize) {
    let mut fails = false;
    for target in files {
        let synced = match target {
            SyncTarget::File(file) => file.sync_data(),
            SyncTarget::Directory(directory) => names(&directory),
        };
        pending.fetch_sub(1, Ordering::AcqRel);
        match synced {
            Err(error) if !fails => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(
                    event = "audit_sync_failed",
                    error,
                    "cannot sync the audit file: a power failure may lose more of its lines"
                );
                fails = true;
            }
            Ok(()) if fails => {
                tracing::info!(event = "audit_sync_recovered", "the audit file is synced again");
                fails = false;
            }
            Err(_) | Ok(()) => {}
        }
    }
}

/// Syncs the entries of a directory.
pub(super) fn names(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
