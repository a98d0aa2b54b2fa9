//! The registry in its own process, for tests that kill it, signal it, or start it on data that it must refuse.

use std::cell::OnceCell;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpSocket;

use super::{Client, PATIENCE, block_until, block_until_within};

/// A running process. It is killed when this is dropped.
pub struct Process {
    child: Child,
    listening: mpsc::Receiver<[SocketAddr; 2]>,
    addresses: OnceCell<[SocketAddr; 2]>,
    ops: SocketAddr,
    stderr: PathBuf,
    _ops_port: TcpSocket,
    _scratch: TempDir,
}

impl Process {
    /// Starts `serve --dev --no-sample` on a data directory, without waiting for it.
    pub fn spawn(data_dir: &Path, today: &str) -> Process {
        Process::spawn_with(data_dir, today, &[])
    }

    /// Like [`Process::spawn`], with more flags.
    pub fn spawn_with(data_dir: &Path, today: &str, flags: &[&str]) -> Process {
        Process::spawn_under(&[], data_dir, today, flags)
    }

    /// Like [`Process::spawn_with`], run by another program, such as `strace -D`. That program must replace itself with
    /// the registry, so that signals reach the registry.
    pub fn spawn_under(under: &[String], data_dir: &Path, today: &str, flags: &[&str]) -> Process {
        let data_dir = data_dir.to_str().unwrap();
        let arguments = ["--dev", "--no-sample", "--today", today, "--data-dir", data_dir];
        Process::serve_under(under, &[&arguments, flags].concat())
    }

    /// Starts `serve` with these arguments on free ports, without waiting for it.
    pub fn serve(arguments: &[&str]) -> Process {
        Process::serve_under(&[], arguments)
    }

    /// The program under test. `CPSS_BINARY` selects another one than the one just built.
    pub fn binary() -> String {
        std::env::var("CPSS_BINARY").unwrap_or(env!("CARGO_BIN_EXE_cpss-registry").to_owned())
    }

    /// Like [`Process::serve`], run by another program that replaces itself with the registry.
    pub fn serve_under(under: &[String], arguments: &[&str]) -> Process {
        Process::serve_logging(under, &[&["--log-level", "info,access=off"], arguments].concat())
    }

    /// Like [`Process::spawn`], with these flags, and with the access log unless a flag leaves it out.
    pub fn spawn_logging(data_dir: &Path, today: &str, flags: &[&str]) -> Process {
        let data_dir = data_dir.to_str().unwrap();
        let arguments = ["--dev", "--no-sample", "--today", today, "--data-dir", data_dir];
        Process::serve_logging(&[], &[&arguments, flags].concat())
    }

    /// Like [`Process::serve_under`], with the access log unless the arguments leave it out.
    pub fn serve_logging(under: &[String], arguments: &[&str]) -> Process {
        let scratch = tempfile::tempdir().unwrap();
        let stderr = scratch.path().join("stderr");
        let ops_port = reserve_port();
        let ops = ops_port.local_addr().unwrap();
        let binary = Process::binary();
        let words: Vec<_> = under.iter().chain([&binary]).collect();
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--http-listen",
                "127.0.0.1:0",
                "--ops-listen",
                &ops.to_string(),
            ])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        let listening = listen_for_addresses(child.stdout.take().unwrap());
        Process { child, listening, addresses: OnceCell::new(), ops, stderr, _ops_port: ops_port, _scratch: scratch }
    }

    /// Starts the process, waits until it accepts calls, and returns a client.
    pub fn start(data_dir: &Path, today: &str) -> (Process, Client) {
        let process = Process::spawn(data_dir, today);
        let client = Client::connect(process.listening());
        (process, client)
    }

    /// The address that it listens on. Waits for it.
    pub fn listening(&self) -> SocketAddr {
        self.listening_within(PATIENCE)
    }

    /// Like [`Process::listening`], with a longer timeout.
    pub fn listening_within(&self, patience: Duration) -> SocketAddr {
        self.addresses_within(patience)[0]
    }

    /// The address of the HTTP port. Waits for it.
    pub fn http(&self) -> SocketAddr {
        self.addresses_within(PATIENCE)[1]
    }

    fn addresses_within(&self, patience: Duration) -> [SocketAddr; 2] {
        let wait = || self.listening.recv_timeout(patience);
        *self.addresses.get_or_init(|| wait().unwrap_or_else(|_| panic!("it does not listen; its log: {}", self.log())))
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The address of the ops listener.
    pub fn ops(&self) -> SocketAddr {
        self.ops
    }

    /// Waits until a text appears on standard error.
    pub fn wait_for_log(&self, text: &str) {
        self.wait_for_log_within(text, PATIENCE);
    }

    /// Like [`Process::wait_for_log`], with another maximum time.
    pub fn wait_for_log_within(&self, text: &str, patience: Duration) {
        block_until_within(patience, &format!("the line `{text}` in the log"), || self.log().contains(text));
    }

    /// The resident memory in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.status("VmRSS").trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// A value from `/proc/PID/status`.
    pub fn status(&self, name: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap().trim().to_owned()
    }

    /// Like [`Process::end`], for a process that is not needed any more.
    pub fn kill(mut self) {
        self.end();
    }

    /// The output on standard error so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends SIGINT.
    pub fn interrupt(&self) {
        self.signal("INT");
    }

    /// Sends SIGHUP.
    pub fn hang_up(&self) {
        self.signal("HUP");
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id();
        let sent = Command::new("/bin/sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap();
        assert!(sent.success(), "SIG{name} was not sent");
    }

    /// Waits for the end. Returns the exit status and the output on standard error.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let mut ended = None;
        block_until("the end of the program", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        (ended.unwrap(), self.log())
    }

    /// Sends SIGTERM and expects a successful exit.
    pub fn stop(self) {
        self.terminate();
        let (status, said) = self.wait();
        assert!(status.success(), "{status}: {said}");
    }

    /// Kills the process with SIGKILL, and waits for its end.
    pub fn end(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reserves a free port. While the socket is open, the system assigns the port to nobody else.
fn reserve_port() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket
}

/// Reads standard output to its end, and sends the addresses in it: those of the gRPC port and of the HTTP port.
fn listen_for_addresses(stdout: ChildStdout) -> mpsc::Receiver<[SocketAddr; 2]> {
    let (sender, listening) = mpsc::channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let mut addresses = lines.filter_map(|line| {
            let address = line.strip_prefix("listening on ")?.trim_end_matches(" (HTTP)").to_owned();
            Some(address.parse().unwrap())
        });
        if let (Some(grpc), Some(http)) = (addresses.next(), addresses.next()) {
            sender.send([grpc, http]).ok();
        }
        addresses.for_each(drop);
    });
    listening
}

/// Why a server ended or did not start: the text of each line of its log that says so.
pub fn serve_failures(log: &str) -> Vec<String> {
    let lines = log.lines().filter_map(|line| line.split_once(" ERROR cpss_registry::cli::serve: "));
    lines.filter_map(|(_, line)| Some(line.strip_suffix(" event=\"serve_failed\"")?.to_owned())).collect()
}
