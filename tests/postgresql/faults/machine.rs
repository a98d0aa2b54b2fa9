//! The machine of a replica: its program, its clock, and its way to the database.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;
use tokio::task::block_in_place;
use tokio::time::sleep;

use super::clients::Place;
use super::plan::REPLICAS;
use crate::fleet::{Machines, said};
use crate::harness::Process;
use crate::harness::faketime::clock_library;

/// The names of the replicas.
pub const NAMES: [&str; REPLICAS] = ["a", "b", "c"];

/// How long a replica waits for the database. The default is longer, so that less would happen in a test.
const PATIENCE_SECONDS: u32 = 2;

/// A machine with a replica.
pub struct Machine {
    name: &'static str,
    directory: PathBuf,
    process: Option<Process>,
    address: watch::Sender<Option<SocketAddr>>,
    /// The last lines of the log of the program before.
    before: String,
    /// How often each event is in the logs of its programs that have ended.
    events: BTreeMap<String, usize>,
}

impl Machine {
    /// The machines of replicas that join a registry. They do not run yet.
    pub fn all(place: &Machines) -> Vec<Machine> {
        for name in &NAMES[1..] {
            place.copy(name);
            let joined = place.join(name);
            assert!(joined.status.success(), "{}", said(&joined));
        }
        NAMES.iter().map(|name| Machine::of(place, name)).collect()
    }

    fn of(place: &Machines, name: &'static str) -> Machine {
        place.edit(name, "[log]\n", &format!("[log]\npatience_seconds = {PATIENCE_SECONDS}\n"));
        let machine = Machine {
            name,
            directory: place.directory(name),
            process: None,
            address: watch::Sender::default(),
            before: String::new(),
            events: BTreeMap::new(),
        };
        machine.set_clock(0);
        machine
    }

    /// Lets the replica reach the database at other nodes.
    pub fn reach_at(&self, place: &Machines, nodes: &str) {
        place.edit(self.name, &place.nodes, nodes);
    }

    /// Where clients find the replica.
    pub fn place(&self) -> Place {
        (self.address.subscribe(), self.directory.clone())
    }

    fn clock(&self) -> PathBuf {
        self.directory.join("clock")
    }

    /// Starts the replica, and waits until it answers.
    pub fn start(&mut self) {
        let under = clock_library().map(|library| {
            let clock = self.clock().display().to_string();
            ["env", &format!("LD_PRELOAD={}", library.display()), &format!("FAKETIME_TIMESTAMP_FILE={clock}")]
                .into_iter()
                .chain(["FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_CACHE_DURATION=1"])
                .map(str::to_owned)
                .collect::<Vec<_>>()
        });
        let under = under.unwrap_or_default();
        let config = self.directory.join("config.toml").display().to_string();
        let process = Process::serve_under(&under, &["--config", &config]);
        let address = block_in_place(|| process.listening());
        self.process = Some(process);
        self.address.send_replace(Some(address));
    }

    /// Kills the replica, and starts it again after a while.
    pub async fn kill(&mut self, lasting: Duration) {
        self.address.send_replace(None);
        if let Some(process) = self.process.take() {
            self.count_events(&process);
            process.kill();
        }
        sleep(lasting).await;
        self.start();
    }

    /// Lets the replica stand still.
    pub async fn freeze(&mut self, lasting: Duration) {
        self.send(Signal::STOP);
        sleep(lasting).await;
        self.send(Signal::CONT);
    }

    fn send(&self, signal: Signal) {
        let id = self.process.as_ref().unwrap().id();
        kill_process(Pid::from_raw(id.try_into().unwrap()).unwrap(), signal).unwrap();
    }

    /// Changes the clock for a while.
    pub async fn step_clock(&mut self, seconds: i64, lasting: Duration) {
        self.set_clock(seconds);
        sleep(lasting).await;
        self.set_clock(0);
    }

    /// Sets the clock that many seconds ahead of the right time, or behind.
    pub fn set_clock(&self, seconds: i64) {
        let next = self.clock().with_extension("next");
        fs::write(&next, format!("{seconds:+}\n")).unwrap();
        fs::rename(next, self.clock()).unwrap();
    }

    /// Stops the replica. It must have run until now. Returns its data directory, and what its logs had.
    pub fn stop(mut self) -> (PathBuf, BTreeMap<String, usize>) {
        let process = self.process.take().unwrap();
        self.count_events(&process);
        process.stop();
        (self.directory.join("data"), self.events)
    }

    /// The last lines of its logs.
    pub fn last_words(&self) -> String {
        format!(
            "\n--- {}:\n{}\n...\n{}",
            self.name,
            self.before,
            self.process.as_ref().map(last_lines).unwrap_or_default()
        )
    }

    fn count_events(&mut self, process: &Process) {
        self.before = last_lines(process);
        for line in process.log().lines() {
            let event = line.split_once("event=\"").and_then(|(_, rest)| rest.split_once('"'));
            if let Some((event, _)) = event {
                *self.events.entry(event.to_owned()).or_default() += 1;
            }
        }
    }
}

fn last_lines(process: &Process) -> String {
    let log = process.log();
    let lines: Vec<_> = log.lines().rev().take(40).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
