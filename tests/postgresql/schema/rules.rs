//! The rules that a model of replicas requires of the statements. Each is tried twice: it holds, and it does not once
//! the part of a function that keeps it is taken out.

use std::time::Duration;

use crate::database::{Append, Database, MICROSECOND, OTHER_CHAIN, next, state};

const SECOND: Duration = Duration::from_secs(1);

/// Asserts that a rule holds, and that it does not after a part of a function is replaced.
pub(super) async fn only_by(function: &str, part: &str, other: &str, holds: impl AsyncFn(&Database) -> bool) {
    let database = Database::shared().await;
    assert!(holds(&database).await, "the rule does not hold");
    let database = Database::shared().await;
    database.change(function, part, other).await;
    assert!(!holds(&database).await, "the rule holds without `{part}` in {function}");
}

#[tokio::test]
async fn only_a_replica_with_the_same_history_appends() {
    let is_refused = async |database: &Database| {
        let replica = database.writing_replica("a").await;
        let append = replica.next_append().await;
        matches!(Append { after: (0, OTHER_CHAIN), ..append }.run(&replica.client).await, Ok(false))
    };
    only_by("append", "head.chain = append.after_chain", "true", is_refused).await;
}

#[tokio::test]
async fn a_statement_that_is_late_does_nothing_after_a_turn() {
    let is_refused = async |database: &Database| {
        let replica = database.writing_replica("a").await;
        let zombie = replica.next_append().await;
        let head = replica.turn().await;
        head.tip == zombie.after && matches!(zombie.run(&replica.client).await, Ok(false))
    };
    only_by("append", "head.turn = append.turn", "true", is_refused).await;
}

#[tokio::test]
async fn no_record_is_dated_at_or_before_an_answer() {
    let is_refused = async |database: &Database| {
        let mut replica = database.writing_replica("a").await;
        let late = replica.next_append().await;
        replica.settle(late.first_at).await.unwrap();
        matches!(late.run(&replica.client).await, Ok(false))
    };
    only_by("append", "head.answered_through < append.first_at", "true", is_refused).await;
    only_by("settle", "greatest(head.answered_through, settle.through)", "head.answered_through", is_refused).await;
}

#[tokio::test]
async fn times_of_records_increase() {
    let is_refused = async |database: &Database| {
        let mut replica = database.writing_replica("a").await;
        let first = replica.append().await;
        matches!(Append::one(first.tip, first.turn, first.last_at).run(&replica.client).await, Ok(false))
    };
    only_by("append", "head.recorded_at < append.first_at", "true", is_refused).await;
}

/// The clock of a server that was replaced was ahead.
#[tokio::test]
async fn a_head_ahead_of_the_clock_does_not_stop_writers() {
    let goes_on = async |database: &Database| {
        let replica = database.writing_replica("a").await;
        assert!(replica.settle_again(replica.look().await.1 + 50 * SECOND).await);
        let (head, _) = replica.look().await;
        let at = head.answered_through + MICROSECOND;
        let three =
            Append { tip: (3, next(&head.tip).1), last_at: at + 2 * MICROSECOND, ..Append::one(head.tip, 0, at) };
        let later = Append { last_at: at + 3 * MICROSECOND, ..three };
        matches!(later.run(&replica.client).await, Ok(false)) && matches!(three.run(&replica.client).await, Ok(true))
    };
    let by_the_head = "greatest(head.recorded_at, head.answered_through) + records * interval '1 microsecond'";
    only_by("append", by_the_head, "'-infinity'", goes_on).await;
    only_by("append", "records * interval '1 microsecond'", "interval '1 hour'", goes_on).await;
}

#[tokio::test]
async fn a_replica_whose_clock_is_ahead_is_refused_alone() {
    let is_refused = async |database: &Database| {
        let mut replica = database.writing_replica("a").await;
        let append = replica.next_append().await;
        let ahead = append.first_at + 30 * SECOND;
        let ahead = Append { first_at: ahead, last_at: ahead, ..append };
        let refused = matches!(ahead.run(&replica.client).await, Ok(false));
        replica.settle(append.first_at + 30 * SECOND).await.is_none() && refused && {
            replica.append().await;
            true
        }
    };
    only_by("append", "interval '1 second'", "interval '1 hour'", is_refused).await;
    only_by("settle", "greatest(clock_timestamp(), ", "greatest('infinity', ", is_refused).await;
}

