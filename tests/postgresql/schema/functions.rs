//! What each function promises, with one server that does not fail.

use std::time::{Duration, SystemTime};

use crate::database::{
    Append, Barrier, Database, Head, MICROSECOND, ORIGIN, OTHER_CHAIN, Replica, WRITER, next, state,
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn append_adds_the_frame_and_moves_the_head() {
    let database = Database::shared().await;
    let replica = database.writing_replica("a").await;
    let first = replica.next_append().await;
    let first = Append { tip: (3, first.tip.1), last_at: first.first_at + 2 * MICROSECOND, ..first };
    assert!(first.run(&replica.client).await.unwrap());
    let (head, _) = replica.look().await;
    assert_eq!((head.tip, head.recorded_at, head.turn), (first.tip, first.last_at, 0));
    let row = "SELECT first_revision, count, writer, first_at, last_at, chain, frame, \
               appended_at BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp() FROM cpss_registry.log";
    let row = replica.client.query_one(row, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i32>(1), row.get::<_, &str>(2)), (1, 3, WRITER));
    assert_eq!((row.get::<_, SystemTime>(3), row.get::<_, SystemTime>(4)), (first.first_at, first.last_at));
    assert_eq!((row.get::<_, &[u8]>(5), row.get::<_, &[u8]>(6)), (&first.tip.1[..], &first.tip.1[..]));
    assert!(row.get::<_, bool>(7));
    // The same again, as if the answer had been lost.
    assert!(!first.run(&replica.client).await.unwrap());
    assert_eq!(replica.frames().await, [first.tip]);
}

#[tokio::test]
async fn append_touches_no_row_unless_the_head_is_what_the_frame_builds_on() {
    let database = Database::shared().await;
    let mut replica = database.writing_replica("a").await;
    replica.append().await;
    let (head, clock) = replica.look().await;
    replica.settle(clock).await.unwrap();
    let good = replica.next_append().await;
    let at = |at| Append { first_at: at, last_at: at, ..good };
    let (_, clock) = replica.look().await;
    for (why, bad) in [
        ("an earlier revision", Append::one(ORIGIN, good.turn, good.first_at)),
        ("a later revision", Append::one(next(&good.after), good.turn, good.first_at)),
        ("another chain", Append { after: (1, OTHER_CHAIN), ..good }),
        ("an earlier turn", Append { turn: good.turn - 1, ..good }),
        ("a later turn", Append { turn: good.turn + 1, ..good }),
        ("a time before the last record", at(head.recorded_at)),
        ("a time that was answered through", at(replica.answered_through)),
        ("a time ahead of the clock", at(clock + 30 * SECOND)),
        ("a last record ahead of the clock", Append { last_at: clock + 30 * SECOND, ..good }),
    ] {
        assert!(!bad.run(&replica.client).await.unwrap(), "{why}");
        assert_eq!(replica.frames().await.len(), 1, "{why}");
    }
    for (why, tip, last_at) in [
        ("no record", good.after, good.last_at),
        ("a revision that goes back", ORIGIN, good.last_at),
        ("times that go back", good.tip, head.recorded_at),
    ] {
        let bad = Append { tip, last_at, ..good };
        assert!(bad.run(&replica.client).await.is_err(), "{why}");
        assert_eq!(replica.look().await.0.tip, good.after, "{why}");
    }
    assert!(good.run(&replica.client).await.unwrap());
}

#[tokio::test]
async fn a_barrier_counts_and_returns_what_its_statement_read() {
    let database = Database::shared().await;
    let mut a = database.replica("a").await;
    let first = a.barrier().await.unwrap();
    assert_eq!((first.chain_at_tip, first.is_open), (Some(ORIGIN.1), false));
    assert_eq!(first.head, a.look().await.0);
    assert!(a.is_checked().await);
    assert_eq!(a.open().await, [""; 0]);
    let appended = a.append().await;
    let second: Barrier = a.barrier().await.unwrap();
    assert_eq!((second.chain_at_tip, second.is_open), (Some(appended.tip.1), true));
    assert_eq!(second.beat_before, first.beat_before + 1);
    assert_eq!(second.head, a.look().await.0);
    assert!(second.clock > first.clock);
    let row = "SELECT beat, applied, seen_at FROM cpss_registry.replica WHERE id = 'a'";
    let row = a.client.query_one(row, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (first.beat_before + 2, 1));
    assert!(row.get::<_, SystemTime>(2) >= first.clock);
}

