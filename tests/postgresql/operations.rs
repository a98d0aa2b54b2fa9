//! What an administrator of the database and of the replicas is told, and the commands for them.

use std::time::{Duration, Instant};

use crate::fleet::{Fleet, Replica};
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
    logged(&a, "log_lost", "GRANT cpss_replica TO cpss").await;
    assert!(changed_at.elapsed() < Duration::from_secs(50), "{:?}", changed_at.elapsed());
    let refused = fleet.refused("b");
    assert!(refused.contains("GRANT cpss_replica TO cpss"), "{refused}");

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
