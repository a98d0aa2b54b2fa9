//! PostgreSQL servers on loopback, with TLS and passwords.

mod authority;
mod disk;
pub mod patroni;
pub mod pooler;
mod programs;
pub mod setup;

use std::fs::{self, File};
use std::future::poll_fn;
use std::path::PathBuf;
use std::process::{Child, ChildStdin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_postgres::config::{Config, SslMode};
use tokio_postgres::{AsyncMessage, Client, Error};

use self::authority::Certificates;
use self::disk::Disk;

/// The address of every server.
pub const HOST: &str = "127.0.0.1";

/// The superuser of every server.
pub const SUPERUSER: &str = "postgres";

/// The password of the superuser, and of every role that [`Server::create_login`] creates.
pub const PASSWORD: &str = "example-password";

/// The maximum time to wait for what happens soon. A busy machine takes much longer than an idle one.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The pause before a condition is checked again.
const PAUSE: Duration = Duration::from_millis(10);

/// A server. It is stopped when this is dropped.
pub struct Server {
    /// Where the files of the server are, if it has a disk of its own. Unmounted before the directory is removed.
    disk: Option<Disk>,
    directory: TempDir,
    port: u16,
    certificates: Arc<Certificates>,
    child: Option<Child>,
    /// The server runs no longer than this is open.
    input: Option<ChildStdin>,
    /// The id of the server's main process. If it does not run, the last id.
    pid: Option<Pid>,
}

impl Server {
    /// Starts the server on its data, after it was stopped or killed, or as it was restored.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let file = |name| self.file(name).display().to_string();
        let tls = [
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", file("server.pem")),
            format!("ssl_key_file={}", file("server.key")),
        ];
        let settings = [
            format!("port={}", self.port),
            format!("listen_addresses={HOST}"),
            "unix_socket_directories=".to_owned(),
            "shared_buffers=16MB".to_owned(),
            "max_connections=60".to_owned(),
        ];
        let mut command = programs::leashed(&programs::path("postgres"), "QUIT");
        command.arg("-D").arg(self.file("data")).args(settings.iter().flat_map(|setting| ["-c", setting]));
        if programs::have_tls() {
            command.args(tls.iter().flat_map(|setting| ["-c", setting]));
        }
        let log = File::options().create(true).append(true).open(self.file("log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let mut child = command.spawn().unwrap();
        self.input = child.stdin.take();
        self.child = Some(child);
        self.wait_until_ready();
    }

    /// The server writes its id and its state to a file.
    fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = fs::read_to_string(self.file("data/postmaster.pid")).unwrap_or_default();
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            let pid = lines.first().and_then(|line| Pid::from_raw(line.parse().ok()?));
            if pid != self.pid && lines.get(7) == Some(&"ready") {
                self.pid = pid;
                return;
            }
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            assert!(ended.is_none() && Instant::now() < deadline, "PostgreSQL does not start: {}", self.log());
            std::thread::sleep(PAUSE);
        }
    }

    /// The path of a file of the server. Its database is in `data`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The server's log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    /// Stops the server. Its sessions are disconnected.
    pub fn stop(&mut self) {
        self.end(Signal::INT);
    }

    /// Kills the server, as if it had crashed. Its sessions end at once.
    pub fn kill(&mut self) {
        self.end(Signal::KILL);
    }

    /// Sends a signal to the main process, and waits until all processes have ended.
    fn end(&mut self, signal: Signal) {
        let Some(mut child) = self.child.take() else { return };
        let processes = self.processes();
        if let Some(main) = processes.first() {
            // It may have ended already.
            kill_process(*main, signal).ok();
        }
        self.thaw();
        drop(child.wait());
        let deadline = Instant::now() + PATIENCE;
        while processes.iter().any(|pid| is_running(*pid)) {
            assert!(Instant::now() < deadline, "processes of the server remain");
            std::thread::sleep(PAUSE);
        }
    }

    /// The disk of the server, if it has one of its own.
    pub fn disk(&self) -> Option<&Disk> {
        self.disk.as_ref()
    }

    /// The processes of the server, the main one first.
    fn processes(&self) -> Vec<Pid> {
        let Some(main) = self.pid else { return Vec::new() };
        let id = main.as_raw_nonzero();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?));
        [main].into_iter().chain(children).collect()
    }

    /// What happens when the process of the test is killed.
    pub fn abandon(&mut self) {
        self.input = None;
    }

    /// True if the server runs, or was started and does not accept connections yet.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Makes the server hang: it keeps its connections, and does nothing.
    pub fn freeze(&self) {
        self.send_all(Signal::STOP);
    }

    /// Lets a server that hangs go on.
    pub fn thaw(&self) {
        self.send_all(Signal::CONT);
    }

    fn send_all(&self, signal: Signal) {
        for pid in self.processes() {
            // A session may have ended meanwhile.
            kill_process(pid, signal).ok();
        }
    }

    /// Makes a standby the primary. The old one, if it runs, does not learn of it.
    pub async fn promote(&self) {
        let client = self.superuser().await;
        let promoted = client.query_one("SELECT pg_promote(true, 60)", &[]).await.unwrap();
        assert!(promoted.get::<_, bool>(0), "not promoted: {}", self.log());
    }

    /// Changes a setting of the server, and waits until a new session has it.
    pub async fn set(&self, name: &str, value: &str) {
        let client = self.superuser().await;
        client.batch_execute(&format!("ALTER SYSTEM SET {name} = '{value}'")).await.unwrap();
        client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        until(&format!("{name} is {value}"), async || {
            let client = self.superuser().await;
            client.query_one("SELECT current_setting($1)", &[&name]).await.unwrap().get::<_, &str>(0) == value
        })
        .await;
    }

    /// The port on [`HOST`].
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The file with the certificate of the authority. The servers of a standby and of a backup have the same one.
    pub fn authority(&self) -> PathBuf {
        self.file("authority.pem")
    }

    /// The same file, for a client. `None` without TLS.
    pub fn trusted(&self) -> Option<PathBuf> {
        programs::have_tls().then(|| self.authority())
    }

    /// The address with user, password and database, as a client's configuration has it.
    pub fn url(&self, user: &str, database: &str) -> String {
        format!("postgresql://{user}:{PASSWORD}@{HOST}:{}/{database}?sslmode={}", self.port, mode().1)
    }

    /// Opens a session of a role.
    pub async fn connect(&self, user: &str, database: &str) -> Client {
        self.try_connect(user, database).await.unwrap_or_else(|error| panic!("{error:?}: {}", self.log()))
    }

    /// Like [`Server::connect`], where the server may refuse.
    pub async fn try_connect(&self, user: &str, database: &str) -> Result<Client, Error> {
        let (client, connection) = self.config(user, database).connect(self.certificates.connector()).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Like [`Server::connect`]. Also returns what the server sends unasked, such as notices.
    pub async fn connect_hearing(&self, user: &str, database: &str) -> (Client, UnboundedReceiver<AsyncMessage>) {
        let config = self.config(user, database);
        let (client, mut connection) = config.connect(self.certificates.connector()).await.unwrap();
        let (sender, receiver) = unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                // The test may have ended.
                sender.send(message).ok();
            }
        });
        (client, receiver)
    }

    fn config(&self, user: &str, database: &str) -> Config {
        let mut config = Config::new();
        config.host(HOST).port(self.port).user(user).password(PASSWORD).dbname(database);
        config.ssl_mode(mode().0).connect_timeout(PATIENCE);
        config
    }

    /// Opens a session of the superuser in the database `postgres`.
    pub async fn superuser(&self) -> Client {
        self.connect(SUPERUSER, "postgres").await
    }

    /// Like [`Server::superuser`], where the server may refuse.
    pub async fn try_superuser(&self) -> Result<Client, Error> {
        self.try_connect(SUPERUSER, "postgres").await
    }

    /// Creates a role that can log in, and is a member of the given roles.
    pub async fn create_login(&self, name: &str, member_of: &[&str]) {
        let client = self.superuser().await;
        client.batch_execute(&format!("CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")).await.unwrap();
        for role in member_of {
            client.batch_execute(&format!("GRANT {role} TO {name}")).await.unwrap();
        }
    }
}

impl Drop for Server {
    /// Nothing of the server is needed any more, so it need not write anything.
    fn drop(&mut self) {
        self.end(Signal::QUIT);
    }
}

/// How clients connect, and its name in an address.
fn mode() -> (SslMode, &'static str) {
    if programs::have_tls() { (SslMode::Require, "require") } else { (SslMode::Disable, "disable") }
}

/// True until a process has ended, even if its parent has not noticed.
fn is_running(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Waits until a condition holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
