//! `roster`: verifying a staff list with the program itself.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::harness::requests::{BORN, end_job};
use super::harness::{NOT_ON_FILE, Process, TODAY};

/// Runs `roster` on a blocking thread.
pub fn roster(list: &Path, endpoint: &str, more: &[&str]) -> Output {
    tokio::task::block_in_place(|| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cpss-registry"));
        command.arg("roster").arg(list).args(["--endpoint", endpoint]).args(more).output().unwrap()
    })
}

/// The rows of a file of answers, by the names of their columns.
fn answers_of(written: &str) -> Vec<HashMap<String, String>> {
    let mut reader = csv::Reader::from_reader(written.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_staff_list_is_answered_row_by_row() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Pascagoula Example Center").await;
    let here = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;
    let gone = registry.credentialed("Lucinda", "Bledsoe-Example", &[&employer]).await;
    registry.report(end_job(&gone.jobs[0], "2026-02-25")).await;

    let list = scratch.path().join("staff.csv");
    let rows = [
        format!("1,{},Abernathy-Example,\"ward 2, nights\"", here.number),
        format!("2,{},Bledsoe-Example,", gone.number),
        format!("3,{},Cuthbert-Example,", here.number),
        format!("4,{NOT_ON_FILE},,"),
    ];
    fs::write(&list, format!("badge,credential_number,family_name,where\r\n{}\r\n", rows.join("\r\n"))).unwrap();
    let ended = roster(&list, &endpoint, &["--provider", &employer.provider_id, "--json"]);
    assert_eq!(ended.status.code(), Some(3), "{}", String::from_utf8_lossy(&ended.stderr));
    let summary: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(summary["people_not_confirmed"][1]["person"], format!("Bledsoe-Example, {}", gone.number));
    assert_eq!((&summary["rows"], &summary["confirmed"], &summary["not_confirmed"]), (&4.into(), &1.into(), &3.into()));
    let answers = scratch.path().join("staff.answers.csv");
    let written = fs::read_to_string(&answers).unwrap();
    for (line, row) in written.lines().skip(1).zip(&rows) {
        assert!(line.starts_with(&format!("{row},")), "{line}");
    }
    let lost = "REVOKED_LOSS_OF_EMPLOYMENT NO_QUALIFYING_EMPLOYMENT NOT_EMPLOYED_BY_PROVIDER REPORTING_WINDOW_OPEN";
    let expected = [
        ["CONFIRMED", "CURRENT", "REPORTING_WINDOW_OPEN"],
        ["NOT_CONFIRMED", "REVOKED_LOSS_OF_EMPLOYMENT", lost],
        ["NOT_CONFIRMED", "", "NAME_MISMATCH REPORTING_WINDOW_OPEN"],
        ["NOT_CONFIRMED", "", "CREDENTIAL_NOT_ON_FILE REPORTING_WINDOW_OPEN"],
    ];
    let answered = answers_of(&written);
    assert_eq!(answered.len(), expected.len());
    for (answer, expected) in answered.iter().zip(expected) {
        assert_eq!(["verdict", "standing", "reasons"].map(|name| answer[name].as_str()), expected);
        assert_eq!((answer["as_of"].as_str(), answer["refused"].as_str()), (TODAY, ""));
        let revision = summary["known_at_revision"].to_string();
        assert_eq!((&answer["known_at_revision"], &answer["epoch"]), (&revision, &text_of(&summary["epoch"])));
    }
    assert_eq!(answered[0]["number_on_record"], here.number);
    assert_eq!(answered[0]["holder"], "Odalys Abernathy-Example");
    let lost = "Revoked, because employment was lost. This is not discipline. No job that day";
    assert!(answered[1]["sentence"].starts_with(lost), "{}", answered[1]["sentence"]);
    assert_eq!(fs::metadata(&answers).unwrap().permissions().mode() & 0o777, 0o600);

    let again = roster(&list, &endpoint, &[]);
    assert_eq!(again.status.code(), Some(2), "answers are not written over");
    assert_eq!(fs::read_to_string(&answers).unwrap(), written);
    let before = scratch.path().join("before.csv");
    let out = ["--as-of", "2026-02-25", "--out", before.to_str().unwrap()];
    assert_eq!(roster(&list, &endpoint, &out).status.code(), Some(3));
    assert!(fs::read_to_string(&before).unwrap().lines().nth(2).unwrap().contains(",CONFIRMED,"), "a day before that");

    understands_spellings(scratch.path(), &endpoint, &employer.provider_id, &here.number);
    fs::write(&list, "badge\r\n1\r\n").unwrap();
    let refused = roster(&list, &endpoint, &["--out", scratch.path().join("x").to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no column for credential_number"));
    process.stop();
}

/// The same person by other spellings of the number, and by name and birth date.
fn understands_spellings(scratch: &Path, endpoint: &str, provider_id: &str, number: &str) {
    // Spreadsheet spellings: another dash, spaces, no prefix.
    let dashed = number.replace('-', "\u{2013}");
    let (spaced, bare) = (number.replace('-', " "), number[4..].to_lowercase());
    let dashes = scratch.join("dashes.csv");
    fs::write(&dashes, format!("credential_number\n{dashed}\n{spaced}\n{bare}\n")).unwrap();
    let output = roster(&dashes, endpoint, &["--provider", provider_id, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["confirmed"], &summary["mistyped"]), (&3.into(), &0.into()));

    let piped = roster(&dashes, endpoint, &["--out", "-", "--json"]);
    assert_eq!(piped.status.code(), Some(0));
    let answers = String::from_utf8(piped.stdout).unwrap();
    assert_eq!(answers.lines().count(), 4, "standard output has the answers alone: {answers}");
    assert!(answers.lines().skip(1).all(|line| line.contains(",CONFIRMED,")), "{answers}");
    assert_eq!(serde_json::from_slice::<Value>(&piped.stderr).unwrap()["confirmed"], 3);

    // By name and birth date, where the number is not in the list.
    let named = scratch.join("named.csv");
    let [year, month, day] = BORN.split('-').collect::<Vec<_>>().try_into().unwrap();
    let people = format!("First Name,Last Name,DOB\nOdalys,Abernathy-Example,{month}/{day}/{year}\n");
    fs::write(&named, people).unwrap();
    let output = roster(&named, endpoint, &["--provider", provider_id]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let answers = answers_of(&fs::read_to_string(scratch.join("named.answers.csv")).unwrap());
    assert_eq!(answers[0]["number_on_record"], number);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_never_shortened_silently() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Tishomingo Example Center").await;
    let number = registry.credentialed("Yolanda", "Example", &[&employer]).await.number;
    let list = scratch.path().join("staff.csv");
    let answers = scratch.path().join("staff.answers.csv");
    let refused = |content: &str, more: &[&str], why: &str| {
        fs::write(&list, content).unwrap();
        let output = roster(&list, &endpoint, more);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(why), "{why}: {said}");
        assert!(!answers.exists(), "no answers were written");
    };
    let never_closed = format!("credential_number,notes\n{number},\"starts 9/1\n{number},ok\n{number},ok\n");
    refused(&never_closed, &[], "line 2: a quote is never closed");
    let by_another = format!("credential_number,notes\n{number},ok\n{number},\"a\n{number},\"b\"\n");
    refused(&by_another, &[], "line 3: text follows a closed quote");
    refused("credential_number,family_name\n", &[], "the list has no rows");
    let no_name = "given_name,family_name,birth_date\nYolanda,,1990-01-01\nYolanda,Example,1990\n";
    refused(no_name, &[], "line 2, column `family_name`: found nothing: enter the family name");
    refused(no_name, &[], "line 3, column `birth_date`: found `1990`: write the date as `2026-03-01`");
    let fine = format!("credential_number\n{number}\n");
    refused(&fine, &["--provider", "region-1-cmch"], "--provider: no provider `region-1-cmch` is on file");

    let mistyped = format!("credential_number\n{number}\n{number}7\n");
    fs::write(&list, mistyped).unwrap();
    let output = roster(&list, &endpoint, &["--provider", &employer.provider_id]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3));
    assert!(said.contains("1 of the numbers cannot exist: look for typing errors"), "{said}");
    assert!(!said.contains("check --provider"), "{said}");

    fs::remove_file(&answers).unwrap();
    let nobody = format!("credential_number,family_name\n{number},Someone\n{number}7,Example\n");
    refused(&nobody, &["--provider", "region-1-cmch"], "--provider: no provider `region-1-cmch` is on file");
    for (caller, is_said) in [("registrar", false), ("payer", true)] {
        let output = roster(&list, &endpoint, &["--provider", &employer.provider_id, "--as", caller]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert_eq!(said.contains("so no answer depends on the provider"), is_said, "{caller}: {said}");
        fs::remove_file(&answers).unwrap();
    }
    let output = roster(&list, &endpoint, &["--provider", ""]);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_screen_says_what_is_not_compared() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Tishomingo Example Center").await;
    let number = registry.credentialed("Yolanda", "Example", &[&employer]).await.number;
    let list = scratch.path().join("staff.csv");
    let said = |content: &str, more: &[&str]| {
        fs::write(&list, content).unwrap();
        drop(fs::remove_file(scratch.path().join("staff.answers.csv")));
        String::from_utf8(roster(&list, &endpoint, more).stdout).unwrap()
    };
    let wrong_beside = said(&format!("Cert #,Family,First Name,DOB\n{number},Example,Nobody,1/1/1901\n"), &[]);
    assert!(wrong_beside.contains("CONFIRMED              1"), "{wrong_beside}");
    assert!(wrong_beside.contains("not compared in rows with a number: `First Name`, `DOB`"), "{wrong_beside}");
    let no_names = said(&format!("Cert #,Employee Name,Dept\n{number},Nobody,Ward 2\n"), &[]);
    assert!(no_names.contains("no column of family names: names are not checked"), "{no_names}");
    assert!(no_names.contains("the column `Employee Name` is not used") && !no_names.contains("`Dept`"), "{no_names}");
    let lost = said(&format!("Cert #,Last Name\n{number},Example\n{NOT_ON_FILE},Mu?oz\n"), &[]);
    assert!(lost.contains("line 3: a name has a `?`") && !lost.contains("not compared"), "{lost}");
    let late = said(&format!("Cert #\n{number}\n"), &["--as-of", "2027-08-01"]);
    assert!(late.contains("the term of 1 person ends soon"), "{late}");
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_row_is_printed_with_its_reason() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, _registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let list = scratch.path().join("staff.csv");
    let refused: String = (0..101).map(|_| format!("{NOT_ON_FILE},?!\n")).collect();
    fs::write(&list, format!("credential_number,family_name\n{NOT_ON_FILE},Example\n{refused}")).unwrap();
    let output = roster(&list, &endpoint, &[]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("  REFUSED                101\n\n  line 2: Example"), "{said}");
    assert!(said.contains(&format!("\n  line 3: ?!, {NOT_ON_FILE}: REFUSED: item.family_name: ")), "{said}");
    assert!(said.contains("\n  rows not shown: 2; the file with the answers has the reasons\n"), "{said}");
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_the_encoding_of_the_list_lacks_comes_back_in_utf_8() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Pascagoula Example Center").await;
    let number = registry.credentialed("Żaneta", "Example", &[&employer]).await.number;
    let list = scratch.path().join("staff.csv");
    fs::write(&list, [format!("credential_number,at\n{number},").as_bytes(), b"Ca\xf1on\n"].concat()).unwrap();
    let output = roster(&list, &endpoint, &[]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("they are in UTF-8: the encoding of the list does not have all letters"), "{said}");
    let written = fs::read_to_string(scratch.path().join("staff.answers.csv")).unwrap();
    let answers = answers_of(written.strip_prefix('\u{feff}').unwrap());
    assert_eq!([&answers[0]["at"], &answers[0]["holder"]], ["Cañon", "Żaneta Example"]);
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_of_the_list_come_first_and_what_is_the_same_for_all_is_said_once() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Tishomingo Example Center").await;
    let gone = registry.credentialed("Lucinda", "Bledsoe-Example", &[&employer]).await;
    registry.report(end_job(&gone.jobs[0], "2026-02-25")).await;
    let number = &gone.number;
    let list = scratch.path().join("staff.csv");
    let said = |rows: &str| {
        fs::write(&list, format!("Cert #,Last Name\n{rows}")).unwrap();
        drop(fs::remove_file(scratch.path().join("staff.answers.csv")));
        String::from_utf8(roster(&list, &endpoint, &[]).stdout).unwrap()
    };
    const MAY_CHANGE: &str = "May change: employers may still report about that day.";
    let all = said(&format!("{number},Bledsoe-Example\n{number}7,Cuthbert-Example\n{number},Dunwoody-Example\n"));
    let at = |text: &str| all.find(text).unwrap_or_else(|| panic!("{text}: {all}"));
    assert!(at("line 3: ") < at("line 4: ") && at("line 4: ") < at("line 2: "), "{all}");
    assert_eq!(all.matches(MAY_CHANGE).count(), 1, "{all}");
    assert!(all.contains("Look for a typing error.\n  line 4: ") && at("line 2: ") < at(MAY_CHANGE), "{all}");
    let one = said(&format!("{number},Bledsoe-Example\n"));
    let (_, line) = one.split_once("line 2: ").unwrap();
    assert!(line.lines().next().unwrap().ends_with(MAY_CHANGE), "{one}");
    process.stop();
}
