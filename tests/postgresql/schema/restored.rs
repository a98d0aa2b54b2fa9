//! What is done with a restored database: frames are pushed, an epoch begins, and replicas are not waited for.

use std::time::Duration;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error};

use super::rules::only_by;
use crate::database::{Append, Database, MICROSECOND, OTHER_CHAIN, Replica, WRITER, next};

/// Pushes frames that follow each other.
pub(super) async fn push(client: &Client, frames: &[Append]) -> bool {
    try_to_push(client, frames).await.unwrap()
}

async fn try_to_push(client: &Client, frames: &[Append]) -> Result<bool, Error> {
    let first = frames[0];
    let revisions: Vec<_> = frames.iter().map(|frame| frame.tip.0).collect();
    let chains: Vec<_> = frames.iter().map(|frame| frame.tip.1.to_vec()).collect();
    let first_at: Vec<_> = frames.iter().map(|frame| frame.first_at).collect();
    let last_at: Vec<_> = frames.iter().map(|frame| frame.last_at).collect();
    let values: [&(dyn ToSql + Sync); 8] =
        [&first.after.0, &first.after.1.as_slice(), &first.turn, &revisions, &chains, &first_at, &last_at, &chains];
    let push = "SELECT cpss_registry.push($1, $2, $3, $4, $5, $6, $7, $8)";
    client.query_one(push, &values).await?.try_get(0)
}

async fn begin_epoch(client: &Client, append: &Append) -> bool {
    let (after, tip) = (append.after.1.as_slice(), append.tip.1.as_slice());
    let values: [&(dyn ToSql + Sync); 8] =
        [&append.after.0, &after, &append.tip.0, &tip, &append.turn, &append.first_at, &append.last_at, &tip];
    let begin = "SELECT cpss_registry.begin_epoch($1, $2, $3, $4, $5, $6, $7, $8)";
    client.query_one(begin, &values).await.unwrap().get(0)
}

/// Two frames, of one and of three records, after the head of a closed database.
async fn two_frames(replica: &Replica) -> [Append; 2] {
    let first = replica.next_append().await;
    let (at, last_at) = (first.last_at + MICROSECOND, first.last_at + 3 * MICROSECOND);
    let second = Append { after: first.tip, tip: (4, next(&first.tip).1), turn: first.turn, first_at: at, last_at };
    [first, second]
}

#[tokio::test]
async fn frames_are_pushed_only_while_the_database_is_closed() {
    let database = Database::shared().await;
    let mut a = database.replica("a").await;
    let frames = two_frames(&a).await;
    assert!(push(&a.client, &frames).await);
    assert!(!push(&a.client, &frames).await, "they are there");
    assert_eq!(a.frames().await, [frames[0].tip, frames[1].tip]);
    let (head, _) = a.look().await;
    assert_eq!((head.tip, head.recorded_at), (frames[1].tip, frames[1].last_at));
    let counts = "SELECT array_agg(count ORDER BY first_revision), array_agg(first_revision ORDER BY first_revision) \
                  FROM cpss_registry.log";
    let counts = a.client.query_one(counts, &[]).await.unwrap();
    assert_eq!((counts.get::<_, Vec<i32>>(0), counts.get::<_, Vec<i64>>(1)), (vec![1, 3], vec![1, 2]));
    a.tip = head.tip;
    a.barrier().await.unwrap();
    assert_eq!(a.open().await, [""; 0]);
    let good = a.next_append().await;
    assert!(!push(&a.client, &[good]).await, "the database is open");
    assert!(good.run(&a.client).await.unwrap());
}

#[tokio::test]
async fn nothing_is_pushed_that_does_not_follow_the_head_or_an_answer() {
    let database = Database::shared().await;
    let a = database.replica("a").await;
    let frames = two_frames(&a).await;
    assert!(push(&a.client, &frames).await);
    let good = a.next_append().await;
    let (head, clock) = a.look().await;
    for (why, bad) in [
        ("another chain", Append { after: (4, OTHER_CHAIN), ..good }),
        ("another turn", Append { turn: good.turn + 1, ..good }),
        ("a time before the last record", Append { first_at: head.recorded_at, ..good }),
    ] {
        assert!(!push(&a.client, &[bad]).await, "{why}");
    }
    assert!(a.settle_again(clock).await, "an answer that was given");
    let early = Append { first_at: clock, last_at: clock, ..good };
    assert!(!push(&a.client, &[early]).await);
    // Nothing asks a clock: what was recorded is dated as it was.
    let at = clock + Duration::from_secs(3600);
    assert!(push(&a.client, &[Append { first_at: at, last_at: at, ..good }]).await);
}

