//! The registry as a program of its own, for tests that kill it, signal it, or start it on what it must refuse.

use std::cell::OnceCell;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::TcpSocket;

use super::Client;

/// How long the program may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program. It never outlives this.
pub struct Process {
    child: Child,
    listening: mpsc::Receiver<SocketAddr>,
    address: OnceCell<SocketAddr>,
    ops: SocketAddr,
    said: PathBuf,
    _ops_port: TcpSocket,
    _scratch: TempDir,
}

impl Process {
    /// Starts `serve --dev --no-sample` on a data directory, and does not wait for it.
    pub fn spawn(data_dir: &Path, today: &str) -> Process {
        Process::spawn_with(data_dir, today, &[])
    }

    /// The same with more flags.
    pub fn spawn_with(data_dir: &Path, today: &str, flags: &[&str]) -> Process {
        Process::spawn_under(&[], data_dir, today, flags)
    }

    /// The same, with words before the command: of a program that runs it, such as `strace -D`. That one has to become
    /// it, or signals do not reach it.
    pub fn spawn_under(under: &[String], data_dir: &Path, today: &str, flags: &[&str]) -> Process {
        let data_dir = data_dir.to_str().unwrap();
        let arguments = ["--dev", "--no-sample", "--today", today, "--data-dir", data_dir];
        Process::serve_under(under, &[&arguments, flags].concat())
    }

    /// Starts `serve` with these arguments on free ports, and does not wait for it.
    pub fn serve(arguments: &[&str]) -> Process {
        Process::serve_under(&[], arguments)
    }

    /// `CPSS_BINARY` names another binary than the one just built.
    fn serve_under(under: &[String], arguments: &[&str]) -> Process {
        let scratch = tempfile::tempdir().unwrap();
        let said = scratch.path().join("stderr");
        let ops_port = reserve_port();
        let ops = ops_port.local_addr().unwrap();
        let binary = std::env::var("CPSS_BINARY").unwrap_or(env!("CARGO_BIN_EXE_cpss-registry").to_owned());
        let words: Vec<_> = under.iter().chain([&binary]).collect();
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .args(["serve", "--listen", "127.0.0.1:0", "--ops-listen", &ops.to_string()])
            .args(arguments)
            .env("RUST_LOG", "info,access=off")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&said).unwrap())
            .spawn()
            .unwrap();
        let listening = listen_for_address(child.stdout.take().unwrap());
        Process { child, listening, address: OnceCell::new(), ops, said, _ops_port: ops_port, _scratch: scratch }
    }

    /// Starts it, waits until it takes calls, and gives a client of it.
    pub fn start(data_dir: &Path, today: &str) -> (Process, Client) {
        let process = Process::spawn(data_dir, today);
        let client = Client::connect(process.listening());
        (process, client)
    }

    /// Where it listens, once it does.
    pub fn listening(&self) -> SocketAddr {
        self.listening_within(PATIENCE)
    }

    /// The same, for one that may take long.
    pub fn listening_within(&self, patience: Duration) -> SocketAddr {
        let wait = || self.listening.recv_timeout(patience);
        *self.address.get_or_init(|| wait().unwrap_or_else(|_| panic!("it does not listen; it said: {}", self.said())))
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it tells its health, from the beginning.
    pub fn ops(&self) -> SocketAddr {
        self.ops
    }

    /// Waits until it has said something on standard error.
    pub fn wait_until_said(&self, text: &str, patience: Duration) {
        let deadline = Instant::now() + patience;
        while !fs::read_to_string(&self.said).unwrap().contains(text) {
            assert!(Instant::now() < deadline, "it never said: {text}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The memory that it has resident, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.status("VmRSS").trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// What the system says of it under a name.
    pub fn status(&self, name: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap().trim().to_owned()
    }

    /// `kill -9`, and its end.
    pub fn kill(mut self) {
        self.end();
    }

    /// What it has said on standard error so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap()
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// SIGINT.
    pub fn interrupt(&self) {
        self.signal("INT");
    }

    /// SIGHUP.
    pub fn hang_up(&self) {
        self.signal("HUP");
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id();
        let sent = Command::new("/bin/sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap();
        assert!(sent.success(), "SIG{name} was not sent");
    }

    /// Waits for its end: how it ended, and what it said on standard error.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, fs::read_to_string(&self.said).unwrap());
            }
            assert!(Instant::now() < deadline, "it does not end; it said: {}", fs::read_to_string(&self.said).unwrap());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// SIGTERM, and an end without fault.
    pub fn stop(self) {
        self.terminate();
        let (status, said) = self.wait();
        assert!(status.success(), "{status}: {said}");
    }

    fn end(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// A port that is not used and, while the socket is held, is not given to anybody who does not ask for it by number.
fn reserve_port() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket
}

/// Reads standard output to its end, and passes on the address in it.
fn listen_for_address(stdout: ChildStdout) -> mpsc::Receiver<SocketAddr> {
    let (sender, listening) = mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stdout);
        let mut line = String::new();
        while lines.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
            if let Some(address) = line.trim().strip_prefix("listening on ") {
                sender.send(address.parse().unwrap()).ok();
                break;
            }
            line.clear();
        }
        drop(lines.read_to_end(&mut Vec::new()));
    });
    listening
}
