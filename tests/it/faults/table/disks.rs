//! Faults of disks, and of files on them.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use cpss_registry::store::StoreOptions;
use cpss_registry::store::log::LogOptions;

use super::{Page, page, seen};
use crate::faults::failing::{some_history, with_fault};
use crate::faults::full::{Ballast, MIB, RESERVE, SmallRegistry};
use crate::faults::power::{self, Disk};
use crate::faults::stuck::Held;
use crate::harness::requests::register_specialist;
use crate::harness::{Client, Process, TODAY, library};
use crate::heal::GeneratedRegistry;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a small file system: tests/faults/run.sh"]
async fn the_disk_is_full() {
    let (registry, process, client) = SmallRegistry::begin().await;
    let before = page(&process).await;
    let ballast = Ballast::leave(&registry.disk, RESERVE - MIB);
    client.call(register_specialist("Lucinda", "Example")).await.unwrap_err();
    seen("the disk is full", &process, &before).await;
    drop(ballast);
    process.stop();
    fs::remove_dir_all(&registry.data_dir).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an ext4 in an image: tests/faults/run.sh"]
async fn the_disk_becomes_read_only() {
    power::some_history().await;
    let disk = Disk::mounted();
    let (process, client) = Process::start(&disk.data(), TODAY);
    let before = page(&process).await;
    disk.turn_read_only();
    client.call(register_specialist("Lucinda", "Example")).await.unwrap_err();
    seen("the disk becomes read-only", &process, &before).await;
    process.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: tests/faults/run.sh"]
async fn a_sync_fails() {
    let (data, _) = some_history().await;
    let fault = with_fault(data.path(), "fdatasync:error=EIO:when=1+");
    let process = Process::spawn_under(&fault, data.path(), TODAY, &[]);
    let client = Client::connect(process.listening());
    let before = page(&process).await;
    client.call(register_specialist("Lucinda", "Example")).await.unwrap_err();
    seen("a sync fails", &process, &before).await;
    process.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: tests/faults/run.sh"]
async fn a_read_of_the_log_fails_at_the_start() {
    let (data, _) = some_history().await;
    let fault = with_fault(data.path(), "pread64:error=EIO:when=1+");
    let process = Process::spawn_under(&fault, data.path(), TODAY, &[]);
    seen("a read of the log fails at the start", &process, &Page::default()).await;
    process.kill();
}

/// The day after [`TODAY`].
const NEXT_DAY: &str = "2026-03-03";

/// Closes the first segment of a log, so that it has all but the record of the next day.
async fn close_segment(data: &Path) {
    let log = LogOptions { segment_bytes: 1, ..LogOptions::default() };
    library::close(library::open(data, NEXT_DAY, StoreOptions { log, ..StoreOptions::default() })).await;
    assert_eq!(fs::read_dir(data.join("log")).unwrap().count(), 3, "two segments and the head");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: tests/faults/run.sh"]
async fn a_read_of_the_log_fails_while_serving() {
    // The scrub reads a MiB a second. It is not done when the fault begins.
    let place = GeneratedRegistry::generated(1500);
    close_segment(place.data.path()).await;
    let process = Process::spawn(place.data.path(), NEXT_DAY);
    process.listening();
    let fault = Held::with(process.id(), "scrub", "pread64", "error=EIO");
    seen("a read of the log fails while serving", &process, &Page::default()).await;
    process.wait_for_log("the disk cannot read the log, and writes are refused");
    drop(fault);
    process.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "one of the table of faults: tests/faults/run.sh"]
async fn the_scrub_finds_damage() {
    let (data, _) = some_history().await;
    close_segment(data.path()).await;
    flip_a_byte(&data.path().join("log/00000000000000000001.log"));
    let process = Process::spawn(data.path(), NEXT_DAY);
    process.listening();
    seen("the scrub finds damage", &process, &Page::default()).await;
    process.wait_for_log("the log is damaged, and writes are refused: restore the registry from a backup");
    process.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "one of the table of faults: tests/faults/run.sh"]
async fn a_block_of_the_index_is_damaged() {
    let place = GeneratedRegistry::generated(60);
    // Without room for another index the program does not end, so that it can be asked.
    let process = Process::spawn_with(place.data.path(), TODAY, &["--disk-reserve-bytes", "900000000000000"]);
    let client = Client::connect(process.listening());
    let before = page(&process).await;
    place.spoil();
    assert!(place.ask(&client).await.1.is_some());
    seen("a block of the index is damaged", &process, &before).await;
    process.kill();
}

/// Damages a segment in its first frames, which are longer than this.
fn flip_a_byte(segment: &Path) {
    let segment = File::options().read(true).write(true).open(segment).unwrap();
    let (mut byte, at) = ([0], 300);
    segment.read_exact_at(&mut byte, at).unwrap();
    segment.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "one of the table of faults: tests/faults/run.sh"]
async fn a_segment_of_the_log_is_damaged() {
    let (data, _) = some_history().await;
    flip_a_byte(&data.path().join("log/00000000000000000001.log"));
    let process = Process::spawn(data.path(), TODAY);
    seen("a segment of the log is damaged", &process, &Page::default()).await;
    assert_eq!(process.wait().0.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "one of the table of faults: tests/faults/run.sh"]
async fn the_process_is_killed() {
    let (data, _) = some_history().await;
    let process = Process::spawn(data.path(), TODAY);
    process.listening();
    let before = page(&process).await;
    assert!(Command::new("kill").args(["-KILL", &process.id().to_string()]).status().unwrap().success());
    seen("the process is killed", &process, &before).await;
}
