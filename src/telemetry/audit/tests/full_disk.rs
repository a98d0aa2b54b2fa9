//! Lines that are written in part only: by a full disk, and by a crash.

use std::fs::File;
use std::io::Write as _;
use std::sync::atomic::AtomicUsize;

use super::*;

/// The bytes that `take_what_fits` still takes.
static ROOM: AtomicUsize = AtomicUsize::new(400);

/// Writes like a disk with little room.
fn take_what_fits(mut file: &File, text: &[u8]) -> io::Result<usize> {
    match ROOM.load(Ordering::SeqCst) {
        0 => Err(io::ErrorKind::StorageFull.into()),
        room => {
            let written = file.write(&text[..text.len().min(room)])?;
            ROOM.fetch_sub(written, Ordering::SeqCst);
            Ok(written)
        }
    }
}

#[tokio::test]
async fn lines_stay_whole_and_none_is_lost_when_a_full_disk_takes_half_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reads.jsonl");
    let (syncing, _handed_over) = Syncing::without_thread();
    let file = LineFile::open(place(&path, 1 << 20), syncing, channel().0, now()).unwrap();
    let file = file.writing_with(take_what_fits);
    let (audit, thread) = Audit::start_on(file, Arc::new(Usage::new(u64::MAX)), searching(), now, ()).unwrap();
    let asked: Vec<_> = (0..4).map(|_| audit.report(question()).unwrap()).collect();
    let answered = futures_util::future::join_all(asked).await;
    assert_eq!(answered[3], Err(Unwritable));
    assert_eq!(ROOM.load(Ordering::SeqCst), 0, "a part of a line was taken");
    assert_eq!(lines(&path).len(), 1, "the part of the second line is removed");
    ROOM.store(1 << 20, Ordering::SeqCst);
    wait(&audit, true).await;
    record(&audit).await.unwrap();
    thread.close();
    assert_eq!(lines(&path).len(), 5, "no line is lost or written twice");
}

#[test]
fn an_incomplete_last_line_of_a_crash_is_removed_at_the_start_and_ended_by_a_check() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reads.jsonl");
    let long = format!("{{\"at\":\"1970-01-01T00:00:00.000000Z\",\"numbers\":\"{}", "-".repeat(100_000));
    for (left, kept) in
        [("one\n{\"a", "one\n"), (&format!("one\n{long}"), "one\n"), (&long, ""), ("a note", "a note\n")]
    {
        std::fs::write(&path, left).unwrap();
        check(&path, now()).unwrap();
        let checked = std::fs::read_to_string(&path).unwrap();
        assert!(checked.starts_with(&format!("{left}\n{{")), "a server may be writing this line now");
        std::fs::write(&path, left).unwrap();
        start(&path, 1 << 20).1.close();
        let started = std::fs::read_to_string(&path).unwrap();
        let rest = started.strip_prefix(kept).unwrap();
        assert!(rest.starts_with("{\"at\":\"1970-01-01T00:00:00.000000Z\",\"event\":\"started\""), "{rest:.80}");
    }
}
