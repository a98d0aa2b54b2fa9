//! Statements that wait for a standby, and what other sessions see meanwhile.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Error};

use crate::database::{Append, Database, Replica, WRITER, next, state};
use crate::server::{Server, until};

/// How long a statement is watched that must not end.
const A_WHILE: Duration = Duration::from_millis(700);

/// A database whose commits wait for a standby.
async fn with_standby() -> (Database, Server) {
    let database = Database::alone().await;
    let standby = database.server.start_synchronous_standby("second").await;
    (database, standby)
}

/// Sends an append in a session of its own, and waits until its commit waits for the standby.
async fn append_that_waits(database: &Database, append: Append) -> JoinHandle<Result<bool, Error>> {
    let client = database.connect(WRITER).await;
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let sent = tokio::spawn(async move { append.run(&client).await });
    let superuser = database.superuser().await;
    let waits = "SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep'";
    until("the append waits", async || !superuser.query(waits, &[&pid]).await.unwrap().is_empty()).await;
    sent
}

/// Runs a function of the schema while the standby hangs. Returns true if it waits for it.
async fn waits(database: &Database, standby: &Server, call: &str) -> bool {
    let client = database.connect(WRITER).await;
    standby.freeze();
    let query = format!("SELECT cpss_registry.{call}");
    let mut query = Box::pin(client.query(&query, &[]));
    let waited = tokio::time::timeout(A_WHILE, &mut query).await.is_err();
    standby.thaw();
    if waited {
        query.await.unwrap();
    }
    waited
}

/// What a session or a default of its role says does not count.
#[tokio::test]
async fn every_function_that_writes_waits_for_the_standby_whatever_the_session_says() {
    let (database, standby) = with_standby().await;
    let mut replica = database.writing_replica("a").await;
    let mut superuser = database.superuser().await;
    for level in ["local", "off", "remote_write"] {
        let alter = format!("ALTER ROLE {WRITER} SET synchronous_commit = {level}");
        superuser.batch_execute(&alter).await.unwrap();
        let Append { after, tip, turn, .. } = replica.next_append().await;
        let hex = |chain: [u8; 32]| chain.map(|byte| format!("{byte:02x}")).concat();
        let append = format!(
            "append({}, '\\x{}', {}, '\\x{}', {turn}, clock_timestamp(), clock_timestamp(), 'frame')",
            after.0,
            hex(after.1),
            tip.0,
            hex(tip.1)
        );
        let calls = [
            &append,
            "barrier('a', 0, 0, decode(repeat('00', 32), 'hex'), to_timestamp(0))",
            "settle(clock_timestamp())",
            "settle_again(clock_timestamp())",
            "turn()",
            "open()",
        ];
        // A commit that only waits for the standby's memory waits for a standby that hangs, too.
        for call in calls {
            assert!(waits(&database, &standby, call).await, "{level}: {call}");
        }
        replica.tip = tip;
        replica.barrier().await.unwrap();
    }
    let transaction = superuser.transaction().await.unwrap();
    transaction
        .batch_execute("SET LOCAL synchronous_commit = remote_apply; SELECT cpss_registry.turn()")
        .await
        .unwrap();
    let level = transaction.query_one("SELECT current_setting('synchronous_commit')", &[]).await.unwrap();
    assert_eq!(level.get::<_, &str>(0), "remote_apply");
    drop(transaction);
    let alter = format!("ALTER ROLE {WRITER} SET synchronous_commit = local");
    superuser.batch_execute(&alter).await.unwrap();
    database.change("insist", "'on', true", "current_setting('synchronous_commit'), true").await;
    assert!(!waits(&database, &standby, "turn()").await, "the session would wait anyway");
}

/// Sends an append in a session that wants no messages, and cancels it while it waits for the standby: the statement,
/// or the commit of a transaction that locked the head first. Returns the messages.
async fn notices_of_a_cancelled_append(
    database: &Database,
    standby: &Server,
    append: Append,
    locks: bool,
) -> Vec<String> {
    let (client, mut messages) = database.server.connect_hearing(WRITER, &database.name).await;
    client.batch_execute("SET client_min_messages = error").await.unwrap();
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let superuser = database.superuser().await;
    standby.freeze();
    let cancel = async {
        let waits = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep'";
        until("the append waits", async || !superuser.query(waits, &[&pid]).await.unwrap().is_empty()).await;
    };
    let write = async {
        if locks {
            client.batch_execute("BEGIN; SELECT cpss_registry.lock_head()").await.unwrap();
            assert!(append.run(&client).await.unwrap());
            client.batch_execute("COMMIT").await.unwrap();
        } else {
            assert!(append.run(&client).await.unwrap(), "it succeeds, and is not on the standby");
        }
    };
    tokio::join!(write, cancel);
    let is_visible =
        superuser.query("SELECT FROM cpss_registry.log WHERE chain = $1", &[&append.tip.1.as_slice()]).await;
    assert_eq!(is_visible.unwrap().len(), 1);
    standby.thaw();
    let mut states = Vec::new();
    while let Ok(message) = messages.try_recv() {
        if let AsyncMessage::Notice(notice) = message {
            states.push(notice.code().code().to_owned());
        }
    }
    states
}

#[tokio::test]
async fn a_commit_that_was_not_waited_for_is_reported_whatever_the_session_says() {
    let (database, standby) = with_standby().await;
    let replica = database.writing_replica("a").await;
    for locks in [false, true] {
        let append = replica.next_append().await;
        assert_eq!(notices_of_a_cancelled_append(&database, &standby, append, locks).await, ["01000"]);
    }
    database.change("insist", "'warning', true", "'error', true").await;
    for locks in [false, true] {
        let append = replica.next_append().await;
        assert_eq!(notices_of_a_cancelled_append(&database, &standby, append, locks).await, [""; 0]);
    }
}

