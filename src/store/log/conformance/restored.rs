//! A database that is restored to an earlier state: what replicas notice, and how the records come back or are given
//! up.

use super::rigs::Replica;
use super::*;
use crate::store::backup::{SharedLoss, SharedLossError};
use crate::store::log::replicated::comparing::{Compared, compare};
use crate::store::log::replicated::pushing::{PushError, plan, push};
use crate::store::log::replicated::simulated::plain::PlainDatabase;
use crate::store::log::replicated::statements::{
    Append, Head, OperatorSession as _, ReplicaSession as _, Session as _,
};
use crate::store::log::trouble::Cause;

/// Two replicas of a log with some batches, which both have.
struct Two {
    database: PlainDatabase,
    rigs: [Replica; 2],
    logs: [Box<dyn Log>; 2],
}

impl Two {
    fn with(batches: i64) -> Two {
        let database = PlainDatabase::new();
        let rigs = [Replica::of(database.clone()), Replica::of(database.join(1))];
        let mut logs = rigs.each_ref().map(|rig| rig.engine().open().unwrap());
        for at in 0..batches {
            append_one(&mut *logs[0], at + 1);
        }
        catch_up(&mut *logs[1]);
        Two { database, rigs, logs }
    }

    /// What a replica is refused with.
    fn refused(&mut self, replica: usize) -> String {
        let tip = self.logs[replica].tip();
        self.logs[replica].confirm(&tip).unwrap_err().to_string()
    }

    /// The copy of a replica, as a command reads it.
    fn copy(&self, replica: usize) -> Box<dyn OfflineLog> {
        self.rigs[replica].engine().offline(Extent::Whole).unwrap()
    }

    fn begin_epoch(&self, replica: usize, after: Revision) -> Result<Revision, SharedLossError> {
        let mut session = self.database.clone();
        let loss = SharedLoss::find(&mut session, &*self.copy(replica), Revision::ZERO)?;
        Ok(loss.accept(&mut session, after, Timestamp::UNIX_EPOCH)?.revision)
    }
}

/// A batch of one record, which is dated.
fn record(at: i64, contents: u8) -> Batch {
    vec![sealed_at(at, vec![contents])]
}

fn append_one(log: &mut dyn Log, at: i64) {
    let tip = log.tip();
    log.append(&tip, &record(at, 1)).unwrap();
}

fn catch_up(log: &mut dyn Log) {
    let tip = log.tip();
    drop(log.confirm(&tip));
    while !log.follow().unwrap().is_empty() {}
}

fn lost(ours: u64, head: u64, last_shared: u64) -> String {
    let [ours, head, last_shared] = [ours, head, last_shared].map(Revision);
    AppendError::Lost { ours, head, last_shared }.to_string()
}

#[test]
fn what_a_restore_lost_is_pushed_from_a_copy() {
    let mut two = Two::with(5);
    let whole = two.copy(0);
    // One that is new has nothing to compare, and waits for those that have.
    two.database.restore(3);
    let blind = Replica::of(two.database.join(2));
    let mut blind = blind.engine().open().unwrap();
    let waits = blind.confirm(&blind.tip());
    assert!(matches!(&waits, Err(AppendError::NotOpened { waiting_for }) if *waiting_for == ["0", "1"]), "{waits:?}");
    assert_eq!([two.refused(0), two.refused(1)], [lost(5, 3, 3), lost(5, 3, 3)]);
    let waits = blind.confirm(&blind.tip());
    assert!(matches!(&waits, Err(AppendError::NotOpened { waiting_for }) if *waiting_for == ["0", "1"]), "{waits:?}");

    let mut session = two.database.clone();
    let planned = plan(&mut session, &*whole).unwrap();
    assert_eq!((planned.head.revision, planned.until), (Revision(3), Revision(5)));
    let pushed = push(&mut session, &*whole, &planned, &mut |_| {}).unwrap();
    assert_eq!(pushed, two.logs[0].tip());
    for log in &mut two.logs {
        catch_up(&mut **log);
    }
    let tip = two.logs[1].tip();
    two.logs[1].confirm(&tip).unwrap();
    append_one(&mut *two.logs[1], 6);
    catch_up(&mut *two.logs[0]);
    assert_eq!(two.logs[0].tip(), two.logs[1].tip());
    catch_up(&mut *blind);
    assert_eq!(blind.tip(), two.logs[1].tip());

    // It is open now, and takes nothing.
    let refused = push(&mut session, &*whole, &planned, &mut |_| {});
    assert!(matches!(refused, Err(PushError::NotTaken { at: Revision(6) })), "{refused:?}");
    // Nor is there anything to push: the log goes on after the copy.
    let nothing = plan(&mut session, &*whole).unwrap();
    assert_eq!((nothing.head.revision, nothing.until), (Revision(6), Revision(5)));
    assert_eq!(push(&mut session, &*whole, &nothing, &mut |_| {}).unwrap(), nothing.head);
}

