//! The database: a server with a synchronous standby, and logs in it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cpss_registry::registry::{Options, SEMANTICS_VERSION, clock};
use cpss_registry::store::log::postgresql::{Durability, Password, Settings, SharedLog, schema};
use cpss_registry::store::{LogPlace, OpenMode, StoreOptions, request_key_id};
use tokio::runtime::Handle;
use tokio_postgres::Client;
use uuid::Uuid;

use super::server::{HOST, PASSWORD, SUPERUSER, Server};

/// The registry of every log, and the key of its replicas.
pub const REGISTRY: Uuid = Uuid::from_u128(0x7e57);
pub const KEY: [u8; 32] = [7; 32];

/// Longer than a statement takes.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Database {
    pub server: Server,
    _standby: Server,
}

impl Database {
    pub async fn start() -> Database {
        let server = Server::start();
        let standby = server.start_synchronous_standby("second").await;
        Database { server, _standby: standby }
    }

    /// Makes a log.
    pub async fn begin(&self, log: &str) {
        self.server.superuser().await.batch_execute(&format!("CREATE DATABASE {log}")).await.unwrap();
        schema::install(&mut self.client(log).await, REGISTRY, &request_key_id(&KEY)).await.unwrap();
    }

    /// Lets a replica join, with a directory of its own. The replicas that joined before must run, except the first.
    pub async fn join(&self, log: &str, directory: &Path, name: &str) -> Options {
        let client = self.client(log).await;
        if client.query("SELECT FROM pg_roles WHERE rolname = $1", &[&name]).await.unwrap().is_empty() {
            self.server.create_login(name, &["cpss_replica"]).await;
        }
        schema::join(&client, name, SEMANTICS_VERSION).await.unwrap();
        self.options(log, &directory.join(name), name)
    }

    /// The options of a replica.
    fn options(&self, log: &str, directory: &Path, name: &str) -> Options {
        std::fs::create_dir_all(directory).unwrap();
        let place = LogPlace::Shared(Arc::new(self.shared(log, name)));
        Options {
            data_dir: directory.join("data"),
            registry: Some(REGISTRY),
            rules_dir: None,
            today: None,
            open_days_through: None,
            begins_shared_log: true,
            adopts_semantics: false,
            store: StoreOptions { mode: OpenMode::ExistingOrNew("bench"), place, ..StoreOptions::default() },
        }
    }

    pub fn shared(&self, log: &str, name: &str) -> SharedLog {
        let url = format!("postgresql://{name}@{HOST}:{}/{log}", self.server.port());
        let (password, authority) = (Some(Password::read_by(|| Ok(PASSWORD.to_owned()))), self.server.authority());
        let settings = Settings::parse(&url, password, Some(&authority), name, Durability::Standby, PATIENCE).unwrap();
        SharedLog { settings, registry: REGISTRY, request_key: KEY, runtime: Handle::current(), now: clock::now }
    }

    /// A session of the superuser.
    pub async fn client(&self, log: &str) -> Client {
        self.server.connect(SUPERUSER, log).await
    }
}
