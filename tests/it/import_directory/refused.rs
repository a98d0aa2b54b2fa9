//! Imports that cannot go on, and rehearsals that are stopped.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{Made, Place, code, command, ended, import, printed};
use crate::harness::{Client, Process, TODAY, block_until};

const PEOPLE: &str = "source_id,given_name,family_name,birth_date\n17,Ada,Example,1980-05-17\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_cannot_record_ends_an_import_and_makes_no_row_bad() {
    let mut place = Place::new();
    let directory = place.write(&[("specialists.csv", PEOPLE)]);
    let data = place.scratch.path().join("data");
    place.process.kill();
    let more_than_there_is = u64::MAX.to_string();
    place.process = Process::spawn_with(&data, TODAY, &["--disk-reserve-bytes", &more_than_there_is]);
    place.client = Client::connect(place.process.listening());
    let before = place.client.head().await;
    let names_alone = PEOPLE.lines().next().unwrap();
    for (manifest, people) in
        [("source = \"a test\"\n", PEOPLE), ("source = \"a test\"\nrecords_begin = 2020-07-01\n", names_alone)]
    {
        fs::write(directory.join("manifest.toml"), manifest).unwrap();
        fs::write(directory.join("specialists.csv"), people).unwrap();
        let output = place.import(&directory);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(code(&output), 1, "{said}");
        assert!(said.contains("STORE_FULL") && said.contains("run the same line again"), "{said}");
        // Without the day of the manifest, no row is sent.
        let counts = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(counts.is_empty() || printed(&output).bad_rows.is_empty(), "no row is bad: {counts}");
    }
    assert_eq!(place.client.head().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_row_that_is_repeated_is_reported_each_time() {
    let place = Place::new();
    let long = "9".repeat(201);
    let rows = format!(
        "source_id,given_name,family_name,birth_date\n1,Ada,Example,2199-01-01\n1,Ada,Example,2199-01-01\n\
         {long},Ada,Example,1980-05-17\n{},Ada,Example,1980-05-17\n",
        &long[1..]
    );
    let directory = place.write(&[("specialists.csv", &rows)]);
    let output = place.import(&directory);
    let bad: Vec<_> = printed(&output).bad.into_iter().map(|(_, line, column)| (line, column)).collect();
    let expected = [(2, "birth_date"), (3, "source_id"), (4, "source_id")];
    assert_eq!(bad, expected.map(|(line, column)| (line, column.to_owned())));
    assert_eq!(printed(&output).summary["loaded"], 1);
}

/// Prior numbers are compared as the registry folds them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_changed_row_only_the_cells_that_differ_are_reported() {
    let place = Place::new();
    let credentials = |prior_numbers: &str, designations: &str| {
        format!(
            "source_id,specialist,effective_from,term_last_day,prior_numbers,designations\n\
             1,17,2025-06-01,2027-09-30,{prior_numbers},{designations}\n"
        )
    };
    let first = credentials("é\u{2013}3; m s-7", "");
    let directory = place.write(&[("specialists.csv", PEOPLE), ("credentials.csv", &first)]);
    assert_eq!(code(&place.import(&directory)), 0);
    place.write(&[("credentials.csv", &credentials("MS7; é3; ms-7", "YOUNG_ADULT"))]);
    let output = place.import(&directory);
    let columns: Vec<_> = printed(&output).bad.into_iter().map(|(_, _, column)| column).collect();
    assert_eq!(columns, ["designations"]);
}

/// The scratch registry within a directory.
fn scratch_in(within: &Path) -> Option<PathBuf> {
    fs::read_dir(within).unwrap().next().map(|entry| entry.unwrap().path())
}

/// Begins a rehearsal, and waits until rows are recorded in its scratch registry.
fn rehearsing(directory: &Path, within: &Path) -> Child {
    let flags = ["--dry-run", "--today", TODAY, "--scratch", within.to_str().unwrap()];
    let mut rehearsal = command(directory, &flags);
    let child = rehearsal.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    block_until("a scratch registry", || scratch_in(within).is_some_and(|scratch| scratch.join("data/log").exists()));
    child
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_that_is_stopped_removes_its_scratch_registry() {
    let scratch = tempfile::tempdir().unwrap();
    let (directory, within) = (scratch.path().join("old-records"), scratch.path().join("rehearsals"));
    Made::of_rows(10_000, 50).write(&directory);
    fs::create_dir(&within).unwrap();
    for signal in [Signal::TERM, Signal::INT] {
        let mut child = rehearsing(&directory, &within);
        let mode = fs::metadata(scratch_in(&within).unwrap()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "the records of people are in it");
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(ended(&mut child, Duration::from_secs(60)), Some(130), "{signal:?}");
        assert_eq!(scratch_in(&within), None, "{signal:?}");
    }
    // Also if the rehearsal cannot begin.
    let nothing = scratch.path().join("no-backup");
    let flags = ["--dry-run", "--scratch", within.to_str().unwrap(), "--onto", nothing.to_str().unwrap()];
    assert_ne!(code(&import(&directory, &flags)), 0);
    assert_eq!(scratch_in(&within), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_file_is_a_failed_export_and_one_of_column_names_has_no_rows() {
    let place = Place::new();
    let before = place.client.head().await;
    for empty in ["", "\n\n"] {
        let directory = place.write(&[("specialists.csv", PEOPLE), ("acts.csv", empty)]);
        let output = place.import(&directory);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_told = said.contains("acts.csv: the file is empty") && said.contains("export it again, or remove it");
        assert!(code(&output) == 2 && is_told, "{said}");
        assert_eq!(place.client.head().await, before, "nothing is loaded");
    }
    let directory = place.write(&[("acts.csv", "source_id,credential,act,first_day\n")]);
    let output = place.import(&directory);
    assert_eq!(code(&output), 0);
    let files = &printed(&output).summary["files"];
    assert_eq!((&files["specialists"]["loaded"], &files["acts"]["loaded"]), (&1.into(), &0.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_lists_what_the_import_would_add_to_the_reviews() {
    let place = Place::new();
    let providers = "source_id,legal_name,facility_type\n1,Example Center,OUTPATIENT\n";
    let deaths = "source_id,specialist,death_date\n1,17,2025-03-01\n";
    let jobs = "source_id,specialist,provider,first_day\n1,17,1,2025-04-01\n";
    let directory = place.write(&[
        ("providers.csv", providers),
        ("specialists.csv", PEOPLE),
        ("deaths.csv", deaths),
        ("employments.csv", jobs),
    ]);
    let output = import(&directory, &["--dry-run", "--today", TODAY, "--json"]);
    let findings = printed(&output).findings.unwrap();
    let [review] = findings["to_review"].as_array().unwrap().as_slice() else { panic!("{findings}") };
    assert_eq!((&review["line"], &review["why"]), (&2.into(), &"a job was reported for days after a death".into()));
    assert_eq!(findings["likely_duplicates"].as_array().unwrap().len(), 0);
    let output = import(&directory, &["--dry-run", "--today", TODAY]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("other facts to review (review-items): 1\n  Ada Example (specialists, line 2): a job"),
        "{said}"
    );
}
