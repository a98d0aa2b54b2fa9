//! Claims by prior numbers that belong to another credential later.

use std::fs;

use super::{program, rows_of, summary};
use crate::harness::requests::{end_job, retract, set_prior_number};
use crate::harness::{Process, TODAY};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prior_number_that_is_of_another_credential_now_is_not_unchanged() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Pascagoula Example Center").await;
    let one = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;
    let other = registry.credentialed("Lucinda", "Bledsoe-Example", &[&employer]).await;
    let set = registry.report(set_prior_number(&one.number, "MS-417")).await;
    let file = scratch.path().join("claims.csv");
    let list =
        format!("prior_number,credential_number,date_of_service\nMS-417,,2026-02-20\n,{},2026-02-20\n", one.number);
    fs::write(&file, list).unwrap();
    let asked = program("claims", &file, &endpoint, &["--provider", &employer.provider_id]);
    assert_eq!(asked.status.code(), Some(0), "{asked:?}");

    registry.report(retract(&set.fact_id, "It is the number of another certificate")).await;
    registry.report(set_prior_number(&other.number, "MS-417")).await;
    let answers = scratch.path().join("claims.answers.csv");
    let review = |out: &str, flags: &[&str]| {
        let out = scratch.path().join(out);
        program("review", &answers, &endpoint, &[&["--out", out.to_str().unwrap()], flags].concat())
    };
    let (code, printed) = summary(&review("a", &["--json"]));
    let counts = ["unchanged", "flipped", "other_credential_now"].map(|count| printed[count].as_u64().unwrap());
    assert_eq!((code, counts), (Some(3), [1, 0, 1]), "{printed}");
    let what = format!("the number was of {}, and is of {} now", one.number, other.number);
    assert_eq!(printed["rows_of_other_credentials"], serde_json::json!([{"line": 2, "what": what}]));
    let rows = rows_of(&scratch.path().join("a"));
    let numbers = |row: usize| ["number_on_record", "number_on_record_now"].map(|column| rows[row][column].as_str());
    assert_eq!([numbers(0), numbers(1)], [[&*one.number, &*other.number], [&*one.number, &*one.number]]);
    let said = String::from_utf8(review("b", &[]).stdout).unwrap();
    assert!(said.contains("of another credential now  1") && said.contains(&format!("line 2: {what}")), "{said}");

    // It counts beside the verdict.
    registry.report(end_job(&other.jobs[0], "2026-02-16")).await;
    let (code, printed) = summary(&review("c", &["--json"]));
    let counts = ["unchanged", "flipped", "other_credential_now"].map(|count| printed[count].as_u64().unwrap());
    assert_eq!((code, counts), (Some(3), [1, 1, 1]), "{printed}");
    process.stop();
}
