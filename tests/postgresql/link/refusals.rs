//! The servers that a replica refuses, and the sessions that it opens again.

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};

use cpss_registry::store::disk::RealDisk;
use cpss_registry::store::log::postgresql::engine;
use cpss_registry::store::log::replicated::Hearing;
use cpss_registry::store::log::{FileEngine, Form, LogEngine as _, LogOptions};

use super::*;

/// What connecting says.
async fn refusal(shared: SharedLog) -> String {
    let connected = blocking(move || PostgresDatabase::new(Arc::new(shared)).connect().map(drop)).await;
    match connected {
        Err(StatementError::NotDone(error)) => chain_of(&*error),
        other => panic!("{other:?}"),
    }
}

fn chain_of(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_standby_to_wait_for_is_refused() {
    let server = Server::start();
    install(&server).await;
    let standby = || shared(settings(&[&server], Durability::Standby, PATIENCE));
    assert!(refusal(standby()).await.contains("no commit waits for a standby"));
    server.set("synchronous_standby_names", "ANY 1 (second, third)").await;
    assert!(refusal(standby()).await.contains("begins with ANY"));
    server.set("synchronous_standby_names", "anywhere").await;
    // It has a name that only begins like the word. Nothing is written here, so nothing waits.
    assert!(settings(&[&server], Durability::Standby, PATIENCE).connect(clock::now).await.is_ok());
    server.set("synchronous_standby_names", "").await;
    assert!(settings(&[&server], Durability::Storage, PATIENCE).connect(clock::now).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_barrier_fails_once_no_standby_is_waited_for() {
    let (server, _standby) = two_servers().await;
    let (mut session, _) = open(east(&server, PATIENCE)).await;
    server.set("synchronous_standby_names", "").await;
    let result = blocking(move || session.barrier(&known(Tip::ORIGIN))).await;
    let Err(StatementError::NotDone(error)) = result else { panic!("{result:?}") };
    assert!(chain_of(&*error).contains("no commit waits for a standby"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_no_primary_and_the_primary_is_found_among_all_nodes() {
    let (server, standby) = two_servers().await;
    let alone = settings(&[&standby], Durability::Standby, PATIENCE).connect(clock::now).await.err().unwrap();
    assert!(matches!(alone, ConnectError::NotReached(_)) && !alone.is_refusal(), "{alone:?}");
    for _ in 0..8 {
        let both = settings(&[&standby, &server], Durability::Standby, PATIENCE);
        both.connect(clock::now).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_sync_is_refused() {
    let server = Server::start_with(&[("fsync", "off")]);
    install(&server).await;
    assert!(refusal(shared(settings(&[&server], Durability::Storage, PATIENCE))).await.contains("fsync"));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_registry_another_key_and_another_clock_are_refused() {
    let server = Server::start();
    let storage = || shared(settings(&[&server], Durability::Storage, PATIENCE));
    server.create_login(EAST, &[]).await;
    assert!(refusal(storage()).await.contains("no registry"));
    let client = server.superuser().await;
    client.batch_execute(&format!("DROP ROLE {EAST}")).await.unwrap();
    install(&server).await;
    let registry = Uuid::from_u128(78);
    assert!(refusal(SharedLog { registry, ..storage() }).await.contains(&REGISTRY.to_string()));
    assert!(refusal(SharedLog { request_key: [8; 32], ..storage() }).await.contains("request key"));
    let ahead = || clock::now() + SignedDuration::from_secs(90);
    assert!(refusal(SharedLog { now: ahead, ..storage() }).await.contains("clock"));
    let soon = || clock::now() + SignedDuration::from_secs(20);
    let connected = blocking({
        let shared = Arc::new(SharedLog { now: soon, ..storage() });
        move || PostgresDatabase::new(shared).connect().map(drop)
    });
    connected.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_in_no_error() {
    let server = Server::start();
    install(&server).await;
    let client = server.superuser().await;
    client.batch_execute(&format!("ALTER ROLE {EAST} PASSWORD 'another'")).await.unwrap();
    let settings = settings(&[&server], Durability::Storage, PATIENCE);
    let refused = settings.connect(clock::now).await.err().unwrap();
    let text = format!("{refused:?} {}", chain_of(&refused));
    assert!(text.contains("password authentication failed") && !text.contains(PASSWORD), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_connects_again_after_its_session_was_terminated() {
    let server = Server::start();
    install(&server).await;
    let replica = Arc::new(shared(settings(&[&server], Durability::Storage, PATIENCE)));
    let directory = tempfile::tempdir().unwrap();
    let files = FileEngine::new(Arc::new(RealDisk), directory.path(), LogOptions::default(), Form::Current);
    let heard = Arc::new(AtomicU32::new(0));
    let log = blocking({
        let heard = Arc::clone(&heard);
        move || {
            let mut log = engine(&replica, Box::new(files), Timestamp::UNIX_EPOCH).open().unwrap();
            log.on_news(Box::new(move || {
                heard.fetch_add(1, Ordering::Relaxed);
            }));
            log
        }
    })
    .await;
    let client = server.superuser().await;
    let (ours, others) = (Hearing::new(KEY), Hearing::new([8; 32]));
    let listening = "SELECT pid FROM pg_stat_activity WHERE usename = $1 AND query LIKE 'LISTEN%'";
    for _ in 0..2 {
        let before = heard.load(Ordering::Relaxed);
        until("what is announced is heard", async || {
            client.execute("SELECT pg_notify('cpss_registry', $1)", &[&ours.tell(&tip(1))]).await.unwrap();
            heard.load(Ordering::Relaxed) > before
        })
        .await;
        let process: i32 = client.query_one(listening, &[&EAST]).await.unwrap().get(0);
        client.execute("SELECT pg_terminate_backend($1, 60000)", &[&process]).await.unwrap();
    }
    let before = heard.load(Ordering::Relaxed);
    client.execute("SELECT pg_notify('cpss_registry', $1)", &[&others.tell(&tip(1))]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(heard.load(Ordering::Relaxed), before, "another key sealed it");
    blocking(move || drop(log)).await;
}
