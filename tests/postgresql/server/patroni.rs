//! Three servers that Patroni manages, with an etcd of their own.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio_postgres::Client;
use tokio_postgres::config::{Config, SslMode, TargetSessionAttrs};

use super::authority::Certificates;
use super::programs::{directory, give, leashed, unprivileged, write};
use super::{HOST, PASSWORD, PATIENCE, PAUSE, SUPERUSER, is_running};

/// The names of the nodes.
const NAMES: [&str; 3] = ["n1", "n2", "n3"];

/// How long a primary that is not heard of keeps its place, in seconds.
const TTL: u32 = 20;

/// A cluster. It ends when this is dropped.
pub struct Patroni {
    nodes: Vec<Node>,
    etcd: Child,
    certificates: Certificates,
    directory: TempDir,
}

/// A node.
struct Node {
    name: &'static str,
    port: u16,
    directory: PathBuf,
    /// Its Patroni, which starts the server.
    agent: Option<Child>,
}

/// What is stopped or killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Patroni alone.
    Agent,
    /// Patroni and the server.
    Whole,
}

impl Patroni {
    /// Starts a cluster, and waits until commits can succeed.
    pub fn start() -> Patroni {
        let directory = tempfile::Builder::new().prefix("cpss-patroni-").tempdir().unwrap();
        give(directory.path());
        let certificates = Certificates::make();
        write(&directory.path().join("authority.pem"), &certificates.authority);
        let [client, peer] = [free_port(), free_port()].map(|port| format!("http://{HOST}:{port}"));
        let etcd = directory.path().join("etcd");
        let mut command = leashed(Path::new("etcd"), "TERM");
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &format!("default={peer}")]).arg("--data-dir").arg(&etcd);
        let etcd = logged(&mut command, &etcd.with_extension("log"));
        let nodes = NAMES.map(|name| Node::prepare(name, directory.path(), &client, &certificates));
        let mut patroni = Patroni { nodes: nodes.into(), etcd, certificates, directory };
        patroni.start_missing();
        patroni.wait_until_whole();
        patroni
    }

    /// The nodes, as in the URL of the database.
    pub fn nodes(&self) -> String {
        self.nodes.iter().map(|node| format!("{HOST}:{}", node.port)).collect::<Vec<_>>().join(",")
    }

    /// The file with the certificate of the authority.
    pub fn authority(&self) -> PathBuf {
        self.directory.path().join("authority.pem")
    }

    /// Opens a session of the superuser with the primary.
    pub async fn superuser(&self) -> Client {
        let mut config = Config::new();
        for node in &self.nodes {
            config.host(HOST).port(node.port);
        }
        config.user(SUPERUSER).password(PASSWORD).dbname("postgres").ssl_mode(SslMode::Require);
        config.target_session_attrs(TargetSessionAttrs::ReadWrite).connect_timeout(PATIENCE);
        let (client, connection) = config.connect(self.certificates.connector()).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Starts every Patroni that does not run.
    pub fn start_missing(&mut self) {
        for node in self.nodes.iter_mut().filter(|node| node.agent.is_none()) {
            let mut command = leashed(Path::new("patroni"), "TERM");
            node.agent = Some(logged(command.arg(node.config()), &node.directory.join("log")));
        }
    }

    /// The name of the primary.
    pub fn primary(&self) -> String {
        self.members("Leader").pop().expect("there is a primary")
    }

    /// Kills a part of a node.
    pub fn kill(&mut self, name: &str) {
        self.send(name, Part::Whole, Signal::KILL);
        let node = self.nodes.iter_mut().find(|node| node.name == name).unwrap();
        drop(node.agent.take().unwrap().wait());
        let deadline = Instant::now() + PATIENCE;
        while node.server().first().is_some_and(|server| is_running(*server)) {
            assert!(Instant::now() < deadline, "the server remains");
            std::thread::sleep(PAUSE);
        }
    }

    /// Makes a part of a node stand still while its Patroni sleeps. If Patroni stood still while it renews the key of
    /// the leader, it would take the key back from the new primary when it goes on (seen with 3.0.2 and etcd): two
    /// primaries.
    pub fn freeze(&self, name: &str, part: Part) {
        let node = self.nodes.iter().find(|node| node.name == name).unwrap();
        let turns = || fs::read_to_string(node.directory.join("log")).unwrap_or_default().matches("no action.").count();
        let before = turns();
        self.wait_for("a turn of Patroni", || turns() > before);
        self.send(name, part, Signal::STOP);
    }

    /// Lets a node go on.
    pub fn thaw(&self, name: &str) {
        self.send(name, Part::Whole, Signal::CONT);
    }

    fn send(&self, name: &str, part: Part, signal: Signal) {
        let node = self.nodes.iter().find(|node| node.name == name).unwrap();
        let agent = node.agent.as_ref().and_then(|agent| children(agent.id()).first().copied());
        let server = if part == Part::Whole { node.server() } else { Vec::new() };
        for process in agent.into_iter().chain(server) {
            // It may have ended already.
            kill_process(process, signal).ok();
        }
    }

    /// Makes the synchronous standby the primary, in order.
    pub fn switch_over(&self) {
        let (primary, standby) = (self.primary(), self.members("Sync Standby").pop().unwrap());
        let switch = ["switchover", "cpss", "--leader", &primary, "--candidate", &standby, "--force"];
        let output = self.control().args(switch).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    /// The timeline of the primary.
    pub fn timeline(&self) -> u64 {
        let is_primary = |member: &&serde_json::Value| member["Role"] == "Leader";
        self.list().iter().find(is_primary).and_then(|member| member["TL"].as_u64()).unwrap_or_default()
    }

    /// Waits until another primary than this one is promoted: on a later timeline. A node that goes on before that may
    /// find that the timeline of the leader is behind its own, and wait for ever.
    pub fn wait_for_another_primary(&self, name: &str, timeline: u64) {
        self.wait_for("another primary", || {
            self.members("Leader").pop().is_some_and(|primary| primary != name) && self.timeline() > timeline
        });
    }

    /// Waits until the primary has a synchronous standby and another one.
    pub fn wait_until_whole(&self) {
        self.wait_for("three nodes", || {
            self.members("Leader").len() == 1
                && self.members("Sync Standby").len() == 1
                && self.members("Replica").len() == 1
        });
    }

    fn wait_for(&self, what: &str, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}: {:?}\n{}", self.list(), self.log());
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
    }

    /// The names of the nodes that do this now.
    fn members(&self, role: &str) -> Vec<String> {
        let is = |member: &&serde_json::Value| {
            let works = ["running", "streaming"].iter().any(|state| member["State"] == *state);
            member["Role"] == role && works
        };
        self.list().iter().filter(is).map(|member| member["Member"].as_str().unwrap().to_owned()).collect()
    }

    fn list(&self) -> Vec<serde_json::Value> {
        let output = self.control().args(["list", "--format", "json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    fn control(&self) -> Command {
        let mut command = unprivileged("patronictl");
        command.arg("--config-file").arg(self.nodes[0].config());
        command
    }

    /// What the logs say last, without what each turn of Patroni says if nothing changes.
    pub fn log(&self) -> String {
        let logs = self.nodes.iter().map(|node| {
            let log = fs::read_to_string(node.directory.join("log")).unwrap_or_default();
            let says_nothing = |line: &&str| line.contains("no action.") || line.contains("Lock owner:");
            let lines: Vec<_> = log.lines().rev().filter(|line| !says_nothing(line)).take(150).collect();
            format!("--- {}\n{}\n", node.name, lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
        });
        logs.collect()
    }
}

impl Drop for Patroni {
    fn drop(&mut self) {
        for node in &self.nodes {
            // The processes of a server end when its main one does.
            self.send(node.name, Part::Whole, Signal::KILL);
        }
        for node in &mut self.nodes {
            drop(node.agent.take().map(|mut agent| agent.wait()));
        }
        drop(self.etcd.stdin.take());
        drop(self.etcd.wait());
    }
}

impl Node {
    fn prepare(name: &'static str, parent: &Path, etcd: &str, certificates: &Certificates) -> Node {
        let node = Node { name, port: free_port(), directory: parent.join(name), agent: None };
        fs::create_dir(&node.directory).unwrap();
        give(&node.directory);
        write(&node.directory.join("server.pem"), &certificates.certificate);
        write(&node.directory.join("server.key"), &certificates.key);
        let (port, ops, etcd) = (node.port, free_port(), etcd.trim_start_matches("http://"));
        let (here, programs) = (node.directory.display(), directory());
        let config = format!(
            "\
scope: cpss
name: {name}
restapi: {{listen: '{HOST}:{ops}', connect_address: '{HOST}:{ops}'}}
etcd3: {{host: '{etcd}'}}
bootstrap:
  dcs:
    ttl: {TTL}
    loop_wait: 5
    retry_timeout: 5
    synchronous_mode: true
    synchronous_mode_strict: true
    postgresql:
      use_pg_rewind: true
      parameters: {{max_connections: 60, wal_keep_size: 256MB}}
  initdb: [data-checksums, no-sync]
postgresql:
  listen: '{HOST}:{port}'
  connect_address: '{HOST}:{port}'
  data_dir: {here}/data
  bin_dir: {programs}
  pgpass: {here}/pgpass
  authentication:
    superuser: {{username: {SUPERUSER}, password: {PASSWORD}}}
    replication: {{username: replicator, password: {PASSWORD}}}
  parameters:
    unix_socket_directories: ''
    shared_buffers: 16MB
    ssl: 'on'
    ssl_cert_file: {here}/server.pem
    ssl_key_file: {here}/server.key
  pg_hba:
  - hostssl all all {HOST}/32 scram-sha-256
  - hostssl replication all {HOST}/32 scram-sha-256
  remove_data_directory_on_rewind_failure: true
  remove_data_directory_on_diverged_timelines: true
",
            programs = programs.display()
        );
        write(&node.config(), &config);
        node
    }

    fn config(&self) -> PathBuf {
        self.directory.join("patroni.yml")
    }

    /// The processes of the server, the main one first.
    fn server(&self) -> Vec<Pid> {
        let text = fs::read_to_string(self.directory.join("data/postmaster.pid")).unwrap_or_default();
        let Some(main) = text.lines().next().and_then(|line| Pid::from_raw(line.trim().parse().ok()?)) else {
            return Vec::new();
        };
        let children = children(main.as_raw_nonzero().get().try_into().unwrap());
        [main].into_iter().chain(children).collect()
    }
}

/// The children of a process. Of a program on a leash, the first one is the program.
fn children(id: u32) -> Vec<Pid> {
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    children.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?)).collect()
}

fn free_port() -> u16 {
    TcpListener::bind((HOST, 0)).unwrap().local_addr().unwrap().port()
}

fn logged(command: &mut Command, log: &Path) -> Child {
    let log = File::options().create(true).append(true).open(log).unwrap();
    command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}
