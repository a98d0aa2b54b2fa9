//! Logs that several writers share: replicas of a database, and writers of one log in memory.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::rigs::Replica;
use super::*;
use crate::store::log::replicated::simulated::plain::PlainDatabase;
use crate::store::log::replicated::statements::{
    Append, Barrier, Database, Head, Known, ReplicaSession, RollCall, Session, StatementError,
};
use crate::store::log::replicated::{Hearing, ReplicatedEngine};

/// Generates the tests of a replica. Damage and failures of its copy are another matter.
macro_rules! tests_of_a_replica {
    ($(#[$attribute:meta])? $engine:ty) => {
        tests!($(#[$attribute])? $engine {
            a_new_log_is_empty,
            appended_records_are_read_with_their_chain,
            a_batch_for_another_history_is_refused,
            only_the_head_is_confirmed,
            acknowledged_records_survive_every_restart,
            a_reader_sees_complete_batches_while_others_are_appended,
            reading_works_again_when_the_storage_does
        });
    };
}

mod a_replica {
    use super::*;

    tests_of_a_replica!(Replica);
}

pub(super) fn only_the_head_is_confirmed(rig: &dyn Rig) {
    let mut log = rig.engine().open().unwrap();
    log.confirm(&Tip::ORIGIN).unwrap();
    let records = append(&mut *log, 1..6);
    for before in tips(&records).into_iter().rev().skip(1) {
        assert!(matches!(log.confirm(&before), Err(AppendError::HeadMoved { .. })));
    }
    let tip = log.tip();
    log.confirm(&tip).unwrap();
    assert!(log.confirm(&Tip { chain: [1; 32], ..tip }).is_err());
    assert!(log.follow().unwrap().is_empty(), "the own records are known");
    assert_eq!(log.settle(Timestamp::UNIX_EPOCH).unwrap(), tip);
}

/// Two writers of one log: the one that decided on an old head must follow, and decide again.
pub(super) fn a_writer_with_an_old_head_follows([mut ours, mut theirs]: [Box<dyn Log>; 2]) {
    let decided_on = ours.tip();
    let unknown = append(&mut *theirs, 2..5);
    assert!(matches!(ours.append(&decided_on, &batch(1, 1)), Err(AppendError::HeadMoved { .. })));
    assert!(matches!(ours.confirm(&decided_on), Err(AppendError::HeadMoved { .. })));
    let mut followed = Vec::new();
    loop {
        match ours.follow().unwrap() {
            some if some.is_empty() => break,
            some => followed.extend(some),
        }
    }
    let tips = tips(&unknown);
    assert_eq!(followed, tips.into_iter().skip(1).zip(unknown).collect::<Vec<_>>());
    assert_eq!(ours.tip(), theirs.tip());
    ours.append(&theirs.tip(), &batch(1, 1)).unwrap();
    let answered = Timestamp::from_second(1 << 20).unwrap();
    assert_eq!(theirs.settle(answered).unwrap(), ours.tip());
    let too_early = ours.append(&ours.tip(), &batch(1, 1));
    assert!(matches!(too_early, Err(AppendError::NotBefore { answered_through }) if answered_through == answered));
}

#[test]
fn a_writer_of_a_log_in_memory_with_an_old_head_follows() {
    let engine = MemoryEngine::default();
    a_writer_with_an_old_head_follows([engine.open().unwrap(), engine.open().unwrap()]);
}

/// The logs of two replicas.
fn two() -> [Box<dyn Log>; 2] {
    let database = PlainDatabase::new();
    [database.clone(), database.join(1)].map(|database| Replica::of(database).engine().open().unwrap())
}

#[test]
fn a_replica_with_an_old_head_follows() {
    a_writer_with_an_old_head_follows(two());
}

/// Batches of a mebibyte.
fn large(seed: u8, batches: i64) -> Vec<Batch> {
    (0..batches).map(|at| vec![sealed_at(at + 1, vec![seed; 1 << 20])]).collect()
}

fn append_all(log: &mut dyn Log, batches: &[Batch]) {
    batches.iter().for_each(|batch| drop(log.append(&log.tip(), batch).unwrap()));
}

#[test]
fn a_replica_that_is_far_behind_follows_in_steps() {
    let database = PlainDatabase::new();
    let ours = Replica::of(database.clone()).engine();
    let mut theirs = Replica::of(database.join(1)).engine().open().unwrap();
    let (mut follower, batches) = (ours.open().unwrap(), large(1, 9));
    append_all(&mut *theirs, &batches);
    follower.confirm(&Tip::ORIGIN).unwrap_err();
    let steps: Vec<_> =
        std::iter::from_fn(|| Some(follower.follow().unwrap()).filter(|some| !some.is_empty())).collect();
    assert_eq!(steps.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 1]);
    assert_eq!(steps.concat().into_iter().map(|(_, record)| record).collect::<Batch>(), batches.concat());
}

