//! What the result of a statement means.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_standby_has_is_done_and_read_again() {
    let (server, standby) = two_servers().await;
    let (mut session, barrier) = open(east(&server, PATIENCE)).await;
    blocking(move || {
        let (turn, session) = (barrier.head.turn, &mut *session);
        for revision in 0..5 {
            let after = if revision == 0 { Tip::ORIGIN } else { tip(revision) };
            assert!(append(session, turn, after).unwrap());
        }
        assert!(!append(session, turn, tip(3)).unwrap(), "the head has moved");
        let read = session.frames(Revision(2), 1).unwrap();
        assert_eq!(read, [b"frame 3"], "at least one");
        assert_eq!(session.frames(Revision(2), 8).unwrap().len(), 2, "about as many bytes as asked for");
        assert_eq!(session.frames(Revision(2), 1 << 20).unwrap(), [b"frame 3", b"frame 4", b"frame 5"]);
        assert_eq!(session.frames(Revision(5), 1 << 20).unwrap(), Vec::<Vec<u8>>::new());
        let settled = session.settle(at(900)).unwrap().unwrap();
        assert_eq!((settled.tip, settled.recorded_at, settled.answered_through), (tip(5), at(5), at(900)));
        assert!(!append(session, turn, tip(5)).unwrap(), "a time was answered for");
        let far = clock::now() + SignedDuration::from_hours(1);
        assert_eq!(session.settle(far).unwrap(), None);
        assert!(!session.settle_again(far).unwrap() && session.settle_again(at(1000)).unwrap());
        let turned = session.turn().unwrap();
        assert_eq!((turned.turn, turned.answered_through), (turn + 1, at(1000)));
        let barrier = session.barrier(&known(tip(4))).unwrap().unwrap();
        assert_eq!((barrier.head, barrier.chain_at_tip), (turned, Some([4; 32])));
        let unknown = session.barrier(&known(tip(9))).unwrap().unwrap();
        assert_eq!((unknown.chain_at_tip, unknown.beat_before), (None, barrier.beat_before + 1));
    })
    .await;
    until("the standby shows what it has", async || shown(&standby).await.len() == 5).await;
}

/// Has the statement prepared that appends, so that what happens next happens to the statement itself.
async fn prepared(mut session: AnySession, barrier: &Barrier) -> AnySession {
    let turn = barrier.head.turn;
    blocking(move || {
        assert!(!append(&mut *session, turn, tip(7)).unwrap());
        session
    })
    .await
}

