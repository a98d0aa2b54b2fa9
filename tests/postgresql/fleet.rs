//! Replicas of the real program, each in its own directory, that share the log of one PostgreSQL with a synchronous
//! standby.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cpss_registry::registry::clock;
use tempfile::TempDir;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::harness::requests::{qualify, register_provider};
use crate::harness::scenes::{QUALIFIED_FROM, Qualified};
use crate::harness::{Client, Process, block_until};
use crate::server::{HOST, PASSWORD, Server};

/// The login of replicas, and the one that installs the schema.
const LOGIN: &str = "cpss";
pub const INSTALLER: &str = "cpss_install";

/// A free port of this machine.
const ANY: &str = "127.0.0.1:0";

/// The name under which the standby follows.
pub const STANDBY: &str = "second";

/// What an administrator of the database runs first.
const ROLES: &str = "
    CREATE ROLE cpss_owner NOLOGIN;
    CREATE ROLE cpss_replica NOLOGIN;
    CREATE ROLE cpss_reader NOLOGIN;
    GRANT cpss_owner TO cpss_install;
    GRANT cpss_replica TO cpss;
    GRANT CREATE ON DATABASE postgres TO cpss_install;";

/// Runs the program to its end.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(Process::binary()).args(arguments).output().unwrap()
}

/// What it said.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs the program, which must succeed.
pub fn done(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    said(&output)
}

/// A database, and the machines of replicas.
pub struct Fleet {
    pub server: Server,
    pub standby: Server,
    pub machines: Machines,
}

impl Deref for Fleet {
    type Target = Machines;

    fn deref(&self) -> &Machines {
        &self.machines
    }
}

impl Fleet {
    /// A database with the roles of a registry, without a registry.
    pub async fn without_registry() -> Fleet {
        Fleet::without_registry_on(Server::start()).await
    }

    async fn without_registry_on(server: Server) -> Fleet {
        let standby = server.start_synchronous_standby(STANDBY).await;
        let nodes = format!("{HOST}:{}", server.port());
        let machines = Machines::beside(&server.superuser().await, nodes, server.authority()).await;
        Fleet { server, standby, machines }
    }

    /// A database with a registry whose first replica is `a`. Its clients are a registrar and a certifier.
    pub async fn begin() -> Fleet {
        Fleet::begin_on(Server::start()).await
    }

    /// Like [`Fleet::begin`], on this server.
    pub async fn begin_on(server: Server) -> Fleet {
        let fleet = Fleet::without_registry_on(server).await;
        fleet.begin_registry();
        fleet
    }

    /// Restores the database from a base backup, with a new standby. Nothing tells the replicas.
    pub async fn restore(&mut self, backup: Server) {
        self.standby.stop();
        self.server.restore(backup);
        self.standby = self.server.start_synchronous_standby(STANDBY).await;
    }
}

/// The machines of replicas.
pub struct Machines {
    /// The directories of the replicas.
    scratch: TempDir,
    /// The servers of the database, as in its URL.
    pub nodes: String,
    /// The file with the certificate that signed those of the servers.
    authority: PathBuf,
}

impl Machines {
    /// Machines of replicas that reach the database at these nodes. Creates the roles of a registry.
    pub async fn beside(superuser: &tokio_postgres::Client, nodes: String, authority: PathBuf) -> Machines {
        for login in [LOGIN, INSTALLER] {
            let create = format!("CREATE ROLE {login} LOGIN PASSWORD '{PASSWORD}'");
            superuser.batch_execute(&create).await.unwrap();
        }
        superuser.batch_execute(ROLES).await.unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let password = scratch.path().join("log.password");
        fs::write(&password, format!("{PASSWORD}\n")).unwrap();
        fs::set_permissions(&password, Permissions::from_mode(0o600)).unwrap();
        // The directory of a server is another one after a restore.
        let copied = scratch.path().join("log-ca.crt");
        fs::copy(authority, &copied).unwrap();
        Machines { scratch, nodes, authority: copied }
    }

    /// Begins a registry whose first replica is `a`. Its clients are a registrar and a certifier.
    pub fn begin_registry(&self) {
        let made = self.init("a");
        assert!(made.status.success(), "{}", said(&made));
        let a = self.directory("a");
        done(&["init", a.to_str().unwrap(), "--client", "certifier", "--role", "certifier"]);
    }

