//! Lines, rotation, and behavior while lines cannot be written.

mod full_disk;

use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::time::Instant;

use super::file::Sink;
use super::last_line::NotWritten;
use super::sync::{SyncTarget, Syncing};
use super::*;

struct Named(&'static str);

impl Client for Named {
    fn name(&self) -> &str {
        self.0
    }
}

fn call() -> Call {
    let client: Arc<dyn Client> = Arc::new(Named("an \"example\" client"));
    Call { client, method: "VerificationService/VerifyCredential", request_id: Uuid::nil(), known_at: 7, revision: 9 }
}

fn question() -> Question {
    let as_of = Some(jiff::civil::date(2026, 3, 2));
    Question { call: call(), number: Some(*b"CPS-28MS-MN2K-Z"), named: None, as_of, verdict: Some("CONFIRMED") }
}

fn place(path: &Path, file_bytes: u64) -> Place {
    Place { path: path.to_owned(), file_bytes, keep: Keep { days: 400 }, max_bytes: None }
}

/// For sinks that keep nothing to search.
fn searching() -> Searching {
    Searching::new(Trail::of(Path::new("/nowhere")), || {})
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn start(path: &Path, file_bytes: u64) -> (Audit, AuditThread) {
    Audit::start(place(path, file_bytes), now, || {}, ()).unwrap()
}

/// The lines of a file after the start line.
fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["event"], "started");
    lines[1..].to_vec()
}

/// Waits until the audit reports that it can be written, or that it cannot.
async fn wait(audit: &Audit, until: bool) {
    audit.watch().wait_for(|is_writable| *is_writable == until).await.unwrap();
}

async fn record(audit: &Audit) -> Result<(), Unwritable> {
    audit.report(question())?.await
}

/// A sink that accepts lines when the gate opens, and keeps them.
struct Gated {
    gate: mpsc::Receiver<io::Result<()>>,
    lines: Arc<Mutex<Vec<u8>>>,
}

impl Sink for Gated {
    fn ensure(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn append(&mut self, _: Timestamp, lines: &[u8]) -> Result<(), NotWritten> {
        self.gate.recv().unwrap_or(Ok(()))?;
        self.lines.lock().unwrap().extend_from_slice(lines);
        Ok(())
    }

    fn sync_if_due(&mut self, _: Instant) -> io::Result<()> {
        Ok(())
    }

    fn finish(self) {}
}

type Gate = (mpsc::Sender<io::Result<()>>, Arc<Mutex<Vec<u8>>>);

fn start_gated() -> (Audit, AuditThread, Gate) {
    let ((open, gate), lines) = (channel(), Arc::default());
    let sink = Gated { gate, lines: Arc::clone(&lines) };
    let (audit, thread) = Audit::start_on(sink, Arc::new(Usage::new(u64::MAX)), searching(), now, ()).unwrap();
    (audit, thread, (open, lines))
}

#[tokio::test]
async fn a_question_is_a_line_and_a_stream_has_lines_of_numbers_and_a_summary() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit/reads.jsonl");
    let (audit, thread) = start(&path, 1 << 20);
    record(&audit).await.unwrap();
    let mut tally = audit.tally(call());
    for at in 0..1001 {
        tally.add((at > 0).then_some(*b"CPS-28MS-MN2K-Z"), Some("CONFIRMED")).unwrap();
    }
    tally.add(None, None).unwrap();
    tally.close().unwrap().await.unwrap();
    let lines = lines(&path);
    assert_eq!(lines.len(), 4);
    assert_eq!(
        lines[0],
        serde_json::json!({
            "at": "1970-01-01T00:00:00.000000Z", "client": "an \"example\" client",
            "method": "VerificationService/VerifyCredential", "request_id": Uuid::nil().to_string(), "known_at": 7, "revision": 9,
            "number": "CPS-28MS-MN2K-Z", "as_of": "2026-03-02", "verdict": "CONFIRMED",
        })
    );
    let numbers = lines[1]["numbers"].as_str().unwrap();
    assert_eq!(numbers, "- CPS-28MS-MN2K-Z*999", "a number that is repeated is written once");
    assert_eq!((&lines[2]["part"], lines[2]["numbers"].as_str()), (&2.into(), Some("CPS-28MS-MN2K-Z -")));
    assert_eq!(lines[1]["outcomes"], serde_json::json!({ "CONFIRMED": 1000 }));
    assert_eq!(lines[2]["outcomes"], serde_json::json!({ "CONFIRMED": 1, "ERROR": 1 }));
    assert_eq!((&lines[3]["questions"], &lines[3]["verdicts"]["CONFIRMED"]), (&1002.into(), &1001.into()));
    assert_eq!((&lines[3]["errors"], &lines[3]["parts"]), (&1.into(), &2.into()));
    assert_eq!(lines[3]["numbers_sha256"].as_str().unwrap().len(), 64);
    thread.close();
}

