//! A registry in this process, with its own thread and runtime, so that a failed test does not block on it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::thread::JoinHandle;

use cpss_registry::server::config::{Config, Flags};
use cpss_registry::server::{self, Listening};
use futures_util::StreamExt as _;
use http::HeaderMap;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::keys::RECIPIENT;
use super::{BytesListener, Client, Codec, soon};

/// A registry that serves until it is stopped or dropped.
pub struct TestServer {
    client: Client,
    data: Option<TempDir>,
    running: Option<Running>,
}

struct Running {
    listening: Listening,
    shutdown: oneshot::Sender<()>,
    thread: JoinHandle<Result<(), String>>,
}

impl TestServer {
    /// Starts an empty registry on this day.
    pub async fn start(today: &str) -> TestServer {
        TestServer::start_on(tempfile::tempdir().unwrap(), today).await
    }

    /// Starts the registry of a data directory, on this day or on the last day that it opened.
    pub async fn start_on(data: TempDir, today: &str) -> TestServer {
        TestServer::start_with(data, today, None).await
    }

    /// Like [`TestServer::start_on`], with the rule files of a directory in addition to the shipped ones.
    pub async fn start_with(data: TempDir, today: &str, rules: Option<&Path>) -> TestServer {
        TestServer::start_as(data, today, Flags { rules_dir: text(rules), ..Flags::default() }).await
    }

    /// Like [`TestServer::start_on`], with the audit file outside the data directory.
    pub async fn start_audited(data: TempDir, today: &str, audit_file: Option<&Path>) -> TestServer {
        TestServer::start_as(data, today, Flags { audit_file: text(audit_file), ..Flags::default() }).await
    }

    /// Like [`TestServer::start`], with backups over the network, which [`IDENTITY`](super::keys::IDENTITY) decrypts.
    pub async fn start_with_backups(today: &str) -> TestServer {
        let flags =
            Flags { backup_recipients: cfg!(feature = "encryption").then(|| RECIPIENT.to_owned()), ..Flags::default() };
        TestServer::start_as(tempfile::tempdir().unwrap(), today, flags).await
    }

    /// Like [`TestServer::start_on`], with more flags.
    pub async fn start_as(data: TempDir, today: &str, flags: Flags) -> TestServer {
        let config = config(data.path(), today, flags);
        TestServer::start_configured(data, config).await
    }

    /// Starts with a configuration for this data directory. Over TLS the client of the server cannot connect.
    pub async fn start_configured(data: TempDir, config: Config) -> TestServer {
        let running = run(config).await;
        let client = Client::connect(running.listening.address);
        TestServer { client, data: Some(data), running: Some(running) }
    }

    /// A client that is both registrar and certifier.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The same caller over the HTTP port.
    pub fn over_http(&self, codec: Codec) -> Client {
        Client::over_http(self.http(), codec)
    }

    /// The address of the HTTP port.
    pub fn http(&self) -> SocketAddr {
        self.running.as_ref().unwrap().listening.http.unwrap()
    }

    /// The same caller on a listener that takes bytes.
    pub fn bytes_listener(&self) -> BytesListener {
        let surface = self.running.as_ref().unwrap().listening.surface.clone();
        BytesListener { surface, headers: HeaderMap::new() }
    }

    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.data.as_ref().unwrap().path().to_owned()
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().listening.address
    }

    /// Drains, waits for the end, and returns the data directory.
    pub async fn stop(mut self) -> TempDir {
        let Running { listening, shutdown, thread } = self.running.take().unwrap();
        drop(listening);
        shutdown.send(()).expect("the server ended before it was stopped");
        let joined = tokio::task::spawn_blocking(|| thread.join());
        soon("the end of the server", joined)
            .await
            .unwrap()
            .expect("the server panicked")
            .expect("the server ended well");
        self.data.take().unwrap()
    }

    /// Stops the server and starts another on the same data directory.
    pub async fn restart(self, today: &str) -> TestServer {
        TestServer::start_on(self.stop().await, today).await
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // A failed test does not wait for the end.
        if let Some(running) = self.running.take() {
            running.shutdown.send(()).ok();
        }
    }
}

/// The configuration of `serve --dev --no-sample --today DATE`.
fn config(data_dir: &Path, today: &str, flags: Flags) -> Config {
    let any_port = Some("127.0.0.1:0".to_owned());
    let flags = Flags {
        listen: any_port.clone(),
        http_listen: any_port.clone(),
        ops_listen: any_port,
        data_dir: Some(data_dir.to_str().unwrap().to_owned()),
        dev: true,
        no_sample: true,
        today: Some(today.to_owned()),
        ..flags
    };
    Config::read(&flags).unwrap()
}

fn text(path: Option<&Path>) -> Option<String> {
    path.map(|path| path.to_str().unwrap().to_owned())
}

async fn run(config: Config) -> Running {
    keep_quiet();
    let (shutdown, stopped) = oneshot::channel();
    let (listening, started) = oneshot::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let shutdown = futures_util::stream::once(async move { drop(stopped.await) });
        let signals = shutdown.chain(futures_util::stream::pending());
        let say = move |ready| drop(listening.send(ready));
        let served = runtime.block_on(server::run(config, signals, say));
        served.map_err(|error| format!("{error}: {error:?}"))
    });
    match soon("the start of the server", started).await {
        Ok(listening) => Running { listening, shutdown, thread },
        Err(_) => panic!("the server does not start: {:?}", thread.join()),
    }
}

/// Discards the server's log, unless `RUST_LOG` is set.
fn keep_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter: Targets = std::env::var("RUST_LOG").ok().and_then(|levels| levels.parse().ok()).unwrap_or_default();
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        tracing_subscriber::registry().with(filter).with(lines).init();
    });
}