    /// The directory of a replica's configuration. Its data directory is below it.
    pub fn directory(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// A file in the directory of a replica.
    pub fn file(&self, name: &str, file: &str) -> String {
        self.directory(name).join(file).display().to_string()
    }

    /// The configuration of a replica.
    pub fn config(&self, name: &str) -> String {
        self.file(name, "config.toml")
    }

    /// The URL of the database for a role.
    pub fn url(&self, role: &str) -> String {
        format!("postgresql://{role}@{}/postgres", self.nodes)
    }

    /// The file with the password of every role.
    pub fn password(&self) -> String {
        self.scratch.path().join("log.password").display().to_string()
    }

    /// Runs `init` in the directory of a replica.
    pub fn init(&self, name: &str) -> Output {
        self.init_with(name, &["--listen", ANY, "--ops-listen", ANY])
    }

    /// Runs `init` for a registry in the data directory of one machine. Its clients are those of
    /// [`Machines::begin_registry`].
    pub fn begin_on_one_machine(&self, name: &str) {
        let directory = self.directory(name).display().to_string();
        done(&["init", &directory, "--listen", ANY, "--ops-listen", ANY]);
        done(&["init", &directory, "--client", "certifier", "--role", "certifier"]);
    }

    /// Prepares the database for the log of a registry on one machine.
    pub fn prepare_move(&self, name: &str) -> Output {
        self.init_with(name, &["--from-file"])
    }

    fn init_with(&self, name: &str, flags: &[&str]) -> Output {
        let (directory, url, owner) = (self.directory(name), self.url(LOGIN), self.url(INSTALLER));
        let password = self.password();
        let authority = self.authority.display().to_string();
        let log = ["--log-url", &url, "--log-password-file", &password, "--log-ca", &authority];
        let owner = ["--log-owner-url", &owner, "--log-owner-password-file", &password, "--log-replica-id", name];
        run(&[&["init", directory.to_str().unwrap()], flags, &log, &owner].concat())
    }

    /// Copies the configuration of `a` to another machine.
    pub fn copy(&self, name: &str) {
        let (from, to) = (self.directory("a"), self.directory(name));
        for part in ["", "signing-keys"] {
            let (from, to) = (from.join(part), to.join(part));
            fs::create_dir(&to).unwrap();
            for entry in fs::read_dir(&from).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
                fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
        let path = |directory: &Path| format!("{}/", directory.display());
        self.edit(name, &path(&from), &path(&to));
    }

    /// Replaces a text in the configuration of a replica.
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let content = fs::read_to_string(self.config(name)).unwrap();
        assert!(content.contains(from), "{from}: {content}");
        fs::write(self.config(name), content.replace(from, to)).unwrap();
    }

    /// Runs `join` for a replica.
    pub fn join(&self, name: &str) -> Output {
        run(&["join", "--config", &self.config(name), "--replica-id", name])
    }

    /// Lets another replica join and starts it.
    pub fn add(&self, name: &str) -> Replica {
        self.copy(name);
        let joined = self.join(name);
        assert!(joined.status.success(), "{}", said(&joined));
        self.start(name)
    }

    /// Starts a replica, and waits until it answers.
    pub fn start(&self, name: &str) -> Replica {
        let replica = self.spawn(name);
        replica.process.listening();
        replica
    }

    /// Starts a replica without waiting for it.
    pub fn spawn(&self, name: &str) -> Replica {
        self.spawn_with(name, "config.toml")
    }

    /// Like [`Machines::spawn`], with another configuration.
    pub fn spawn_with(&self, name: &str, config: &str) -> Replica {
        let process = Process::serve(&["--config", &self.file(name, config)]);
        Replica { process, directory: self.directory(name) }
    }

    /// Runs `serve`, which must refuse to start. Returns what it says.
    pub fn refused(&self, name: &str) -> String {
        self.refused_with(name, "config.toml")
    }

    /// Like [`Machines::refused`], with another configuration.
    pub fn refused_with(&self, name: &str, config: &str) -> String {
        let (status, said) = Process::serve(&["--config", &self.file(name, config)]).wait();
        assert_eq!(status.code(), Some(2), "{said}");
        said
    }
}

/// A client with a certificate from the directory of a replica.
pub fn client(directory: &Path, address: SocketAddr, name: &str) -> Client {
    let read = |file: &str| fs::read_to_string(directory.join(file)).unwrap();
    let identity = Identity::from_pem(read(&format!("{name}.crt")), read(&format!("{name}.key")));
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read("ca.crt"))).identity(identity);
    let url = format!("https://localhost:{}", address.port());
    Client::on(Endpoint::from_shared(url).unwrap().tls_config(tls).unwrap().connect_lazy())
}

/// A running replica.
pub struct Replica {
    pub process: Process,
    directory: PathBuf,
}

impl Replica {
    /// A client with the certificate of this name.
    pub fn client(&self, name: &str) -> Client {
        client(&self.directory, self.process.listening(), name)
    }

    /// The registrar.
    pub fn registrar(&self) -> Client {
        self.client("registrar")
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// True if the process says that it lives.
    pub fn lives(&self) -> bool {
        let url = format!("http://{}", self.process.ops());
        run(&["healthcheck", "--service", "liveness", "--endpoint", &url]).status.success()
    }

    /// Waits until the log has a line with this event.
    pub fn wait_for(&self, event: &str) {
        let line = format!("event=\"{event}\"");
        block_until(&line, || self.process.log().contains(&line));
    }
}

/// The records of a data directory that is not in use, one a line, as they are exported.
pub fn records(data: &Path) -> String {
    let output = run(&["export", "-", "--data-dir", data.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Registers a qualified provider. The changes of a receipt are for others than a certifier.
pub async fn qualified_provider(certifier: &Client, legal_name: &str) -> Qualified {
    let registered = certifier.ask(register_provider(legal_name)).await;
    let provider_id = registered.provider.unwrap().provider_id;
    let qualification = certifier.ask(qualify(&provider_id, QUALIFIED_FROM)).await.fact_id;
    Qualified { provider_id, qualification }
}

/// Checks that each civil day was opened once and none too early, and that there are some. `history` is as [`records`]
/// returns it.
pub fn assert_days_opened_once(history: &str) {
    let mut opened = BTreeMap::<String, u32>::new();
    for line in history.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        for fact in record["facts"].as_array().unwrap().iter().filter(|fact| fact["kind"] == "DAY_OPENED") {
            *opened.entry(fact["date"].to_string()).or_default() += 1;
        }
    }
    assert!(!opened.is_empty() && opened.values().all(|times| *times == 1), "{opened:?}");
    // No day begins earlier in Mississippi than in UTC.
    let today = jiff::tz::TimeZone::UTC.to_datetime(clock::now()).date();
    let early: Vec<_> = opened.keys().filter(|date| **date > format!("\"{today}\"")).collect();
    assert!(early.is_empty(), "opened before they began: {early:?}");
}
