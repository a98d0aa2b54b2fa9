//! A disk that is lost while a copy follows the log.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::{json_of, run, text};
use crate::harness::ops::metric;
use crate::harness::requests::register_specialist;
use crate::harness::{Process, TODAY, block_until, until};

/// A command that is killed when this is dropped.
struct Shipping(Child);

impl Shipping {
    fn to(target: &Path, data: &Path) -> Shipping {
        Shipping::saying(target, data, &[], Stdio::inherit())
    }

    fn saying(target: &Path, data: &Path, flags: &[&str], err: impl Into<Stdio>) -> Shipping {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cpss-registry"));
        command.args(["log", "ship", text(target), "--data-dir", text(data)]).args(flags).stdin(Stdio::null());
        Shipping(command.stdout(Stdio::null()).stderr(err).spawn().unwrap())
    }

    /// Ends it as a service manager does.
    fn terminate(self) -> ExitStatus {
        let id = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.ended()
    }

    /// Waits until it ends.
    fn ended(mut self) -> ExitStatus {
        block_until("the end", || self.0.try_wait().unwrap().is_some());
        self.0.wait().unwrap()
    }
}

impl Drop for Shipping {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Waits until the copy says that it has everything up to a revision.
async fn has_everything(data: &Path, head: u64) {
    let noted = async || {
        let note = fs::read_to_string(data.join("SHIPPED")).unwrap_or_default();
        note.trim_end().ends_with(&format!(" {head}"))
    };
    until(&format!("a copy up to {head}"), noted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lost_disk_loses_seconds_and_the_lag_is_reported() {
    let scratch = tempfile::tempdir().unwrap();
    let [data, target, restored] = ["data", "shipped", "restored"].map(|name| scratch.path().join(name));
    let (process, client) = Process::start(&data, TODAY);
    assert_eq!(metric(process.ops(), "cpss_ship_lag_revisions").await, None);
    let shipping = Shipping::to(&target, &data);
    until("the first note", async || data.join("SHIPPED").exists()).await;

    let mut acknowledged = Vec::new();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(6) {
        let name = format!("Example-{}", acknowledged.len());
        let receipt = client.report(register_specialist("Ambrose", &name)).await;
        acknowledged.push((receipt.revision, Instant::now()));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let lag = metric(process.ops(), "cpss_ship_lag_revisions").await.unwrap();
    assert!(lag < acknowledged.len() as f64 / 2.0, "{lag} of {}", acknowledged.len());
    let shipped_at = metric(process.ops(), "cpss_ship_last_timestamp_seconds").await.unwrap();
    let now = cpss_registry::registry::clock::now().as_second() as f64;
    assert!((now - shipped_at).abs() < 5.0, "{shipped_at} at {now}");

    // The machine is lost, with both processes and the disk.
    let lost = Instant::now();
    process.kill();
    drop(shipping);
    fs::remove_dir_all(&data).unwrap();
    assert_eq!(json_of(&["check", "--backup", text(&target)])["fine"], true);
    let report = json_of(&["restore", text(&target), "--data-dir", text(&restored)]);
    let kept = report["forked_after"].as_u64().unwrap();
    let first_lost = acknowledged.iter().find(|(revision, _)| *revision > kept);
    let seconds = first_lost.map_or(0.0, |(_, at)| lost.duration_since(*at).as_secs_f64());
    println!("{kept} of {} revisions kept: {seconds:.1} s lost", acknowledged.last().unwrap().0);
    assert!(seconds < 5.0, "{seconds} s of acknowledged records are lost");
    let (process, client) = Process::start(&restored, TODAY);
    assert_eq!(client.head().await, kept + 1);
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_copy_goes_on_after_a_restart_of_either_and_ends_when_told() {
    let scratch = tempfile::tempdir().unwrap();
    let [data, target] = ["data", "shipped"].map(|name| scratch.path().join(name));
    let generated = ["generate", "--specialists", "50", "--through", "2026-02-27", "--data-dir", text(&data)];
    json_of(&generated);
    let shipping = Shipping::to(&target, &data);
    until("the first note", async || data.join("SHIPPED").exists()).await;
    // The copy does not keep a server from starting.
    let (process, client) = Process::start(&data, TODAY);
    assert_eq!(shipping.terminate().code(), Some(0));
    let while_nothing_copies = client.report(register_specialist("Ambrose", "Example-Alone")).await.revision;
    let shipping = Shipping::to(&target, &data);
    has_everything(&data, while_nothing_copies).await;
    process.stop();
    let (process, client) = Process::start(&data, TODAY);
    let after_both = client.report(register_specialist("Ambrose", "Example-Again")).await.revision;
    has_everything(&data, after_both).await;
    process.stop();
    assert_eq!(shipping.terminate().code(), Some(0));
    let head = |flag: &str, at: &Path| json_of(&["check", flag, text(at)])["head"].clone();
    assert_eq!(head("--backup", &target), after_both);
    assert_eq!(head("--data-dir", &data), after_both);
    let once = run(&["log", "ship", text(&target), "--data-dir", text(&data), "--once"]);
    assert_eq!(once.code, 0, "{}", once.err);
    assert_eq!(head("--backup", &target), head("--data-dir", &data));
    let inside = run(&["log", "ship", text(&data.join("x")), "--data-dir", text(&data), "--once"]);
    assert!(inside.code == 2 && inside.err.contains("name separate directories"), "{}", inside.err);
}

#[test]
fn a_disk_that_is_away_for_a_while_is_reported_and_so_is_its_return() {
    let scratch = tempfile::tempdir().unwrap();
    let [data, away, target, err] = ["data", "away", "shipped", "err"].map(|name| scratch.path().join(name));
    json_of(&["generate", "--specialists", "20", "--through", "2026-02-27", "--data-dir", text(&data)]);
    let shipping = Shipping::saying(&target, &data, &[], fs::File::create(&err).unwrap());
    block_until("the first note", || data.join("SHIPPED").exists());
    let says = |what: &str| fs::read_to_string(&err).unwrap().contains(what);
    fs::rename(&data, &away).unwrap();
    block_until("the failure", || says("the log is not shipped"));
    assert!(!says("the log is shipped again"));
    fs::rename(&away, &data).unwrap();
    block_until("the return", || says("the log is shipped again"));
    assert_eq!(shipping.terminate().code(), Some(0));
}

#[test]
fn a_first_copy_that_takes_its_time_is_ended_by_a_signal() {
    let scratch = tempfile::tempdir().unwrap();
    let [data, target] = ["data", "shipped"].map(|name| scratch.path().join(name));
    json_of(&["generate", "--specialists", "20", "--through", "2026-02-27", "--data-dir", text(&data)]);
    // A file that is never read to its end.
    let endless = data.join("keys/endless");
    assert!(Command::new("mkfifo").arg(&endless).status().unwrap().success());
    let shipping = Shipping::to(&target, &data);
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap();
    // It can be opened once the copy reads it.
    let open = || fs::OpenOptions::new().write(true).custom_flags(nonblocking).open(&endless);
    let mut held = None;
    block_until("the copy", || {
        held = open().ok();
        held.is_some()
    });
    assert_eq!(shipping.terminate().signal(), Some(rustix::process::Signal::TERM.as_raw()));
}

#[test]
fn one_copy_of_a_registry_that_was_not_served_yet_says_what_to_do() {
    let scratch = tempfile::tempdir().unwrap();
    let [data, copy, restored, target, err] =
        ["data", "copy", "restored", "shipped", "err"].map(|name| scratch.path().join(name));
    json_of(&["generate", "--specialists", "20", "--through", "2026-02-27", "--data-dir", text(&data)]);
    json_of(&["backup", text(&copy), "--data-dir", text(&data)]);
    json_of(&["restore", text(&copy), "--data-dir", text(&restored)]);
    let shipping = Shipping::saying(&target, &restored, &["--once"], fs::File::create(&err).unwrap());
    assert_eq!(shipping.ended().code(), Some(1));
    let said = fs::read_to_string(&err).unwrap();
    assert!(said.contains("start one, and try again once it is ready"), "{said}");
}
