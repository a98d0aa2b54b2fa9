//! Faults of clocks, and what is out of date. `libfaketime` sets the clock of the program.

use std::path::Path;
use std::process::Command;

use super::{Page, page, seen};
use crate::harness::Process;
use crate::harness::faketime::clock_library;
use crate::tls::tls_server::set_up_for;

/// The environment of a program whose clock differs by this from that of the machine.
fn clock(offset: &str) -> [String; 3] {
    let library = clock_library().expect("libfaketime (Debian: apt-get install faketime)");
    let monotonic = "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned();
    [format!("LD_PRELOAD={}", library.display()), format!("FAKETIME={offset}"), monotonic]
}

fn under(offset: &str) -> Vec<String> {
    std::iter::once("env".to_owned()).chain(clock(offset)).collect()
}

/// Serves what `init` set up, with certificates for this many days.
fn serve(directory: &Path, days: u32, under: &[String]) -> Process {
    set_up_for(directory, days);
    let config = directory.join("config.toml");
    let process = Process::serve_under(under, &["--config", config.to_str().unwrap()]);
    process.listening();
    process
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs faketime: tests/faults/run.sh"]
async fn the_clock_is_ahead() {
    let directory = tempfile::tempdir().unwrap();
    let process = serve(directory.path(), 90, &under("+20d"));
    seen("the clock is ahead", &process, &Page::default()).await;
    process.stop();
}

/// The arguments of a development server whose clock is that of the machine.
fn development(data_dir: &Path) -> [&str; 4] {
    ["--dev", "--no-sample", "--data-dir", data_dir.to_str().unwrap()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs faketime: tests/faults/run.sh"]
async fn the_clock_is_behind() {
    let data = tempfile::tempdir().unwrap();
    let process = Process::serve(&development(data.path()));
    process.listening();
    process.stop();
    let process = Process::serve_under(&under("-1h"), &development(data.path()));
    process.listening();
    seen("the clock is behind", &process, &Page::default()).await;
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "one of the table of faults: tests/faults/run.sh"]
async fn a_certificate_expires_soon() {
    let directory = tempfile::tempdir().unwrap();
    let process = serve(directory.path(), 10, &[]);
    seen("a certificate expires soon", &process, &Page::default()).await;
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs faketime: tests/faults/run.sh"]
async fn the_last_backup_is_too_old() {
    let (data, backup) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let process = Process::serve(&development(data.path()));
    process.listening();
    let before = page(&process).await;
    let into = backup.path().join("backup");
    let mut command = Command::new(Process::binary());
    command.args(["backup", into.to_str().unwrap(), "--data-dir", data.path().to_str().unwrap()]);
    command.envs(clock("-30h").iter().filter_map(|variable| variable.split_once('=')));
    let taken = command.output().unwrap();
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
    seen("the last backup is too old", &process, &before).await;
    process.stop();
}
