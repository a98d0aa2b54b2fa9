//! Reviews of answers whose history a restore left behind, and of answers of another registry.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{program, rows_of, summary};
use crate::harness::requests::end_job;
use crate::harness::{Process, TODAY};

fn offline(arguments: &[&str]) {
    let ended = Command::new(env!("CARGO_BIN_EXE_cpss-registry")).args(arguments).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// The answers of a registry of two people: a file from before a backup, and one that relied on a report after it. The
/// registry that was restored from that backup is returned.
async fn restored(scratch: &Path) -> Process {
    let path = |name: &str| scratch.join(name).to_str().unwrap().to_owned();
    let (process, registry) = Process::start(&scratch.join("data"), TODAY);
    let employer = registry.qualified_provider("Pascagoula Example Center").await;
    let here = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;
    let late = registry.credentialed("Lucinda", "Bledsoe-Example", &[&employer]).await;
    let rows = [&here.number, &late.number].map(|number| format!("{number},2026-02-20\n"));
    fs::write(path("claims.csv"), format!("credential_number,date_of_service\n{}", rows.concat())).unwrap();
    let ask = |process: &Process, out: &str| {
        let endpoint = format!("http://{}", process.listening());
        let flags = ["--json", "--provider", &employer.provider_id, "--out", &path(out)];
        summary(&program("claims", &scratch.join("claims.csv"), &endpoint, &flags)).0
    };
    assert_eq!(ask(&process, "before.csv"), Some(0));
    process.stop();
    offline(&["backup", &path("backup"), "--data-dir", &path("data")]);
    let (process, registry) = Process::start(&scratch.join("data"), TODAY);
    registry.report(end_job(&late.jobs[0], "2026-02-16")).await;
    assert_eq!(ask(&process, "after.csv"), Some(3));
    process.stop();
    offline(&["restore", &path("backup"), "--data-dir", &path("restored")]);
    Process::start(&scratch.join("restored"), TODAY).0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_of_a_history_that_a_restore_left_are_asked_again_and_compared() {
    let scratch = tempfile::tempdir().unwrap();
    let process = restored(scratch.path()).await;
    let endpoint = format!("http://{}", process.listening());
    let path = |name: &str| scratch.path().join(name);
    let (code, printed) = summary(&program("review", &path("before.csv"), &endpoint, &["--json"]));
    assert_eq!((code, &printed["unchanged"], &printed["asked_again"]), (Some(0), &2.into(), &0.into()), "{printed}");

    let (code, printed) = summary(&program("review", &path("after.csv"), &endpoint, &["--json"]));
    let counts = ["asked_again", "asked_again_same_verdict", "asked_again_other_verdict", "flipped", "not_asked"];
    assert_eq!(counts.map(|count| printed[count].as_u64().unwrap()), [2, 1, 1, 0, 0], "{printed}");
    assert_eq!(code, Some(3), "a verdict differs");
    let shown = json!([
        {"line": 3, "what": "was NOT_CONFIRMED, now CONFIRMED"},
        {"line": 2, "what": "still CONFIRMED"}
    ]);
    assert_eq!(printed["rows_asked_again"], shown);
    let reviewed = rows_of(&path("after.review.csv"));
    let cells =
        |row: usize| ["asked_again", "verdict_differs", "flipped", "verdict_now"].map(|name| &*reviewed[row][name]);
    assert_eq!([cells(0), cells(1)], [["yes", "no", "", "CONFIRMED"], ["yes", "yes", "", "CONFIRMED"]]);
    let out = path("again.csv");
    let text = program("review", &path("after.csv"), &endpoint, &["--out", out.to_str().unwrap()]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("with the same verdict  1") && text.contains("with another verdict   1"), "{text}");
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_of_another_registry_are_a_fault_and_are_not_asked_again() {
    let scratch = tempfile::tempdir().unwrap();
    restored(scratch.path()).await.stop();
    let (process, _) = Process::start(&scratch.path().join("another"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let ended = program("review", &scratch.path().join("after.csv"), &endpoint, &["--json"]);
    let (code, printed) = summary(&ended);
    assert_eq!((code, &printed["not_asked"], &printed["asked_again"]), (Some(2), &2.into(), &0.into()), "{printed}");
    let why = printed["rows_not_reviewed"][0]["what"].as_str().unwrap();
    assert!(why.starts_with("line 2, column `epoch`: found ") && why.contains("never had that epoch"), "{why}");
    process.stop();
}
