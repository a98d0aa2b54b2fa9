//! The service manager: a socket that reads what the program reports to systemd.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::harness::{PATIENCE, Process, TODAY};
use super::tls::tls_server::set_up;

/// The watchdog's period: it must hear something within it.
pub const WATCHDOG: Duration = Duration::from_secs(4);

/// A service manager, with the program that it started.
pub struct Manager {
    socket: UnixDatagram,
    pub process: Process,
    directory: TempDir,
}

/// A message, by its lines.
#[derive(Debug)]
pub struct Message(Vec<String>);

impl Message {
    pub fn value(&self, key: &str) -> Option<&str> {
        self.0.iter().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
    }

    fn status(&self) -> &str {
        self.value("STATUS").unwrap_or_else(|| panic!("no status: {self:?}"))
    }
}

impl Manager {
    /// Starts the program as systemd does: with the path of the socket, and with a watchdog.
    pub fn start(flags: &[&str]) -> Manager {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let config = directory.path().join("registry");
        set_up(&config);
        let environment = format!("NOTIFY_SOCKET={}", path.display());
        let under = ["env".to_owned(), environment, format!("WATCHDOG_USEC={}", WATCHDOG.as_micros())];
        let config = config.join("config.toml");
        let process = Process::serve_under(&under, &[&["--config", config.to_str().unwrap()], flags].concat());
        Manager { socket, process, directory }
    }

    fn received(&self) -> std::io::Result<Message> {
        let mut bytes = [0; 4096];
        let length = self.socket.recv(&mut bytes)?;
        Ok(Message(std::str::from_utf8(&bytes[..length]).unwrap().lines().map(str::to_owned).collect()))
    }

    fn message(&self) -> Message {
        self.received().expect("a message")
    }

    /// All messages that wait.
    pub fn drain(&self) -> Vec<Message> {
        self.socket.set_nonblocking(true).unwrap();
        let messages = std::iter::from_fn(|| self.received().ok()).collect();
        self.socket.set_nonblocking(false).unwrap();
        messages
    }

    /// The next message with this key. Signs of life, news of the status, and extensions may come before it.
    pub fn next(&self, key: &str) -> Message {
        loop {
            let message = self.message();
            if message.value(key).is_some() {
                return message;
            }
            let others = ["WATCHDOG", "STATUS", "EXTEND_TIMEOUT_USEC"];
            assert!(others.iter().any(|other| message.value(other).is_some()), "{key} is next: {message:?}");
            assert!(
                ["READY", "RELOADING", "STOPPING"].iter().all(|other| message.value(other).is_none()),
                "{message:?}"
            );
        }
    }
}

/// The monotonic clock, in microseconds.
fn monotonic() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1000
}

#[test]
fn the_service_manager_learns_of_the_start_of_reloads_and_of_the_end() {
    let manager = Manager::start(&[]);
    assert_eq!(manager.next("EXTEND_TIMEOUT_USEC").value("EXTEND_TIMEOUT_USEC"), Some("60000000"));
    let ready = manager.next("READY");
    assert_eq!(ready.value("READY"), Some("1"));
    assert!(ready.status().starts_with("ready; head ") && ready.status().contains(", epoch "), "{ready:?}");
    manager.process.listening();

    // A good reload, and one with a list that cannot be used.
    for (list, expected) in
        [(None, "ready; last reload: loaded; head "), (Some("no list"), "rejected: list of clients;")]
    {
        if let Some(list) = list {
            fs::write(manager.directory.path().join("registry/clients.toml"), list).unwrap();
        }
        let before = monotonic();
        manager.process.hang_up();
        let begins = manager.next("RELOADING");
        assert_eq!(begins.value("RELOADING"), Some("1"));
        let at: i64 = begins.value("MONOTONIC_USEC").unwrap().parse().unwrap();
        assert!((before..=monotonic()).contains(&at), "{before} {at}");
        let ends = manager.next("READY");
        assert!(ends.status().contains(expected), "{ends:?}");
    }

    manager.process.terminate();
    let stopping = manager.next("STOPPING");
    assert_eq!((stopping.value("STOPPING"), stopping.status().starts_with("draining")), (Some("1"), true));
    let (status, said) = manager.process.wait();
    assert!(status.success(), "{status}: {said}");
}

#[test]
fn the_watchdog_hears_twice_in_its_period_that_the_process_lives() {
    let manager = Manager::start(&[]);
    manager.next("READY");
    manager.next("WATCHDOG");
    let begun = Instant::now();
    for _ in 0..3 {
        manager.next("WATCHDOG");
    }
    assert!(begun.elapsed() < WATCHDOG * 2, "{:?}", begun.elapsed());
    assert!(begun.elapsed() > WATCHDOG, "{:?}", begun.elapsed());
    manager.process.stop();
}

#[test]
fn a_start_that_fails_is_not_reported_as_ready() {
    let manager = Manager::start(&["--registry", "3f2a91c0-5d1e-4c8a-9b57-6f0e2d4c8a11"]);
    manager.process.wait_for_log("serve_failed");
    let heard = manager.drain();
    assert!(!heard.is_empty() && heard.iter().all(|message| message.value("READY").is_none()), "{heard:?}");
    let (status, said) = manager.process.wait();
    assert_eq!(status.code(), Some(2), "{said}");
}

#[test]
fn without_a_service_manager_nothing_is_reported_and_reloads_work() {
    let data = tempfile::tempdir().unwrap();
    let process = Process::spawn(data.path(), TODAY);
    process.listening();
    process.hang_up();
    process.wait_for_log("log_settings_loaded");
    process.stop();
}
