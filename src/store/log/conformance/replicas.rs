//! Logs that several writers share: replicas of a database, and writers of one log in memory.

use super::rigs::Replica;
use super::*;
use crate::store::log::replicated::simulated::plain::PlainDatabase;

/// Damage and failures of a replica are another matter.
mod a_replica {
    use super::*;

    tests!(Replica {
        a_new_log_is_empty,
        appended_records_are_read_with_their_chain,
        a_batch_for_another_history_is_refused,
        only_the_head_is_confirmed,
        acknowledged_records_survive_every_restart,
        a_reader_sees_complete_batches_while_others_are_appended,
        reading_works_again_when_the_storage_does
    });
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

#[test]
fn a_replica_with_an_old_head_follows() {
    let database = PlainDatabase::new();
    let ours = Replica::of(database.clone()).engine().open().unwrap();
    let theirs = Replica::of(database.join(1)).engine().open().unwrap();
    a_writer_with_an_old_head_follows([ours, theirs]);
}

#[test]
fn a_replica_that_is_far_behind_follows_in_steps() {
    let database = PlainDatabase::new();
    let ours = Replica::of(database.clone()).engine();
    let mut theirs = Replica::of(database.join(1)).engine().open().unwrap();
    let large: Vec<Batch> = (0..9).map(|at| vec![sealed_at(at + 1, vec![1; 1 << 20])]).collect();
    let mut follower = ours.open().unwrap();
    large.iter().for_each(|batch| drop(theirs.append(&theirs.tip(), batch).unwrap()));
    follower.confirm(&Tip::ORIGIN).unwrap_err();
    let steps: Vec<_> =
        std::iter::from_fn(|| Some(follower.follow().unwrap()).filter(|some| !some.is_empty())).collect();
    assert_eq!(steps.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 1]);
    assert_eq!(steps.concat().into_iter().map(|(_, record)| record).collect::<Batch>(), large.concat());
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
        assert!(matches!(theirs.follow(), Err(AppendError::Lost { ours: Revision(1), head: Revision::ZERO })));
    }
}
