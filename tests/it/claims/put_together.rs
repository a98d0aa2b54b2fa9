//! Files of answers that were put together, and rows that were pasted twice.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{program, rows_of, summary};
use crate::harness::requests::end_job;
use crate::harness::scenes::Credentialed;
use crate::harness::{Client, Process, TODAY};

/// Two lists of three claims, and their answers.
struct Months {
    scratch: tempfile::TempDir,
    process: Process,
    registry: Client,
    person: Credentialed,
    provider: String,
}

impl Months {
    async fn begin() -> Months {
        let scratch = tempfile::tempdir().unwrap();
        let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
        let employer = registry.qualified_provider("Pascagoula Example Center").await;
        let person = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;
        let provider = employer.provider_id;
        let months = Months { scratch, process, registry, person, provider };
        for month in ["01", "02"] {
            let row = |day: u8| format!("{month}{day},{},2026-{month}-1{day}\n", months.person.number);
            let rows: String = (1..4).map(row).collect();
            fs::write(months.path(month), format!("claim_id,credential_number,date_of_service\n{rows}")).unwrap();
            assert_eq!(months.ask(month, &format!("{month}.answers"), &[]), Some(0));
        }
        months
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn run(&self, command: &str, file: &Path, out: &str, flags: &[&str]) -> std::process::Output {
        let out = self.path(out);
        let flags = [&["--out", out.to_str().unwrap()], flags].concat();
        program(command, file, &format!("http://{}", self.process.listening()), &flags)
    }

    /// Asks a list.
    fn ask(&self, list: &str, out: &str, flags: &[&str]) -> Option<i32> {
        let flags = [&["--provider", &self.provider], flags].concat();
        self.run("claims", &self.path(list), out, &flags).status.code()
    }

    /// The lines of a file of answers, without the column names.
    fn lines(&self, answers: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(answers)).unwrap();
        text.lines().skip(1).map(str::to_owned).collect()
    }

    /// Writes rows below the column names.
    fn put(&self, rows: &[String]) -> PathBuf {
        let text = fs::read_to_string(self.path("01.answers")).unwrap();
        let (head, _) = text.split_once('\n').unwrap();
        fs::write(self.path("together"), format!("{head}\n{}\n", rows.join("\n"))).unwrap();
        self.path("together")
    }

    /// Reviews rows: the exit code, the summary for programs, and the one for people.
    fn review(&self, rows: &[String]) -> (Option<i32>, Value, String) {
        let file = self.put(rows);
        let out = || format!("{}.out", fs::read_dir(self.scratch.path()).unwrap().count());
        let said = self.run("review", &file, &out(), &[]).stdout;
        let (code, printed) = summary(&self.run("review", &file, &out(), &["--json"]));
        (code, printed, String::from_utf8(said).unwrap())
    }
}

/// The list that a row is of, as its check has it.
fn list_of(row: &str) -> &str {
    let (_, behind) = row.split_once("-list-").unwrap();
    behind.split_once('-').unwrap().0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_rows_are_named_for_each_list() {
    let months = Months::begin().await;
    let [one, two] = ["01.answers", "02.answers"].map(|answers| months.lines(answers));
    let (code, printed, _) = months.review(&[one.clone(), two.clone()].concat());
    let counts = ["unchanged", "missing", "repeated", "lists"].map(|count| printed[count].as_u64().unwrap());
    assert_eq!((code, counts), (Some(0), [6, 0, 0, 2]), "{printed}");

    // Each list has what the other lacks.
    let (code, printed, said) = months.review(&[&one[..2], &two[2..]].concat());
    assert_eq!((code, &printed["missing"]), (Some(2), &3.into()), "{printed}");
    let lost = |row: &str, runs: Value, missing: u64| json!({"list": list_of(row), "rows": 3, "missing": missing, "runs": runs, "runs_not_shown": 0});
    let mut expected =
        vec![lost(&one[0], json!([{"first": 3, "last": 3}]), 1), lost(&two[0], json!([{"first": 1, "last": 2}]), 2)];
    expected.sort_by_key(|lost| lost["list"].to_string());
    assert_eq!(printed["rows_missing"], json!(expected));
    for (places, row) in [("row 3", &one[0]), ("rows 1 to 2", &two[0])] {
        let line = format!("LOST: {places} of the 3 that `claims` wrote for list-{} (see `row_check`)", list_of(row));
        assert!(said.contains(&line), "{line}\n{said}");
    }
    months.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_list_at_the_same_revision_has_the_same_bytes() {
    let months = Months::begin().await;
    let first = rows_of(&months.path("01.answers"));
    let revision = first[0]["known_at_revision"].as_str();
    months.registry.report(end_job(&months.person.jobs[0], "2026-02-16")).await;
    assert_eq!(months.ask("01", "again", &["--known-at", revision]), Some(0));
    assert_eq!(fs::read(months.path("again")).unwrap(), fs::read(months.path("01.answers")).unwrap());
    // At another revision they are other answers, and another list.
    months.ask("01", "later", &[]);
    let [one, later] = ["01.answers", "later"].map(|answers| months.lines(answers));
    assert_ne!(list_of(&one[0]), list_of(&later[0]));
    let (code, printed, _) = months.review(&[&one[..2], &later[2..]].concat());
    assert_eq!((code, &printed["missing"]), (Some(2), &3.into()), "{printed}");
    months.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_there_twice_is_reviewed_once_and_named() {
    let months = Months::begin().await;
    let rows = months.lines("02.answers");
    months.registry.report(end_job(&months.person.jobs[0], "2026-02-12")).await;
    let pasted = [rows.clone(), vec![rows[2].clone(), rows[0].clone()]].concat();
    let (code, printed, said) = months.review(&pasted);
    let counts = ["rows", "flipped", "repeated", "missing"].map(|count| printed[count].as_u64().unwrap());
    assert_eq!((code, counts), (Some(2), [5, 1, 2, 0]), "{printed}");
    let named = |line: u64, row: u64| {
        let what = format!("row-{row}-of-3-list-{} is in the file twice", list_of(&rows[0]));
        json!({"line": line, "what": what})
    };
    assert_eq!(printed["rows_repeated"], json!([named(5, 3), named(6, 1)]));
    assert!(said.contains("twice in the file") && said.contains("line 5: row-3-of-3-list-"), "{said}");
    months.process.stop();
}
