//! The engines, each with methods to damage its log and to make it fail.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::store::disk::simulated::{Call, Fault, SimulatedDisk};
use crate::store::log::memory::{self, MemoryEngine};
use crate::store::log::replicated::simulated::plain::PlainDatabase;
use crate::store::log::replicated::statements::Database;
use crate::store::log::replicated::{Hearing, ReplicatedEngine};
use crate::store::log::{FileEngine, Form, LogEngine, LogOptions, frame};

/// How a log can fail.
#[derive(Clone, Copy, Debug)]
pub enum Failure {
    /// Writes fail.
    Refused,
    /// The disk is full.
    Full,
    /// The outcome of a write is unknown.
    OutcomeUnknown,
    /// Reads fail.
    Unreadable,
}

/// An engine whose log can be damaged.
pub trait Rig {
    /// Creates an empty log.
    fn new(seed: u64) -> Self
    where
        Self: Sized;

    fn engine(&self) -> Box<dyn LogEngine>;

    /// From now on the log fails like this, or no longer.
    fn fail(&self, failure: Option<Failure>);

    /// Simulates a restart of the machine: data that is not durable may be lost.
    fn restart(&self);

    /// The stored frames.
    fn frames(&self) -> Vec<Vec<u8>>;

    /// Replaces the stored frames.
    fn keep(&self, frames: &[Vec<u8>]);

    /// The number of bytes that were moved aside.
    fn set_aside(&self) -> usize;
}

const DIRECTORY: &str = "/log";
/// The directory for what was moved aside.
pub const ASIDE: &str = "/aside";

/// The file engine with segments of a few frames, on a disk that fails on demand.
pub struct Files {
    disk: SimulatedDisk,
    /// The number of restarts. In every second one only the process is killed, so the page cache survives.
    restarts: Cell<u64>,
}

impl Files {
    fn segments(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = self.disk.files();
        files.retain(|path, _| {
            path.starts_with(DIRECTORY) && path.extension().is_some_and(|extension| extension == "log")
        });
        files
    }
}

impl Rig for Files {
    fn new(seed: u64) -> Files {
        Files { disk: SimulatedDisk::new(seed), restarts: Cell::default() }
    }

    fn engine(&self) -> Box<dyn LogEngine> {
        let options =
            LogOptions { segment_bytes: 2_000, reserve_bytes: 1, reserve_percent: 0, ahead_bytes: 100, is_copy: false };
        Box::new(FileEngine::new(Arc::new(self.disk.clone()), Path::new(DIRECTORY), options, Form::Current))
    }

    fn fail(&self, failure: Option<Failure>) {
        let used: usize = self.disk.files().values().map(Vec::len).sum();
        self.disk.set_capacity(if matches!(failure, Some(Failure::Full)) { used as u64 } else { 1 << 40 });
        let calls: &[Call] = match failure {
            Some(Failure::Refused) => &[Call::Write],
            Some(Failure::OutcomeUnknown) => &[Call::Sync],
            Some(Failure::Unreadable) => &[Call::Open, Call::Read],
            Some(Failure::Full) | None => &[],
        };
        let faults = calls.iter().map(|call| Fault::Every(*call, io::ErrorKind::Other, 0));
        self.disk.fail(&faults.collect::<Vec<_>>());
    }

    fn restart(&self) {
        match self.restarts.replace(self.restarts.get() + 1) % 2 {
            0 => self.disk.after_power_cut(),
            _ => self.disk.after_kill(),
        }
    }

    fn frames(&self) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        for bytes in self.segments().values() {
            let mut rest = bytes.as_slice();
            while let Some(header) = frame::Header::read(rest).filter(|header| header.count > 0) {
                let (frame, behind) = rest.split_at(header.size);
                frames.push(frame.to_vec());
                rest = behind;
            }
        }
        frames
    }

    /// The segments begin with the same revisions as before.
    fn keep(&self, frames: &[Vec<u8>]) {
        let mut frames = frames.iter();
        for (path, bytes) in self.segments() {
            let mut left = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let mut kept = Vec::new();
            while left > 0
                && let Some(frame) = frames.next()
            {
                kept.extend_from_slice(frame);
                left = left.saturating_sub(frame.len());
            }
            if kept.is_empty() { self.disk.take_away(&path) } else { self.disk.put(&path, kept) }
        }
    }

    fn set_aside(&self) -> usize {
        let segments = self.disk.files().into_iter().filter(|(path, _)| path.starts_with(ASIDE));
        segments.filter(|(path, _)| path.extension().is_some()).map(|(_, bytes)| bytes.len()).sum()
    }
}

/// A replica with a copy in memory, of a log in a database that never fails.
pub struct Replica {
    copy: MemoryEngine,
    database: PlainDatabase,
    pub hearing: Arc<Hearing>,
}

impl Replica {
    pub fn of(database: PlainDatabase) -> Replica {
        Replica { copy: MemoryEngine::default(), database, hearing: Arc::new(Hearing::new([7; 32])) }
    }
}

impl ReplicaRig for Replica {
    fn empty() -> Replica {
        Replica::of(PlainDatabase::new())
    }

    fn copy(&self) -> &MemoryEngine {
        &self.copy
    }

    fn replica(&self) -> Box<dyn LogEngine> {
        let database = self.database.clone();
        let databases = Box::new(move || Box::new(database.clone()) as Box<dyn Database>);
        let hearing = Arc::clone(&self.hearing);
        let engine = ReplicatedEngine::new(Box::new(self.copy.clone()), databases, hearing, Timestamp::MIN);
        Box::new(engine.timed_by(Arc::new(|| Duration::ZERO)))
    }
}

/// A replica whose copy is in memory. The copy is what is damaged, and what fails.
pub trait ReplicaRig {
    /// Creates a replica of an empty log.
    fn empty() -> Self
    where
        Self: Sized;

    fn copy(&self) -> &MemoryEngine;

    fn replica(&self) -> Box<dyn LogEngine>;
}

impl<T: ReplicaRig> Rig for T {
    fn new(_: u64) -> T {
        T::empty()
    }

    fn engine(&self) -> Box<dyn LogEngine> {
        self.replica()
    }

    fn fail(&self, failure: Option<Failure>) {
        Rig::fail(self.copy(), failure);
    }

    fn restart(&self) {}

    fn frames(&self) -> Vec<Vec<u8>> {
        self.copy().frames()
    }

    fn keep(&self, frames: &[Vec<u8>]) {
        self.copy().keep(frames);
    }

    fn set_aside(&self) -> usize {
        self.copy().set_aside()
    }
}

impl Rig for MemoryEngine {
    fn new(_: u64) -> MemoryEngine {
        MemoryEngine::default()
    }

    fn engine(&self) -> Box<dyn LogEngine> {
        Box::new(self.clone())
    }

    fn fail(&self, failure: Option<Failure>) {
        let is_kept = self.state().frames.len().is_multiple_of(2);
        MemoryEngine::fail(
            self,
            failure.map(|failure| match failure {
                Failure::Refused => memory::Fault::Refused,
                Failure::Full => memory::Fault::Full,
                Failure::OutcomeUnknown => memory::Fault::OutcomeUnknown { is_kept },
                Failure::Unreadable => memory::Fault::Unreadable,
            }),
        );
    }

    fn restart(&self) {}

    fn frames(&self) -> Vec<Vec<u8>> {
        self.state().frames.clone()
    }

    fn keep(&self, frames: &[Vec<u8>]) {
        self.state().frames = frames.to_vec();
    }

    fn set_aside(&self) -> usize {
        self.state().set_aside.iter().map(Vec::len).sum()
    }
}
