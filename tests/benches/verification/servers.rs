//! The servers under load, each in its own process, and their resource use.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::secure::Place;
use super::wire::{Failure, Target};

/// A running server. It is killed when this is dropped.
pub struct Server {
    child: Child,
    pub target: Target,
    /// The address of the HTTP port, if there is one.
    pub http: Option<SocketAddr>,
    /// The time from its start until it accepted calls.
    pub opened_in: Duration,
}

impl Server {
    /// The registry on a data directory, on a fixed day.
    pub fn registry(data_dir: &Path, today: &str) -> Result<Server, Failure> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cpss-registry"));
        command
            .args(["serve", "--dev", "--no-sample", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"])
            .args(["--ops-listen", "127.0.0.1:0"])
            .args(["--today", today])
            .arg("--data-dir")
            .arg(data_dir);
        Server::start(command, true)
    }

    /// The registry with the configuration of a place, and the largest share for one client.
    pub fn secure_registry(place: &Place) -> Result<Server, Failure> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cpss-registry"));
        let much = "65536";
        command
            .args(["serve", "--calls-per-second", much, "--calls-burst", much, "--connections-per-client", "1000"])
            .arg("--config")
            .arg(place.config());
        Server::start(command, false)?.seen_by(place)
    }

    /// The echo server with these constants.
    pub fn echo(constants: &Path) -> Result<Server, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--echo").arg(constants);
        Server::start(command, false)
    }

    /// The echo server with the certificates of a place.
    pub fn secure_echo(constants: &Path, place: &Place) -> Result<Server, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--echo").arg(constants).arg(place.directory());
        Server::start(command, false)?.seen_by(place)
    }

    /// A process that serves, or will soon.
    pub fn at(child: Child, target: Target) -> Server {
        Server { child, target, http: None, opened_in: Duration::ZERO }
    }

    fn seen_by(mut self, place: &Place) -> Result<Server, Failure> {
        self.target.tls = Some(place.registrar()?);
        Ok(self)
    }

    fn start(mut command: Command, has_http: bool) -> Result<Server, Failure> {
        let started = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("no standard output")?).lines();
        let mut addresses = lines.map_while(Result::ok).filter_map(|line| {
            let address = line.strip_prefix("listening on ")?.split(' ').next()?;
            address.parse().ok()
        });
        let mut next = || addresses.next().ok_or("the server ended before it listened");
        let address = next()?;
        let opened_in = started.elapsed();
        let http = if has_http { Some(next()?) } else { None };
        Ok(Server { child, target: Target { address, tls: None }, http, opened_in })
    }

    /// The CPU time used so far.
    pub fn cpu(&self) -> Result<Duration, Failure> {
        // Ticks of 10 ms. After the name in parentheses, user and system time are the 12th and 13th fields.
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let after_name = stat.rsplit_once(')').ok_or("no process statistics")?.1;
        let ticks = after_name.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        Ok(Duration::from_millis(10 * ticks.sum::<Result<u64, _>>()?))
    }

    /// The resident memory in bytes.
    pub fn resident_bytes(&self) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no memory statistics")?;
        Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
