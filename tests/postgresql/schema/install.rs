//! Installing, and joining.

use std::sync::Arc;

use cpss_registry::store::log::postgresql::schema::{self, Installed, Joined, RegistryRow, SchemaError};
use uuid::Uuid;

use crate::database::{Database, KEY_ID, REGISTRY, WRITER, state};
use crate::server::Server;

#[tokio::test]
async fn a_second_installation_changes_nothing_and_another_registry_is_refused() {
    let database = Database::shared().await;
    let mut client = database.superuser().await;
    let mut replica = database.writing_replica("a").await;
    replica.append().await;
    assert_eq!(schema::install(&mut client, REGISTRY, &KEY_ID).await.unwrap(), Installed::AlreadyThere);
    assert_eq!(replica.frames().await.len(), 1);
    let found = schema::read_registry(&client).await.unwrap().unwrap();
    assert_eq!(found, RegistryRow { format: 1, registry: REGISTRY, request_key_id: KEY_ID, ..found });
    assert!(!found.log.is_nil());

    let other = schema::install(&mut client, Uuid::from_u128(1), &KEY_ID).await.unwrap_err();
    assert!(other.to_string().contains(&REGISTRY.to_string()), "{other}");
    assert!(matches!(other, SchemaError::OtherRegistry { registry: REGISTRY }), "{other:?}");
    let other = schema::install(&mut client, REGISTRY, &[8; 32]).await.unwrap_err();
    assert!(matches!(other, SchemaError::OtherKey), "{other:?}");
    client.batch_execute("UPDATE cpss_registry.registry SET format = 2").await.unwrap();
    let other = schema::install(&mut client, REGISTRY, &KEY_ID).await.unwrap_err();
    assert!(matches!(other, SchemaError::OtherFormat { format: 2 }), "{other:?}");
}

#[tokio::test]
async fn a_database_without_the_schema_contains_no_registry() {
    let server = Server::start();
    let client = server.superuser().await;
    assert_eq!(schema::read_registry(&client).await.unwrap(), None);
}

#[tokio::test]
async fn frames_are_compressed_by_lz4_where_the_server_has_it() {
    let database = Database::shared().await;
    let client = database.superuser().await;
    let version = "SELECT current_setting('server_version_num')::int";
    if client.query_one(version, &[]).await.unwrap().get::<_, i32>(0) < 140_000 {
        return;
    }
    let has_lz4 = "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'";
    let has_lz4 = client.query_one(has_lz4, &[]).await.unwrap().get::<_, bool>(0);
    let method = "SELECT attcompression FROM pg_attribute \
                  WHERE attrelid = 'cpss_registry.log'::regclass AND attname = 'frame'";
    let method = client.query_one(method, &[]).await.unwrap().get::<_, i8>(0);
    assert_eq!(method == b'l'.cast_signed(), has_lz4);
}

#[tokio::test]
async fn of_two_installations_at_once_one_installs() {
    let server = Server::start();
    let (mut one, mut two) = (server.superuser().await, server.superuser().await);
    let both = tokio::join!(schema::install(&mut one, REGISTRY, &KEY_ID), schema::install(&mut two, REGISTRY, &KEY_ID));
    let mut both = [both.0.unwrap(), both.1.unwrap()];
    both.sort_by_key(|installed| *installed == Installed::AlreadyThere);
    assert_eq!(both, [Installed::New, Installed::AlreadyThere]);
}

#[tokio::test]
async fn a_role_without_rights_learns_what_an_administrator_must_run() {
    let server = Server::start();
    server.create_login("example_installer", &[]).await;
    let mut installer = server.connect("example_installer", "postgres").await;
    let refused = schema::install(&mut installer, REGISTRY, &KEY_ID).await.unwrap_err();
    let SchemaError::Rights { statements } = &refused else { panic!("{refused:?}") };
    assert!(statements.iter().all(|statement| refused.to_string().contains(statement)), "{refused}");
    assert_eq!(
        *statements,
        [
            "CREATE ROLE cpss_owner NOLOGIN;",
            "CREATE ROLE cpss_replica NOLOGIN;",
            "CREATE ROLE cpss_reader NOLOGIN;",
            "GRANT cpss_owner TO example_installer;",
            "GRANT CREATE ON DATABASE postgres TO example_installer;",
        ]
    );
    server.superuser().await.batch_execute(&statements.join("\n")).await.unwrap();
    assert_eq!(schema::install(&mut installer, REGISTRY, &KEY_ID).await.unwrap(), Installed::New);
}