#[tokio::test]
async fn a_line_is_in_the_file_before_its_answer_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reads.jsonl");
    let (audit, thread) = start(&path, 1 << 20);
    let worker = audit.for_worker();
    for count in 1..=50 {
        record(&audit).await.unwrap();
        assert_eq!(lines(&path).len(), 4 * count - 3);
        let together = futures_util::future::join_all((0..3).map(|_| record(&worker)));
        assert_eq!(together.await, [Ok(()); 3]);
        assert_eq!(lines(&path).len(), 4 * count);
    }
    let mut tally = audit.tally(call());
    for part in 1..=5 {
        tally.add(None, Some("CONFIRMED")).unwrap();
        tally.write().unwrap().await.unwrap();
        assert_eq!(lines(&path).len(), 200 + part, "a stream's numbers are written before its answers are sent");
    }
    drop(tally);
    thread.close();
    assert_eq!(lines(&path).last().unwrap()["questions"], 5, "its summary is written when it is abandoned");
}

#[tokio::test]
async fn a_full_file_is_closed_and_none_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reads.jsonl");
    for _ in 0..6 {
        let (audit, thread) = start(&path, 1);
        record(&audit).await.unwrap();
        thread.close();
    }
    let query = Query { number: Some(*b"CPS-28MS-MN2K-Z"), ..Query::default() };
    let found = search(&path, &query, None, Bounds { lines: 100, numbers: 100, bytes: 1 << 20 }).unwrap();
    assert_eq!((found.reads.len(), found.next), (6, None));
    assert_eq!(found.reads[0].1.outcomes, [("CONFIRMED".to_owned(), 1)]);
    let serials: Vec<_> = found.reads.iter().map(|(place, _)| place.serial).collect();
    assert!(serials.is_sorted() && serials[0] < serials[5], "{serials:?}");
}

#[test]
fn a_growing_file_is_synced_every_second_in_the_background() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reads.jsonl");
    let (syncing, handed_over) = Syncing::without_thread();
    let mut file = LineFile::open(place(&path, 1 << 20), syncing, channel().0, now()).unwrap();
    let begun = Instant::now();
    file.append(now(), b"one\n").unwrap();
    file.sync_if_due(begun).unwrap();
    assert!(handed_over.try_recv().is_err(), "not yet");
    file.sync_if_due(begun + Duration::from_secs(2)).unwrap();
    let Ok(SyncTarget::File(handed)) = handed_over.try_recv() else { panic!("nothing was queued for a sync") };
    assert_eq!(handed.metadata().unwrap().len(), path.metadata().unwrap().len());
    file.sync_if_due(begun + Duration::from_secs(9)).unwrap();
    assert!(handed_over.try_recv().is_err(), "it has not grown since");
}

#[test]
fn a_rotated_file_is_synced_in_the_background() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reads.jsonl");
    let (syncing, handed_over) = Syncing::without_thread();
    let mut file = LineFile::open(place(&path, 1), syncing, channel().0, now()).unwrap();
    file.append(now(), b"two\n").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
    assert!(matches!(handed_over.try_recv(), Ok(SyncTarget::File(_))));
    assert!(matches!(handed_over.try_recv(), Ok(SyncTarget::Directory(names)) if names == directory.path()));
}

/// A pipe, a device, and a directory.
fn not_regular_files(directory: &Path) -> [std::path::PathBuf; 3] {
    let pipe = directory.join("pipe");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    [pipe, "/dev/full".into(), directory.to_owned()]
}

#[test]
fn a_path_that_is_not_a_regular_file_is_refused_at_start_and_by_a_check() {
    let directory = tempfile::tempdir().unwrap();
    for path in not_regular_files(directory.path()) {
        let started = Audit::start(place(&path, 1 << 20), now, || {}, ()).map(drop);
        for refused in [started, check(&path, now())] {
            let is_right = matches!(&refused, Err(AuditFileError::NotAFile { path: named }) if *named == path);
            assert!(is_right, "{refused:?}");
        }
    }
}

#[test]
fn a_check_writes_to_the_file_and_removes_what_it_created() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/b/reads.jsonl");
    check(&path, now()).unwrap();
    assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "one\n").unwrap();
    check(&path, now()).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("one\n{\"at\":\"1970-01-01T00:00:00.000000Z\",\"event\":\"checked\","), "{text}");
    std::fs::remove_file(&path).unwrap();
    std::fs::write(directory.path().join("a/file"), "").unwrap();
    let beneath_a_file = directory.path().join("a/file/reads.jsonl");
    assert!(matches!(check(&beneath_a_file, now()), Err(AuditFileError::Unwritable { .. })));
}