/// What a replica reports to be wrong with the log.
fn trouble(log: &dyn Log) -> String {
    log.status().unwrap().trouble().map(|trouble| trouble.to_string()).unwrap_or_default()
}

#[test]
fn who_lacks_nothing_any_more_reports_who_is_waited_for_and_no_loss() {
    let mut two = Two::with(4);
    append_one(&mut *two.logs[0], 5);
    two.database.restore(3);
    assert_eq!([two.refused(0), two.refused(1)], [lost(5, 3, 3), lost(4, 3, 3)]);
    let mut session = two.database.clone();
    let copy = two.copy(1);
    let planned = plan(&mut session, &*copy).unwrap();
    push(&mut session, &*copy, &planned, &mut |_| {}).unwrap();
    for log in &mut two.logs {
        catch_up(&mut **log);
    }
    assert_eq!(two.logs[1].status().unwrap().last_shared(), None);
    let expected = Cause::NotOpened { waiting_for: vec!["0".to_owned()] }.to_string();
    assert_eq!(trouble(&*two.logs[1]), expected);
    assert!(trouble(&*two.logs[0]).contains("ends with revision 4"), "it still has what the others lack");
}

#[test]
fn a_push_does_not_date_records_before_an_answer() {
    let two = Two::with(5);
    two.database.restore(3);
    let mut session = two.database.clone();
    session.settle_again(Timestamp::from_second(4).unwrap()).unwrap();
    let planned = plan(&mut session, &*two.copy(0)).unwrap();
    let refused = push(&mut session, &*two.copy(0), &planned, &mut |_| {});
    assert!(matches!(refused, Err(PushError::Answered { first: Revision(4), .. })), "{refused:?}");
}

#[test]
fn an_epoch_begins_after_every_time_that_was_answered() {
    let mut two = Two::with(5);
    let answered = Timestamp::from_second(20).unwrap();
    assert!(two.logs[1].settle(answered).is_ok());
    two.database.restore(3);
    assert_eq!([two.refused(0), two.refused(1)], [lost(5, 3, 3), lost(5, 3, 3)]);
    let head = || two.database.clone().turn().unwrap();
    assert!(head().answered_through < answered, "the database lost it");
    assert_eq!(two.begin_epoch(0, Revision(3)).unwrap(), Revision(4));
    assert!(head().recorded_at > answered);
}

