//! `import DIR`: the example, bad rows of every kind, repetition, kills, and rehearsals.
//!
//! `CPSS_IMPORT_ROWS=1000000 cargo test --profile bench --test it import_directory -- --nocapture` imports a million
//! rows.

mod answers;
mod made;
mod records_begin;
mod refused;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use cpss_registry::proto::v1;
use serde_json::Value;

use self::made::{BAD_ROWS, Made};
use super::harness::{Process, TODAY, root};
use super::kill::random;

/// A directory of the size to import: with few rows more of them are bad, so that every kind occurs.
fn made() -> Made {
    std::env::var("CPSS_IMPORT_ROWS").map_or_else(|_| few(), |rows| Made::of_rows(rows.parse().unwrap(), 100))
}

fn few() -> Made {
    Made::of_rows(650, 25)
}

fn program() -> Command {
    Command::new(std::env::var("CPSS_BINARY").unwrap_or(env!("CARGO_BIN_EXE_cpss-registry").to_owned()))
}

fn command(directory: &Path, more: &[&str]) -> Command {
    let mut command = program();
    command.arg("import").arg(directory).args(more).env("HOME", directory).env_remove("XDG_CONFIG_HOME");
    command
}

fn import(directory: &Path, more: &[&str]) -> Output {
    tokio::task::block_in_place(|| command(directory, more).output().unwrap())
}

/// What an import printed with `--json`.
struct Printed {
    bad: BTreeSet<(String, u64, String)>,
    bad_rows: Vec<Value>,
    summary: Value,
    findings: Option<Value>,
}

fn printed(output: &Output) -> Printed {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let aside = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (bad_rows, others): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.get("line").is_some());
    let place = |row: &Value| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        (text("file"), row["line"].as_u64().unwrap(), text("column"))
    };
    let mut others = others.into_iter();
    let summary = others.next().unwrap_or_else(|| panic!("no summary: {aside}"));
    Printed { bad: bad_rows.iter().map(place).collect(), bad_rows, summary, findings: others.next() }
}

/// A place for a test: a server without records, and a scratch directory.
struct Place {
    scratch: tempfile::TempDir,
    process: Process,
    client: super::harness::Client,
}

