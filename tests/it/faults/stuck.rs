//! A thread that does not move, held by `strace`, and a disk that takes long to sync.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tonic_health::pb::health_check_response::ServingStatus;

use super::failing::{some_history, with_fault};
use super::table::{page, seen};
use crate::contract::health::asked_on;
use crate::harness::ops::get;
use crate::harness::requests::register_specialist;
use crate::harness::{Client, Process, TODAY, block_until, until};
use crate::service_manager::Manager;

/// The shortest time after which a thread counts as stuck.
pub const SOON: [&str; 2] = ["--stuck-after-seconds", "3"];

/// Longer than any of these tests.
const LONG: Duration = Duration::from_secs(600);

/// A thread whose system call is held, or fails, until this is dropped.
pub struct Held(Child);

impl Held {
    /// Holds a thread of this name when it next makes this call, before the kernel runs it or after.
    pub fn thread(process: u32, name: &str, call: &str, when: &str) -> Held {
        Held::with(process, name, call, &format!("delay_{when}={}", LONG.as_micros()))
    }

    /// Lets this fault happen whenever a thread of this name makes this call. Waits until `strace` traces the thread.
    pub fn with(process: u32, name: &str, call: &str, fault: &str) -> Held {
        let tasks = format!("/proc/{process}/task");
        // A thread may end meanwhile.
        let is_named = |thread: &std::path::PathBuf| {
            fs::read_to_string(thread.join("comm")).is_ok_and(|found| found.trim() == name)
        };
        let mut found = None;
        block_until(&format!("a thread named {name}"), || {
            let threads = fs::read_dir(&tasks).unwrap().map(|thread| thread.unwrap().path());
            found = threads.into_iter().find(is_named);
            found.is_some()
        });
        let thread = found.unwrap();
        let id = thread.file_name().unwrap().to_str().unwrap().to_owned();
        let inject = format!("inject={call}:{fault}");
        let mut strace = Command::new("strace");
        strace.args(["-qq", "-o", "/dev/null", "-p", &id, "-e", &format!("trace={call}"), "-e", &inject]);
        let held = Held(strace.stdout(Stdio::null()).spawn().unwrap());
        let is_traced =
            |status: String| status.lines().any(|line| line.starts_with("TracerPid:") && line != "TracerPid:\t0");
        block_until("strace", || is_traced(fs::read_to_string(thread.join("status")).unwrap()));
        held
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The thread goes on when its tracer is gone.
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

async fn livez(process: &Process) -> (String, String) {
    get(process.ops(), "/livez").await
}

async fn until_livez_is(process: &Process, expected: &str) {
    until(&format!("{expected} of /livez"), async || livez(process).await.0.contains(expected)).await;
}

/// Every probe says that this thread is stuck, as the table of faults does, and then that it moves again.
async fn is_seen(fault: &str, thread: &str, call: &str, when: &str) {
    let (data, _) = some_history().await;
    let process = Process::spawn_with(data.path(), TODAY, &SOON);
    process.listening();
    until_livez_is(&process, "200").await;
    let before = page(&process).await;
    let held = Held::thread(process.id(), thread, call, when);
    until_livez_is(&process, "503").await;
    let why = format!("stuck: the thread `{thread}` has not moved for 3 s while work waits for it\n");
    assert_eq!(livez(&process).await.1, why);
    assert_eq!(asked_on(process.ops(), "liveness").await, ServingStatus::NotServing);
    let (_, checks) = get(process.ops(), "/readyz?verbose").await;
    assert!(checks.contains("\nliveness: failed: the thread `"), "{checks}");
    seen(fault, &process, &before).await;
    drop(held);
    until_livez_is(&process, "200").await;
    assert_eq!(asked_on(process.ops(), "liveness").await, ServingStatus::Serving);
    process.wait_for_log("event=\"thread_moves\"");
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: tests/faults/run.sh"]
async fn a_worker_that_does_not_move_fails_livez() {
    is_seen("a worker does not move", "worker", "epoll_wait", "enter").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: tests/faults/run.sh"]
async fn a_writer_that_does_not_move_fails_livez() {
    // It waits for a message, and is held when one has come.
    is_seen("the writer does not move", "writer", "futex", "exit").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: tests/faults/run.sh"]
async fn a_sync_of_any_length_does_not_fail_livez() {
    let (data, _) = some_history().await;
    let fault = with_fault(data.path(), "fdatasync:delay_exit=12000000");
    let process = Process::spawn_under(&fault, data.path(), TODAY, &SOON);
    let client = Client::connect(process.listening());
    let begun = Instant::now();
    let writing = tokio::spawn(async move { client.call(register_specialist("Lucinda", "Example")).await });
    while !writing.is_finished() {
        let (status, why) = livez(&process).await;
        assert!(status.contains("200"), "after {:?}: {why}", begun.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    writing.await.unwrap().unwrap();
    assert!(begun.elapsed() > Duration::from_secs(9), "the sync was not held: {:?}", begun.elapsed());
    process.kill();
}

#[test]
#[ignore = "needs strace: tests/faults/run.sh"]
fn the_watchdog_hears_nothing_while_a_worker_does_not_move() {
    let manager = Manager::start(&SOON);
    manager.next("READY");
    let held = Held::thread(manager.process.id(), "worker", "epoll_wait", "enter");
    manager.process.wait_for_log("event=\"thread_stuck\"");
    manager.drain();
    std::thread::sleep(2 * crate::service_manager::WATCHDOG);
    let heard = manager.drain();
    assert!(heard.iter().all(|message| message.value("WATCHDOG").is_none()), "{heard:?}");
    drop(held);
    manager.next("WATCHDOG");
    manager.process.stop();
}