#[tokio::test]
async fn without_its_conditions_a_push_or_an_epoch_would_replace_what_holds() {
    let is_refused_when_open = async |database: &Database| {
        let mut a = database.writing_replica("a").await;
        a.append().await;
        matches!(try_to_push(&a.client, &[a.next_append().await]).await, Ok(false))
    };
    only_by("push", "head.opened IS DISTINCT FROM present", "true", is_refused_when_open).await;
    let is_refused_after_an_answer = async |database: &Database| {
        let a = database.replica("a").await;
        let append = a.next_append().await;
        assert!(a.settle_again(append.first_at).await);
        matches!(try_to_push(&a.client, &[append]).await, Ok(false))
    };
    only_by("push", "head.answered_through < push.first_at[1]", "true", is_refused_after_an_answer).await;
    let waits_for_all = async |database: &Database| {
        let (mut a, _b) = (database.replica("a").await, database.replica("b").await);
        a.barrier().await.unwrap();
        !begin_epoch(&a.client, &a.next_append().await).await
    };
    only_by("begin_epoch", "replica.heard IS DISTINCT FROM present", "false", waits_for_all).await;
    let begins_after_an_answer = async |database: &Database| {
        let mut a = database.replica("a").await;
        let append = a.next_append().await;
        (a.tip, a.answered_through) = ((7, OTHER_CHAIN), append.first_at);
        a.barrier().await.unwrap();
        !begin_epoch(&a.client, &append).await && begin_epoch(&a.client, &a.next_append().await).await
    };
    let answered = "replica.answered_through >= begin_epoch.first_at";
    only_by("begin_epoch", answered, "false", begins_after_an_answer).await;
    let noted = "greatest(replica.answered_through, barrier.answered_through)";
    only_by("barrier", noted, "replica.answered_through", begins_after_an_answer).await;
    let is_held_by_one_that_knows_more = async |database: &Database| {
        let (mut a, mut c) = (database.replica("a").await, database.replica("c").await);
        c.tip = (7, OTHER_CHAIN);
        a.barrier().await.unwrap();
        c.barrier().await.unwrap();
        let open = "SELECT FROM cpss_registry.open('0 s')";
        a.client.execute(open, &[]).await.unwrap();
        !a.barrier().await.unwrap().is_open
    };
    only_by("open", "NOT is_over OR replica.heard = present", "NOT is_over", is_held_by_one_that_knows_more).await;
}

#[tokio::test]
async fn an_epoch_begins_only_after_every_replica_was_heard_from() {
    let database = Database::shared().await;
    let mut a = database.replica("a").await;
    let mut b = database.replica("b").await;
    let unheard = "SELECT id FROM cpss_registry.replica WHERE heard IS DISTINCT FROM cpss_registry.incarnation()";
    a.barrier().await.unwrap();
    let first = a.next_append().await;
    assert!(!begin_epoch(&a.client, &first).await, "b was not heard from");
    b.beat = i64::MAX;
    b.barrier().await.unwrap();
    assert_eq!(a.client.query(unheard, &[]).await.unwrap().len(), 1, "it compared only a part");
    (b.beat, b.tip) = (0, (7, OTHER_CHAIN));
    b.barrier().await.unwrap();
    assert!(!b.is_checked().await, "it knows more");
    assert!(begin_epoch(&a.client, &first).await);
    assert!(!begin_epoch(&a.client, &first).await, "the head is another one");
    (b.tip, a.tip) = (first.tip, first.tip);
    a.barrier().await.unwrap();
    b.barrier().await.unwrap();
    assert_eq!(a.open().await, [""; 0]);
    let second = a.next_append().await;
    assert!(begin_epoch(&a.client, &second).await, "the database is open");
}

#[tokio::test]
async fn a_replica_that_is_not_heard_from_is_passed_over_in_time() {
    let database = Database::shared().await;
    let mut a = database.replica("a").await;
    let (_b, mut c) = (database.replica("b").await, database.replica("c").await);
    a.barrier().await.unwrap();
    c.tip = (7, OTHER_CHAIN);
    c.barrier().await.unwrap();
    let caller = database.connect(WRITER).await;
    let roll_call = async |patience: &str| {
        let open = format!("SELECT waiting_for, passed_over FROM cpss_registry.open({patience})");
        let row = caller.query_one(&open, &[]).await.unwrap();
        (row.get::<_, Vec<String>>(0), row.get::<_, Vec<String>>(1))
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(roll_call("'10 s'").await, (names(&["b", "c"]), names(&[])));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(roll_call("NULL").await, (names(&["b", "c"]), names(&[])), "it waits for ever");
    assert_eq!(roll_call("'10 s'").await, (names(&["b", "c"]), names(&[])), "not yet");
    let over = (names(&["c"]), names(&["b"]));
    assert_eq!(roll_call("'1 ms'").await, over, "one that knows more is always waited for");
    assert!(!a.barrier().await.unwrap().is_open);
    c.tip = a.tip;
    c.barrier().await.unwrap();
    assert_eq!(roll_call("'1 ms'").await, (names(&[]), names(&["b"])));
    assert!(c.barrier().await.unwrap().is_open);
}