/// Runs a barrier with other knowledge. Returns the chain that it found, and whether the replica counts as checked.
async fn check_in(replica: &mut Replica, change: impl FnOnce(&mut Replica)) -> (Option<[u8; 32]>, bool) {
    let (beat, tip, answered_through) = (replica.beat, replica.tip, replica.answered_through);
    change(replica);
    let barrier = replica.barrier().await.unwrap();
    let checked = replica.is_checked().await;
    (replica.beat, replica.tip, replica.answered_through) = (beat.max(barrier.beat_before + 1), tip, answered_through);
    (barrier.chain_at_tip, checked)
}

#[tokio::test]
async fn a_replica_counts_as_checked_only_if_the_database_has_all_that_it_knows() {
    let database = Database::shared().await;
    let mut a = database.writing_replica("a").await;
    let first = a.append().await;
    let three = Append { tip: (4, next(&first.tip).1), ..a.next_append().await };
    assert!(three.run(&a.client).await.unwrap());
    let (head, _) = a.look().await;
    let chain = Some(first.tip.1);
    assert_eq!(check_in(&mut a, |_| ()).await, (chain, true), "all that it knows");
    assert_eq!(check_in(&mut a, |a| a.beat += 1).await, (chain, false), "a beat that is not there");
    assert_eq!(check_in(&mut a, |a| a.beat = 0).await, (chain, true), "it forgot its beat");
    assert_eq!(check_in(&mut a, |a| a.tip.1 = OTHER_CHAIN).await, (chain, false), "another record");
    assert_eq!(check_in(&mut a, |a| a.tip = ORIGIN).await, (Some(ORIGIN.1), true), "nothing in its copy");
    assert_eq!(check_in(&mut a, |a| a.tip = (0, OTHER_CHAIN)).await, (Some(ORIGIN.1), false), "no origin");
    assert_eq!(check_in(&mut a, |a| a.tip = three.tip).await, (Some(three.tip.1), true), "the head");
    assert_eq!(check_in(&mut a, |a| a.tip = (3, three.tip.1)).await, (None, false), "within a frame");
    assert_eq!(check_in(&mut a, |a| a.tip = (5, three.tip.1)).await, (None, false), "beyond the head");
    assert_eq!(check_in(&mut a, |a| a.answered_through = head.recorded_at).await, (chain, false), "a time");
    assert_eq!(check_in(&mut a, |a| (a.beat, a.tip) = (i64::MAX, ORIGIN)).await, (Some(ORIGIN.1), false), "a part");
    a.settle(head.recorded_at).await.unwrap();
    assert_eq!(check_in(&mut a, |a| a.answered_through = head.recorded_at).await, (chain, true), "a settled time");
    assert_eq!(check_in(&mut a, |a| (a.beat, a.tip.1) = (i64::MAX, OTHER_CHAIN)).await, (chain, true), "a part");
}

#[tokio::test]
async fn a_database_opens_once_every_replica_has_checked_it() {
    let database = Database::shared().await;
    let none = database.connect(WRITER).await;
    assert_eq!(state(&none.query_one("SELECT cpss_registry.open()", &[]).await), Some("CR002"));
    let (mut a, mut b) = (database.replica("a").await, database.replica("b").await);
    assert_eq!(a.open().await, ["a", "b"]);
    a.barrier().await.unwrap();
    assert_eq!(a.open().await, ["b"]);
    assert!(!a.barrier().await.unwrap().is_open);
    b.barrier().await.unwrap();
    assert_eq!(a.open().await, [""; 0]);
    assert!(b.barrier().await.unwrap().is_open);
    // One that joins later has nothing that could be missing.
    let c = database.replica("c").await;
    assert!(a.barrier().await.unwrap().is_open);
    assert_eq!(a.open().await, ["c"]);
    assert!(a.barrier().await.unwrap().is_open);
    let forget = database.owner().await.query_one("SELECT cpss_registry.forget($1)", &[&c.id]).await.unwrap();
    assert!(forget.get::<_, bool>(0));
    assert_eq!(a.open().await, [""; 0]);
}

