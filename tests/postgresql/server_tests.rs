//! The servers of the tests do what the tests rely on.

use std::time::Duration;

use crate::server::{SUPERUSER, Server, until};

#[tokio::test]
async fn what_is_committed_outlives_a_kill() {
    let mut server = Server::start();
    let client = server.superuser().await;
    client.batch_execute("CREATE TABLE t (a int); INSERT INTO t VALUES (7)").await.unwrap();
    server.kill();
    assert!(server.try_connect(SUPERUSER, "postgres").await.is_err());
    server.start_again();
    let client = server.superuser().await;
    assert_eq!(client.query_one("SELECT a FROM t", &[]).await.unwrap().get::<_, i32>(0), 7);
    let settings = "SELECT current_setting('fsync'), current_setting('full_page_writes'), ssl FROM pg_stat_ssl \
                    WHERE pid = pg_backend_pid()";
    let row = client.query_one(settings, &[]).await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1), row.get(2)), ("on", "on", true));
}

#[tokio::test]
async fn a_commit_waits_for_the_synchronous_standby_which_can_be_promoted() {
    let mut server = Server::start();
    let standby = server.start_synchronous_standby("second").await;
    let client = server.superuser().await;
    client.batch_execute("CREATE TABLE t (a int)").await.unwrap();
    standby.freeze();
    let mut commit = Box::pin(client.batch_execute("INSERT INTO t VALUES (7)"));
    let early = tokio::time::timeout(Duration::from_secs(1), &mut commit).await;
    assert!(early.is_err(), "it did not wait");
    standby.thaw();
    commit.await.unwrap();
    standby.promote().await;
    server.stop();
    let client = standby.superuser().await;
    client.batch_execute("INSERT INTO t VALUES (8)").await.unwrap();
    assert_eq!(client.query_one("SELECT sum(a)::int FROM t", &[]).await.unwrap().get::<_, i32>(0), 15);
}

#[tokio::test]
async fn a_backup_starts_with_the_data_of_its_time() {
    let server = Server::start();
    let client = server.superuser().await;
    client.batch_execute("CREATE TABLE t (a int)").await.unwrap();
    let mut backup = server.back_up();
    client.batch_execute("INSERT INTO t VALUES (7)").await.unwrap();
    backup.start_again();
    let client = backup.superuser().await;
    assert!(client.query("SELECT a FROM t", &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn nobody_gets_in_without_tls_or_with_another_password() {
    let server = Server::start();
    server.create_login("somebody", &[]).await;
    server.connect("somebody", "postgres").await;
    let open = server.url("somebody", "postgres").replace("require", "disable");
    assert!(tokio_postgres::connect(&open, tokio_postgres::NoTls).await.is_err());
    let client = server.superuser().await;
    client.batch_execute("ALTER ROLE somebody PASSWORD 'other'").await.unwrap();
    assert!(server.try_connect("somebody", "postgres").await.is_err());
}

#[tokio::test]
async fn a_server_ends_when_the_process_of_the_test_does() {
    let mut server = Server::start();
    assert!(server.is_running());
    server.abandon();
    until("the server ends", async || !server.is_running()).await;
    assert!(server.log().contains("immediate shutdown"), "{}", server.log());
}
