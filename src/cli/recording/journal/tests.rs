//! What a line is when it is run again, and what becomes of a damaged journal.

use super::*;

fn journal() -> (tempfile::TempDir, Journal) {
    let scratch = tempfile::tempdir().unwrap();
    let journal = Journal::in_directory(scratch.path().join("cpss-registry"));
    (scratch, journal)
}

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + day * 86_400).unwrap()
}

fn recorded() -> Recorded {
    Recorded { epoch: "e".to_owned(), revision: 7 }
}

#[test]
fn the_same_content_has_the_same_id_for_thirty_days_once_recorded() {
    let (_scratch, journal) = journal();
    let first = journal.begin(b"start Abernathy", false, at(0)).unwrap();
    let other = journal.begin(b"start Bledsoe", false, at(0)).unwrap();
    assert_ne!(first.request_id, other.request_id);
    journal.recorded(&first, recorded()).unwrap();
    let again = journal.begin(b"start Abernathy", false, at(29)).unwrap();
    assert_eq!((again.request_id, again.recorded), (first.request_id.clone(), Some(recorded())));
    let later = journal.begin(b"start Abernathy", false, at(31)).unwrap();
    assert_ne!(later.request_id, first.request_id, "what was recorded a month ago is another report");
    let unanswered = journal.begin(b"start Bledsoe", false, at(400)).unwrap();
    assert_eq!(unanswered.request_id, other.request_id, "without an answer it stays a retry");
}

#[test]
fn a_refused_request_and_a_line_that_is_reported_again_get_new_ids() {
    let (_scratch, journal) = journal();
    let first = journal.begin(b"end", false, at(0)).unwrap();
    journal.refused(&first).unwrap();
    let second = journal.begin(b"end", false, at(0)).unwrap();
    assert_ne!(second.request_id, first.request_id);
    journal.recorded(&second, recorded()).unwrap();
    let third = journal.begin(b"end", true, at(1)).unwrap();
    assert_ne!(third.request_id, second.request_id);
    assert_eq!(journal.begin(b"end", false, at(1)).unwrap().request_id, third.request_id);
}

#[test]
fn a_request_stays_known_until_the_one_that_reports_it_again_is_recorded() {
    let (_scratch, journal) = journal();
    let first = journal.begin(b"start", false, at(0)).unwrap();
    journal.recorded(&first, recorded()).unwrap();
    let refused = journal.begin(b"start", true, at(1)).unwrap();
    assert_ne!(refused.request_id, first.request_id);
    journal.refused(&refused).unwrap();
    let known = journal.begin(b"start", false, at(1)).unwrap();
    assert_eq!((known.request_id, known.recorded), (first.request_id, Some(recorded())), "a retry of the first");

    let lost = journal.begin(b"start", true, at(2)).unwrap();
    for is_new in [false, true] {
        let retry = journal.begin(b"start", is_new, at(2)).unwrap();
        assert_eq!((&retry.request_id, retry.is_retry), (&lost.request_id, true), "without an answer it is tried on");
    }
    journal.recorded(&lost, recorded()).unwrap();
    assert_eq!(journal.begin(b"start", false, at(2)).unwrap().request_id, lost.request_id);
    assert_eq!(journal.read().unwrap().len(), 1, "the first is replaced");
    let third = journal.begin(b"start", true, at(3)).unwrap();
    assert_ne!(third.request_id, lost.request_id);
}

#[test]
fn a_request_that_another_command_took_for_refused_is_known_once_it_is_recorded() {
    let (_scratch, journal) = journal();
    let first = journal.begin(b"start", false, at(0)).unwrap();
    let other = journal.begin(b"start", false, at(0)).unwrap();
    journal.refused(&first).unwrap();
    journal.recorded(&other, recorded()).unwrap();
    let known = journal.begin(b"start", false, at(0)).unwrap();
    assert_eq!((known.request_id, known.recorded), (first.request_id, Some(recorded())));
}

#[test]
fn the_files_are_the_users_alone_and_hold_no_content() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_scratch, journal) = journal();
    journal.begin(b"start Abernathy", false, at(0)).unwrap();
    for name in [JOURNAL, KEY] {
        let path = journal.directory.join(name);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        let content = fs::read(path).unwrap();
        assert!(!content.windows(5).any(|window| window == b"Abern"), "{name}");
    }
}