#[tokio::test]
async fn settle_raises_the_time_and_needs_no_clock_for_what_is_recorded() {
    let database = Database::shared().await;
    let mut replica = database.writing_replica("a").await;
    let (_, clock) = replica.look().await;
    // The database's clock was ahead by 50 seconds once.
    assert!(replica.settle_again(clock + 50 * SECOND).await);
    replica.append().await;
    let (head, clock) = replica.look().await;
    assert!(head.recorded_at > clock + 30 * SECOND);
    assert_eq!(replica.settle(clock - SECOND).await, Some(head.clone()));
    assert_eq!(replica.settle(head.recorded_at + 10 * SECOND).await, None);
    let settled = replica.settle(head.recorded_at).await;
    assert_eq!(settled, Some(Head { answered_through: head.recorded_at, ..head.clone() }));
    assert_eq!(replica.settle(head.recorded_at - SECOND).await, settled);
    let at = head.recorded_at;
    assert!(!Append::one(head.tip, head.turn, at).run(&replica.client).await.unwrap());
    assert!(Append::one(head.tip, head.turn, at + MICROSECOND).run(&replica.client).await.unwrap());
}

#[tokio::test]
async fn settle_again_goes_at_most_a_minute_ahead_of_the_clock() {
    let database = Database::shared().await;
    let replica = database.replica("a").await;
    let (_, clock) = replica.look().await;
    assert!(!replica.settle_again(clock + 120 * SECOND).await);
    assert!(replica.settle_again(clock + 55 * SECOND).await);
    let raised = replica.look().await.0.answered_through;
    assert_eq!(raised, clock + 55 * SECOND);
    assert!(replica.settle_again(clock).await);
    assert_eq!(replica.look().await.0.answered_through, raised);
}

#[tokio::test]
async fn a_turn_makes_appends_fail_that_were_sent_before() {
    let database = Database::shared().await;
    let mut replica = database.writing_replica("a").await;
    let late = replica.next_append().await;
    let head = replica.turn().await;
    assert_eq!((head.turn, head.tip), (1, ORIGIN));
    assert!(!late.run(&replica.client).await.unwrap());
    assert!(Append { turn: 1, ..late }.run(&replica.client).await.unwrap());
    replica.tip = late.tip;
    assert_eq!(replica.turn().await, replica.barrier().await.unwrap().head);
}

#[tokio::test]
async fn a_locked_head_is_another_replicas_once_the_transaction_ends() {
    let database = Database::shared().await;
    let mut a = database.writing_replica("a").await;
    let b = database.replica("b").await;
    let late = b.next_append().await;
    let transaction = a.client.transaction().await.unwrap();
    let locked = Head::of(&transaction.query_one("SELECT * FROM cpss_registry.lock_head()", &[]).await.unwrap());
    b.client.batch_execute("SET lock_timeout = '200ms'").await.unwrap();
    assert_eq!(state(&late.run(&b.client).await), Some("55P03"));
    let own = Append::one(locked.tip, locked.turn, late.first_at);
    let (chain, zero) = (own.tip.1.as_slice(), own.after.1.as_slice());
    let append = "SELECT cpss_registry.append(0, $1, 1, $2, $3, $4, $4, 'frame')";
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] = [&zero, &chain, &own.turn, &own.first_at];
    assert!(transaction.query_one(append, &values).await.unwrap().get::<_, bool>(0));
    transaction.commit().await.unwrap();
    assert!(!late.run(&b.client).await.unwrap());
    assert_eq!(b.frames().await, [own.tip]);
}
