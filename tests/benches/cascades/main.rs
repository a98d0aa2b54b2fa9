//! Cascades as their caller sees them: a transfer of a whole staff, and the end of its new employer's qualification.
//!
//! `cargo bench --bench cascades` measures this build. `CPSS_EARLIER` names the program of an earlier build, which is
//! measured in the same run, in turn. `CPSS_PEOPLE` is the number of staff (default 2,000; several with commas), and
//! `CPSS_ROUNDS` the number of rounds (default 3). Meanwhile another client writes one command after another: its
//! longest wait, and its longest wait before the cascades, are in the table.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    dead_code,
    unused_imports,
    reason = "a benchmark says what it measures, fails by panicking, and shares the harness of the tests"
)]
#![allow(missing_docs, unreachable_pub, reason = "a program, not a library")]

#[path = "../../it/harness/mod.rs"]
mod harness;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use self::harness::requests::{end_period, register_specialist, transfer};
use self::harness::{Client, TODAY};

/// The largest answer: early builds list every job that a transfer begins.
const LARGEST: usize = 256 * 1024 * 1024;

/// A server with an empty registry. It is killed when this is dropped.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(program: &Path, data_dir: &Path) -> Server {
        let help = Command::new(program).args(["serve", "--help"]).output().unwrap();
        let has_http = String::from_utf8_lossy(&help.stdout).contains("--http-listen");
        let mut command = Command::new(program);
        command.args(["serve", "--dev", "--no-sample", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]);
        if has_http {
            command.args(["--http-listen", "127.0.0.1:0"]);
        }
        command.args(["--today", TODAY, "--data-dir"]).arg(data_dir);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut addresses =
            lines.filter_map(|line| line.strip_prefix("listening on ")?.split(' ').next()?.parse().ok());
        let address = addresses.next().expect("the server listens");
        Server { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).unwrap();
    }
}

/// What one round measured of a program.
#[derive(Clone, Copy)]
struct Round {
    transfer: Duration,
    end: Duration,
    /// The longest wait of another writer: before the cascades, and during them.
    wait_before: Duration,
    wait_during: Duration,
}

async fn round(program: &Path, people: usize) -> Round {
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let server = Server::start(program, &scratch.path().join("data"));
    let client = Client::connect(server.address);
    let from = client.qualified_provider("Example Center").await;
    let to = client.qualified_provider("Other Example Center").await;
    client.hire(&from.provider_id, people).await;

    let wait_before = longest_wait(&client, async { tokio::time::sleep(Duration::from_millis(500)).await }).await;
    let (mut transferred_in, mut ended_in) = (Duration::ZERO, Duration::ZERO);
    let cascades = async {
        let request = transfer(&from.provider_id, &to.provider_id, "2026-02-27");
        let mut service = client.employment().max_decoding_message_size(LARGEST);
        let started = Instant::now();
        let moved = service.transfer_employments(request).await.unwrap().into_inner();
        transferred_in = started.elapsed();
        assert_eq!(moved.specialist_count as usize, people, "people who change their employer");
        let request = end_period(&to.qualification, "2026-02-28", "Certification withdrawn");
        let started = Instant::now();
        let lost = client.ask(request).await;
        ended_in = started.elapsed();
        assert_eq!(lost.specialist_count as usize, people, "people who lose their coverage");
    };
    let wait_during = longest_wait(&client, cascades).await;
    Round { transfer: transferred_in, end: ended_in, wait_before, wait_during }
}

/// Writes one command after another while something else runs. Returns the longest wait.
async fn longest_wait(client: &Client, other: impl Future<Output = ()>) -> Duration {
    let over = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (client, over) = (client.clone(), Arc::clone(&over));
        async move {
            let mut longest = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                let started = Instant::now();
                client.ask(register_specialist("Example", "Stone")).await;
                longest = longest.max(started.elapsed());
            }
            longest
        }
    });
    other.await;
    over.store(true, Ordering::Relaxed);
    writer.await.unwrap()
}

fn median(rounds: &[Round], of: impl Fn(&Round) -> Duration) -> f64 {
    let mut all: Vec<f64> = rounds.iter().map(|round| of(round).as_secs_f64()).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn main() {
    let setting = |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    let rounds: usize = setting("CPSS_ROUNDS", "3").parse().expect("CPSS_ROUNDS");
    let mut programs = vec![("this build", PathBuf::from(env!("CARGO_BIN_EXE_cpss-registry")))];
    programs.extend(std::env::var_os("CPSS_EARLIER").map(|path| ("earlier", path.into())));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("| people | program | transfer | end of qualification | longest wait of another writer: before, during |");
    println!("| --: | --- | --: | --: | --: |");
    for people in setting("CPSS_PEOPLE", "2000").split(',').map(|text| text.trim().parse().expect("CPSS_PEOPLE")) {
        let mut measured: Vec<Vec<Round>> = vec![Vec::new(); programs.len()];
        for _ in 0..rounds {
            for ((_, program), measured) in programs.iter().zip(&mut measured) {
                measured.push(runtime.block_on(round(program, people)));
            }
        }
        for ((name, _), rounds) in programs.iter().zip(&measured) {
            let [transfer, end] = [median(rounds, |round| round.transfer), median(rounds, |round| round.end)];
            let [before, during] =
                [median(rounds, |round| round.wait_before), median(rounds, |round| round.wait_during)];
            println!("| {people} | {name} | {transfer:.3} s | {end:.3} s | {:.1} ms, {during:.3} s |", before * 1e3);
        }
        if let [this, earlier] = measured.as_slice() {
            let ratio = |of: fn(&Round) -> Duration| median(this, of) / median(earlier, of);
            let (transfer, end) = (ratio(|round| round.transfer), ratio(|round| round.end));
            println!("| {people} | ratio | {transfer:.2} | {end:.2} | |");
        }
    }
}