#[test]
fn the_digest_of_a_content_depends_on_the_users_key() {
    let [(_one, first), (_other, second)] = [journal(), journal()];
    let digests = [&first, &second].map(|journal| journal.begin(b"start Abernathy", false, at(0)).unwrap().digest);
    assert_ne!(digests[0], digests[1], "nobody can compute it from a name");
}

#[test]
fn commands_that_run_at_once_take_turns() {
    let (_scratch, journal) = journal();
    let run = |line: usize| {
        let journal = journal.clone();
        std::thread::spawn(move || {
            for report in 0..10 {
                let content = format!("{line} {report}");
                let entry = journal.begin(content.as_bytes(), false, at(0)).unwrap();
                journal.recorded(&entry, recorded()).unwrap();
            }
        })
    };
    (0..8).map(run).collect::<Vec<_>>().into_iter().for_each(|running| running.join().unwrap());
    let entries = journal.read().unwrap();
    assert_eq!(entries.iter().filter(|entry| entry.recorded.is_some()).count(), 80, "no entry is lost");
}

#[test]
fn the_journal_is_replaced_as_a_whole() {
    let (_scratch, journal) = journal();
    journal.begin(b"start", false, at(0)).unwrap();
    let before = fs::read(journal.path()).unwrap();
    let mut reading = File::open(journal.path()).unwrap();
    journal.begin(b"end", false, at(0)).unwrap();
    let mut read = Vec::new();
    reading.read_to_end(&mut read).unwrap();
    assert_eq!(read, before, "a file that is open is never half of another one");
    // What an interrupted command left is not read.
    fs::write(journal.directory.join(format!("{JOURNAL}.new")), "{").unwrap();
    journal.begin(b"end", false, at(0)).unwrap();
    assert_eq!(journal.read().unwrap().len(), 2);
}

#[test]
fn a_damaged_journal_is_reported_with_its_line() {
    let (_scratch, journal) = journal();
    journal.begin(b"start", false, at(0)).unwrap();
    let text = fs::read_to_string(journal.path()).unwrap();
    fs::write(journal.path(), format!("{text}{{\"request_id\"\n")).unwrap();
    let failure = journal.begin(b"end", false, at(0)).unwrap_err().to_string();
    assert!(failure.contains("requests.jsonl, line 2, is damaged"), "{failure}");
    assert!(fs::read_to_string(journal.path()).unwrap().starts_with(&text), "nothing was written over");
}

#[test]
fn a_last_line_that_is_cut_off_is_set_aside() {
    let (_scratch, journal) = journal();
    let first = journal.begin(b"start", false, at(0)).unwrap();
    let text = fs::read_to_string(journal.path()).unwrap();
    fs::write(journal.path(), format!("{text}{{\"request_id\"")).unwrap();
    assert_eq!(journal.begin(b"start", false, at(0)).unwrap().request_id, first.request_id);
    assert_eq!(fs::read_to_string(journal.path()).unwrap(), text);
    assert_eq!(fs::read_to_string(journal.directory.join(CUT_OFF)).unwrap(), "{\"request_id\"\n");
    fs::write(journal.path(), text.trim_end()).unwrap();
    let whole = journal.begin(b"start", false, at(0)).unwrap();
    assert_eq!((whole.request_id, whole.is_retry), (first.request_id, true), "only its line end is missing");
}

#[test]
fn without_its_key_the_journal_knows_no_line_again_and_says_so() {
    let (_scratch, journal) = journal();
    let first = journal.begin(b"end", false, at(0)).unwrap();
    let key = fs::read(journal.directory.join(KEY)).unwrap();
    fs::remove_file(journal.directory.join(KEY)).unwrap();
    for _ in 0..2 {
        let failure = journal.begin(b"end", false, at(0)).unwrap_err().to_string();
        assert!(failure.contains("requests.key is lost") && failure.contains("restore the file"), "{failure}");
    }
    fs::write(journal.directory.join(KEY), key).unwrap();
    assert_eq!(journal.begin(b"end", false, at(0)).unwrap().request_id, first.request_id);
    fs::write(journal.directory.join(KEY), "").unwrap();
    journal.recorded(&first, recorded()).unwrap();
    journal.begin(b"end", false, at(31)).unwrap();
}
