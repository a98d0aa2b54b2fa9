//! A registry in this process, on a thread and a runtime of its own, so that a test that fails leaves nothing hanging.

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
use tracing_subscriber::EnvFilter;

use super::{BytesListener, Client};

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
    /// An empty registry on this day.
    pub async fn start(today: &str) -> TestServer {
        TestServer::start_on(tempfile::tempdir().unwrap(), today).await
    }

    /// The registry of a data directory, on this day or the last one that it opened.
    pub async fn start_on(data: TempDir, today: &str) -> TestServer {
        TestServer::start_with(data, today, None).await
    }

    /// The same, with the rule files of a directory beside the shipped ones.
    pub async fn start_with(data: TempDir, today: &str, rules: Option<&Path>) -> TestServer {
        TestServer::start_as(data, today, Flags { rules_dir: text(rules), ..Flags::default() }).await
    }

    /// The same, with reads written down elsewhere than in its data directory.
    pub async fn start_audited(data: TempDir, today: &str, audit_file: Option<&Path>) -> TestServer {
        TestServer::start_as(data, today, Flags { audit_file: text(audit_file), ..Flags::default() }).await
    }

    /// The same, with these flags beside.
    pub async fn start_as(data: TempDir, today: &str, flags: Flags) -> TestServer {
        let config = config(data.path(), today, flags);
        TestServer::start_configured(data, config).await
    }

    /// As a configuration says, which belongs to this directory. Over TLS its client reaches nothing.
    pub async fn start_configured(data: TempDir, config: Config) -> TestServer {
        let running = run(config).await;
        let client = Client::connect(running.listening.address);
        TestServer { client, data: Some(data), running: Some(running) }
    }

    /// A caller who is registrar and certifier in one.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The same caller by a listener that takes bytes.
    pub fn bytes_listener(&self) -> BytesListener {
        let surface = self.running.as_ref().unwrap().listening.surface.clone();
        BytesListener { surface, headers: HeaderMap::new() }
    }

    /// Where its data are.
    pub fn data_dir(&self) -> PathBuf {
        self.data.as_ref().unwrap().path().to_owned()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().listening.address
    }

    /// Drains and waits for the end. Gives back what is on disk.
    pub async fn stop(mut self) -> TempDir {
        let Running { listening, shutdown, thread } = self.running.take().unwrap();
        drop(listening);
        shutdown.send(()).expect("the server ended before it was asked to");
        let joined = tokio::task::spawn_blocking(|| thread.join());
        joined.await.unwrap().expect("the server panicked").expect("the server ended well");
        self.data.take().unwrap()
    }

    /// Stops, and starts again on the same data directory.
    pub async fn restart(self, today: &str) -> TestServer {
        TestServer::start_on(self.stop().await, today).await
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // A test that has failed does not wait for it.
        if let Some(running) = self.running.take() {
            running.shutdown.send(()).ok();
        }
    }
}

/// What `serve --dev --no-sample --today DATE` is configured with.
fn config(data_dir: &Path, today: &str, flags: Flags) -> Config {
    let any_port = Some("127.0.0.1:0".to_owned());
    let flags = Flags {
        listen: any_port.clone(),
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
    match started.await {
        Ok(listening) => Running { listening, shutdown, thread },
        Err(_) => panic!("the server does not start: {:?}", thread.join()),
    }
}

/// The server's log goes nowhere, unless `RUST_LOG` asks for it.
fn keep_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off"));
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    });
}
