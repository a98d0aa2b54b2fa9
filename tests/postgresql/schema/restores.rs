//! A database that comes back as it was earlier. It stays closed until every replica has seen whether it lost
//! something.

use cpss_registry::store::log::postgresql::schema;

use super::restored::push;
use crate::database::{Append, Database, MICROSECOND, REGISTRY, Replica, try_out};

/// The incarnation.
async fn incarnation(database: &Database) -> Vec<u8> {
    database.superuser().await.query_one("SELECT cpss_registry.incarnation()", &[]).await.unwrap().get(0)
}

/// Two replicas that may write.
async fn two(database: &Database) -> (Replica, Replica) {
    let (mut a, mut b) = (database.replica("a").await, database.replica("b").await);
    a.barrier().await.unwrap();
    b.barrier().await.unwrap();
    assert_eq!(a.open().await, [""; 0]);
    (a, b)
}

#[tokio::test]
async fn a_backup_that_lacks_a_record_is_not_written_to_before_the_record_is_back() {
    let mut database = Database::alone().await;
    let (mut a, b) = two(&database).await;
    let mut backup = database.server.back_up();
    let first = a.append().await;
    database.server_mut().stop();
    backup.start_again();
    let restored = database.on(backup);

    // The other replica was away. For it nothing is missing, and yet it may not write.
    let mut b = b.connected_to(&restored).await;
    let stale = b.next_append().await;
    assert!(!stale.run(&b.client).await.unwrap());
    assert!(!b.barrier().await.unwrap().is_open);
    assert!(b.is_checked().await);
    assert_eq!(b.open().await, ["a"]);
    assert!(!stale.run(&b.client).await.unwrap());

    let mut a = a.connected_to(&restored).await;
    assert_eq!(a.barrier().await.unwrap().chain_at_tip, None);
    assert!(!a.is_checked().await);
    assert_eq!(a.open().await, ["a"]);

    assert!(push(&a.client, &[first]).await);
    assert_eq!(a.barrier().await.unwrap().chain_at_tip, Some(first.tip.1));
    assert_eq!(b.open().await, [""; 0]);
    assert!(!stale.run(&b.client).await.unwrap(), "another record is at its revision");
    assert_eq!(b.frames().await, [first.tip]);
    b.append().await;
}

#[tokio::test]
async fn a_backup_that_lacks_only_beats_is_noticed() {
    let mut database = Database::alone().await;
    let (mut a, mut b) = two(&database).await;
    let mut backup = database.server.back_up();
    a.barrier().await.unwrap();
    database.server_mut().stop();
    backup.start_again();
    let restored = database.on(backup);
    (a, b) = (a.connected_to(&restored).await, b.connected_to(&restored).await);
    b.barrier().await.unwrap();
    let known = a.beat;
    assert_eq!(a.barrier().await.unwrap().beat_before, known - 1);
    assert!(!a.is_checked().await);
    assert_eq!(b.open().await, ["a"]);
}

#[tokio::test]
async fn a_backup_that_lacks_an_answered_time_gets_it_back_before_it_opens() {
    let mut database = Database::alone().await;
    let (mut a, mut b) = two(&database).await;
    let mut backup = database.server.back_up();
    let (_, through) = a.look().await;
    a.settle(through).await.unwrap();
    database.server_mut().stop();
    backup.start_again();
    let restored = database.on(backup);
    (a, b) = (a.connected_to(&restored).await, b.connected_to(&restored).await);
    b.barrier().await.unwrap();
    let barrier = a.barrier().await.unwrap();
    assert!(barrier.chain_at_tip.is_some() && barrier.head.answered_through < through);
    assert_eq!(b.open().await, ["a"]);
    assert!(a.settle_again(through).await);
    a.barrier().await.unwrap();
    assert_eq!(b.open().await, [""; 0]);
    let append = b.next_append().await;
    assert!(!Append { first_at: through, last_at: through, ..append }.run(&b.client).await.unwrap());
    let at = through + MICROSECOND;
    assert!(Append { first_at: at, last_at: at, ..append }.run(&b.client).await.unwrap());
}

/// A server that starts from an old snapshot of its disk looks like one that starts after a crash. So the database is
/// closed after every start, until the replicas have compared it with what they know.
#[tokio::test]
async fn every_start_of_a_server_closes_the_database() {
    let mut database = Database::alone().await;
    let (mut a, mut b) = two(&database).await;
    a.append().await;
    for kill in [false, true] {
        let before = incarnation(&database).await;
        if kill {
            database.server_mut().kill();
        } else {
            database.server_mut().stop();
        }
        database.server_mut().start_again();
        assert_ne!(incarnation(&database).await, before);
        (a, b) = (a.connected_to(&database).await, b.connected_to(&database).await);
        let append = a.next_append().await;
        assert!(!append.run(&a.client).await.unwrap());
        a.barrier().await.unwrap();
        assert_eq!(a.open().await, ["b"]);
        b.barrier().await.unwrap();
        assert_eq!(a.open().await, [""; 0]);
        a.append().await;
    }
}

#[tokio::test]
async fn an_incarnation_is_the_same_in_every_session_until_the_head_is_in_another_file() {
    let database = Database::shared().await;
    let replica = database.writing_replica("a").await;
    let before = incarnation(&database).await;
    let own = "SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'SQL'; SET bytea_output = 'escape'";
    replica.client.batch_execute(own).await.unwrap();
    let seen = replica.client.query_one("SELECT cpss_registry.incarnation()", &[]).await.unwrap();
    assert_eq!(seen.get::<_, Vec<u8>>(0), before);
    database.superuser().await.batch_execute("VACUUM FULL cpss_registry.head").await.unwrap();
    assert_ne!(incarnation(&database).await, before);
    assert!(!replica.next_append().await.run(&replica.client).await.unwrap());
}

#[tokio::test]
async fn a_dump_is_restored_as_a_closed_database_with_all_its_protections() {
    let database = Database::alone().await;
    let (mut a, mut b) = two(&database).await;
    let first = a.append().await;
    b.settle(first.last_at).await.unwrap();
    database.server.superuser().await.batch_execute("CREATE DATABASE restored").await.unwrap();
    database.server.copy_database(&database.name, "restored");
    let second = a.append().await;
    let restored = Database { server: database.server.clone(), name: "restored".to_owned() };
    let registry = schema::read_registry(&restored.superuser().await).await.unwrap().unwrap();
    assert_eq!(registry.registry, REGISTRY);
    let mut b = b.connected_to(&restored).await;
    assert_eq!(b.frames().await, [first.tip]);
    assert!(!b.barrier().await.unwrap().is_open);
    assert_eq!(b.open().await, ["a"]);
    let mut owner = restored.owner().await;
    for statement in ["DELETE FROM cpss_registry.log", "UPDATE cpss_registry.head SET turn = -1"] {
        let refusal =
            try_out(&mut owner, &["SET LOCAL ROLE NONE", "SET LOCAL session_replication_role = replica", statement])
                .await;
        assert_eq!(refusal.as_deref(), Some("23001"), "{statement}");
    }
    assert!(push(&b.client, &[second]).await);
    let mut a = a.connected_to(&restored).await;
    a.barrier().await.unwrap();
    assert_eq!(a.open().await, [""; 0]);
    a.append().await;
}
