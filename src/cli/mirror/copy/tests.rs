//! Tests of what a copy accepts and what it can answer.

use std::path::Path;

use rusqlite::{Connection, named_params};
use tempfile::TempDir;

use super::file::{FileError, MirrorFile};
use super::unkept;
use crate::cli::mirror::ELIGIBILITY;
use crate::proto::google::r#type::Date;
use crate::proto::v1;
use crate::proto::v1::change::Change as Kind;

const NUMBER: &str = "CPS-7K3M-9QRT-X";
const EMPLOYER: &str = "region-1-cmhc";

fn date(day: i32) -> Option<Date> {
    Some(Date { year: 2026, month: 3, day })
}

fn message(revision: u64, part: u32, last_part: bool, changes: Vec<Kind>) -> v1::ChangeMessage {
    let changes = changes.into_iter().map(|change| v1::Change { change: Some(change) }).collect();
    let epoch = "00000000-0000-4000-8000-000000000001".to_owned();
    v1::ChangeMessage { epoch, revision, part, last_part, changes, today: date(20), ..Default::default() }
}

fn on_file(provider_id: &str) -> Kind {
    Kind::Provider(v1::ProviderChange { provider_id: provider_id.to_owned(), identifiers: Vec::new(), on_file: true })
}

fn current() -> Kind {
    Kind::Standing(v1::StandingChange {
        credential_number: NUMBER.to_owned(),
        first_day: date(2),
        last_day: None,
        from_standing: v1::Standing::NotIssued.into(),
        to_standing: v1::Standing::Current.into(),
        reason: 0,
    })
}

fn covered() -> Kind {
    Kind::Coverage(v1::CoverageChange {
        credential_number: NUMBER.to_owned(),
        provider_id: EMPLOYER.to_owned(),
        first_day: date(2),
        last_day: None,
        coverage: v1::Coverage::Covered.into(),
    })
}

fn copy(designations_told: bool, provider_id: Option<&str>) -> (TempDir, MirrorFile, Connection) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("copy.db");
    let mut file = MirrorFile::open(&path).unwrap();
    file.begin(designations_told, provider_id.map(str::to_owned)).unwrap();
    let reader = read(&path);
    (directory, file, reader)
}

fn read(path: &Path) -> Connection {
    Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

fn verdict(reader: &Connection, number: &str, provider: &str, day: &str, designation: Option<&str>) -> Option<String> {
    let claim = named_params! {
        ":credential_number": number, ":provider_kind": "PROVIDER_ID", ":provider": provider, ":day": day,
        ":designation": designation,
    };
    let answer = |row: &rusqlite::Row<'_>| {
        let (eligible, verdict): (Option<bool>, Option<String>) = (row.get("eligible")?, row.get("verdict")?);
        assert_eq!(eligible, verdict.as_ref().map(|verdict| verdict.starts_with("CONFIRMED")));
        Ok(verdict)
    };
    reader.query_row(ELIGIBILITY, claim, answer).unwrap()
}

#[test]
fn a_record_takes_effect_when_it_is_complete() {
    let (_directory, mut file, reader) = copy(true, None);
    let said = || verdict(&reader, NUMBER, EMPLOYER, "2026-03-02", None);
    file.take(&message(1, 1, true, vec![on_file(EMPLOYER)])).unwrap();
    file.commit().unwrap();
    assert_eq!(said().as_deref(), Some("NOT_CONFIRMED"));
    file.take(&message(2, 1, false, vec![current()])).unwrap();
    file.commit().unwrap();
    assert_eq!(said().as_deref(), Some("NOT_CONFIRMED"), "the first part has no effect yet");
    file.roll_back().unwrap();
    assert_eq!(file.position().revision, 1);
    for (revision, part) in [(1, 1), (2, 2), (3, 1)] {
        let refused = file.take(&message(revision, part, true, Vec::new()));
        assert!(matches!(refused, Err(FileError::Gap { .. })), "{revision} {part}");
    }
    file.take(&message(2, 1, false, vec![current()])).unwrap();
    file.take(&message(2, 2, true, vec![covered()])).unwrap();
    file.commit().unwrap();
    assert_eq!(said().as_deref(), Some("CONFIRMED"));
    assert_eq!(verdict(&reader, NUMBER, EMPLOYER, "2026-03-21", None).as_deref(), Some("UNDETERMINED"), "not yet");
}