#[tokio::test]
async fn a_role_that_may_create_roles_needs_no_superuser_and_owns_nothing() {
    let server = Server::start();
    server.create_login("\"Example Installer\"", &[]).await;
    let grants = "ALTER ROLE \"Example Installer\" CREATEROLE; \
                  GRANT CREATE ON DATABASE postgres TO \"Example Installer\"";
    server.superuser().await.batch_execute(grants).await.unwrap();
    let mut installer = server.connect("Example Installer", "postgres").await;
    assert_eq!(schema::install(&mut installer, REGISTRY, &KEY_ID).await.unwrap(), Installed::New);
    let owners = "SELECT DISTINCT owner::regrole::text FROM ( \
                  SELECT relowner AS owner FROM pg_class WHERE relnamespace = 'cpss_registry'::regnamespace \
                  UNION SELECT proowner FROM pg_proc WHERE pronamespace = 'cpss_registry'::regnamespace \
                  UNION SELECT typowner FROM pg_type WHERE typnamespace = 'cpss_registry'::regnamespace \
                  UNION SELECT nspowner FROM pg_namespace WHERE nspname = 'cpss_registry') AS all_owners";
    let owners = installer.query(owners, &[]).await.unwrap();
    assert_eq!(owners.iter().map(|row| row.get(0)).collect::<Vec<&str>>(), ["cpss_owner"]);
    let owner = "SELECT rolsuper OR rolcanlogin FROM pg_roles WHERE rolname = 'cpss_owner'";
    assert!(!installer.query_one(owner, &[]).await.unwrap().get::<_, bool>(0));
    // Its functions need no right that a superuser alone has.
    server.create_login(WRITER, &["cpss_replica"]).await;
    let database = Database { server: Arc::new(server), name: "postgres".to_owned() };
    database.writing_replica("a").await.append().await;
}

#[tokio::test]
async fn roles_with_more_rights_than_they_may_have_are_refused() {
    let server = Server::start();
    let mut client = server.superuser().await;
    client.batch_execute("CREATE ROLE cpss_owner SUPERUSER").await.unwrap();
    let refused = schema::install(&mut client, REGISTRY, &KEY_ID).await.unwrap_err();
    assert!(matches!(&refused, SchemaError::TooManyRights { role } if role == "cpss_owner"), "{refused:?}");
    client
        .batch_execute("ALTER ROLE cpss_owner NOSUPERUSER; CREATE ROLE cpss_replica IN ROLE cpss_owner")
        .await
        .unwrap();
    let refused = schema::install(&mut client, REGISTRY, &KEY_ID).await.unwrap_err();
    assert!(matches!(&refused, SchemaError::TooManyRights { role } if role == "cpss_replica"), "{refused:?}");
    client.batch_execute("REVOKE cpss_owner FROM cpss_replica").await.unwrap();
    assert_eq!(schema::install(&mut client, REGISTRY, &KEY_ID).await.unwrap(), Installed::New);
}

#[tokio::test]
async fn a_replica_that_joins_again_keeps_what_the_database_knows_of_it() {
    let database = Database::shared().await;
    let mut replica = database.writing_replica("a").await;
    replica.append().await;
    replica.barrier().await.unwrap();
    assert_eq!(schema::join(&replica.client, "a", 3).await.unwrap(), Joined::AlreadyThere);
    assert!(replica.is_checked().await);
    let row = "SELECT beat, applied, semantics_max FROM cpss_registry.replica";
    let row = replica.client.query_one(row, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i32>(2)), (replica.beat, 1, 3));
    assert_eq!(schema::join(&replica.client, "b", 3).await.unwrap(), Joined::Added);
}

#[tokio::test]
async fn a_replica_that_was_forgotten_and_joins_with_its_directory_has_lost_nothing() {
    let database = Database::shared().await;
    let mut replica = database.writing_replica("a").await;
    replica.append().await;
    replica.barrier().await.unwrap();
    let forgotten = database.owner().await.query_one("SELECT cpss_registry.forget('a')", &[]).await.unwrap();
    assert!(forgotten.get::<_, bool>(0));
    assert_eq!(schema::join(&replica.client, "a", 1).await.unwrap(), Joined::Added);
    let known = replica.beat;
    assert!(replica.barrier().await.unwrap().beat_before >= known, "it would take this for a restored database");
    assert!(replica.is_checked().await);
}

#[tokio::test]
async fn an_id_that_is_none_and_a_release_that_is_too_old_are_refused() {
    let database = Database::shared().await;
    let client = database.connect(WRITER).await;
    for id in ["", ".a", "a b", "a\n", "ä", &"a".repeat(129)] {
        let refused = schema::join(&client, id, 1).await.unwrap_err();
        assert!(matches!(&refused, SchemaError::ReplicaId(refused) if refused == id), "{refused:?}");
    }
    schema::join(&client, "A-host_1.example", 1).await.unwrap();
    database.owner().await.batch_execute("UPDATE cpss_registry.head SET semantics = 2").await.unwrap();
    let refused = schema::join(&client, "b", 1).await.unwrap_err();
    assert!(matches!(refused, SchemaError::TooOld(_)), "{refused:?}");
    let refused = schema::join(&client, "A-host_1.example", 1).await.unwrap_err();
    assert!(matches!(refused, SchemaError::TooOld(_)), "{refused:?}");
    schema::join(&client, "b", 2).await.unwrap();
    let format = client.query_one("SELECT cpss_registry.join('c', 2, NULL)", &[]).await;
    assert_eq!(state(&format), Some("CR001"));
}
