//! A data directory of the last release is opened by this one: it asks first, answers the same, and the way back is a
//! backup.
//!
//! `release.tar.gz` is the sample of `serve --dev --today 2026-03-02` as a release with the semantics before these
//! would have left it, and `answers.jsonl` has what was answered from it. To keep the directory of another release, run
//! `cargo test --locked --test it upgrade::write -- --ignored`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cpss_registry::domain::fact::{Fact, RegistryFact};
use cpss_registry::registry::SEMANTICS_VERSION;
use serde_json::Value;
use tempfile::TempDir;

use super::harness::{Process, read, root};
use super::semantics::{records, write as write_records};

const FIXTURE: &str = "tests/it/upgrade/release.tar.gz";
const ANSWERS: &str = "tests/it/upgrade/answers.jsonl";

/// The last day of the sample, an earlier day, and its last record.
const DAYS: [&str; 2] = ["2026-03-02", "2025-04-01"];
const HEAD: &str = "107";

fn run(arguments: &[&str]) -> Output {
    Command::new(Process::binary()).args(arguments).output().unwrap()
}

fn done(arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

fn tar(arguments: &[&str]) {
    assert!(Command::new("tar").args(arguments).status().unwrap().success(), "tar {arguments:?}");
}

/// The data directory of the last release, in a scratch directory.
fn unpacked(scratch: &TempDir) -> PathBuf {
    tar(&["-xzf", root().join(FIXTURE).to_str().unwrap(), "-C", scratch.path().to_str().unwrap()]);
    scratch.path().join("release")
}

/// What a registry answers about a credential on a day, as known at the head of the fixture. Which version of the
/// semantics answers is left out.
fn answer(endpoint: &str, number: &str, day: &str) -> Value {
    let asked = ["verify", number, "--known-at", HEAD, "--as-of", day, "--endpoint", endpoint, "--json"];
    let mut answer: Value = serde_json::from_slice(&run(&asked).stdout).unwrap();
    answer["answer"].as_object_mut().unwrap().remove("semantics_version").unwrap();
    answer
}

fn assert_same_answers(process: &Process) {
    let endpoint = format!("http://{}", process.listening());
    let expected = read(ANSWERS);
    assert!(expected.lines().count() > 20, "{ANSWERS} is short");
    for line in expected.lines() {
        let expected: Value = serde_json::from_str(line).unwrap();
        let number = expected["credential_number"].as_str().unwrap();
        let day = expected["answer"]["as_of"].as_str().unwrap();
        assert_eq!(answer(&endpoint, number, day), expected, "{number} on {day}");
    }
}

fn assert_refused(data: &Path) {
    let (status, log) = Process::spawn(data, DAYS[0]).wait();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("a backup is the only way back") && log.contains("--adopt-semantics"), "{log}");
}

#[test]
fn a_data_directory_of_the_last_release_is_upgraded_on_purpose_and_a_backup_is_the_step_back() {
    let scratch = tempfile::tempdir().unwrap();
    let release = unpacked(&scratch);
    let data = release.to_str().unwrap();
    let [backup, restored] = ["backup", "restored"].map(|name| scratch.path().join(name).display().to_string());
    done(&["backup", &backup, "--data-dir", data]);
    let before = records(&release);
    for _ in 0..2 {
        assert_refused(&release);
    }
    assert_eq!(records(&release), before, "nothing is recorded");

    let upgraded = Process::spawn_with(&release, DAYS[0], &["--adopt-semantics"]);
    assert_same_answers(&upgraded);
    upgraded.stop();
    let adopted = records(&release);
    assert_eq!(adopted[..before.len()], before);
    let version = SEMANTICS_VERSION;
    assert_eq!(adopted[before.len()].facts, [Fact::Registry(RegistryFact::SemanticsAdopted { version })]);
    done(&["check", "--data-dir", data]);
    // It is adopted once and for all, with the key in the configuration or without.
    let again = Process::spawn_with(&release, DAYS[0], &["--adopt-semantics=false"]);
    assert_same_answers(&again);
    again.stop();

    // The step back: what the earlier release can open again.
    done(&["check", "--backup", &backup]);
    done(&["restore", &backup, "--data-dir", &restored]);
    done(&["check", "--data-dir", &restored]);
    let back = records(Path::new(&restored));
    assert_eq!(back[..before.len()], before);
    let adopts = |fact: &Fact| matches!(fact, Fact::Registry(RegistryFact::SemanticsAdopted { .. }));
    assert!(!back.iter().flat_map(|record| &record.facts).any(adopts));
    assert_refused(Path::new(&restored));
}

#[test]
#[ignore = "writes the data directory of the last release"]
fn write() {
    let scratch = tempfile::tempdir().unwrap();
    let [sample, release] = ["sample", "release"].map(|name| scratch.path().join(name));
    let process = Process::serve(&["--dev", "--today", DAYS[0], "--data-dir", sample.to_str().unwrap()]);
    process.listening();
    process.stop();
    let exported = scratch.path().join("records.jsonl");
    done(&["export", exported.to_str().unwrap(), "--data-dir", sample.to_str().unwrap()]);
    let exported = fs::read_to_string(exported).unwrap();
    let mut numbers: Vec<&str> =
        exported.split('"').filter(|text| text.starts_with("CPS-") && text.len() == 15).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut older = records(&sample);
    assert_eq!(older.len().to_string(), HEAD);
    older[0].facts.retain(|fact| !matches!(fact, Fact::Registry(RegistryFact::SemanticsAdopted { .. })));
    fs::create_dir(&release).unwrap();
    write_records(&release, &older);
    let process = Process::spawn(&sample, DAYS[0]);
    let endpoint = format!("http://{}", process.listening());
    let answers = numbers.iter().flat_map(|number| DAYS.map(|day| format!("{}\n", answer(&endpoint, number, day))));
    fs::write(root().join(ANSWERS), answers.collect::<String>()).unwrap();
    process.stop();
    let place = scratch.path().to_str().unwrap();
    tar(&["-czf", root().join(FIXTURE).to_str().unwrap(), "--owner=0", "--group=0", "-C", place, "release"]);
}
