//! A database with the schema, and replicas that run its functions.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use cpss_registry::store::log::postgresql::schema::{self, Installed};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row};
use uuid::Uuid;

use crate::server::{SUPERUSER, Server};

/// The registry of every database.
pub const REGISTRY: Uuid = Uuid::from_u128(0x7e57_0000_0000_4000_8000_0000_0000_0001);

/// The digest of its request key.
pub const KEY_ID: [u8; 32] = [7; 32];

/// The roles that log in: a member of `cpss_replica`, a member of `cpss_reader`, and one that is a member of nothing.
pub const WRITER: &str = "example_writer";
pub const READER: &str = "example_reader";
pub const NOBODY: &str = "example_nobody";

/// A chain that is no record's.
pub const OTHER_CHAIN: [u8; 32] = [9; 32];

/// A revision and the chain up to it.
pub type Tip = (i64, [u8; 32]);

/// The tip before the first record.
pub const ORIGIN: Tip = (0, [0; 32]);

pub const MICROSECOND: Duration = Duration::from_micros(1);

/// The tip after one more record.
pub fn next(after: &Tip) -> Tip {
    (after.0 + 1, Sha256::digest([&after.1[..], b"record"].concat()).into())
}

/// A database with the schema.
pub struct Database {
    pub server: Arc<Server>,
    pub name: String,
}

impl Database {
    /// Installs the schema in a database of its own, on a server that other tests use at the same time.
    pub async fn shared() -> Database {
        static RUNNING: Mutex<Weak<Server>> = Mutex::const_new(Weak::new());
        // Held to the end: roles belong to the whole server, so only one installation can create them.
        let mut running = RUNNING.lock().await;
        let server = match running.upgrade() {
            Some(server) => server,
            None => Arc::new(Server::start()),
        };
        *running = Arc::downgrade(&server);
        let name = format!("log_{}", Uuid::new_v4().simple());
        server.superuser().await.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        Database { server, name }.installed().await
    }

    /// Installs the schema on a server that is this test's alone.
    pub async fn alone() -> Database {
        Database { server: Arc::new(Server::start()), name: "postgres".to_owned() }.installed().await
    }

    async fn installed(self) -> Database {
        let installed = schema::install(&mut self.superuser().await, REGISTRY, &KEY_ID).await.unwrap();
        assert_eq!(installed, Installed::New);
        let known = self.server.superuser().await.query("SELECT FROM pg_roles WHERE rolname = $1", &[&WRITER]).await;
        if known.unwrap().is_empty() {
            self.server.create_login(WRITER, &["cpss_replica"]).await;
            self.server.create_login(READER, &["cpss_reader"]).await;
            self.server.create_login(NOBODY, &[]).await;
        }
        self
    }

    /// The same database on another server, such as a restored backup.
    pub fn on(&self, server: Server) -> Database {
        Database { server: Arc::new(server), name: self.name.clone() }
    }

    /// The server, if nothing else uses it.
    pub fn server_mut(&mut self) -> &mut Server {
        Arc::get_mut(&mut self.server).expect("a server of this test alone")
    }

    /// Opens a session of a role.
    pub async fn connect(&self, role: &str) -> Client {
        self.server.connect(role, &self.name).await
    }

    /// Opens a session of the superuser.
    pub async fn superuser(&self) -> Client {
        self.connect(SUPERUSER).await
    }

    /// Opens a session with the rights of the schema's owner.
    pub async fn owner(&self) -> Client {
        let client = self.superuser().await;
        client.batch_execute("SET ROLE cpss_owner").await.unwrap();
        client
    }

    /// Replaces a part of a function, to take a protection out.
    pub async fn change(&self, function: &str, part: &str, other: &str) {
        let owner = self.owner().await;
        let definition = "SELECT pg_get_functiondef(oid) FROM pg_proc \
                          WHERE pronamespace = 'cpss_registry'::regnamespace AND proname = $1";
        let definition: String = owner.query_one(definition, &[&function]).await.unwrap().get(0);
        assert!(definition.contains(part), "{function} has no {part}: {definition}");
        owner.batch_execute(&definition.replace(part, other)).await.unwrap();
    }

    /// Connects a replica that knows nothing yet. It joins.
    pub async fn replica(&self, id: &str) -> Replica {
        let client = self.connect(WRITER).await;
        schema::join(&client, id, 1).await.unwrap();
        Replica { id: id.to_owned(), client, beat: 0, tip: ORIGIN, answered_through: SystemTime::UNIX_EPOCH }
    }

    /// Like [`Database::replica`], in a database that it may write to.
    pub async fn writing_replica(&self, id: &str) -> Replica {
        let mut replica = self.replica(id).await;
        replica.barrier().await.expect("it has joined");
        assert_eq!(replica.open().await, [""; 0]);
        replica
    }
}

/// A replica: a session, and what it knows.
pub struct Replica {
    pub id: String,
    pub client: Client,
    /// The greatest beat that was acknowledged.
    pub beat: i64,
    /// The last record that it has.
    pub tip: Tip,
    /// The greatest time that it answered through.
    pub answered_through: SystemTime,
}

/// The head, as a function returns it.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    pub tip: Tip,
    pub turn: i64,
    pub recorded_at: SystemTime,
    pub answered_through: SystemTime,
}

impl Head {
    pub fn of(row: &Row) -> Head {
        Head {
            tip: (row.get("head_revision"), chain(row.get("head_chain"))),
            turn: row.get("turn"),
            recorded_at: row.get("recorded_at"),
            answered_through: row.get("head_answered_through"),
        }
    }
}

/// What a barrier returns.
#[derive(Clone, Debug)]
pub struct Barrier {
    pub beat_before: i64,
    pub chain_at_tip: Option<[u8; 32]>,
    pub is_open: bool,
    pub clock: SystemTime,
    pub head: Head,
}

