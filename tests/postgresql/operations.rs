//! What an administrator of the database and of the replicas is told, and the commands for them.

use std::time::{Duration, Instant};

use crate::fleet::{Fleet, INSTALLER, Replica, done, run, said};
use crate::harness::Process;
use crate::harness::requests::register_specialist;
use crate::harness::until;
use crate::server::PASSWORD;

/// Waits until the log of a replica has a line with an event and a text.
async fn logged(replica: &Replica, event: &str, text: &str) {
    let event = format!("event=\"{event}\"");
    until(text, async || replica.process.log().lines().any(|line| line.contains(&event) && line.contains(text))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_the_database_refuses_says_why_and_goes_on_once_it_is_let_in() {
    let fleet = Fleet::begin().await;
    fleet.start("a").process.stop();
    let client = fleet.server.superuser().await;
    client.batch_execute("ALTER ROLE cpss PASSWORD 'another'").await.unwrap();

    // With a copy it starts, and tries again. With nothing it ends.
    let a = fleet.start("a");
    logged(&a, "log_lost", "password authentication failed").await;
    logged(&a, "log_lost", "put the present password of the role into the file log.password_file").await;
    fleet.copy("b");
    let refused = fleet.refused("b");
    assert!(refused.contains("(28P01): put the present password"), "{refused}");

    // Another cause is logged at once.
    let (corrected, changed_at) = (format!("ALTER ROLE cpss PASSWORD '{PASSWORD}'"), Instant::now());
    client.batch_execute(&format!("{corrected}; REVOKE cpss_replica FROM cpss")).await.unwrap();
    logged(&a, "log_lost", "GRANT cpss_replica").await;
    assert!(changed_at.elapsed() < Duration::from_secs(50), "{:?}", changed_at.elapsed());
    let refused = fleet.refused("b");
    assert!(refused.contains("GRANT cpss_replica"), "{refused}");

    client.batch_execute("GRANT cpss_replica, cpss_owner TO cpss").await.unwrap();
    logged(&a, "log_connected", "reached again").await;
    let registrar = a.registrar();
    until("it records", async || registrar.call(register_specialist("Ada", "Example-Stone")).await.is_ok()).await;
    assert!(!a.process.log().contains("log_role_has_too_many_rights"));
    a.process.stop();
    let a = fleet.start("a");
    logged(&a, "log_role_has_too_many_rights", "it is or can become the owner of the log").await;
    a.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrected_password_file_is_read_without_a_restart() {
    let fleet = Fleet::begin().await;
    let a = fleet.start("a");
    let client = fleet.server.superuser().await;
    let password = fleet.password();
    std::fs::rename(&password, format!("{password}.away")).unwrap();
    let ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'cpss'";
    client.batch_execute(&format!("ALTER ROLE cpss PASSWORD 'another'; {ends}")).await.unwrap();
    logged(&a, "log_lost", "the password cannot be read: cannot read").await;
    std::fs::rename(format!("{password}.away"), &password).unwrap();
    logged(&a, "log_lost", "put the present password of the role into the file log.password_file").await;
    std::fs::write(&password, "another\n").unwrap();
    logged(&a, "log_connected", "reached again").await;
    let registrar = a.registrar();
    until("it records", async || registrar.call(register_specialist("Ada", "Example-Stone")).await.is_ok()).await;
    assert!(!a.process.log().contains("another\n"));
    a.process.stop();
}

/// Runs `replica forget` as the owner.
fn forget(fleet: &Fleet, id: &str, more: &[&str]) -> std::process::Output {
    let (config, owner, password) = (fleet.config("a"), fleet.url(INSTALLER), fleet.password());
    let owner = ["--log-owner-url", &owner, "--log-owner-password-file", &password, "--yes"];
    run(&[&["replica", "forget", id, "--config", &config], &owner[..], more].concat())
}

/// What `replica list` says of the replicas that are there.
fn listed(fleet: &Fleet) -> Vec<serde_json::Value> {
    let text = done(&["replica", "list", "--config", &fleet.config("a"), "--json"]);
    let list: serde_json::Value = serde_json::from_str(&text).unwrap();
    list["replicas"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_forgotten_ends_and_joins_again_by_hand_only() {
    let mut fleet = Fleet::begin().await;
    let (a, b) = (fleet.start("a"), fleet.add("b"));
    let recorded = b.registrar().report(register_specialist("Ada", "Example-Stone")).await;
    until("both have the record", async || listed(&fleet).iter().all(|row| row["applied"] == recorded.revision)).await;
    let rows = listed(&fleet);
    let ids: Vec<_> = rows.iter().map(|row| row["replica_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a", "b"]);
    assert!(rows.iter().all(|row| row["checked"] == true && row["seen_at"].is_string()), "{rows:?}");
    let table = done(&["replica", "list", "--config", &fleet.config("a")]);
    assert!(table.contains("last seen") && table.contains("s ago"), "{table}");
    let node = format!("the database answered at {}", fleet.nodes);
    assert!(table.contains(&node), "{table}");

    let unconfirmed =
        run(&["replica", "forget", "b", "--config", &fleet.config("a"), "--log-owner-url", "postgresql://x@y"]);
    assert_eq!(unconfirmed.status.code(), Some(2), "{}", said(&unconfirmed));
    assert!(said(&unconfirmed).contains("confirm with --yes"), "{}", said(&unconfirmed));
    let refused = forget(&fleet, "b", &[]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("the replica b is running"), "{}", said(&refused));
    assert_eq!(forget(&fleet, "c", &[]).status.code(), Some(3));
    let forgotten = forget(&fleet, "b", &["--even-if-it-runs"]);
    assert!(forgotten.status.success() && said(&forgotten).contains("b is forgotten"), "{}", said(&forgotten));
    let (status, text) = b.process.wait();
    assert_eq!(status.code(), Some(2), "{text}");
    assert!(text.contains("the replica b has not joined: run `cpss-registry join`"), "{text}");
    assert!(fleet.refused("b").contains("has not joined"));
    assert_eq!(listed(&fleet).len(), 1);

    // The database waits for it no longer.
    fleet.server.stop();
    fleet.server.start_again();
    let registrar = a.registrar();
    until("a records", async || registrar.call(register_specialist("Ida", "Example-Brook")).await.is_ok()).await;
    let joined = fleet.join("b");
    assert!(said(&joined).contains("b has joined"), "{}", said(&joined));
    let b = fleet.start("b");
    b.registrar().report(register_specialist("Eva", "Example-Hill")).await;
    b.process.stop();
    let gone = forget(&fleet, "b", &["--json"]);
    assert!(gone.status.success() && said(&gone).contains("\"replica_id\": \"b\""), "{}", said(&gone));
    a.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_with_one_name_the_later_one_ends() {
    let fleet = Fleet::begin().await;
    let a = fleet.start("a");
    fleet.copy("again");
    // A process that meets another one within 20 seconds of its start counts as the later one. So `a` runs for longer
    // first.
    tokio::time::sleep(Duration::from_secs(21)).await;
    let again = Process::serve(&["--config", &fleet.config("again")]);
    let (status, text) = again.wait();
    assert_eq!(status.code(), Some(2), "{text}");
    assert!(text.contains("event=\"replica_id_in_use\""), "{text}");
    assert!(
        text.contains("another process is the replica a: stop it, or give this one a name of its own: log.replica_id"),
        "{text}"
    );
    a.registrar().report(register_specialist("Ada", "Example-Stone")).await;
    a.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_forgotten_on_one_server_only_goes_on_until_that_is_durable() {
    let fleet = Fleet::begin().await;
    let a = fleet.start("a");
    let client = fleet.server.superuser().await;
    client.batch_execute("BEGIN; SELECT cpss_registry.forget('a')").await.unwrap();
    fleet.standby.freeze();
    let commit = tokio::spawn(async move { client.batch_execute("COMMIT").await });
    let other = fleet.server.superuser().await;
    let canceled = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity \
                    WHERE wait_event = 'SyncRep' AND usename = 'postgres' AND query = 'COMMIT'";
    until("the commit waits", async || !other.query(canceled, &[]).await.unwrap().is_empty()).await;
    commit.await.unwrap().unwrap();
    let row = other.query("SELECT FROM cpss_registry.replica", &[]).await.unwrap();
    assert!(row.is_empty(), "it is visible that it was forgotten");
    // Its write waits for the standby, and the row is looked for again and again.
    logged(&a, "log_trouble", "commits wait for a synchronous standby").await;
    assert!(a.lives());
    fleet.standby.thaw();
    let (status, text) = a.process.wait();
    assert_eq!(status.code(), Some(2), "{text}");
    assert!(text.contains("the replica a has not joined"), "{text}");
}
