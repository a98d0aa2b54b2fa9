//! The sessions of a replica: what it may believe of a statement's result, and which servers it refuses.

mod locks;
mod outcomes;
mod plans;
mod poolers;
mod refusals;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use cpss_registry::domain::id::Revision;
use cpss_registry::registry::clock;
use cpss_registry::store::log::postgresql::{
    Durability, Password, PostgresDatabase, Refusal, Settings, SharedLog, schema,
};
use cpss_registry::store::log::replicated::statements::{
    Append, Barrier, Database as _, Known, ReplicaSession, RollCall, StatementError,
};
use cpss_registry::store::record::Tip;
use cpss_registry::store::request_key_id;
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::server::{HOST, PASSWORD, SUPERUSER, Server, until};

const KEY: [u8; 32] = [7; 32];
const REGISTRY: Uuid = Uuid::from_u128(77);
const DATABASE: &str = "postgres";
const EAST: &str = "east";

/// Longer than a statement takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Installs the log, with a replica that may log in.
async fn install(server: &Server) {
    let mut client = server.connect(SUPERUSER, DATABASE).await;
    schema::install(&mut client, REGISTRY, &request_key_id(&KEY)).await.unwrap();
    server.create_login(EAST, &["cpss_replica"]).await;
    schema::join(&client, EAST, 1).await.unwrap();
}

/// A server with a synchronous standby, and the log.
async fn two_servers() -> (Server, Server) {
    let server = Server::start();
    let standby = server.start_synchronous_standby("second").await;
    install(&server).await;
    (server, standby)
}

fn url(servers: &[&Server]) -> String {
    let hosts: Vec<_> = servers.iter().map(|server| format!("{HOST}:{}", server.port())).collect();
    format!("postgresql://{EAST}@{}/{DATABASE}", hosts.join(","))
}

fn password() -> Option<Password> {
    Some(Password::read_by(|| Ok(PASSWORD.to_owned())))
}

fn settings(servers: &[&Server], durability: Durability, patience: Duration) -> Settings {
    let ca = servers[0].trusted();
    Settings::parse(&url(servers), password(), ca.as_deref(), EAST, durability, patience).unwrap()
}

fn shared(settings: Settings) -> SharedLog {
    let (registry, request_key, runtime) = (REGISTRY, KEY, Handle::current());
    SharedLog { settings, registry, request_key, runtime, now: clock::now }
}

/// A replica that waits for the standby.
fn east(server: &Server, patience: Duration) -> PostgresDatabase {
    PostgresDatabase::new(Arc::new(shared(settings(&[server], Durability::Standby, patience))))
}

/// Runs what blocks.
async fn blocking<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(run).await.unwrap()
}

type AnySession = Box<dyn ReplicaSession>;

/// Opens a session, and the database for writing.
async fn open(mut database: PostgresDatabase) -> (AnySession, Barrier) {
    blocking(move || {
        let mut session = database.connect().unwrap();
        session.barrier(&known(Tip::ORIGIN)).unwrap().unwrap();
        assert_eq!(session.open().unwrap(), RollCall::default());
        let barrier = session.barrier(&known(Tip::ORIGIN)).unwrap().unwrap();
        assert!(barrier.is_open);
        (session, barrier)
    })
    .await
}

fn known(tip: Tip) -> Known {
    Known { beat: 0, tip, answered_through: Timestamp::UNIX_EPOCH }
}

fn tip(revision: u64) -> Tip {
    Tip { revision: Revision(revision), chain: [u8::try_from(revision).unwrap(); 32] }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Appends one record after a tip.
fn append(session: &mut dyn ReplicaSession, turn: u64, after: Tip) -> Result<bool, StatementError> {
    let tip = tip(after.revision.0 + 1);
    let second = i64::try_from(tip.revision.0).unwrap();
    let frame = format!("frame {second}").into_bytes();
    session.append(&Append { after, tip, turn, first_at: at(second), last_at: at(second), frame: &frame })
}

/// The process of the session that waits for the standby.
async fn waiting_process(server: &Server) -> i32 {
    let client = server.superuser().await;
    let waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = $1";
    until("a commit waits", async || !client.query(waiting, &[&EAST]).await.unwrap().is_empty()).await;
    client.query_one(waiting, &[&EAST]).await.unwrap().get(0)
}

/// The frames that a server shows.
async fn shown(server: &Server) -> Vec<Vec<u8>> {
    let client = server.connect(SUPERUSER, DATABASE).await;
    let rows = client.query("SELECT frame FROM cpss_registry.log ORDER BY first_revision", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// An error with its causes.
fn chain_of(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}
