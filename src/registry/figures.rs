//! What the writer counts and measures about its commits.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::metrics::histogram::Histogram;

/// The upper bounds of the durations, in seconds: from a fast disk to a database that is about to fail.
const SECONDS: [f64; 10] = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];

/// The upper bounds of the number of records in a commit.
const RECORDS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1024.0];

/// Why a batch of commands was not committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFailure {
    /// The disk has no room.
    DiskFull,
    /// The disk refused a write.
    DiskError,
    /// The index cannot be read.
    Index,
    /// The shared log takes no writes.
    SharedLog,
    /// The shared log may or may not have the batch.
    InDoubt,
    /// Other processes appended something each time.
    Busy,
    /// The writer must end.
    Fatal,
}

impl CommitFailure {
    /// All failures.
    pub const ALL: [CommitFailure; 7] = [
        CommitFailure::DiskFull,
        CommitFailure::DiskError,
        CommitFailure::Index,
        CommitFailure::SharedLog,
        CommitFailure::InDoubt,
        CommitFailure::Busy,
        CommitFailure::Fatal,
    ];

    /// A short name.
    pub fn name(self) -> &'static str {
        match self {
            CommitFailure::DiskFull => "disk_full",
            CommitFailure::DiskError => "disk_error",
            CommitFailure::Index => "index",
            CommitFailure::SharedLog => "shared_log",
            CommitFailure::InDoubt => "in_doubt",
            CommitFailure::Busy => "busy",
            CommitFailure::Fatal => "fatal",
        }
    }
}

/// The counts and measurements since the start.
pub struct Figures {
    /// The records in each commit.
    pub records: Histogram,
    /// The seconds that each commit took, from the decided batch to its publication.
    pub commit_seconds: Histogram,
    /// The seconds of each commit until the log was durable.
    pub append_seconds: Histogram,
    failed: [AtomicU64; CommitFailure::ALL.len()],
}

impl Default for Figures {
    fn default() -> Figures {
        Figures {
            records: Histogram::new(RECORDS),
            commit_seconds: Histogram::new(SECONDS),
            append_seconds: Histogram::new(SECONDS),
            failed: Default::default(),
        }
    }
}

impl Figures {
    /// Notes a commit.
    pub(super) fn committed(&self, records: u32, append: Duration, commit: Duration) {
        self.records.observe(records.into());
        self.append_seconds.observe(append.as_secs_f64());
        self.commit_seconds.observe(commit.as_secs_f64());
    }

    /// Counts a batch that was not committed.
    pub(super) fn failed(&self, failure: CommitFailure) {
        if let Some(failed) = self.failed.get(failure as usize) {
            failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The number of batches that were not committed for a reason.
    pub fn failures(&self, failure: CommitFailure) -> u64 {
        self.failed.get(failure as usize).map_or(0, |failed| failed.load(Ordering::Relaxed))
    }
}
