//! Files that `claims` and `review` wrote, given to the wrong one of them.

use std::fs;

use super::program;
use crate::harness::{Process, TODAY};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_answers_or_of_reviews_is_recognized() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Pascagoula Example Center").await;
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    let file = scratch.path().join("claims.csv");
    let list = "credential_number,date_of_service,provider_id";
    fs::write(&file, format!("{list}\n{number},2026-02-20,{}\n", employer.provider_id)).unwrap();
    let path = |name: &str| scratch.path().join(name);
    assert_eq!(program("claims", &file, &endpoint, &[]).status.code(), Some(0));
    assert_eq!(program("review", &path("claims.answers.csv"), &endpoint, &[]).status.code(), Some(0));
    let refused = |command: &str, name: &str| {
        let ended = program(command, &path(name), &endpoint, &[]);
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        String::from_utf8(ended.stderr).unwrap()
    };
    let said = refused("claims", "claims.answers.csv");
    for part in [
        "the columns `eligible`, `verdict`, `sentence`, `reasons`, `number_on_record`, `asked_provider`, ",
        "`known_at_revision`, `epoch`, `fault`, `row_check` are reserved for the answers",
        "`claims` wrote this file, and `review` takes it; to ask its rows again, remove the columns from `eligible` to \
         `row_check`",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert!(refused("claims", "claims.answers.review.csv").contains("and those that `review` wrote behind them"));
    let said = refused("review", "claims.answers.review.csv");
    assert!(said.contains("`flipped`, `verdict_differs`") && said.contains("`review_fault` are reserved"), "{said}");
    let remedy = "review the file that `claims` wrote; for the next month, run `claims` again and review that file";
    assert!(said.contains(&format!("`review` wrote this file: {remedy}")), "{said}");

    // The remedy works.
    let again = fs::read_to_string(path("claims.answers.csv")).unwrap();
    let cut = |line: &str| line.split(',').take(list.split(',').count()).collect::<Vec<_>>().join(",");
    fs::write(path("again.csv"), again.lines().map(cut).collect::<Vec<_>>().join("\n")).unwrap();
    assert_eq!(program("claims", &path("again.csv"), &endpoint, &[]).status.code(), Some(0));
    process.stop();
}