/// A condition that is false before the wait is not waited for. So a time ahead of the clock is refused at once.
#[tokio::test]
async fn a_time_ahead_of_the_clock_is_refused_while_an_append_waits() {
    let (database, standby) = with_standby().await;
    let mut replica = database.writing_replica("a").await;
    let (append, (_, clock)) = (replica.next_append().await, replica.look().await);
    standby.freeze();
    let sent = append_that_waits(&database, append).await;
    let ahead = clock + Duration::from_secs(600);
    assert_eq!(replica.settle(ahead).await, None);
    {
        let mut settle = Box::pin(replica.settle(clock));
        assert!(tokio::time::timeout(A_WHILE, &mut settle).await.is_err());
        standby.thaw();
        assert_eq!(settle.await.unwrap().tip, append.tip);
    }
    assert!(sent.await.unwrap().unwrap());
}

/// The client of an append has gone, and the append goes on. After a turn, the frame is there or will never be.
#[tokio::test]
async fn a_turn_waits_for_an_append_whose_client_has_gone() {
    let (database, standby) = with_standby().await;
    let replica = database.writing_replica("a").await;
    let other = replica.connected_to(&database).await;
    let append = replica.next_append().await;
    standby.freeze();
    let sent = append_that_waits(&database, append).await;
    sent.abort();
    assert_eq!(replica.frames().await, [], "it is not visible yet");
    let mut turn = Box::pin(other.turn());
    assert!(tokio::time::timeout(A_WHILE, &mut turn).await.is_err(), "it must not end before the append does");
    standby.thaw();
    let head = turn.await;
    assert_eq!(head.tip, append.tip);
    // In a later statement of the same session.
    assert_eq!(other.frames().await, [append.tip]);
}

/// Why the frames are read in a later statement: one that waited sees the new head, and the frames of before.
#[tokio::test]
async fn a_statement_that_waited_for_the_head_does_not_see_its_frame() {
    let (database, standby) = with_standby().await;
    let replica = database.writing_replica("a").await;
    let append = replica.next_append().await;
    standby.freeze();
    let sent = append_that_waits(&database, append).await;
    let owner = database.owner().await;
    let torn = "UPDATE cpss_registry.head SET turn = turn + 1 \
                RETURNING revision, (SELECT log.chain FROM cpss_registry.log WHERE first_revision = head.revision)";
    let torn = tokio::spawn(async move { owner.query_one(torn, &[]).await.unwrap() });
    tokio::time::sleep(A_WHILE).await;
    standby.thaw();
    assert!(sent.await.unwrap().unwrap());
    let row = torn.await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, Option<&[u8]>>(1)), (1, None));
}

/// The loser of a revision waits for the winner, and then touches no row.
#[tokio::test]
async fn an_append_that_waited_for_another_touches_no_row() {
    let (database, standby) = with_standby().await;
    let replica = database.writing_replica("a").await;
    let append = replica.next_append().await;
    standby.freeze();
    let winner = append_that_waits(&database, append).await;
    let mut loser = Box::pin(append.run(&replica.client));
    assert!(tokio::time::timeout(A_WHILE, &mut loser).await.is_err());
    standby.thaw();
    assert!(winner.await.unwrap().unwrap());
    assert!(!loser.await.unwrap());
}

/// While an append waits, a session that sets a limit gives up, and has surely done nothing.
#[tokio::test]
async fn a_session_with_a_limit_gives_up_waiting_for_the_head() {
    let (database, standby) = with_standby().await;
    let replica = database.writing_replica("a").await;
    let append = replica.next_append().await;
    standby.freeze();
    let sent = append_that_waits(&database, append).await;
    replica.client.batch_execute("SET lock_timeout = '200ms'").await.unwrap();
    let turn = replica.client.query("SELECT * FROM cpss_registry.turn()", &[]).await;
    assert_eq!(state(&turn), Some("55P03"));
    standby.thaw();
    assert!(sent.await.unwrap().unwrap());
    assert_eq!(replica.look().await.0.turn, 0);
}

/// Statements that wrote nothing wait for nothing, even at a primary that was replaced. So they prove nothing.
#[tokio::test]
async fn only_a_statement_that_wrote_tells_that_a_primary_was_replaced() {
    let (database, standby) = with_standby().await;
    let (mut a, mut b) = (database.writing_replica("a").await, database.replica("b").await);
    let first = a.append().await;
    standby.promote().await;
    let other = database.on(standby);
    let mut a_there: Replica = a.connected_to(&other).await;
    let mut b_there: Replica = b.connected_to(&other).await;
    // It is another incarnation: it opens once both have checked it.
    assert!(!a_there.barrier().await.unwrap().is_open);
    assert_eq!(a_there.open().await, ["b"]);
    b_there.barrier().await.unwrap();
    assert_eq!(a_there.open().await, [""; 0]);
    let second = a_there.append().await;
    assert_eq!(second.tip, next(&first.tip));

    // The old primary shows the past to a plain read, and to a statement without a row.
    assert_eq!(b.look().await.0.tip, first.tip);
    let ahead = b.look().await.1 + Duration::from_secs(30);
    assert_eq!(b.settle(ahead).await, None);
    b.id = "nobody".to_owned();
    assert!(b.barrier().await.is_none());
    b.id = "b".to_owned();
    assert!(tokio::time::timeout(A_WHILE, b.barrier()).await.is_err(), "no standby has it");
    assert_eq!(b_there.barrier().await.unwrap().head.tip, second.tip);
}