#[tokio::test]
async fn all_questions_are_refused_while_lines_cannot_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reads.jsonl");
    let (audit, thread) = start(&path, 1 << 20);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    wait(&audit, false).await;
    assert_eq!(record(&audit).await, Err(Unwritable), "a directory is there instead");
    assert_eq!(audit.tally(call()).add(None, None), Err(Unwritable));
    std::fs::remove_dir(&path).unwrap();
    wait(&audit, true).await;
    record(&audit).await.unwrap();
    thread.close();
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
}

#[tokio::test]
async fn no_answer_is_sent_if_its_line_cannot_be_written_to_a_full_disk() {
    let (audit, thread, (gate, written)) = start_gated();
    let asked: Vec<_> = (0..2000).map(|_| audit.report(question()).unwrap()).collect();
    gate.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
    let answered = futures_util::future::join_all(asked).await;
    assert!(answered.iter().all(|answer| *answer == Err(Unwritable)), "from the first one on");
    assert_eq!(record(&audit).await, Err(Unwritable));
    gate.send(Ok(())).unwrap();
    wait(&audit, true).await;
    drop(gate);
    record(&audit).await.unwrap();
    thread.close();
    assert_eq!(written.lock().unwrap().split(|byte| *byte == b'\n').count(), 2002, "no line is lost or written twice");
}

#[tokio::test]
async fn a_sink_that_blocks_is_treated_like_one_that_fails_and_no_call_hangs() {
    let begun = Instant::now();
    let (audit, thread, (gate, _)) = start_gated();
    let earlier = audit.report(question()).unwrap();
    tokio::task::yield_now().await;
    let later = record(&audit);
    assert_eq!(futures_util::future::join(earlier, later).await, (Err(Unwritable), Err(Unwritable)));
    assert_eq!(record(&audit).await, Err(Unwritable));
    let (refused, backlog) = (begun.elapsed(), audit.backlog());
    assert!(backlog.entries >= 1 && backlog.oldest > WRITE_DEADLINE / 2, "{backlog:?}");
    gate.send(Ok(())).unwrap();
    wait(&audit, true).await;
    assert_eq!(audit.backlog(), Backlog::default());
    let _held = audit.report(question()).unwrap();
    let closing = Instant::now();
    thread.close();
    assert!(refused < Duration::from_secs(3), "{refused:?}");
    assert!(closing.elapsed() < Duration::from_secs(3), "closing does not wait for it: {:?}", closing.elapsed());
    drop(gate);
}

#[tokio::test]
async fn a_full_queue_refuses_questions_until_it_is_drained() {
    let (audit, thread, (gate, written)) = start_gated();
    let mut taken = 0;
    while audit.report(question()).is_ok() {
        taken += 1;
    }
    assert!(taken >= QUEUE);
    drop(gate);
    wait(&audit, true).await;
    record(&audit).await.unwrap();
    thread.close();
    assert_eq!(
        written.lock().unwrap().split(|byte| *byte == b'\n').count(),
        taken + 2,
        "no line is lost or written twice"
    );
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_created_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reads.jsonl");
    let (audit, thread) = start(&path, 1 << 20);
    std::fs::rename(&path, directory.path().join("elsewhere")).unwrap();
    record(&audit).await.unwrap();
    thread.close();
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
}

#[tokio::test]
async fn a_writer_thread_that_panics_refuses_all_questions_and_is_reported() {
    let (alive, ended) = oneshot::channel::<()>();
    let gated = Gated { gate: channel().1, lines: Arc::default() };
    let (audit, _thread) =
        Audit::start_on(gated, Arc::new(Usage::new(u64::MAX)), searching(), || panic!("a test"), alive).unwrap();
    assert_eq!(record(&audit).await, Err(Unwritable));
    assert!(ended.await.is_err(), "the thread's guard is dropped");
    assert_eq!(record(&audit).await, Err(Unwritable));
}

#[test]
fn a_check_that_blocks_is_abandoned_and_names_the_file() {
    let (_held, gate) = channel::<()>();
    let (path, within) = (Path::new("/audit/reads.jsonl"), Duration::from_secs(1));
    let blocked = file::with_deadline(path, within, move || {
        gate.recv().ok();
        Ok(())
    });
    let refused = blocked.unwrap_err().to_string();
    let expected = "/audit/reads.jsonl could not be opened, written and synced within 1 s: its disk blocks. Set audit_file \
                    to another file, or check the disk";
    assert_eq!(refused, expected);
    file::with_deadline(path, file::CHECK_DEADLINE, || Ok(())).unwrap();
}
