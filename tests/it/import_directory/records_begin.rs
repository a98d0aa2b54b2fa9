//! The first day of complete records: one day for the whole registry, which an import moves only if that is meant.

use std::path::{Path, PathBuf};
use std::{fs, str};

use super::{Place, code, import};
use crate::harness::TODAY;

const FLAG: &str = "--moves-records-begin";

/// A directory of a source, whose manifest names a day, with a person of its own.
fn directory(place: &Place, source: &str, day: &str) -> PathBuf {
    let directory = place.scratch.path().join(source);
    fs::create_dir_all(&directory).unwrap();
    let manifest = format!("source = \"{source}\"\nrecords_begin = {day}\n");
    fs::write(directory.join("manifest.toml"), manifest).unwrap();
    let people = format!("source_id,given_name,family_name,birth_date\n1,Ada,Example-{source},1980-05-17\n");
    fs::write(directory.join("specialists.csv"), people).unwrap();
    directory
}

/// Runs an import. Returns its exit code, and what it printed to standard error.
fn run(place: &Place, directory: &Path, more: &[&str]) -> (i32, String) {
    let endpoint = place.endpoint();
    let output = import(directory, &[&["--endpoint", endpoint.as_str()], more].concat());
    (code(&output), str::from_utf8(&output.stderr).unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_in_the_future_is_refused_and_today_is_not() {
    let place = Place::new();
    let before = place.client.head().await;
    let (exit, said) = run(&place, &directory(&place, "a", "2026-03-03"), &[FLAG]);
    assert!(exit == 2 && said.contains("records_begin is 2026-03-03, after today, 2026-03-02"), "{said}");
    assert_eq!(place.client.head().await, before, "nothing is loaded");
    let (exit, said) = run(&place, &directory(&place, "a", TODAY), &[]);
    assert_eq!((exit, place.client.head().await), (0, before + 2), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_day_than_that_on_file_is_recorded_only_if_it_is_meant() {
    let place = Place::new();
    let before = place.client.head().await;
    let (first, second) = (directory(&place, "a", "2014-01-01"), directory(&place, "b", "2020-07-01"));
    for _ in 0..2 {
        let (exit, said) = run(&place, &first, &[]);
        assert_eq!((exit, place.client.head().await), (0, before + 2), "{said}");
    }
    let both = ["records_begin is 2020-07-01, but the registry had 2014-01-01 on file; nothing was loaded", FLAG];
    let (exit, said) = run(&place, &second, &[]);
    assert!(exit == 2 && both.iter().all(|part| said.contains(part)), "{said}");
    assert!(said.contains("nobody's standing"), "{said}");
    assert_eq!(place.client.head().await, before + 2, "nothing is loaded");

    // A rehearsal onto a backup says the same.
    let backup = place.backup();
    let rehearsal = ["--dry-run", "--today", TODAY, "--onto", &backup];
    let refused = import(&second, &rehearsal);
    let said = str::from_utf8(&refused.stderr).unwrap();
    assert!(code(&refused) == 2 && both.iter().all(|part| said.contains(part)), "{said}");
    assert_eq!(code(&import(&second, &[&rehearsal[..], &[FLAG]].concat())), 0);
    assert_eq!(code(&import(&second, &["--dry-run"])), 0, "an empty registry has no day");

    let (exit, said) = run(&place, &second, &[FLAG]);
    assert_eq!((exit, place.client.head().await), (0, before + 4), "{said}");
    assert!(said.contains("records begin on 2020-07-01 for the whole registry; the registry had 2014-01-01"), "{said}");
    let (exit, said) = run(&place, &second, &[]);
    assert_eq!((exit, place.client.head().await), (0, before + 4), "it is on file now: {said}");
    // The earlier day can be restored, although the same source recorded it before.
    let (exit, said) = run(&place, &first, &[]);
    assert!(exit == 2 && said.contains("had 2020-07-01 on file"), "{said}");
    let (exit, said) = run(&place, &first, &[FLAG]);
    assert_eq!((exit, place.client.head().await), (0, before + 5), "{said}");
    let (exit, said) = run(&place, &first, &[]);
    assert_eq!((exit, place.client.head().await), (0, before + 5), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_day_that_would_change_the_credentials_on_file_says_of_how_many() {
    let place = Place::new();
    let credentials = "source_id,specialist,effective_from,term_last_day\n1,1,2025-06-01,2027-09-30\n";
    let people = "source_id,given_name,family_name,birth_date\n1,Ada,Example-Stone,1980-05-17\n";
    let loaded = place.write(&[("specialists.csv", people), ("credentials.csv", credentials)]);
    assert_eq!(code(&place.import(&loaded)), 0);
    assert_eq!(place.standings().await, [("REVOKED_LOSS_OF_EMPLOYMENT".to_owned(), 1)].into());
    // The answers about a credential that is not older than the day do not depend on it.
    let same = directory(&place, "same", "2025-06-01");
    let rehearsed = import(&same, &["--dry-run", "--today", TODAY, "--onto", &place.backup()]);
    assert_eq!(code(&rehearsed), 0, "{}", str::from_utf8(&rehearsed.stderr).unwrap());
    let later = directory(&place, "later", "2026-02-20");
    let (exit, said) = run(&place, &later, &[]);
    assert!(exit == 2 && said.contains("no such day on file") && said.contains("the standing of 1 person"), "{said}");
    let before = place.client.head().await;
    let (exit, said) = run(&place, &later, &[FLAG]);
    assert!(exit == 0 && said.contains("this changed the standing of 1 person"), "{said}");
    assert_eq!(place.client.head().await, before + 2);
    let (exit, said) = run(&place, &later, &[]);
    assert_eq!((exit, place.client.head().await), (0, before + 2), "the day is found among the changes: {said}");
}
