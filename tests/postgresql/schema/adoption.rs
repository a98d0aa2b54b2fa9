//! Newer versions, and logs that are copied from a data directory.

use std::time::Duration;

use cpss_registry::store::log::postgresql::schema::{self, SchemaError};

use super::rules::only_by;
use crate::database::{Database, ORIGIN, WRITER, next, state};

/// What the log needs of a replica.
async fn needed(database: &Database) -> (i32, i32) {
    let head = "SELECT semantics, record_format FROM cpss_registry.head";
    let row = database.superuser().await.query_one(head, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

/// Who adopts something newer looks for replicas that do not know it. A replica that joins meanwhile waits.
#[tokio::test]
async fn an_old_release_does_not_join_while_the_log_becomes_newer() {
    let is_refused = async |database: &Database| {
        let (mut adopter, client) = (database.connect(WRITER).await, database.connect(WRITER).await);
        let adopting = adopter.transaction().await.unwrap();
        let waiting_for: Vec<String> =
            adopting.query_one("SELECT cpss_registry.adopt(2, 1)", &[]).await.unwrap().get(0);
        assert_eq!(waiting_for, [""; 0]);
        let join = tokio::spawn(async move { schema::join(&client, "old", 1).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        adopting.commit().await.unwrap();
        matches!(join.await.unwrap(), Err(SchemaError::TooOld(_)))
    };
    only_by("join", "FROM cpss_registry.head FOR UPDATE", "FROM cpss_registry.head", is_refused).await;
}

/// A replica that joins first is seen by who adopts something newer, although both ran at once.
#[tokio::test]
async fn who_adopts_something_newer_sees_a_replica_that_joined_first() {
    let is_seen = async |database: &Database| {
        let mut old = database.connect(WRITER).await;
        let adopter = database.connect(WRITER).await;
        let joining = old.transaction().await.unwrap();
        joining.batch_execute("SELECT cpss_registry.join('old', 1, 1)").await.unwrap();
        joining.batch_execute("SELECT * FROM cpss_registry.barrier('old', 0, 0, ''::bytea, now())").await.unwrap();
        let adopting = tokio::spawn(async move { schema::adopt(&adopter, 2).await.unwrap() });
        tokio::time::sleep(Duration::from_millis(300)).await;
        joining.commit().await.unwrap();
        adopting.await.unwrap() == ["old"] && needed(database).await == (0, 0)
    };
    only_by("adopt", "FROM cpss_registry.head FOR UPDATE", "FROM cpss_registry.head", is_seen).await;
}

#[tokio::test]
async fn versions_are_adopted_once_no_live_replica_is_older_and_never_go_back() {
    let database = Database::shared().await;
    let (mut old, client) = (database.replica("old").await, database.connect(WRITER).await);
    old.barrier().await.unwrap();
    assert_eq!(schema::adopt(&client, 2).await.unwrap(), ["old"]);
    assert_eq!((needed(&database).await.0, schema::adopted(&client).await.unwrap()), (0, 0));
    schema::join(&client, "old", 2).await.unwrap();
    assert_eq!(schema::adopt(&client, 2).await.unwrap(), [""; 0]);
    assert_eq!(schema::adopt(&client, 1).await.unwrap(), [""; 0]);
    assert_eq!(schema::adopted(&client).await.unwrap(), 2);
    assert_eq!(needed(&database).await.0, 2);
    // One that is silent for long does not hold the others up.
    let silent = "UPDATE cpss_registry.replica SET seen_at = clock_timestamp() - interval '11 seconds'";
    database.owner().await.batch_execute(silent).await.unwrap();
    assert_eq!(schema::adopt(&client, 3).await.unwrap(), [""; 0]);
    assert!(matches!(schema::join(&client, "old", 2).await, Err(SchemaError::TooOld(_))));
}

#[tokio::test]
async fn a_database_that_is_filled_from_elsewhere_is_not_opened_before_the_log_has_moved() {
    let stays_closed = async |database: &Database| {
        database.owner().await.batch_execute("UPDATE cpss_registry.head SET filling = true").await.unwrap();
        let mut replica = database.replica("a").await;
        replica.barrier().await.unwrap();
        state(&replica.client.query_one("SELECT cpss_registry.open()", &[]).await) == Some("CR004")
    };
    only_by("open", "(SELECT head.filling FROM cpss_registry.head)", "false", stays_closed).await;
    let database = Database::shared().await;
    assert!(stays_closed(&database).await && schema::is_filling(&database.superuser().await).await.unwrap());
    let client = database.connect(WRITER).await;
    let filled = "SELECT cpss_registry.filled($1, $2)";
    let other = next(&ORIGIN);
    let row = client.query_one(filled, &[&other.0, &other.1.as_slice()]).await.unwrap();
    assert!(!row.get::<_, bool>(0), "the log does not end there");
    let row = client.query_one(filled, &[&ORIGIN.0, &ORIGIN.1.as_slice()]).await.unwrap();
    assert!(row.get::<_, bool>(0) && !schema::is_filling(&client).await.unwrap());
    database.writing_replica("a").await.append().await;
    let again = "UPDATE cpss_registry.head SET filling = true";
    assert_eq!(state(&database.owner().await.batch_execute(again).await), Some("23001"), "it is in use");
}