impl Place {
    fn new() -> Place {
        let scratch = tempfile::tempdir().unwrap();
        let (process, client) = Process::start(&scratch.path().join("data"), TODAY);
        Place { scratch, process, client }
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.process.listening())
    }

    fn import(&self, directory: &Path) -> Output {
        import(directory, &["--endpoint", &self.endpoint(), "--json"])
    }

    fn directory(&self) -> std::path::PathBuf {
        self.scratch.path().join("old-records")
    }

    fn write(&self, files: &[(&str, &str)]) -> std::path::PathBuf {
        let directory = self.directory();
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("manifest.toml"), "source = \"a test\"\n").unwrap();
        files.iter().for_each(|(name, text)| fs::write(directory.join(name), text).unwrap());
        directory
    }

    /// Makes a backup, and returns its path.
    fn backup(&self) -> String {
        let (backup, data) = (self.scratch.path().join("backup"), self.scratch.path().join("data"));
        let taken = program().arg("backup").arg(&backup).arg("--data-dir").arg(&data).output().unwrap();
        assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
        backup.to_str().unwrap().to_owned()
    }

    /// The number of credentials by standing.
    async fn standings(&self) -> BTreeMap<String, u64> {
        let (mut counts, mut page_token) = (BTreeMap::new(), String::new());
        loop {
            let request = v1::ListCredentialsRequest { page_token, page_size: 1000, ..Default::default() };
            let page = self.client.ask(request).await;
            for credential in page.credentials {
                let standing = credential.standing().as_str_name().trim_start_matches("STANDING_").to_owned();
                *counts.entry(standing).or_default() += 1;
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return counts;
            }
        }
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_is_loaded_once() {
    let place = Place::new();
    let example = root().join("deploy/import-example");
    let first = place.import(&example);
    assert_eq!(code(&first), 0, "{}{}", String::from_utf8_lossy(&first.stdout), String::from_utf8_lossy(&first.stderr));
    let summary = printed(&first).summary;
    assert_eq!((&summary["bad"], &summary["done_already"]), (&0.into(), &0.into()));
    assert_eq!(summary["files"]["specialists"]["loaded"], 6);
    // Two people have the same name and birth date.
    let head = place.client.head().await;
    let standings = place.standings().await;
    let expected = [("CURRENT", 3), ("DECEASED", 1), ("REVOKED_LOSS_OF_EMPLOYMENT", 1)];
    assert_eq!(standings, expected.map(|(standing, count)| (standing.to_owned(), count)).into());
    let number = v1::verification_item::Subject::PriorNumber("p 0117".to_owned());
    let item = v1::VerificationItem { subject: Some(number), ..Default::default() };
    let request = v1::VerifyCredentialRequest { item: Some(item), ..Default::default() };
    let answer = place.client.ask(request).await.verification.unwrap();
    assert_eq!(answer.verdict(), v1::Verdict::Confirmed, "{answer:?}");

    // Another registrar goes on with it.
    let second = import(&example, &["--endpoint", &place.endpoint(), "--json", "--as", "registrar"]);
    let again = printed(&second).summary;
    assert_eq!((code(&second), &again["loaded"], &again["done_already"]), (0, &0.into(), &summary["loaded"]));
    assert_eq!(place.client.head().await, head, "nothing is recorded twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_bad_row_is_reported_and_the_rest_is_loaded() {
    let place = Place::new();
    let (made, directory) = (made(), place.directory());
    made.write(&directory);
    assert!(made.bad.len() >= BAD_ROWS.len(), "every kind: {}", made.bad.len());
    let before = place.client.head().await;
    let started = Instant::now();
    let first = place.import(&directory);
    let seconds = started.elapsed().as_secs_f64();
    let all = made.good + made.bad.len() as u64;
    println!("import: {all} rows in {seconds:.1} s, {:.0} a minute", 60.0 * all as f64 / seconds);
    let reported = printed(&first);
    assert_eq!(code(&first), 2, "{}", String::from_utf8_lossy(&first.stderr));
    let missing: Vec<_> = made.bad.difference(&reported.bad).take(30).collect();
    let more: Vec<_> = reported.bad.difference(&made.bad).take(30).collect();
    assert!(missing.is_empty() && more.is_empty(), "not reported: {missing:?}\nreported: {more:?}");
    assert!(reported.bad_rows.iter().all(|row| !row["remedy"].as_str().unwrap().is_empty()));
    assert_eq!(reported.summary["loaded"], made.good);
    assert_eq!(reported.summary["bad"], made.bad.len());
    let head = place.client.head().await;
    assert_eq!(head - before, made.good, "every good row is one record");
    let log = place.process.log();
    assert!(!log.contains("Example-") && !log.contains("Ada"), "names are in the log: {log}");

    let started = Instant::now();
    let second = place.import(&directory);
    println!("again: {all} rows in {:.1} s", started.elapsed().as_secs_f64());
    let again = printed(&second);
    assert_eq!((code(&second), again.bad), (2, made.bad.clone()));
    assert_eq!((&again.summary["loaded"], &again.summary["done_already"]), (&0.into(), &made.good.into()));
    assert_eq!(place.client.head().await, head, "a second run changes nothing");
}

/// Waits for the end of a process for a while, and then kills it. Returns its exit code, if it was not killed.
fn ended(child: &mut Child, within: Duration) -> Option<i32> {
    let deadline = Instant::now() + within;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_import_is_completed_by_a_further_run() {
    const KILLS: u64 = 10;
    let scratch = tempfile::tempdir().unwrap();
    let (data, directory) = (scratch.path().join("data"), scratch.path().join("old-records"));
    let made = made();
    made.write(&directory);
    let (mut process, mut client) = Process::start(&data, TODAY);
    let before = client.head().await;
    for kill in 0..KILLS {
        let endpoint = format!("http://{}", process.listening());
        let mut import = command(&directory, &["--endpoint", &endpoint, "--json"]);
        let mut child = import.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Later kills come further on in the import.
        let within = Duration::from_millis(random(400 + 200 * kill));
        let code = if kill % 2 == 0 {
            ended(&mut child, within)
        } else {
            std::thread::sleep(within);
            process.kill();
            let code = ended(&mut child, Duration::from_secs(60));
            (process, client) = Process::start(&data, TODAY);
            code
        };
        assert!(matches!(code, None | Some(1 | 2)), "{code:?}");
    }
    let endpoint = format!("http://{}", process.listening());
    let last = import(&directory, &["--endpoint", &endpoint, "--json"]);
    let printed = printed(&last);
    assert_eq!((code(&last), printed.bad), (2, made.bad.clone()));
    let counted = ["loaded", "done_already"].map(|name| printed.summary[name].as_u64().unwrap());
    assert_eq!(counted.iter().sum::<u64>(), made.good);
    assert_eq!(client.head().await - before, made.good, "every good row is recorded once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_says_what_the_import_does() {
    let place = Place::new();
    let (made, directory) = (few(), place.directory());
    made.write(&directory);
    let specialists = fs::read_to_string(directory.join("specialists.csv")).unwrap();
    let twin = specialists.lines().nth(1).unwrap().replacen("0,", "twin,", 1);
    fs::write(directory.join("specialists.csv"), format!("{specialists}{twin}\n")).unwrap();
    let within = place.scratch.path().join("rehearsals");
    fs::create_dir(&within).unwrap();
    let flags = ["--dry-run", "--json", "--today", TODAY, "--scratch", within.to_str().unwrap()];
    let (rehearsed, imported) = (import(&directory, &flags), place.import(&directory));
    assert_eq!((code(&rehearsed), code(&imported)), (2, 2), "{}", String::from_utf8_lossy(&rehearsed.stderr));
    assert_eq!(fs::read_dir(&within).unwrap().count(), 0, "the scratch registry is removed");
    let (rehearsed, imported) = (printed(&rehearsed), printed(&imported));
    assert_eq!(rehearsed.bad, imported.bad);
    assert_eq!(rehearsed.summary, imported.summary);
    let findings = rehearsed.findings.unwrap();
    let counts = findings["standings"].as_array().unwrap().iter();
    let counts: BTreeMap<_, _> = counts
        .map(|count| (count["standing"].as_str().unwrap().to_owned(), count["after"].as_u64().unwrap()))
        .collect();
    assert_eq!(counts, place.standings().await);
    let revoked = findings["revoked"].as_array().unwrap();
    assert_eq!(revoked.len() as u64, counts["REVOKED_LOSS_OF_EMPLOYMENT"]);
    assert_eq!((&revoked[0]["since"], &revoked[0]["line"]), (&"2018-02-01".into(), &2.into()));
    assert!(revoked[0]["why"].as_str().unwrap().ends_with("ended on 2018-01-31"), "{}", revoked[0]);
    let duplicates = findings["likely_duplicates"].as_array().unwrap();
    let lines =
        |group: &Value| group.as_array().unwrap().iter().map(|person| person["line"].as_u64()).collect::<Vec<_>>();
    let last = specialists.lines().count() as u64 + 1;
    assert_eq!(duplicates.iter().map(lines).collect::<Vec<_>>(), [[Some(last), Some(2)]]);
    let days = findings["days"].as_array().unwrap();
    let of = |column: &str| days.iter().find(|days| days["column"] == column).unwrap();
    assert_eq!(
        (&of("effective_from")["first"], &of("effective_from")["last"]),
        (&"2015-06-01".into(), &"2015-06-01".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_onto_a_backup_shows_what_the_import_adds() {
    let place = Place::new();
    let example = root().join("deploy/import-example");
    assert_eq!(code(&place.import(&example)), 0);
    let backup = place.backup();
    let head = place.client.head().await;
    let files = [("specialists.csv", "source_id,given_name,family_name,birth_date\n1,Ada,Example,1979-04-02\n")];
    let directory = place.write(&files);
    let flags = ["--dry-run", "--json", "--today", TODAY, "--onto", &backup];
    let rehearsed = import(&directory, &flags);
    assert_eq!(code(&rehearsed), 0, "{}", String::from_utf8_lossy(&rehearsed.stderr));
    let findings = printed(&rehearsed).findings.unwrap();
    assert_eq!(findings["standings"][0]["before"], findings["standings"][0]["after"]);
    assert_eq!(findings["revoked"].as_array().unwrap().len(), 0, "nobody is revoked by this import");
    let twins = findings["likely_duplicates"][0].as_array().unwrap();
    assert_eq!((twins.len(), twins[0]["line"].as_u64(), twins[1]["line"].as_u64()), (2, Some(2), None));
    // The rows of the example are done already in the copy, too.
    let again = printed(&import(&example, &flags));
    assert_eq!(again.summary["loaded"], 0);
    assert_eq!(place.client.head().await, head, "the registry itself is untouched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_content_is_reported_with_both_and_rows_that_name_it_are_loaded() {
    let place = Place::new();
    let providers = "source_id;legal_name;facility_type\n1;Example Center;OUTPATIENT\n";
    let people = "source_id,given_name,family_name,birth_date\n17,Ada,Example,1980-05-17\n18,Lee,Sample,1990-02-28\n";
    let directory = place.write(&[("providers.csv", providers), ("specialists.csv", people)]);
    assert_eq!(code(&place.import(&directory)), 0);
    let head = place.client.head().await;
    let changed = people.replace("Ada,Example,1980-05-17", "Ada,Another,1980-05-18");
    let jobs = "source_id,specialist,provider,first_day\n1,17,1,2026-01-05\n2,18,1,2026-01-05\n2,18,1,2026-01-05\n";
    place.write(&[("specialists.csv", &changed), ("employments.csv", jobs)]);
    let output = place.import(&directory);
    let reported = printed(&output);
    assert_eq!(code(&output), 2);
    let both =
        |row: &Value| ["line", "column", "found", "on_record"].map(|name| row[name].to_string().replace('"', ""));
    let expected = [["2", "family_name", "Another", "Example"], ["2", "birth_date", "1980-05-18", "1980-05-17"]];
    assert_eq!(reported.bad_rows.iter().map(both).collect::<Vec<_>>(), expected.map(|row| row.map(str::to_owned)));
    assert_eq!(reported.summary["files"]["employments"]["loaded"], 2);
    assert_eq!(reported.summary["files"]["employments"]["done_already"], 1, "a row that stands there twice");
    assert_eq!(place.client.head().await - head, 2);
    fs::write(directory.join("manifest.toml"), "source = \"another test\"\n").unwrap();
    fs::write(directory.join("employments.csv"), "source_id,specialist,provider,first_day\n").unwrap();
    let other = printed(&place.import(&directory));
    assert_eq!(other.summary["loaded"], 3, "two old systems both have a row 17");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_cannot_be_understood_loads_nothing() {
    let place = Place::new();
    let people = "source_id,given_name,family_name,birth_date\n17,Ada,Example,1980-05-17\n";
    let before = place.client.head().await;
    for (name, text, expected) in [
        ("specialist.csv", people, "specialist.csv: not a file of an import"),
        ("specialists.csv", "source_id,family_name\n1,Example\n", "the first row must have the columns"),
        (
            "specialists.csv",
            "source_id,family_name,birth_date,dob2\n1,Example,1980-05-17,x\n",
            "the column `dob2` is not known",
        ),
        ("manifest.toml", "source = \"\"\n", "manifest.toml: source: found ``"),
        ("manifest.toml", "source = \"a\"\nbegin = 1\n", "manifest.toml: line 2: unknown field"),
        ("manifest.toml", "source = \"a\"\nrecords_begin = 1\n", "manifest.toml: line 2:"),
        ("manifest.toml", &format!("source = \"{}\"\n", "a".repeat(101)), "write the name of the old system, 1 to 100"),
        ("manifest.toml", "source = \"a\\u200bb\"\n", "visible characters"),
        ("specialists.xlsx", people, "specialists.xlsx: there are two files of specialists"),
    ] {
        let directory = place.write(&[("specialists.csv", people)]);
        fs::write(directory.join(name), text).unwrap();
        let output = place.import(&directory);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(code(&output) == 2 && said.contains(expected), "{name}: {said}");
        fs::remove_dir_all(&directory).unwrap();
    }
    assert_eq!(place.client.head().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_to_a_credential_is_sent_in_the_order_of_its_days() {
    let place = Place::new();
    let row = |heading: &str, rows: &[&str]| format!("{heading}\r\n{}\r\n", rows.join("\r\n"));
    let providers = row("source_id;legal_name;facility_type", &["1;Example Center;outpatient"]);
    let qualifications = row("source_id;provider;basis;first_day", &["1;1;dmh funded;1/1/2014"]);
    let people = row("Source ID;Family Name;Birth Date", &["1;Example;5/17/1980"]);
    let jobs = row("source_id;specialist;provider;first_day", &["1;1;1;2014-02-01"]);
    let credentials = row("source_id;specialist;effective_from;term_last_day", &["1;1;2015-06-01;2015-09-30"]);
    // The old system wrote the newest first. The credential was surrendered, and reinstated in a later term.
    let terms = ["3;1;2023-10-01;2027-09-30;20", "2;1;2019-10-01;2023-09-30;", "1;1;2015-10-01;2019-09-30;"];
    let terms = row("source_id;credential;effective_from;term_last_day;continuing_education_hours", &terms);
    let acts = ["2;1;reinstate;2020-05-01", "1;1;surrender;2018-05-01"];
    let acts = row("source_id;credential;act;first_day", &acts);
    let directory = place.write(&[
        ("providers.csv", &providers),
        ("qualifications.csv", &qualifications),
        ("specialists.csv", &people),
        ("employments.csv", &jobs),
        ("credentials.csv", &credentials),
        ("terms.csv", &terms),
        ("acts.csv", &acts),
    ]);
    let output = place.import(&directory);
    assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(place.standings().await, [("CURRENT".to_owned(), 1)].into());
}
