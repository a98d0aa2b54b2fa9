//! Lines, rotation, and what happens when there is no room for them.

use std::path::Path;
use std::time::Instant;

use super::file::LineFile;
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
    Question { call: call(), number: Some(*b"CPS-28MS-MN2K-Z"), as_of, verdict: Some("CONFIRMED") }
}

fn start(path: &Path, file_bytes: u64) -> (Audit, AuditThread) {
    let place = Place { path: path.to_owned(), file_bytes, files: 3 };
    Audit::start(place, || Timestamp::UNIX_EPOCH).unwrap()
}

/// Waits until the audit says that it can be written, or that it cannot.
fn wait(audit: &Audit, until: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { audit.watch().wait_for(|told| *told == until).await.map(drop) }).unwrap();
}

#[test]
fn a_question_is_a_line_and_a_stream_its_counts_and_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit/reads.jsonl");
    let (audit, thread) = start(&path, 1 << 20);
    audit.record(question()).unwrap();
    let mut tally = audit.tally(call());
    for at in 0..1001 {
        tally.add((at > 0).then_some(*b"CPS-28MS-MN2K-Z"), Some("CONFIRMED")).unwrap();
    }
    tally.add(None, None).unwrap();
    drop(tally);
    thread.close();
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
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
    assert_eq!((numbers.split(' ').count(), &numbers[..9]), (1000, "- CPS-28M"));
    assert_eq!((&lines[2]["part"], lines[2]["numbers"].as_str()), (&2.into(), Some("CPS-28MS-MN2K-Z -")));
    assert_eq!((&lines[3]["questions"], &lines[3]["verdicts"]["CONFIRMED"]), (&1002.into(), &1001.into()));
    assert_eq!((&lines[3]["errors"], &lines[3]["parts"]), (&1.into(), &2.into()));
    assert_eq!(lines[3]["numbers_sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn files_are_rotated_and_the_oldest_is_let_go() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reads.jsonl");
    for _ in 0..6 {
        let (audit, thread) = start(&path, 1);
        audit.record(question()).unwrap();
        thread.close();
    }
    let mut names: Vec<_> =
        directory.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["reads.jsonl", "reads.jsonl.1", "reads.jsonl.2"]);
    assert!(names.iter().all(|name| std::fs::read(directory.path().join(name)).unwrap().ends_with(b"}\n")));
}

#[test]
fn rotation_does_not_wait_for_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reads.jsonl");
    // It takes lines, and cannot be put on any disk.
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    let mut file = LineFile::new(Place { path: path.clone(), file_bytes: 1, files: 3 });
    file.append(b"one\n").unwrap();
    file.append(b"two\n").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
    assert!(directory.path().join("reads.jsonl.1").is_symlink());
}

#[test]
fn nothing_is_let_through_while_lines_cannot_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reads.jsonl");
    std::fs::create_dir(&path).unwrap();
    let (audit, thread) = start(&path, 1 << 20);
    assert_eq!(audit.record(question()), Err(Unwritable), "a directory is there instead");
    assert_eq!(audit.tally(call()).add(None, None), Err(Unwritable));
    std::fs::remove_dir(&path).unwrap();
    wait(&audit, true);
    audit.record(question()).unwrap();
    thread.close();
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
}

#[test]
fn a_full_disk_is_found_out_and_what_was_taken_is_kept_for_it() {
    let (audit, thread) = start(Path::new("/dev/full"), 1 << 20);
    audit.record(question()).unwrap();
    wait(&audit, false);
    assert_eq!(audit.record(question()), Err(Unwritable));
    thread.close();
}

#[test]
fn a_full_queue_refuses_and_is_emptied_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reads.jsonl");
    let (audit, thread) = start(&path, 1 << 30);
    let started = Instant::now();
    let mut taken = 0;
    while audit.record(question()).is_ok() && started.elapsed().as_secs() < 20 {
        taken += 1;
    }
    wait(&audit, true);
    audit.record(question()).unwrap();
    thread.close();
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), taken + 1, "none is lost, none is twice");
}

#[test]
fn a_file_that_was_moved_away_is_begun_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reads.jsonl");
    let (audit, thread) = start(&path, 1 << 20);
    std::fs::rename(&path, directory.path().join("elsewhere")).unwrap();
    audit.record(question()).unwrap();
    thread.close();
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
}
