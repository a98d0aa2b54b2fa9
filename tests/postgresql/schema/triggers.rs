//! What the owner cannot do either, and that nothing but its trigger stands in the way.

use tokio_postgres::Client;

use crate::database::{Database, try_out};

/// The SQLSTATE of what a trigger refuses.
const REFUSED: &str = "23001";

/// Moves the head to revision 2.
const MOVE: &str = "UPDATE cpss_registry.head SET revision = 2, chain = sha256('2'), \
                    recorded_at = recorded_at + interval '2 s'";

/// Adds the frame that belongs to it.
const ADD: &str = "INSERT INTO cpss_registry.log (first_revision, count, writer, first_at, last_at, chain, frame) \
                   SELECT 2, 1, 'w', recorded_at + interval '2 s', recorded_at + interval '2 s', sha256('2'), 'f' \
                   FROM (SELECT max(last_at) AS recorded_at FROM cpss_registry.log) AS l";

/// The owner is refused, and no longer once the trigger is gone.
async fn only_by(owner: &mut Client, trigger: &str, statements: &[&str]) {
    let refusal = try_out(owner, statements).await;
    assert_eq!(refusal.as_deref(), Some(REFUSED), "{statements:?}");
    // No setting of a session skips it. The superuser alone can set this one.
    let skipping = ["SET LOCAL ROLE NONE", "SET LOCAL session_replication_role = replica"];
    let refusal = try_out(owner, &[&skipping, statements].concat()).await;
    assert_eq!(refusal.as_deref(), Some(REFUSED), "{statements:?}");
    let drop = format!("DROP TRIGGER {trigger}");
    let refusal = try_out(owner, &[&[drop.as_str()], statements].concat()).await;
    assert_eq!(refusal, None, "without {trigger}, still: {statements:?}");
}

/// A database with a log of one record, and a session of its owner.
async fn one_record() -> (Database, Client) {
    let database = Database::shared().await;
    let mut replica = database.writing_replica("a").await;
    let appended = replica.append().await;
    replica.turn().await;
    replica.settle(appended.last_at).await.unwrap();
    let owner = database.owner().await;
    (database, owner)
}

#[tokio::test]
async fn no_frame_is_changed_or_removed() {
    let (_database, mut owner) = one_record().await;
    for statement in ["DELETE FROM cpss_registry.log", "TRUNCATE cpss_registry.log"] {
        only_by(&mut owner, "refuse ON cpss_registry.log", &[statement]).await;
    }
    for statement in
        ["UPDATE cpss_registry.log SET frame = 'other'", "UPDATE cpss_registry.log SET appended_at = now()"]
    {
        only_by(&mut owner, "redacts ON cpss_registry.log", &[statement]).await;
    }
}

#[tokio::test]
async fn the_head_and_the_replicas_are_not_removed() {
    let (_database, mut owner) = one_record().await;
    for statement in ["DELETE FROM cpss_registry.head", "TRUNCATE cpss_registry.head"] {
        only_by(&mut owner, "refuse ON cpss_registry.head", &[statement]).await;
    }
    only_by(&mut owner, "refuse ON cpss_registry.replica", &["TRUNCATE cpss_registry.replica"]).await;
    let second = try_out(&mut owner, &["INSERT INTO cpss_registry.head (one) VALUES (false)"]).await;
    assert_eq!(second.as_deref(), Some("23514"));
    let second = try_out(&mut owner, &["INSERT INTO cpss_registry.head (one) VALUES (true)"]).await;
    assert_eq!(second.as_deref(), Some("23505"));
}

#[tokio::test]
async fn the_head_never_goes_back() {
    let (_database, mut owner) = one_record().await;
    for set in [
        "turn = 0",
        "answered_through = answered_through - interval '1 us'",
        "semantics = -1",
        "record_format = -1",
        "chain = sha256('other')",
        "recorded_at = recorded_at - interval '1 us'",
        "recorded_at = recorded_at + interval '1 us'",
    ] {
        let statement = format!("UPDATE cpss_registry.head SET {set}");
        only_by(&mut owner, "goes_on ON cpss_registry.head", &[&statement]).await;
    }
    // Frame and head agree; the record is not later than what was answered.
    let early = [MOVE, ADD].map(|statement| statement.replace("interval '2 s'", "interval '0 s'"));
    only_by(&mut owner, "goes_on ON cpss_registry.head", &[&early[0], &early[1]]).await;
    let back = "UPDATE cpss_registry.head SET revision = 0, chain = decode(repeat('00', 32), 'hex')";
    let without = ["DROP TRIGGER has_frame ON cpss_registry.head", back];
    only_by(&mut owner, "goes_on ON cpss_registry.head", &without).await;
}

#[tokio::test]
async fn a_frame_begins_where_the_last_one_ends() {
    let (_database, mut owner) = one_record().await;
    for (first, count, revision) in [(3, 1, 3), (100, 1, 100), (1, 2, 2)] {
        let jump = MOVE.replace("revision = 2", &format!("revision = {revision}"));
        let add = ADD.replace("SELECT 2, 1", &format!("SELECT {first}, {count}"));
        let refusal = try_out(&mut owner, &[&jump, &add]).await;
        assert_eq!(refusal.as_deref(), Some(REFUSED), "{first} to {revision}");
        if first > 1 {
            only_by(&mut owner, "follows ON cpss_registry.log", &[&jump, &add]).await;
        }
    }
    assert_eq!(try_out(&mut owner, &[MOVE, ADD]).await, None);
    assert_eq!(try_out(&mut owner, &[ADD, MOVE]).await, None);
}

#[tokio::test]
async fn the_head_does_not_move_without_its_frame() {
    let (_database, mut owner) = one_record().await;
    only_by(&mut owner, "has_frame ON cpss_registry.head", &[MOVE]).await;
    for (of_frame, other) in [("sha256('2'), 'f'", "sha256('3'), 'f'"), ("2, 1", "2, 2"), ("'2 s', sha", "'3 s', sha")]
    {
        let add = ADD.replace(of_frame, other);
        assert_ne!(add, ADD);
        let without = ["DROP TRIGGER has_head ON cpss_registry.log", MOVE, &add];
        only_by(&mut owner, "has_frame ON cpss_registry.head", &without).await;
    }
}

#[tokio::test]
async fn no_frame_is_beyond_the_head() {
    let (_database, mut owner) = one_record().await;
    only_by(&mut owner, "has_head ON cpss_registry.log", &[ADD]).await;
    let longer = ADD.replace("2, 1", "2, 2");
    let without = ["DROP TRIGGER has_frame ON cpss_registry.head", MOVE, &longer];
    only_by(&mut owner, "has_head ON cpss_registry.log", &without).await;
}

#[tokio::test]
async fn a_violation_is_found_when_the_transaction_ends() {
    let (database, mut owner) = one_record().await;
    for statement in [MOVE, ADD] {
        let transaction = owner.transaction().await.unwrap();
        transaction.batch_execute(statement).await.unwrap();
        let refused = transaction.commit().await;
        assert_eq!(crate::database::state(&refused), Some(REFUSED), "{statement}");
    }
    let mut replica = database.replica("a").await;
    replica.append().await;
}