#[test]
fn replicas_fold_again_after_an_accepted_loss() {
    let mut two = Two::with(5);
    two.database.restore(3);
    let unheard = two.begin_epoch(0, Revision(3));
    assert!(matches!(unheard, Err(SharedLossError::Unheard(ref who)) if who.len() == 2), "{unheard:?}");
    assert_eq!([two.refused(0), two.refused(1)], [lost(5, 3, 3), lost(5, 3, 3)]);
    let other = two.begin_epoch(0, Revision(4));
    assert!(matches!(other, Err(SharedLossError::NotTheLast { last_shared: Revision(3), .. })), "{other:?}");
    assert_eq!(two.begin_epoch(0, Revision(3)).unwrap(), Revision(4));

    for at in 0..2 {
        let ended = two.logs[at].confirm(&Tip::ORIGIN);
        assert!(matches!(ended, Err(AppendError::OtherEpoch { last_shared: Revision(3) })), "{ended:?}");
        two.logs[at] = two.rigs[at].engine().open().unwrap();
        assert_eq!(two.logs[at].tip().revision, Revision(4));
        assert!(two.rigs[at].set_aside() > 0, "what is given up is kept aside");
    }
    two.logs.iter_mut().for_each(|log| catch_up(&mut **log));
    append_one(&mut *two.logs[0], 10);
    catch_up(&mut *two.logs[1]);
    assert_eq!(two.logs[0].tip(), two.logs[1].tip());
    assert_eq!(two.logs[0].tip().revision, Revision(5));
    assert!(matches!(two.begin_epoch(0, Revision(6)), Err(SharedLossError::NothingLost(Revision(5)))));
}

/// Has the database continue with another record than the replicas know.
fn replace(database: &PlainDatabase, at: i64) {
    let mut session = database.clone();
    let Head { tip: after, turn, .. } = session.turn().unwrap();
    let (frame, tips) = frame::encode(&after, &record(at, 2)).unwrap();
    let at = Timestamp::from_second(at).unwrap();
    let append = Append { after, tip: tips[0], turn, first_at: at, last_at: at, frame: &frame };
    assert!(session.push(&[append]).unwrap());
}

#[test]
fn a_replica_stays_apart_from_an_epoch_that_forked_after_it_did() {
    let mut two = Two::with(2);
    append_one(&mut *two.logs[0], 3);
    two.database.restore(2);
    replace(&two.database, 4);
    assert_eq!(two.refused(0), lost(3, 3, 2), "it has another third record");
    replace(&two.database, 5);
    let parted = plan(&mut two.database.clone(), &*two.copy(0));
    assert!(matches!(parted, Err(PushError::Parted { last_shared: Revision(2), .. })), "{parted:?}");
    catch_up(&mut *two.logs[1]);
    two.database.restore(3);
    assert_eq!([two.refused(0), two.refused(1)], [lost(3, 3, 2), lost(4, 3, 3)]);
    assert_eq!(two.begin_epoch(1, Revision(3)).unwrap(), Revision(4));
    let other_epoch = |last_shared| AppendError::OtherEpoch { last_shared: Revision(last_shared) }.to_string();
    assert_eq!([two.refused(0), two.refused(1)], [lost(3, 4, 2), other_epoch(3)]);

    // A further epoch, which gives up what the first one alone has, lets it go on.
    assert_eq!(two.begin_epoch(0, Revision(2)).unwrap(), Revision(5));
    assert_eq!([two.refused(0), two.refused(1)], [other_epoch(2), other_epoch(3)]);
    for at in 0..2 {
        two.logs[at] = two.rigs[at].engine().open().unwrap();
        catch_up(&mut *two.logs[at]);
    }
    assert_eq!(two.logs[0].tip(), two.logs[1].tip());
}

#[test]
fn a_comparison_names_the_first_damaged_record() {
    let two = Two::with(4);
    let compared = || {
        let mut session = two.database.clone();
        compare(&mut session, &*two.copy(0), &mut |_| {}).unwrap()
    };
    let whole = Compared { head: Revision(4), ours: Revision(4), last_shared: Revision(4), damaged: None };
    assert_eq!(compared(), whole);
    for frame in [3, 1] {
        two.database.damage(frame);
        let (at, _) = compared().damaged.unwrap();
        assert_eq!(at, Revision(frame as u64 + 1));
    }
}