#[tokio::test]
async fn nothing_is_written_or_settled_before_the_database_is_opened() {
    let is_closed = async |database: &Database| {
        let mut replica = database.replica("a").await;
        let barrier = replica.barrier().await.unwrap();
        let append = replica.next_append().await;
        !barrier.is_open
            && matches!(append.run(&replica.client).await, Ok(false))
            && replica.settle(barrier.clock).await.is_none()
    };
    only_by("append", "head.opened = present", "true", is_closed).await;
    only_by("settle", "head.opened = present", "true", is_closed).await;
    only_by("barrier", "coalesce(known.opened = present, false)", "true", is_closed).await;
}

#[tokio::test]
async fn a_database_that_lacks_something_stays_closed() {
    // Each replica knows something that is not there: a beat, a record, another record, and a time.
    for (part, lost) in [
        ("replica.beat >= barrier.beat", 0),
        ("known.chain_at_tip = barrier.chain", 1),
        ("known.chain_at_tip = barrier.chain", 2),
        ("known.answered_through >= barrier.answered_through", 3),
    ] {
        let stays_closed = async |database: &Database| {
            let (mut a, mut b) = (database.replica("a").await, database.replica("b").await);
            b.barrier().await.unwrap();
            match lost {
                0 => a.beat = i64::MAX - 1,
                1 => a.tip = next(&a.tip),
                2 => a.tip = (0, OTHER_CHAIN),
                _ => a.answered_through = a.look().await.1,
            }
            a.barrier().await.unwrap();
            b.open().await == ["a"] && !b.barrier().await.unwrap().is_open
        };
        only_by("barrier", part, "true", stays_closed).await;
    }
}

/// The frame of a writer that ended before it could tell anybody.
#[tokio::test]
async fn a_barrier_names_a_frame_that_nobody_was_notified_of() {
    let database = Database::shared().await;
    let (a, mut b) = (database.writing_replica("a").await, database.replica("b").await);
    let append = a.next_append().await;
    assert!(append.run(&a.client).await.unwrap());
    drop(a);
    assert_eq!(b.barrier().await.unwrap().head.tip, append.tip);
    assert_eq!(b.frames().await, [append.tip]);
}

/// A statement that touched no row proves nothing, and says so.
#[tokio::test]
async fn no_row_is_no_answer() {
    let database = Database::shared().await;
    let mut a = database.writing_replica("a").await;
    let (head, clock) = a.look().await;
    assert_eq!(a.settle(clock + 30 * SECOND).await, None);
    a.id = "nobody".to_owned();
    assert!(a.barrier().await.is_none());
    assert_eq!(a.look().await.0, head);
}

/// In other transactions a statement after a lock has the snapshot of before.
#[tokio::test]
async fn transactions_with_one_snapshot_are_refused() {
    let are_refused = async |database: &Database| {
        let replica = database.writing_replica("a").await;
        for level in ["repeatable read", "serializable"] {
            let set = format!("SET default_transaction_isolation = '{level}'");
            replica.client.batch_execute(&set).await.unwrap();
            for call in [
                "lock_head()",
                "turn()",
                "open()",
                "settle(now())",
                "settle_again(now())",
                "join('a', 1, 1)",
                "adopt(1, 1)",
            ] {
                let result = replica.client.query(&format!("SELECT cpss_registry.{call}"), &[]).await;
                if state(&result) != Some("CR003") {
                    return false;
                }
            }
            replica.client.batch_execute("RESET default_transaction_isolation").await.unwrap();
            let append = replica.next_append().await;
            replica.client.batch_execute(&set).await.unwrap();
            if state(&append.run(&replica.client).await) != Some("CR003") {
                return false;
            }
        }
        true
    };
    only_by("insist", "<> 'read committed'", "= 'none'", are_refused).await;
}
