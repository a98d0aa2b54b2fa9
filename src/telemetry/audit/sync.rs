//! The thread that puts the audit on the disk. The thread that writes does not wait for it: that takes the disk up to
//! seconds, in which questions would have to be refused.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

/// What is put on the disk.
pub(super) enum Put {
    /// What a file holds.
    File(Arc<File>),
    /// The names in a directory.
    Names(PathBuf),
}

/// The thread, to be handed files.
pub(super) struct Syncing {
    files: Sender<Put>,
    under_way: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Syncing {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Syncing> {
        let (mut syncing, files) = Syncing::without_thread();
        let under_way = Arc::clone(&syncing.under_way);
        let run = move || run(&files, &under_way);
        syncing.thread = Some(thread::Builder::new().name("audit sync".to_owned()).spawn(run)?);
        Ok(syncing)
    }

    /// One that puts nothing on the disk by itself, and where what it is handed arrives.
    pub(super) fn without_thread() -> (Syncing, Receiver<Put>) {
        let (files, taken) = channel();
        (Syncing { files, under_way: Arc::default(), thread: None }, taken)
    }

    /// Hands something over. An error: the thread has ended.
    pub(super) fn put(&self, put: Put) -> io::Result<()> {
        self.under_way.fetch_add(1, Ordering::AcqRel);
        self.files.send(put).map_err(|_| io::Error::other("the thread that syncs the audit has ended"))
    }

    /// Whether something handed over is not on the disk yet.
    pub(super) fn is_busy(&self) -> bool {
        self.under_way.load(Ordering::Acquire) > 0
    }

    /// Waits until everything handed over is on the disk.
    pub(super) fn finish(self) {
        drop(self.files);
        if self.thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(event = "audit_sync_died", "the audit sync thread died");
        }
    }
}

fn run(files: &Receiver<Put>, under_way: &AtomicUsize) {
    let mut fails = false;
    for put in files {
        let synced = match put {
            Put::File(file) => file.sync_data(),
            Put::Names(directory) => names(&directory),
        };
        under_way.fetch_sub(1, Ordering::AcqRel);
        match synced {
            Err(error) if !fails => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(
                    event = "audit_sync_failed",
                    error,
                    "the audit file could not be synced: a power cut may take more of it"
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

/// Puts the names in a directory on the disk.
pub(super) fn names(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