/// A database whose node shows the frames of another one, as a primary does that was replaced.
#[derive(Clone)]
struct Replaced {
    database: PlainDatabase,
    shown: PlainDatabase,
}

impl Database for Replaced {
    fn connect(&mut self) -> Result<Box<dyn ReplicaSession>, StatementError> {
        Ok(Box::new(self.clone()))
    }
}

impl Session for Replaced {
    fn end_before(&mut self, revision: Revision) -> Result<Tip, StatementError> {
        self.shown.end_before(revision)
    }

    fn turn(&mut self) -> Result<Head, StatementError> {
        self.database.turn()
    }

    fn frames(&mut self, after: Revision, bytes: usize) -> Result<Vec<Vec<u8>>, StatementError> {
        self.shown.frames(after, bytes)
    }
}

impl ReplicaSession for Replaced {
    fn append(&mut self, append: &Append<'_>) -> Result<bool, StatementError> {
        self.database.append(append)
    }

    fn barrier(&mut self, known: &Known) -> Result<Option<Barrier>, StatementError> {
        self.database.barrier(known)
    }

    fn open(&mut self) -> Result<RollCall, StatementError> {
        self.database.open()
    }

    fn settle(&mut self, through: Timestamp) -> Result<Option<Head>, StatementError> {
        self.database.settle(through)
    }

    fn settle_again(&mut self, through: Timestamp) -> Result<bool, StatementError> {
        self.database.settle_again(through)
    }

    fn lock(&mut self, after: Revision, bytes: usize) -> Result<(Head, Vec<Vec<u8>>), StatementError> {
        let (head, _) = self.database.lock(after, bytes)?;
        Ok((head, self.shown.frames(after, bytes)?))
    }

    fn unlock(&mut self) -> Result<(), StatementError> {
        self.database.unlock()
    }

    fn notify(&mut self, text: &str) -> Result<(), StatementError> {
        self.database.notify(text)
    }
}

#[test]
fn no_step_enters_the_copy_before_it_is_confirmed() {
    let databases = [PlainDatabase::new(), PlainDatabase::new()];
    for (seed, database) in (1..).zip(&databases) {
        append_all(&mut *Replica::of(database.clone()).engine().open().unwrap(), &large(seed, 6));
    }
    let [database, shown] = databases;
    let replaced = Replaced { database, shown };
    let connect = Box::new(move || Box::new(replaced.clone()) as Box<dyn Database>);
    let (copy, hearing) = (Box::new(MemoryEngine::default()), Arc::new(Hearing::new([7; 32])));
    let mut log = ReplicatedEngine::new(copy, connect, hearing, Timestamp::MIN).open().unwrap();
    assert!(matches!(log.follow(), Err(AppendError::Unreachable(_))));
    assert_eq!((log.tip(), log.reader().head()), (Tip::ORIGIN, Revision::ZERO));
}

#[test]
fn a_replica_that_only_heard_of_a_record_notices_that_it_is_lost() {
    let database = PlainDatabase::new();
    let heard = Replica::of(database.join(1));
    let mut ours = Replica::of(database.clone()).engine().open().unwrap();
    let mut theirs = heard.engine().open().unwrap();
    ours.append(&Tip::ORIGIN, &batch(1, 1)).unwrap();
    assert!(heard.hearing.hear(&heard.hearing.tell(&ours.tip())));
    database.lose_last();
    for _ in 0..2 {
        let lost = theirs.follow();
        let (ours, head, last_shared) = (Revision(1), Revision::ZERO, Revision::ZERO);
        let expected = AppendError::Lost { ours, head, last_shared };
        assert_eq!(lost.unwrap_err().to_string(), expected.to_string());
    }
}

fn follow_all(log: &mut dyn Log) -> Batch {
    drop(log.confirm(&log.tip()));
    let steps = std::iter::from_fn(|| Some(log.follow().unwrap()).filter(|some| !some.is_empty()));
    steps.flatten().map(|(_, record)| record).collect()
}