/// An append, as it is sent.
#[derive(Clone, Copy, Debug)]
pub struct Append {
    pub after: Tip,
    pub tip: Tip,
    pub turn: i64,
    pub first_at: SystemTime,
    pub last_at: SystemTime,
}

impl Append {
    /// A frame of one record.
    pub fn one(after: Tip, turn: i64, at: SystemTime) -> Append {
        Append { after, tip: next(&after), turn, first_at: at, last_at: at }
    }

    /// Runs the append in a session. The frame's bytes are its chain.
    pub async fn run(&self, client: &Client) -> Result<bool, Error> {
        let (after, tip) = (self.after.1.as_slice(), self.tip.1.as_slice());
        let values: [&(dyn ToSql + Sync); 8] =
            [&self.after.0, &after, &self.tip.0, &tip, &self.turn, &self.first_at, &self.last_at, &tip];
        let append = "SELECT cpss_registry.append($1, $2, $3, $4, $5, $6, $7, $8)";
        Ok(client.query_one(append, &values).await?.get(0))
    }
}

impl Replica {
    /// The same replica, in another session.
    pub async fn connected_to(&self, database: &Database) -> Replica {
        let (id, client) = (self.id.clone(), database.connect(WRITER).await);
        Replica { id, client, ..*self }
    }

    /// Runs a barrier. If it touched a row, the beat is acknowledged.
    pub async fn barrier(&mut self) -> Option<Barrier> {
        let barrier = "SELECT * FROM cpss_registry.barrier($1, $2, $3, $4, $5)";
        let chain_sent = self.tip.1.as_slice();
        let values: [&(dyn ToSql + Sync); 5] = [&self.id, &self.beat, &self.tip.0, &chain_sent, &self.answered_through];
        let row = self.client.query_opt(barrier, &values).await.unwrap()?;
        let beat_before: i64 = row.get("beat_before");
        self.beat = self.beat.max(beat_before + 1);
        Some(Barrier {
            beat_before,
            chain_at_tip: row.get::<_, Option<&[u8]>>("chain_at_tip").map(chain),
            is_open: row.get("is_open"),
            clock: row.get("clock"),
            head: Head::of(&row),
        })
    }

    /// Tries to open the database. Returns the replicas that it waits for.
    pub async fn open(&self) -> Vec<String> {
        self.client.query_one("SELECT waiting_for FROM cpss_registry.open()", &[]).await.unwrap().get(0)
    }

    /// The head and the clock, by a plain read.
    pub async fn look(&self) -> (Head, SystemTime) {
        let head = "SELECT revision AS head_revision, chain AS head_chain, turn, recorded_at, \
                    answered_through AS head_answered_through, clock_timestamp() AS clock FROM cpss_registry.head";
        let row = self.client.query_one(head, &[]).await.unwrap();
        (Head::of(&row), row.get("clock"))
    }

    /// An append of one record to the head, that follows all its rules.
    pub async fn next_append(&self) -> Append {
        let (head, clock) = self.look().await;
        let at = clock.max(head.recorded_at.max(head.answered_through) + MICROSECOND);
        Append::one(head.tip, head.turn, at)
    }

    /// Appends one record.
    pub async fn append(&mut self) -> Append {
        let append = self.next_append().await;
        assert!(append.run(&self.client).await.unwrap(), "{append:?}");
        self.tip = append.tip;
        append
    }

    /// Raises the time that was answered through. `None`: no row.
    pub async fn settle(&mut self, through: SystemTime) -> Option<Head> {
        let settled = self.client.query_opt("SELECT * FROM cpss_registry.settle($1)", &[&through]).await.unwrap();
        settled.as_ref().inspect(|_| self.answered_through = self.answered_through.max(through)).map(Head::of)
    }

    /// Puts a time back that was answered through.
    pub async fn settle_again(&self, through: SystemTime) -> bool {
        self.client.query_one("SELECT cpss_registry.settle_again($1)", &[&through]).await.unwrap().get(0)
    }

    /// Raises the turn.
    pub async fn turn(&self) -> Head {
        Head::of(&self.client.query_one("SELECT * FROM cpss_registry.turn()", &[]).await.unwrap())
    }

    /// The revision and the chain at the end of each frame.
    pub async fn frames(&self) -> Vec<Tip> {
        let frames = "SELECT first_revision + count - 1, chain FROM cpss_registry.log ORDER BY first_revision";
        let rows = self.client.query(frames, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), chain(row.get(1)))).collect()
    }

    /// True if the database has noted that this replica checked its present incarnation.
    pub async fn is_checked(&self) -> bool {
        let checked = "SELECT checked IS NOT DISTINCT FROM cpss_registry.incarnation() FROM cpss_registry.replica \
                       WHERE id = $1";
        self.client.query_one(checked, &[&self.id]).await.unwrap().get(0)
    }
}

pub fn chain(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().unwrap()
}

/// The SQLSTATE of what a statement was refused with.
pub fn state<T>(result: &Result<T, Error>) -> Option<&str> {
    result.as_ref().err().map(|error| error.code().unwrap_or_else(|| panic!("not the server: {error}")).code())
}

/// Runs statements in a transaction, with all that is checked at its end, and rolls it back. Returns the SQLSTATE of
/// the statement that was refused, if one was.
pub async fn try_out(client: &mut Client, statements: &[&str]) -> Option<String> {
    let transaction = client.transaction().await.unwrap();
    for statement in [statements, &["SET CONSTRAINTS ALL IMMEDIATE"]].concat() {
        let result = transaction.batch_execute(statement).await;
        if let Some(refusal) = state(&result) {
            return Some(refusal.to_owned());
        }
    }
    transaction.rollback().await.unwrap();
    None
}
