//! `claims` and `review`: lists of claims with the program itself.

#[cfg(feature = "workbooks")]
mod changed;
mod left;
mod notes;
mod numbers;
mod put_together;
mod written;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use fastrand::Rng;
use serde_json::Value;

use super::harness::requests::{end_job, retract};
use super::harness::{NOT_ON_FILE, Process, TODAY};

fn program(command: &str, file: &Path, endpoint: &str, flags: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_cpss-registry");
    Command::new(program).arg(command).arg(file).args(["--endpoint", endpoint]).args(flags).output().unwrap()
}

/// The exit code of a command, and its summary.
fn summary(ended: &Output) -> (Option<i32>, Value) {
    let said = serde_json::from_slice(&ended.stdout);
    (ended.status.code(), said.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ended.stderr))))
}

/// The answered rows of a file, by the names of their columns. A row that was left out has no answer.
fn rows_of(file: &Path) -> Vec<HashMap<String, String>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(file).unwrap();
    let columns = reader.headers().unwrap().clone();
    let rows = reader.records().map(Result::unwrap).filter(|row| row.len() == columns.len());
    rows.map(|row| columns.iter().zip(&row).map(|(column, cell)| (column.to_owned(), cell.to_owned())).collect())
        .collect()
}

/// Checks that the second claim of a list is eligible a microsecond before an instant, and not at the instant.
fn changes_at(instant: &str, list: &Path, endpoint: &str) {
    let at: jiff::Timestamp = instant.parse().unwrap();
    let before = (at - jiff::SignedDuration::from_micros(1)).to_string();
    for (known_at, out, eligible) in [(instant, "then", "no"), (before.as_str(), "before", "yes")] {
        let out = list.with_file_name(out);
        let flags = ["--known-at", known_at, "--out", out.to_str().unwrap()];
        let ended = program("claims", list, endpoint, &flags);
        assert_eq!(rows_of(&out)[1]["eligible"], eligible, "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_are_answered_row_by_row_and_reviewed_after_late_reports() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Pascagoula Example Center").await;
    let here = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;
    let late = registry.credentialed("Lucinda", "Bledsoe-Example", &[&employer]).await;
    let path = |name: &str| scratch.path().join(name);
    let provider = employer.provider_id.as_str();
    let (good, other) = (here.number.as_str(), late.number.as_str());
    let list = format!(
        "Claim #,Cert #,DOS,provider_id,units\r\n\
         123456789,{good},2/20/2026,{provider},4\r\n\
         2,{other},2026-02-20,{provider},\r\n\
         3,{NOT_ON_FILE},2026-02-20,{provider},\r\n\
         4,{good},yesterday,{provider},x\r\n\
         5,{good},2026-02-20,,\r\n\
         6,{good},2026-02-20,no-such,\r\n\
         \r\n\
         Total claims: 6,,,,\r\n"
    );
    fs::write(path("claims.csv"), &list).unwrap();
    let (code, printed) = summary(&program("claims", &path("claims.csv"), &endpoint, &["--json"]));
    assert_eq!(code, Some(2));
    assert_eq!(["eligible", "not_eligible", "not_asked"].map(|count| printed[count].as_u64()), [Some(2); 3]);
    assert_eq!(printed["providers_not_on_file"], serde_json::json!(["no-such"]));
    let written = fs::read_to_string(path("claims.answers.csv")).unwrap();
    for (line, row) in written.lines().zip(list.lines()) {
        assert!(line.starts_with(row), "{line}");
    }
    let answers = rows_of(&path("claims.answers.csv"));
    let faults: Vec<_> = answers.iter().take(6).map(|row| row["fault"].as_str()).collect();
    let date = "line 5, column `DOS`: found `yesterday`: write the date as `2026-03-01` or `3/1/2026`";
    let units = "line 5, column `units`: found `x`: enter a whole number of units";
    let unnamed = "line 6, column `provider_id`: found nothing: enter the billing provider, or name it with --provider";
    assert_eq!(faults, ["", "", "", &format!("{date}; {units}"), unnamed, ""]);

    // The others are asked again, and later reviewed.
    let fine: Vec<_> = list.lines().enumerate().filter(|(at, _)| ![4, 5].contains(at)).map(|(_, line)| line).collect();
    fs::write(path("fine.csv"), fine.join("\n")).unwrap();
    let (code, printed) = summary(&program("claims", &path("fine.csv"), &endpoint, &["--json"]));
    assert_eq!((code, &printed["rows"]), (Some(3), &4.into()));
    let answers = path("fine.answers.csv");
    let (code, printed) =
        summary(&program("review", &answers, &endpoint, &["--json", "--out", path("a").to_str().unwrap()]));
    assert_eq!((code, &printed["unchanged"], &printed["flipped"]), (Some(0), &4.into(), &0.into()));

    let ended = registry.report(end_job(&late.jobs[0], "2026-02-16")).await;
    let (code, printed) =
        summary(&program("review", &answers, &endpoint, &["--json", "--out", path("b").to_str().unwrap()]));
    assert_eq!((code, &printed["flipped"], &printed["became_ineligible"]), (Some(3), &1.into(), &1.into()));
    let cause = &printed["changed_by"][0];
    assert_eq!((&cause["revision"], &cause["fact_kinds"]), (&ended.revision.into(), &"EMPLOYMENT_ENDED".into()));
    let row = &rows_of(&path("b"))[1];
    let shown = ["verdict", "flipped", "verdict_now", "changed_by", "changed_at_revision", "asked_again"];
    let revision = ended.revision.to_string();
    assert_eq!(shown.map(|column| row[column].as_str()), {
        ["CONFIRMED", "yes", "NOT_CONFIRMED", "EMPLOYMENT_ENDED", &revision, ""]
    });
    let changed_at = cause["recorded_at"].as_str().unwrap();
    assert_eq!(row["changed_at"], changed_at);
    changes_at(changed_at, &path("fine.csv"), &endpoint);
    let text = program("review", &answers, &endpoint, &["--out", path("c").to_str().unwrap()]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("line 3: CONFIRMED became NOT_CONFIRMED, since revision"), "{text}");

    // A mistake that is taken back: nothing has flipped since the answers.
    registry.report(retract(&ended.fact_id, "Reported by mistake")).await;
    let (code, _) = summary(&program("review", &answers, &endpoint, &["--json", "--out", path("d").to_str().unwrap()]));
    assert_eq!(code, Some(0));
    process.stop();
}

/// A letter or a word somewhere in a list, or a piece of it gone or twice.
fn damage(random: &mut Rng, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = random.usize(..letters.len());
    match random.u8(..5) {
        0 => drop(letters.remove(at)),
        1 => letters.insert(at, ['"', ',', '\n', ';', ' ', 'x', '\t', '|', '\r'][random.usize(..9)]),
        2 => letters.truncate(at),
        3 => {
            let to = random.usize(at..letters.len());
            let piece: Vec<char> = letters[at..to].to_vec();
            letters.splice(at..at, piece);
        }
        _ => {
            let word = ["Total", "\"", "\n\n", ",,,", "Sum,"][random.usize(..5)];
            letters.splice(at..at, word.chars());
        }
    }
    letters.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_damaged_list_gives_yes_with_a_claim_that_was_not_asked() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Pascagoula Example Center").await;
    let mut numbers = Vec::new();
    for name in ["Ash", "Birch", "Cedar", "Dogwood"] {
        numbers.push(registry.credentialed("Example", name, &[&employer]).await.number);
    }
    let rows = numbers.iter().map(|number| format!("{number},2026-02-20,{},ok\n", employer.provider_id));
    let list = format!("credential_number,date_of_service,provider_id,notes\n{}", rows.collect::<String>());
    let (mut random, mut yes) = (Rng::with_seed(26), 0);
    for case in 0..60 {
        let mut damaged = list.clone();
        for _ in 0..random.u8(1..4) {
            damaged = damage(&mut random, &damaged);
        }
        let file = scratch.path().join(format!("{case}.csv"));
        fs::write(&file, &damaged).unwrap();
        let ended = program("claims", &file, &endpoint, &["--json"]);
        let answers = scratch.path().join(format!("{case}.answers.csv"));
        assert!(matches!(ended.status.code(), Some(0 | 2 | 3 | 4)), "{damaged}\n{ended:?}");
        if ended.status.code() != Some(0) {
            continue;
        }
        yes += 1;
        let (_, printed) = summary(&ended);
        let times = |number: &String| damaged.matches(number.as_str()).count();
        let written = fs::read_to_string(&answers).unwrap();
        for number in &numbers {
            // In its own cell, and as the number on record.
            assert!(written.matches(number.as_str()).count() >= 2 * times(number), "{damaged}\n{written}");
        }
        assert!(printed["rows"].as_u64().unwrap() >= numbers.iter().map(times).sum::<usize>() as u64, "{damaged}");
    }
    assert!(yes > 3, "{yes}");
    process.stop();
}
