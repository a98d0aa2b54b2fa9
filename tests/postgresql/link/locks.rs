//! What happens while a session has locked the head.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn who_locks_the_head_reads_what_is_there_and_appends_before_others() {
    let (server, _standby) = two_servers().await;
    let (mut ours, barrier) = open(east(&server, PATIENCE)).await;
    let (mut theirs, turn) = (east(&server, PATIENCE), barrier.head.turn);
    blocking(move || {
        let (ours, mut theirs) = (&mut *ours, theirs.connect().unwrap());
        let theirs = &mut *theirs;
        assert!(append(theirs, turn, Tip::ORIGIN).unwrap());
        let (head, frames) = ours.lock(Revision::ZERO, 1 << 20).unwrap();
        assert_eq!((head.tip, head.turn, frames), (tip(1), turn, vec![b"frame 1".to_vec()]));
        let waits = std::thread::scope(|scope| {
            let late = scope.spawn(|| append(theirs, turn, tip(1)));
            std::thread::sleep(Duration::from_millis(200));
            let waits = !late.is_finished();
            assert!(append(ours, turn, tip(1)).unwrap());
            assert!(!late.join().unwrap().unwrap(), "the head has moved");
            waits
        });
        assert!(waits, "the head is locked");
        // The transaction has ended: what comes next is by itself.
        assert!(append(theirs, turn, tip(2)).unwrap());
        // One that is given up, or whose session ends, keeps nobody from appending.
        ours.lock(Revision(3), 1).unwrap();
        ours.unlock().unwrap();
        assert!(append(ours, turn, tip(3)).unwrap() && append(theirs, turn, tip(4)).unwrap());
        // A barrier ends it, too.
        ours.lock(Revision(5), 1).unwrap();
        assert_eq!(ours.barrier(&known(tip(5))).unwrap().unwrap().head.tip, tip(5));
        assert!(append(theirs, turn, tip(5)).unwrap());
        ours.lock(Revision(6), 1).unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_or_does_nothing_unlocks_the_head() {
    let (server, _standby) = two_servers().await;
    let (mut ours, barrier) = open(east(&server, PATIENCE)).await;
    let turn = barrier.head.turn;
    let mut databases = [east(&server, PATIENCE), east(&server, PATIENCE)];
    blocking(move || {
        ours.lock(Revision::ZERO, 1).unwrap();
        drop(ours);
        let [mut idle, mut other] = databases.each_mut().map(|database| database.connect().unwrap());
        idle.lock(Revision::ZERO, 1).unwrap();
        assert!(append(&mut *other, turn, Tip::ORIGIN).unwrap(), "the server ends a transaction that is idle");
        let late = append(&mut *idle, turn, tip(1));
        assert!(matches!(late, Err(StatementError::Unknown(_) | StatementError::NotDone(_))), "{late:?}");
    })
    .await;
    assert_eq!(shown(&server).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_held_for_long_is_named_as_the_cause() {
    let (server, _standby) = two_servers().await;
    let (mut ours, barrier) = open(east(&server, PATIENCE)).await;
    let client = server.connect(SUPERUSER, DATABASE).await;
    client.batch_execute("BEGIN; SELECT FROM cpss_registry.head FOR UPDATE").await.unwrap();
    let late = blocking(move || append(&mut *ours, barrier.head.turn, Tip::ORIGIN)).await;
    let Err(StatementError::NotDone(error)) = late else { panic!("{late:?}") };
    assert!(chain_of(&*error).contains("another session holds the head of the log for long"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_a_lock_that_was_canceled_is_unknown() {
    let (server, standby) = two_servers().await;
    let (mut session, barrier) = open(east(&server, PATIENCE)).await;
    let turn = barrier.head.turn;
    let mut session = blocking(move || {
        assert!(append(&mut *session, turn, Tip::ORIGIN).unwrap());
        session.lock(Revision(1), 1).unwrap();
        session
    })
    .await;
    standby.freeze();
    let appending = tokio::task::spawn_blocking(move || append(&mut *session, turn, tip(1)));
    let process = waiting_process(&server).await;
    server.superuser().await.execute("SELECT pg_cancel_backend($1)", &[&process]).await.unwrap();
    let result = appending.await.unwrap();
    assert!(matches!(result, Err(StatementError::Unknown(_))), "{result:?}");
    assert_eq!(shown(&server).await.len(), 2, "it is visible, and no standby has it");
    standby.thaw();
}
