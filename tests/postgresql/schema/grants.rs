//! What each role can do. A replica can append, and do nothing else.

use std::collections::BTreeSet;

use tokio_postgres::Client;

use crate::database::{Database, NOBODY, READER, WRITER, try_out};

/// No right.
const DENIED: &str = "42501";

const FUNCTIONS: [&str; 13] = [
    "adopt",
    "append",
    "barrier",
    "begin_epoch",
    "filled",
    "incarnation",
    "join",
    "lock_head",
    "open",
    "push",
    "settle",
    "settle_again",
    "turn",
];

const TABLES: [&str; 4] = ["head", "log", "registry", "replica"];

/// The names in the schema that a role has a right to.
async fn granted(client: &Client, role: &str, names: &str, has: &str) -> BTreeSet<String> {
    let query = format!("SELECT name::text FROM ({names}) AS objects (id, name) WHERE {has}");
    client.query(&query, &[&role]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

const ALL_FUNCTIONS: &str = "SELECT oid, proname FROM pg_proc WHERE pronamespace = 'cpss_registry'::regnamespace";
const ALL_TABLES: &str =
    "SELECT oid, relname FROM pg_class WHERE relnamespace = 'cpss_registry'::regnamespace AND relkind <> 'i'";

#[tokio::test]
async fn each_role_has_exactly_its_rights() {
    let database = Database::shared().await;
    let client = database.superuser().await;
    let execute = "has_function_privilege($1, id, 'EXECUTE')";
    let read = "has_table_privilege($1, id, 'SELECT')";
    let change = "has_table_privilege($1, id, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') \
                  OR has_any_column_privilege($1, id, 'INSERT, UPDATE, REFERENCES')";
    let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    for (role, functions, tables) in
        [(WRITER, &FUNCTIONS[..], &TABLES[..]), (READER, &[], &TABLES[..]), (NOBODY, &[], &[])]
    {
        assert_eq!(granted(&client, role, ALL_FUNCTIONS, execute).await, of(functions), "{role}");
        assert_eq!(granted(&client, role, ALL_TABLES, read).await, of(tables), "{role}");
        assert_eq!(granted(&client, role, ALL_TABLES, change).await, BTreeSet::new(), "{role}");
        let schema = "SELECT has_schema_privilege($1, 'cpss_registry', 'USAGE'), \
                      has_schema_privilege($1, 'cpss_registry', 'CREATE')";
        let schema = client.query_one(schema, &[&role]).await.unwrap();
        assert_eq!((schema.get(0), schema.get(1)), (!tables.is_empty(), false), "{role}");
    }
}

/// Runs statements as a role, after others as the superuser.
async fn try_as(client: &mut Client, before: &[&str], role: &str, statement: &str) -> Option<String> {
    let role = format!("SET LOCAL SESSION AUTHORIZATION {role}");
    try_out(client, &[before, &[&role, statement]].concat()).await
}

#[tokio::test]
async fn a_replica_can_do_nothing_but_what_its_functions_do() {
    let database = Database::shared().await;
    let mut client = database.superuser().await;
    database.writing_replica("a").await.append().await;
    // The right that each lacks. With the right alone, it succeeds: nothing else would prevent it.
    for (right, statement) in [
        (
            "INSERT ON cpss_registry.replica",
            "INSERT INTO cpss_registry.replica (id, beat, semantics_max, record_max) VALUES ('b', 0, 9, 9)",
        ),
        ("UPDATE ON cpss_registry.replica", "UPDATE cpss_registry.replica SET beat = 0, checked = NULL"),
        ("DELETE ON cpss_registry.replica", "DELETE FROM cpss_registry.replica"),
        ("UPDATE ON cpss_registry.head", "UPDATE cpss_registry.head SET answered_through = '2099-01-01'"),
        ("UPDATE ON cpss_registry.head", "UPDATE cpss_registry.head SET opened = cpss_registry.incarnation()"),
        ("UPDATE ON cpss_registry.head", "UPDATE cpss_registry.head SET semantics = 99"),
        ("UPDATE ON cpss_registry.registry", "UPDATE cpss_registry.registry SET registry = gen_random_uuid()"),
        ("DELETE ON cpss_registry.registry", "DELETE FROM cpss_registry.registry"),
        ("EXECUTE ON FUNCTION cpss_registry.forget(text)", "SELECT cpss_registry.forget('a')"),
        ("CREATE ON SCHEMA cpss_registry", "CREATE TABLE cpss_registry.other (a int)"),
    ] {
        assert_eq!(try_as(&mut client, &[], WRITER, statement).await.as_deref(), Some(DENIED), "{statement}");
        let grant = format!("GRANT {right} TO cpss_replica");
        assert_eq!(try_as(&mut client, &[&grant], WRITER, statement).await, None, "with {right}: {statement}");
    }
    for statement in [
        "INSERT INTO cpss_registry.log SELECT first_revision + 1, count, writer, first_at, last_at, chain, frame \
         FROM cpss_registry.log",
        "DELETE FROM cpss_registry.log",
        "TRUNCATE cpss_registry.log",
        "UPDATE cpss_registry.log SET frame = 'other'",
        "SELECT frame FROM cpss_registry.log FOR UPDATE",
        "SELECT revision FROM cpss_registry.head FOR UPDATE",
        "LOCK cpss_registry.head IN ACCESS EXCLUSIVE MODE",
        "ALTER TABLE cpss_registry.log DISABLE TRIGGER ALL",
        "ALTER FUNCTION cpss_registry.open(interval) RESET ALL",
        "DROP SCHEMA cpss_registry CASCADE",
        "SET ROLE cpss_owner",
        "SET session_replication_role = replica",
    ] {
        assert_eq!(try_as(&mut client, &[], WRITER, statement).await.as_deref(), Some(DENIED), "{statement}");
    }
}

#[tokio::test]
async fn a_reader_can_only_read() {
    let database = Database::shared().await;
    let mut client = database.superuser().await;
    database.writing_replica("a").await.append().await;
    for table in TABLES {
        let read = format!("SELECT * FROM cpss_registry.{table}");
        assert_eq!(try_as(&mut client, &[], READER, &read).await, None, "{table}");
        assert_eq!(try_as(&mut client, &[], NOBODY, &read).await.as_deref(), Some(DENIED), "{table}");
    }
    for statement in [
        "SELECT cpss_registry.append(1, NULL, 2, NULL, 0, NULL, NULL, NULL)",
        "SELECT cpss_registry.barrier('a', 0, 0, NULL, NULL)",
        "SELECT cpss_registry.incarnation()",
        "SELECT cpss_registry.join('b', 1, 1)",
        "SELECT cpss_registry.lock_head()",
        "SELECT cpss_registry.open()",
        "SELECT cpss_registry.settle(now())",
        "SELECT cpss_registry.settle_again(now())",
        "SELECT cpss_registry.turn()",
        "SELECT cpss_registry.forget('a')",
        "SELECT cpss_registry.insist()",
    ] {
        for role in [READER, NOBODY] {
            assert_eq!(try_as(&mut client, &[], role, statement).await.as_deref(), Some(DENIED), "{role}: {statement}");
        }
    }
}

#[tokio::test]
async fn every_function_has_the_form_that_its_promises_need() {
    let database = Database::shared().await;
    let wrong = "SELECT p.proname::text FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang \
                 WHERE p.pronamespace = 'cpss_registry'::regnamespace AND NOT ( \
                 p.prosecdef AND p.provolatile = 'v' AND l.lanname = 'plpgsql' \
                 AND p.proconfig = '{\"search_path=pg_catalog, pg_temp\"}')";
    let client = database.superuser().await;
    assert!(client.query(wrong, &[]).await.unwrap().is_empty());
    client.batch_execute("ALTER FUNCTION cpss_registry.open(interval) STABLE").await.unwrap();
    assert_eq!(client.query(wrong, &[]).await.unwrap().len(), 1);
}

/// A type of the session, with the name of one of PostgreSQL's, that runs a function whenever a value gets the type.
const TRAP: &str = "
    CREATE FUNCTION pg_temp.trap(v pg_catalog.bytea) RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN PERFORM set_config('example.trapped', current_user::text, false); RETURN true; END $$;
    CREATE DOMAIN pg_temp.bytea AS pg_catalog.bytea CHECK (pg_temp.trap(VALUE));";

#[tokio::test]
async fn a_session_cannot_make_the_owner_run_its_code() {
    let database = Database::shared().await;
    let replica = database.writing_replica("a").await;
    let trapped = async || -> Option<String> {
        let client = database.connect(WRITER).await;
        client.batch_execute(TRAP).await.unwrap();
        client.batch_execute("SELECT cpss_registry.open()").await.unwrap();
        let user = client.query_one("SELECT current_setting('example.trapped', true)", &[]).await.unwrap();
        user.get::<_, Option<String>>(0).filter(|user| !user.is_empty())
    };
    assert_eq!(trapped().await, None);
    let search_first = "ALTER FUNCTION cpss_registry.open(interval) SET search_path = pg_catalog";
    database.owner().await.batch_execute(search_first).await.unwrap();
    assert_eq!(trapped().await.as_deref(), Some("cpss_owner"), "the trap does not work");
    drop(replica);
}
