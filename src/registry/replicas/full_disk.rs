//! Tests: what a replica does whose disk is full.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;

use super::replica::{Replica, register, submission};
use crate::domain::id::Revision;
use crate::registry::SubmitError;
use crate::registry::message::Message;
use crate::store::disk::simulated::SimulatedDisk;
use crate::store::log::memory::MemoryEngine;
use crate::store::log::replicated::simulated::plain::PlainDatabase;
use crate::store::log::replicated::statements::Database;
use crate::store::log::replicated::{Hearing, ReplicatedEngine};
use crate::store::log::status::LogStatus;
use crate::store::log::{FileEngine, Form, LogEngine, LogOptions};

/// A replica with its copy on a disk of its own, and another one whose disk is never full.
struct Two {
    disk: SimulatedDisk,
    reserve_bytes: u64,
    directory: TempDir,
    database: PlainDatabase,
    other_copy: MemoryEngine,
    ours: Option<Replica>,
    other: Replica,
}

impl Two {
    /// Both have what is recorded so far.
    fn keeping_free(reserve_bytes: u64) -> Two {
        let (disk, database) = (SimulatedDisk::new(1), PlainDatabase::new());
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let mut ours = Replica::open_at(directory.path(), &engine(copy(&disk, reserve_bytes), &database));
        let other_copy = MemoryEngine::default();
        let mut other = Replica::open(&engine(Box::new(other_copy.clone()), &database.join(1)));
        other.record(1, register("east"));
        assert_eq!(ours.follow(), other.follow());
        Two { disk, reserve_bytes, directory, database, other_copy, ours: Some(ours), other }
    }

    fn ours(&mut self) -> &mut Replica {
        self.ours.as_mut().unwrap()
    }

    fn open_again(&mut self) {
        self.ours = None;
        let engine = engine(copy(&self.disk, self.reserve_bytes), &self.database);
        self.ours = Some(Replica::open_at(self.directory.path(), &engine));
    }

    /// Leaves this number of bytes free on the disk.
    fn leave(&self, bytes: u64) {
        let used: usize = self.disk.files().values().map(Vec::len).sum();
        self.disk.set_capacity(used as u64 + bytes);
    }

    /// Has the replica look at the log. Returns the cause of trouble.
    fn looks(&mut self) -> Option<&'static str> {
        let looked = self.ours().process(Message::Follow).expect("the process goes on");
        let trouble = self.status().trouble().map(|trouble| trouble.cause.name());
        assert_eq!(looked.is_err(), trouble.is_some(), "{looked:?}");
        trouble
    }

    fn status(&mut self) -> Arc<LogStatus> {
        self.ours().writer.store.log_status().unwrap()
    }

    fn answer_alike(&mut self) -> Revision {
        let head = self.other.follow();
        assert_eq!((self.ours().follow(), self.ours().answers()), (head, self.other.answers()));
        head
    }
}

fn copy(disk: &SimulatedDisk, reserve_bytes: u64) -> Box<dyn LogEngine> {
    let options =
        LogOptions { segment_bytes: 1 << 20, reserve_bytes, reserve_percent: 0, ahead_bytes: 0, is_copy: true };
    Box::new(FileEngine::new(Arc::new(disk.clone()), Path::new("/log"), options, Form::Current))
}

/// Who read something of another replica goes on locking the log first: no time passes.
fn engine(copy: Box<dyn LogEngine>, database: &PlainDatabase) -> ReplicatedEngine {
    let database = database.clone();
    let databases = Box::new(move || Box::new(database.clone()) as Box<dyn Database>);
    let engine = ReplicatedEngine::new(copy, databases, Arc::new(Hearing::new([7; 32])), Timestamp::MIN);
    engine.timed_by(Arc::new(|| Duration::ZERO))
}

#[test]
fn the_reserve_of_the_disk_refuses_own_writes_and_not_what_others_recorded() {
    let mut two = Two::keeping_free(10_000);
    two.leave(5_000);
    two.other.record(2, register("west"));
    assert_eq!(two.looks(), None);
    let head = two.answer_alike();
    let refused = two.ours().submit(submission(3, register("north"))).map(drop);
    assert!(matches!(refused, Err(SubmitError::StoreFull)), "{refused:?}");
    assert_eq!(two.answer_alike(), head, "nothing was recorded");
    two.open_again();
    assert_eq!(two.answer_alike(), head);
    two.leave(1 << 20);
    two.ours().record(3, register("north"));
    assert_eq!(two.answer_alike(), head.next());
}

#[test]
fn with_a_full_disk_a_replica_goes_on_with_what_it_has_and_says_why() {
    let mut two = Two::keeping_free(0);
    let before = two.ours().answers();
    two.leave(0);
    two.other.record(2, register("west"));
    for _ in 0..2 {
        let barriers = two.status().readings().barriers;
        assert_eq!((two.looks(), two.ours().answers()), (Some("disk"), before.clone()));
        assert!(two.status().readings().barriers > barriers, "the others need not wait for it");
        let refused = two.ours().submit(submission(3, register("north"))).map(drop);
        assert!(matches!(refused, Err(SubmitError::Log(_))), "{refused:?}");
        two.open_again();
        assert_eq!(two.ours().answers(), before);
    }
    two.leave(1 << 20);
    assert_eq!(two.looks(), None);
    two.answer_alike();
    two.ours().record(3, register("north"));
    two.answer_alike();
}

#[test]
fn what_a_full_disk_refuses_after_it_was_recorded_is_followed_later() {
    // There is room for none of the three frames, for one, and for two.
    for fit in 0..3 {
        let mut two = Two::keeping_free(0);
        let known = two.other_copy.state().frames.len();
        two.other.record(2, register("west"));
        let last = two.other.record(3, register("north")).revision;
        let bytes: usize = two.other_copy.state().frames[known..].iter().take(fit).map(Vec::len).sum();
        two.leave(bytes as u64);
        let recorded = two.ours().submit(submission(4, register("south"))).map(drop);
        assert!(matches!(recorded, Err(SubmitError::OutcomeUnknown)), "{recorded:?}");
        let why = two.status().trouble().unwrap().cause.name();
        assert_eq!(why, "disk");
        two.leave(1 << 20);
        assert_eq!((two.answer_alike(), two.looks()), (last.next(), None));
    }
}