/// A writer that reads what another one appends locks the log first, and appends after what is not in its copy yet.
pub(super) fn a_writer_among_others_locks_first([mut ours, mut theirs]: [Box<dyn Log>; 2]) {
    assert!(ours.lock().unwrap().is_none(), "it is alone");
    let mut all = append(&mut *theirs, 1..3);
    assert_eq!(follow_all(&mut *ours), all);
    let before = ours.tip();
    let staged = append(&mut *theirs, 3..5);
    for is_given_up in [true, false] {
        let locked = ours.lock().unwrap().unwrap();
        assert_eq!(locked.staged.into_iter().map(|(_, record)| record).collect::<Batch>(), staged);
        assert_eq!((locked.tip, ours.tip(), ours.reader().head()), (theirs.tip(), before, before.revision));
        if is_given_up {
            ours.unlock();
            assert_eq!(ours.tip(), before, "it is not followed");
        }
    }
    all.extend(staged);
    let own = batch(5, 1);
    ours.append(&theirs.tip(), &own).unwrap();
    all.extend(own.clone());
    assert_eq!(read(&*ours.reader()), all);
    assert_eq!(Some(&ours.tip()), tips(&all).last());
    assert_eq!(follow_all(&mut *theirs), own);

    // What is staged is durable once it is confirmed.
    append(&mut *ours, 6..7);
    let locked = theirs.lock().unwrap().unwrap();
    assert!(matches!(theirs.append(&theirs.tip(), &batch(6, 1)), Err(AppendError::HeadMoved { .. })));
    assert_eq!(theirs.lock().unwrap().unwrap().tip, locked.tip, "the log is not locked any more");
    theirs.confirm(&locked.tip).unwrap();
    assert_eq!((theirs.tip(), theirs.reader().head()), (ours.tip(), ours.tip().revision));
    assert!(theirs.follow().unwrap().is_empty());
    append(&mut *theirs, 7..8);
}

#[test]
fn a_replica_among_others_locks_first() {
    a_writer_among_others_locks_first(two());
}

#[test]
fn a_replica_that_is_far_behind_follows_before_it_locks() {
    let database = PlainDatabase::new();
    let mut ours = Replica::of(database.clone()).engine().open().unwrap();
    let mut theirs = Replica::of(database.join(1)).engine().open().unwrap();
    let batches = large(1, 9);
    append_all(&mut *theirs, &batches[..1]);
    follow_all(&mut *ours);
    append_all(&mut *theirs, &batches[1..]);
    assert!(matches!(ours.lock(), Err(AppendError::HeadMoved { .. })));
    assert_eq!(follow_all(&mut *ours), batches[1..].concat());
    assert!(ours.lock().unwrap().unwrap().staged.is_empty());
}

/// A batch that takes long to decide is appended all the same, after what was staged.
#[test]
fn a_replica_does_not_hold_the_lock_for_long() {
    let database = PlainDatabase::new();
    let (copy, hearing) = (Box::new(MemoryEngine::default()), Arc::new(Hearing::new([7; 32])));
    let (connect, clock) = (database.clone(), Arc::new(AtomicU64::new(0)));
    let connect = Box::new(move || Box::new(connect.clone()) as Box<dyn Database>);
    let elapsed = Arc::clone(&clock);
    let engine = ReplicatedEngine::new(copy, connect, hearing, Timestamp::MIN);
    let engine = engine.timed_by(Arc::new(move || Duration::from_millis(elapsed.load(Ordering::Relaxed))));
    let mut ours = engine.open().unwrap();
    let mut theirs = Replica::of(database.join(1)).engine().open().unwrap();
    append(&mut *theirs, 1..3);
    follow_all(&mut *ours);
    append(&mut *theirs, 3..4);
    for takes in [400, 600] {
        let locked = ours.lock().unwrap().unwrap();
        assert!(database.is_locked());
        clock.fetch_add(takes, Ordering::Relaxed);
        ours.append(&locked.tip, &batch(1, 1)).unwrap();
        assert_eq!((database.is_locked(), database.was_given_up()), (false, takes == 600));
    }
    clock.fetch_add(1000, Ordering::Relaxed);
    assert!(ours.lock().unwrap().is_none(), "it has been alone for a second");
}