#[test]
fn an_unknown_change_is_not_skipped() {
    let (_directory, mut file, _) = copy(true, None);
    let unknown = v1::ChangeMessage { changes: vec![v1::Change { change: None }], ..message(1, 1, true, Vec::new()) };
    assert!(matches!(file.take(&unknown), Err(FileError::Apply(_))));
}

#[test]
fn a_copy_does_not_answer_what_it_was_not_sent() {
    let all = || message(1, 1, true, vec![current(), covered(), on_file(EMPLOYER)]);
    let young = Some("YOUNG_ADULT");

    let (_directory, mut file, reader) = copy(false, None);
    file.take(&all()).unwrap();
    file.commit().unwrap();
    assert_eq!(verdict(&reader, NUMBER, EMPLOYER, "2026-03-02", None).as_deref(), Some("CONFIRMED"));
    assert_eq!(verdict(&reader, NUMBER, EMPLOYER, "2026-03-02", young), None, "designations are not shown");
    assert_eq!(verdict(&reader, NUMBER, EMPLOYER, "2026-03-01", young).as_deref(), Some("NOT_CONFIRMED"), "anyway");

    let (_directory, mut file, reader) = copy(true, Some(EMPLOYER));
    file.take(&all()).unwrap();
    file.commit().unwrap();
    assert_eq!(verdict(&reader, NUMBER, EMPLOYER, "2026-03-02", None).as_deref(), Some("CONFIRMED"));
    assert_eq!(verdict(&reader, NUMBER, EMPLOYER, "2026-03-02", young).as_deref(), Some("NOT_CONFIRMED"));
    assert_eq!(verdict(&reader, NUMBER, "region-2-cmhc", "2026-03-02", None), None, "of another provider");
    assert_eq!(verdict(&reader, "CPS-0000-0000-1", EMPLOYER, "2026-03-02", None), None, "of an unknown person");
    for (day, designation) in [("2026-3-02", None), ("20260302", None), ("", None), ("2026-03-02", Some("YOUNG"))] {
        assert_eq!(verdict(&reader, NUMBER, EMPLOYER, day, designation), None, "not a question: {day} {designation:?}");
    }
}

#[test]
fn a_file_that_is_not_a_copy_is_refused_by_name_and_not_changed() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("notdb.db");
    std::fs::write(&text, "no database, and long enough to have the header of one\n".repeat(40)).unwrap();
    let other = directory.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE thesis (title)").unwrap();
    for path in [text, other] {
        let before = std::fs::read(&path).unwrap();
        for refused in [MirrorFile::open(&path), MirrorFile::begin_rebuild(&path)] {
            let failure = unkept(&path, &refused.map(drop).unwrap_err());
            let said = format!(
                "error: cannot keep a copy in {}: it is another database, or not an SQLite database: use another \
                 file\n",
                path.display()
            );
            assert_eq!(failure.to_string(), said);
        }
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}

#[test]
fn an_sqlite_error_is_printed_once_with_the_file() {
    let (directory, mut file, _) = copy(true, None);
    let error = file.take(&message(1, 1, true, Vec::new())).and_then(|()| {
        Connection::open(file.path()).unwrap().execute_batch("PRAGMA busy_timeout = 0; DROP TABLE mirror")?;
        Ok(())
    });
    let said = unkept(file.path(), &error.unwrap_err()).to_string();
    let path = directory.path().join("copy.db");
    assert_eq!(said, format!("error: cannot keep a copy in {}: SQLite error: database is locked\n", path.display()));
}
