//! What was set aside in the data directory is redacted, too: in another history, after an interruption, and beside a
//! log that was redacted elsewhere.

use super::*;
use crate::store::data_dir::begin_set_aside;

/// A name of the person that only a lost history has.
fn renamed(n: u64) -> Record {
    let name = PersonName { given: "Quillon".into(), family: "Example-Stone".into(), suffix: String::new() };
    Record { recorded_at: instant(n), ..of_person(n, "", vec![SpecialistFact::NameChanged { name }]) }
}

fn segments(root: &Path) -> Vec<PathBuf> {
    let mut files = files_below(&root.join("log"));
    files.retain(|path| path.extension().is_some_and(|it| it == "log"));
    files.sort();
    files
}

/// Sets a copy of a segment aside. Returns the copy.
fn put_aside(root: &Path, segment: &Path, kept: u64) -> PathBuf {
    let directory = begin_set_aside(root, Uuid::from_u128(kept.into()), Revision(kept)).unwrap();
    let copy = directory.join(segment.file_name().unwrap());
    fs::copy(segment, &copy).unwrap();
    copy
}

/// Puts something in place of a file that cannot be read. Returns what makes it readable again.
fn obstruct(path: &Path) -> impl FnOnce() + use<> {
    let bytes = fs::read(path).unwrap();
    fs::remove_file(path).unwrap();
    fs::create_dir(path).unwrap();
    let path = path.to_owned();
    move || {
        fs::remove_dir(&path).unwrap();
        fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn a_lost_history_loses_the_name_whatever_its_revisions() {
    let (directory, lost) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (root, lost) = (directory.path(), lost.path());
    registry(root);
    registry(lost);
    let mut store = open(lost).unwrap();
    (31..=33).for_each(|n| {
        commit(&mut store, &[renamed(n)]);
    });
    store.close().unwrap();
    let aside = put_aside(root, segments(lost).last().unwrap(), 30);
    let before = fs::metadata(&aside).unwrap().len();
    assert_eq!(redacted(root).unwrap().revision, Revision(31));
    assert_eq!(traces(root), Vec::<String>::new());
    assert!(fs::metadata(&aside).unwrap().len() < before, "the rest of the records stays");
}

#[test]
fn an_interrupted_redaction_is_found_although_the_log_does_not_show_it_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    registry(root);
    let whole = segments(root)[0].clone();
    let aside = put_aside(root, &whole, 30);
    fs::create_dir(root.join("unpacked")).unwrap();
    fs::copy(&whole, root.join("unpacked").join("old.log")).unwrap();
    let before = segments(root).iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>();
    let ordered = order_only(root);
    assert_eq!(ordered, Revision(31));
    let resolve = obstruct(&aside);
    let refused = open(root).map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::Redaction(_)), "{refused}");
    let after = segments(root).iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>();
    assert!(before.iter().zip(&after).all(|(old, new)| new.starts_with(old)), "what lies beside the log is first");
    resolve();
    assert!(traces(root).len() > 4);
    open(root).unwrap().close().unwrap();
    assert_eq!(traces(root), Vec::<String>::new());
}

#[test]
fn the_copy_of_an_interrupted_rewrite_goes() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    registry(root);
    let aside = put_aside(root, &segments(root)[0], 30);
    for end in [None, Some(200)] {
        let bytes = fs::read(&aside).unwrap();
        fs::write(aside.with_extension("tmp"), &bytes[..end.unwrap_or(bytes.len())]).unwrap();
        if end.is_none() {
            redacted(root).unwrap();
        } else {
            fs::remove_file(aside.with_file_name("redacted")).unwrap();
            open(root).unwrap().close().unwrap();
        }
        assert_eq!(traces(root), Vec::<String>::new());
        assert!(aside.exists() && !aside.with_extension("tmp").exists());
    }
}

#[test]
fn a_log_that_was_filled_again_without_the_name_has_it_removed_from_what_was_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    registry(root);
    let named = fs::read(&segments(root)[0]).unwrap();
    redacted(root).unwrap();
    // The log was read again from where it was redacted, and nothing in it tells that something is left here.
    let aside = put_aside(root, &segments(root)[0], 30);
    fs::write(&aside, &named).unwrap();
    fs::create_dir(aside.with_file_name("index")).unwrap();
    fs::write(aside.with_file_name("index").join("0.base"), "quillon").unwrap();
    assert_eq!(traces(root).len(), 4, "{:?}", traces(root));
    open(root).unwrap().close().unwrap();
    assert_eq!(traces(root), Vec::<String>::new());

    // It is read once.
    fs::write(&aside, &named).unwrap();
    open(root).unwrap().close().unwrap();
    assert!(fs::read(&aside).unwrap() == named);
}

#[test]
fn what_is_set_aside_after_a_redaction_keeps_what_was_reported_since_and_what_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    registry(root);
    redacted(root).unwrap();
    let mut store = open(root).unwrap();
    commit(&mut store, &[Record { recorded_at: instant(50), ..renamed(32) }]);
    store.close().unwrap();
    let last = segments(root).last().unwrap().clone();
    let whole = put_aside(root, &last, 31);
    let damaged = whole.with_file_name("00000000000000000033.log");
    fs::write(&damaged, "cannot be read").unwrap();
    let before = fs::read(&whole).unwrap();
    open(root).unwrap().close().unwrap();
    assert!(damaged.exists() && fs::read(&whole).unwrap() == before, "they are evidence");
    let plan = planned(root).unwrap();
    redact(root, &options(), &plan, &order(), instant(60), &mut |_| {}).unwrap().unwrap();
    assert!(whole.exists() && !damaged.exists());
    assert_eq!(traces(root), Vec::<String>::new());
}

#[test]
fn an_error_after_the_record_says_that_the_redaction_is_on_record() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    registry(root);
    let resolve = obstruct(&put_aside(root, &segments(root)[0], 30));
    for _ in 0..2 {
        let plan = planned(root).unwrap();
        let refused = redact(root, &options(), &plan, &order(), instant(40), &mut |_| {}).unwrap_err();
        assert!(matches!(refused, RedactError::NotCompleted { revision: Revision(31), .. }), "{refused}");
        assert_eq!(refused.outcome(), "not everything was redacted");
    }
    resolve();
    assert_eq!(redacted(root), Some(Redacted { revision: Revision(31), was_on_record: true }));
    assert_eq!(traces(root), Vec::<String>::new());
}
