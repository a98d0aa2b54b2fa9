//! The suite over PostgreSQL. It takes PostgreSQL's programs: `tests/postgresql/run.sh` runs it.

#[path = "../../../../tests/postgresql/server/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod server;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Runtime;
use uuid::Uuid;

use self::server::{HOST, PASSWORD, SUPERUSER, Server};
use super::replicas::{a_writer_among_others_locks_first, a_writer_with_an_old_head_follows};
use super::rigs::{ReplicaRig, Rig};
use super::*;
use crate::store::log::postgresql::{Durability, Password, Settings, SharedLog, engine, schema};
use crate::store::request_key_id;

const KEY: [u8; 32] = [7; 32];
const REGISTRY: Uuid = Uuid::from_u128(77);
const DATABASE: &str = "postgres";

#[expect(clippy::disallowed_methods, reason = "the database has the machine's clock")]
fn now() -> Timestamp {
    std::time::SystemTime::now().try_into().unwrap()
}

/// A replica with a copy in memory, and its own server.
struct Postgres {
    copy: MemoryEngine,
    shared: Arc<SharedLog>,
    /// Held, not read: it drives the sessions of the log.
    _database: Arc<Database>,
}

struct Database {
    server: Server,
    runtime: Runtime,
}

impl Database {
    fn start() -> Arc<Database> {
        let database = Database::of(Server::start());
        database.runtime.block_on(async {
            let mut client = database.server.connect(SUPERUSER, DATABASE).await;
            schema::install(&mut client, REGISTRY, &request_key_id(&KEY)).await.unwrap();
        });
        database
    }

    fn of(server: Server) -> Arc<Database> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Arc::new(Database { server, runtime })
    }

    /// A replica that joins now.
    fn join(self: &Arc<Database>, replica: &str) -> Postgres {
        self.runtime.block_on(async {
            self.server.create_login(replica, &["cpss_replica"]).await;
            let client = self.server.connect(SUPERUSER, DATABASE).await;
            schema::join(&client, replica, 1).await.unwrap();
        });
        self.replica(replica)
    }

    /// A replica with an empty copy.
    fn replica(self: &Arc<Database>, replica: &str) -> Postgres {
        let url = format!("postgresql://{replica}@{HOST}:{}/{DATABASE}", self.server.port());
        let (password, patience) = (Password::read_by(|| Ok(PASSWORD.to_owned())), Duration::from_secs(60));
        let ca = self.server.trusted();
        let settings =
            Settings::parse(&url, Some(password), ca.as_deref(), replica, Durability::Storage, patience).unwrap();
        let runtime = self.runtime.handle().clone();
        let shared = Arc::new(SharedLog { settings, registry: REGISTRY, request_key: KEY, runtime, now });
        Postgres { copy: MemoryEngine::default(), shared, _database: Arc::clone(self) }
    }
}

impl ReplicaRig for Postgres {
    fn empty() -> Postgres {
        Database::start().join("east")
    }

    fn copy(&self) -> &MemoryEngine {
        &self.copy
    }

    fn replica(&self) -> Box<dyn LogEngine> {
        let engine = engine(&self.shared, Box::new(self.copy.clone()), Timestamp::UNIX_EPOCH);
        Box::new(engine.timed_by(Arc::new(|| Duration::ZERO)))
    }
}

tests_of_a_replica!(
    #[ignore = "it takes PostgreSQL"]
    Postgres
);

#[test]
#[ignore = "it takes PostgreSQL"]
fn a_replica_with_an_old_head_follows() {
    let database = Database::start();
    let (ours, theirs) = (database.join("east"), database.join("west"));
    // Both have checked the database before one of them appends.
    let logs = [ours.engine().open().unwrap(), theirs.engine().open().unwrap()];
    a_writer_with_an_old_head_follows(logs);
}

#[test]
#[ignore = "it takes PostgreSQL"]
fn a_replica_among_others_locks_first() {
    let database = Database::start();
    let (ours, theirs) = (database.join("east"), database.join("west"));
    a_writer_among_others_locks_first([ours.engine().open().unwrap(), theirs.engine().open().unwrap()]);
}

#[test]
#[ignore = "it takes PostgreSQL"]
fn a_question_by_time_may_be_the_first_that_is_asked() {
    let replica = Postgres::new(1);
    let mut log = replica.engine().open().unwrap();
    assert_eq!(log.settle(Timestamp::from_second(7).unwrap()).unwrap(), Tip::ORIGIN);
    let far = now() + SignedDuration::from_mins(5);
    assert!(matches!(log.settle(far), Err(AppendError::ClockSkewed { by }) if by > SignedDuration::from_mins(4)));
}

#[test]
#[ignore = "it takes PostgreSQL"]
fn a_restored_database_is_noticed_after_a_restart_and_without_a_copy() {
    let (database, directory) = (Database::start(), tempfile::tempdir().unwrap());
    let remembered = directory.path().join("ACKNOWLEDGED");
    let open = |replica: &Postgres| {
        let engine = engine(&replica.shared, Box::new(replica.copy.clone()), Timestamp::UNIX_EPOCH);
        engine.remembering(directory.path()).open().unwrap()
    };
    let mut log = open(&database.join("east"));
    append(&mut *log, 1..3);
    let (mut backup, head) = (database.server.back_up(), log.tip().revision);
    append(&mut *log, 3..5);
    let (ours, kept) = (log.tip(), fs::read(&remembered).unwrap());
    log.close();
    assert_ne!(fs::read(&remembered).unwrap(), kept, "what was acknowledged last is stored on close");
    drop(log);
    let mut log = open(&database.replica("east"));
    assert_eq!(log.tip(), ours, "a copy that was lost is filled again");
    log.confirm(&ours).unwrap();
    drop(log);
    drop(database);
    backup.start_again();
    let restored = Database::of(backup);
    let mut log = open(&restored.replica("east"));
    let refused = log.confirm(&log.tip());
    // Without a copy there is nothing to compare.
    let expected = AppendError::Lost { ours: ours.revision, head, last_shared: Revision::ZERO };
    assert_eq!(refused.unwrap_err().to_string(), expected.to_string());
    let refused = log.append(&log.tip(), &batch(1, 1));
    assert!(matches!(refused, Err(AppendError::Lost { .. })), "{refused:?}");
}
