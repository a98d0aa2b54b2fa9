//! A build without one of the features says so where the feature is asked for, and what to do.

use std::path::Path;
use std::process::{Command, Stdio};

use super::harness::TODAY;

/// Runs the program. Returns the exit code and what it printed to standard error.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cpss-registry"));
    let command = command.args(arguments).envs(variables.iter().copied()).stdin(Stdio::null());
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Fails unless a command fails with the remedy.
fn refused(feature: &str, exit: i32, arguments: &[&str], variables: &[(&str, &str)]) {
    let (code, said) = run(arguments, variables);
    let remedy = format!("build the program with `--features full`, or `--features {feature}`");
    assert!(code == Some(exit) && said.contains("this build ") && said.contains(&remedy), "{arguments:?}: {said}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[cfg(not(feature = "mirror"))]
#[test]
fn a_build_without_mirror_keeps_no_copy_and_still_prints_the_query() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("copy.db");
    refused("mirror", 1, &["mirror", text(&file), "--once"], &[]);
    assert!(!file.exists());
    assert_eq!(run(&["mirror", "--query"], &[]), (Some(0), String::new()));
}

#[cfg(not(feature = "workbooks"))]
#[test]
fn a_build_without_workbooks_asks_for_csv() {
    let scratch = tempfile::tempdir().unwrap();
    let list = scratch.path().join("staff.xlsx");
    std::fs::write(&list, b"PK\x03\x04").unwrap();
    refused("workbooks", 2, &["roster", text(&list), "--provider", "region-1-cmhc"], &[]);
}

#[cfg(not(feature = "traces"))]
#[test]
fn a_build_without_traces_does_not_start_where_traces_are_asked_for() {
    use super::harness::Process;

    let scratch = tempfile::tempdir().unwrap();
    let serve = ["serve", "--dev", "--no-sample", "--today", TODAY, "--data-dir", text(scratch.path())];
    for name in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] {
        refused("traces", 2, &serve, &[(name, "http://127.0.0.1:4317")]);
    }
    for off in ["OTEL_SDK_DISABLED=true", "OTEL_TRACES_EXPORTER=none"] {
        let under = ["env", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317", off].map(str::to_owned);
        let started = Process::spawn_under(&under, scratch.path(), TODAY, &[]);
        started.listening();
        started.stop();
    }
}

#[cfg(not(feature = "encryption"))]
#[test]
fn a_build_without_encryption_takes_no_recipients_and_opens_nothing_encrypted() {
    use super::harness::keys::{IDENTITY, RECIPIENT};

    let scratch = tempfile::tempdir().unwrap();
    let [data, archive, key, restored] = ["data", "a.tar.age", "key", "restored"].map(|name| scratch.path().join(name));
    let serve = ["serve", "--dev", "--no-sample", "--today", TODAY, "--data-dir", text(&data)];
    refused("encryption", 2, &[&serve[..], &["--backup-recipients", RECIPIENT]].concat(), &[]);
    std::fs::write(&archive, "age-encryption.org/v1\n").unwrap();
    std::fs::write(&key, IDENTITY).unwrap();
    let restore = ["restore", text(&archive), "--identity", text(&key), "--data-dir", text(&restored)];
    refused("encryption", 1, &restore, &[]);
}
