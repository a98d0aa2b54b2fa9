//! The servers that a replica refuses, and the sessions that it opens again.

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
        Err(StatementError::NotDone(error) | StatementError::DurabilityReduced(error)) => chain_of(&*error),
        Err(apart @ StatementError::ClocksApart { .. }) => apart.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_standby_to_wait_for_is_refused() {
    let server = Server::start();
    install(&server).await;
    let standby = || shared(settings(&[&server], Durability::Standby, PATIENCE));
    assert!(refusal(standby()).await.contains("no commit waits for a standby"));
    // The cause is the same while no further attempt is made.
    let causes = blocking({
        let mut database = PostgresDatabase::new(Arc::new(standby()));
        move || [(); 2].map(|()| database.connect().map(drop))
    });
    for cause in causes.await {
        assert!(matches!(cause, Err(StatementError::DurabilityReduced(_))), "{cause:?}");
    }
    server.set("synchronous_standby_names", "ANY 1 (second, third)").await;
    assert!(refusal(standby()).await.contains("begins with ANY"));
    for list in ["*", "FIRST 1 (*)", "1 (*)"] {
        server.set("synchronous_standby_names", list).await;
        let refused = settings(&[&server], Durability::Standby, PATIENCE).connect(clock::now).await.err().unwrap();
        // A failover manager sets this for a moment after a promotion.
        assert!(refused.to_string().contains("contains *") && !refused.is_refusal(), "{list}: {refused:?}");
    }
    assert!(refusal(standby()).await.contains("name the standbys"));
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
    let Err(StatementError::DurabilityReduced(error)) = result else { panic!("{result:?}") };
    assert!(chain_of(&*error).contains("no commit waits for a standby"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_no_primary_and_the_primary_is_found_among_all_nodes() {
    let (server, standby) = two_servers().await;
    let alone = settings(&[&standby], Durability::Standby, PATIENCE).connect(clock::now).await.err().unwrap();
    assert!(alone.to_string().contains("accepts no writes") && !alone.is_refusal(), "{alone:?}");
    assert!(alone.to_string().ends_with("in log.url, or promote a standby"), "{alone}");
    for _ in 0..8 {
        let both = settings(&[&standby, &server], Durability::Standby, PATIENCE);
        both.connect(clock::now).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_is_named_with_what_it_said() {
    let (server, mut standby) = two_servers().await;
    let settings = settings(&[&standby, &server], Durability::Standby, PATIENCE);
    let of_standby = format!("{HOST}:{}: accepts no writes", standby.port());
    server.set("synchronous_standby_names", "").await;
    for _ in 0..8 {
        let text = settings.connect(clock::now).await.err().unwrap().to_string();
        let of_server = format!("; {HOST}:{}: no commit waits", server.port());
        assert!(text.starts_with(&of_standby) && text.contains(&of_server), "in the order of the URL: {text}");
        assert!(!text.contains("promote"), "the primary is known: {text}");
    }
    standby.stop();
    let text = settings.connect(clock::now).await.err().unwrap().to_string();
    assert!(text.starts_with(&format!("{HOST}:{}: Connection refused", standby.port())), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hangs_leaves_time_for_the_others() {
    let (server, hanging) = (Server::start(), Server::start());
    install(&server).await;
    hanging.freeze();
    let ca = server.trusted();
    let parse = |servers: &[&Server]| {
        let patience = Duration::from_secs(8);
        Settings::parse(&url(servers), password(), ca.as_deref(), EAST, Durability::Storage, patience).unwrap()
    };
    for _ in 0..4 {
        parse(&[&hanging, &server]).connect(clock::now).await.unwrap();
    }
    let text = parse(&[&hanging]).connect(clock::now).await.err().unwrap().to_string();
    assert!(text.ends_with("no answer within 8s"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_refused_is_told_the_remedy_and_may_try_again() {
    let server = Server::start();
    install(&server).await;
    let client = server.superuser().await;
    let refused = async |statement: &str, remedy: &str| {
        client.batch_execute(statement).await.unwrap();
        let shared = shared(settings(&[&server], Durability::Storage, PATIENCE));
        let text = refusal(shared).await;
        assert!(text.contains(remedy), "{statement}: {text}");
    };
    refused(&format!("ALTER ROLE {EAST} PASSWORD 'another'"), "(28P01): put the present password").await;
    refused(&format!("ALTER ROLE {EAST} PASSWORD '{PASSWORD}' NOLOGIN"), "(28000): an administrator").await;
    refused(&format!("ALTER ROLE {EAST} LOGIN; REVOKE cpss_replica FROM {EAST}"), "(42501): GRANT cpss_replica").await;
    refused(&format!("GRANT cpss_reader TO {EAST}"), "GRANT cpss_replica TO east").await;
    let absent = url(&[&server]).replace("/postgres", "/absent");
    let settings = |url: &str| {
        let ca = server.trusted();
        Settings::parse(url, password(), ca.as_deref(), EAST, Durability::Storage, PATIENCE).unwrap()
    };
    let error = settings(&absent).connect(clock::now).await.err().unwrap();
    assert!(error.to_string().contains("(3D000): correct the name of the database"), "{error}");
    assert!(error.is_denial() && !error.is_refusal());
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_beyond_those_of_a_replica_are_found() {
    let server = Server::start();
    install(&server).await;
    let client = server.superuser().await;
    let excess = async || {
        let client = server.connect(EAST, DATABASE).await;
        schema::excess_rights(&client).await.unwrap().1
    };
    assert_eq!(excess().await, [""; 0]);
    for (grant, revoke, found) in [
        ("GRANT INSERT ON cpss_registry.log TO east", "REVOKE INSERT ON cpss_registry.log FROM east", "write"),
        ("GRANT cpss_owner TO east", "REVOKE cpss_owner FROM east", "owner"),
        ("ALTER ROLE east CREATEROLE", "ALTER ROLE east NOCREATEROLE", "create roles"),
        ("ALTER ROLE east SUPERUSER", "ALTER ROLE east NOSUPERUSER", "superuser"),
    ] {
        client.batch_execute(grant).await.unwrap();
        let rights = excess().await;
        assert!(rights.len() == 1 && rights[0].contains(found), "{grant}: {rights:?}");
        client.batch_execute(revoke).await.unwrap();
    }
    assert_eq!(excess().await, [""; 0]);
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
    let none = refusal(storage()).await;
    assert!(none.contains("the database has no registry"), "{none}");
    let client = server.superuser().await;
    client.batch_execute(&format!("DROP ROLE {EAST}")).await.unwrap();
    install(&server).await;
    let registry = Uuid::from_u128(78);
    assert!(refusal(SharedLog { registry, ..storage() }).await.contains(&REGISTRY.to_string()));
    assert!(refusal(SharedLog { request_key: [8; 32], ..storage() }).await.contains("request key"));
    let ahead = || clock::now() + SignedDuration::from_secs(90);
    let ahead = refusal(SharedLog { now: ahead, ..storage() }).await;
    assert!(ahead.contains("the clock of this machine is 1m") && ahead.contains("s ahead of the clock"), "{ahead}");
    let behind = || clock::now() - SignedDuration::from_secs(90);
    let behind = refusal(SharedLog { now: behind, ..storage() }).await;
    assert!(behind.contains("the clock of this machine is 1m") && behind.contains("s behind the clock"), "{behind}");
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
    let listening = "SELECT pid FROM pg_stat_activity WHERE usename = $1 AND query LIKE 'SELECT pg_notify%'";
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