/// Appends while the standby hangs, and does something to the session that waits.
async fn doubtful(server: &Server, standby: &Server, to_process: &str) -> Result<bool, StatementError> {
    let (session, barrier) = open(east(server, PATIENCE)).await;
    let mut session = prepared(session, &barrier).await;
    standby.freeze();
    let appending = tokio::task::spawn_blocking(move || append(&mut *session, barrier.head.turn, Tip::ORIGIN));
    let process = waiting_process(server).await;
    let client = server.superuser().await;
    client.execute(&format!("SELECT {to_process}($1)"), &[&process]).await.unwrap();
    let result = appending.await.unwrap();
    assert_eq!(shown(server).await.len(), 1, "it is visible, and no standby has it");
    standby.thaw();
    result
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_was_canceled_is_unknown_although_the_server_reports_success() {
    let (server, standby) = two_servers().await;
    let result = doubtful(&server, &standby, "pg_cancel_backend").await;
    assert!(matches!(result, Err(StatementError::Unknown(_))), "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_arrives_whatever_the_defaults_of_the_role_are() {
    let (server, standby) = two_servers().await;
    let client = server.superuser().await;
    for default in ["client_min_messages = error", "synchronous_commit = local", "lock_timeout = 1"] {
        client.batch_execute(&format!("ALTER ROLE {EAST} SET {default}")).await.unwrap();
    }
    let result = doubtful(&server, &standby, "pg_cancel_backend").await;
    assert!(matches!(result, Err(StatementError::Unknown(_))), "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_terminated_is_unknown() {
    let (server, standby) = two_servers().await;
    let result = doubtful(&server, &standby, "pg_terminate_backend").await;
    assert!(matches!(result, Err(StatementError::Unknown(_))), "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_was_given_up_is_not_canceled() {
    let (server, standby) = two_servers().await;
    let (mut session, barrier) = open(east(&server, Duration::from_secs(20))).await;
    standby.freeze();
    let appending = tokio::task::spawn_blocking(move || append(&mut *session, barrier.head.turn, Tip::ORIGIN));
    waiting_process(&server).await;
    let result = appending.await.unwrap();
    let Err(StatementError::Silent(error)) = result else { panic!("{result:?}") };
    let text = chain_of(&*error);
    let node = format!("{HOST}:{}: commits wait for a synchronous standby, and none follows", server.port());
    assert!(text.starts_with(&node), "{text}");
    assert_eq!(shown(&server).await.len(), 0, "it still waits");
    standby.thaw();
    until("the statement is done in the end", async || shown(&server).await.len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_went_on_without_a_standby_is_unknown() {
    let (server, standby) = two_servers().await;
    let (mut session, barrier) = open(east(&server, PATIENCE)).await;
    standby.freeze();
    let appending = tokio::task::spawn_blocking(move || append(&mut *session, barrier.head.turn, Tip::ORIGIN));
    waiting_process(&server).await;
    server.set("synchronous_standby_names", "").await;
    let result = appending.await.unwrap();
    assert!(matches!(result, Err(StatementError::Unknown(_))), "{result:?}");
    assert_eq!(shown(&server).await.len(), 1, "it is visible, and no standby has it");
    standby.thaw();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_barrier_that_went_on_without_a_standby_confirms_nothing() {
    let (server, standby) = two_servers().await;
    let (mut session, _) = open(east(&server, PATIENCE)).await;
    standby.freeze();
    let asking = tokio::task::spawn_blocking(move || session.barrier(&known(Tip::ORIGIN)).map(drop));
    waiting_process(&server).await;
    server.set("synchronous_standby_names", "").await;
    let result = asking.await.unwrap();
    assert!(matches!(result, Err(StatementError::DurabilityReduced(_))), "{result:?}");
    standby.thaw();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_not_taken_for_one_that_waits() {
    let server = Server::start();
    install(&server).await;
    let replica = shared(settings(&[&server], Durability::Storage, Duration::from_secs(5)));
    let (session, barrier) = open(PostgresDatabase::new(Arc::new(replica))).await;
    let mut session = prepared(session, &barrier).await;
    server.freeze();
    let result = blocking(move || append(&mut *session, barrier.head.turn, Tip::ORIGIN)).await;
    let Err(StatementError::Silent(error)) = result else { panic!("{result:?}") };
    assert!(chain_of(&*error).contains("the database did not answer within 5s"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_is_not_sent_is_not_done() {
    let server = Server::start();
    install(&server).await;
    let replica = shared(settings(&[&server], Durability::Storage, PATIENCE));
    let (session, barrier) = open(PostgresDatabase::new(Arc::new(replica))).await;
    let mut session = prepared(session, &barrier).await;
    let client = server.superuser().await;
    let ended = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE usename = $1";
    client.execute(ended, &[&EAST]).await.unwrap();
    // The session takes a moment to notice.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let result = blocking(move || append(&mut *session, barrier.head.turn, Tip::ORIGIN)).await;
    assert!(matches!(result, Err(StatementError::NotDone(_))), "{result:?}");
    assert_eq!(shown(&server).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_is_not_done() {
    let server = Server::start();
    install(&server).await;
    let replica = shared(settings(&[&server], Durability::Storage, PATIENCE));
    let (mut session, barrier) = open(PostgresDatabase::new(Arc::new(replica))).await;
    let client = server.superuser().await;
    client.batch_execute("BEGIN; SELECT FROM cpss_registry.head FOR UPDATE").await.unwrap();
    let result = blocking(move || append(&mut *session, barrier.head.turn, Tip::ORIGIN)).await;
    assert!(matches!(result, Err(StatementError::NotDone(_))), "the lock was not given in time: {result:?}");
    client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(shown(&server).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_may_not_be_there_is_damage() {
    let server = Server::start();
    install(&server).await;
    let replica = shared(settings(&[&server], Durability::Storage, PATIENCE));
    let (mut session, barrier) = open(PostgresDatabase::new(Arc::new(replica))).await;
    let client = server.superuser().await;
    let stray = "ALTER TABLE cpss_registry.log DISABLE TRIGGER USER; \
                 INSERT INTO cpss_registry.log (first_revision, count, writer, first_at, last_at, chain, frame) \
                 VALUES (1, 1, 'x', to_timestamp(1), to_timestamp(1), sha256('x'), 'x'); \
                 ALTER TABLE cpss_registry.log ENABLE ALWAYS TRIGGER follows";
    client.batch_execute(stray).await.unwrap();
    let result = blocking(move || append(&mut *session, barrier.head.turn, Tip::ORIGIN)).await;
    assert!(matches!(result, Err(StatementError::Damaged(_))), "{result:?}");
}
