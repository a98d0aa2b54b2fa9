//! `report` and `staff`: the month of a provider's HR.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Desk, Said, all_text_below};
use crate::harness::proxy::{At, Proxy, Then};
use crate::harness::requests::facts_of_specialist;
use crate::harness::scenes::{Credentialed, HIRED, Qualified};
use crate::harness::{Client, TODAY};

/// A provider with one member of staff, and its HR.
pub struct Place {
    pub desk: Desk,
    pub registry: Client,
    pub employer: Qualified,
    pub member: Credentialed,
}

pub async fn place() -> Place {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Example Center").await;
    let member = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;
    let id = &employer.provider_id;
    desk.profile(&format!("provider:{id}"), &format!("provider = {id:?}\n"));
    Place { desk, registry, employer, member }
}

impl Place {
    fn end(&self, more: &[&str]) -> Said {
        let line = ["report", "end", &self.member.number, "--last-day", "2/25/2026", "--reason", "resigned"];
        self.desk.run(&[&line, more].concat())
    }

    /// The number of facts about the member of staff.
    pub async fn facts(&self) -> usize {
        self.registry.ask(facts_of_specialist(&self.member.specialist_id)).await.facts.len()
    }
}

pub fn request_id(said: &Said) -> String {
    said.err.lines().find_map(|line| line.strip_prefix("request id ")).unwrap_or_else(|| panic!("{said:?}")).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_run_twice_is_recorded_once_and_a_changed_line_is_another_request() {
    let place = place().await;
    let before = place.facts().await;
    let number = &place.member.number;
    let lost = format!("{number}: revoked on loss of employment from 2026-02-26 on, instead of current");
    let dry = place.end(&["--dry-run"]).exits(0).prints("Nothing is recorded yet").prints(&lost);
    assert!(!dry.err.contains("request id"), "{dry:?}");
    assert_eq!(place.facts().await, before);

    let first = place.end(&[]).exits(0).prints("Recorded as revision ").prints(&lost);
    let second = place.end(&[]).exits(0).prints("This line was recorded before, as revision ").prints(&lost);
    assert_eq!(request_id(&first), request_id(&second));
    assert_eq!(place.facts().await, before + 1);
    let json = place.end(&["--json"]).exits(0);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["recorded_before"], &json["request_id"]), (&true.into(), &request_id(&first).into()));
    assert_eq!(json["employment"]["last_day"], "2026-02-25");

    let again = place.end(&["--again"]).exits(1).warns("NOT_FOUND");
    assert_ne!(request_id(&again), request_id(&first));
    let known = place.end(&[]).exits(0).prints("This line was recorded before");
    assert_eq!(request_id(&known), request_id(&first), "a refused request leaves the earlier one known");

    let line = ["report", "end", number, "--last-day", "2026-02-26", "--reason", "resigned"];
    let job = &place.member.jobs[0];
    let changed = ["report", "end", "--job", job, "--last-day", "2026-02-26", "--reason", "resigned"];
    let ended = format!("{job} has the last day 2026-02-25 on record; to change it: report correct {job}");
    place.desk.run(&line).exits(1).warns("NOT_FOUND").warns(&ended);
    let changed = place.desk.run(&changed).exits(0).prints("Recorded as revision ");
    assert_ne!(request_id(&changed), request_id(&first));
    assert_eq!(place.facts().await, before + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistake_is_taken_back_and_can_be_reported_again() {
    let place = place().await;
    let number = &place.member.number;
    let ended = place.end(&[]).exits(0);
    let fact = ended.out.lines().find_map(|line| line.strip_prefix("  fact")).unwrap().trim().to_owned();
    place.desk.run(&["verify", number]).exits(3);
    place
        .desk
        .run(&["report", "retract", &fact, "--reason", "wrong person"])
        .exits(0)
        .prints(&format!("{number}: current from 2026-02-26 on, instead of revoked on loss of employment"));
    place.desk.run(&["verify", number]).exits(0);
    // A retry alone would not report it: the first request stands, and was retracted.
    let over = place.end(&[]).exits(1).warns("and taken back as revision ").warns("add --again to report it again");
    assert_eq!(over.out, "", "the old changes are not shown: they are not in force");
    place.desk.run(&["verify", number]).exits(0);
    place.end(&["--again"]).exits(0).prints("Recorded as revision ");
    place.desk.run(&["verify", number]).exits(3);

    let job = &place.member.jobs[0];
    let correct = ["report", "correct", job, "--first-day", HIRED];
    place.desk.run(&correct).exits(2).warns("give --last-day DATE, or --open if the job has no last day");
    let open = [&correct[..], &["--open"]].concat();
    place.desk.run(&open).exits(0).prints(&format!("from {HIRED} on"));
    place.desk.run(&["verify", number]).exits(0);
    place.end(&[]).exits(1).warns("and replaced by revision ");
    let ended = [&correct[..], &["--last-day", "2026-02-25"]].concat();
    place.desk.run(&ended).exits(0);
    place.end(&[]).exits(0).prints("This line was recorded before");
    place.desk.run(&open).exits(1).warns("and replaced by revision ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_says_what_a_person_should_know_beside_it() {
    let place = place().await;
    let (number, job) = (&place.member.number, &place.member.jobs[0]);
    let first = place.end(&[]).exits(0);
    assert!(!first.err.contains("note: "), "{first:?}");
    let revision = first.out.split_once("Recorded as revision ").unwrap().1.split('.').next().unwrap().to_owned();
    let same = ["report", "end", "--job", job, "--last-day", "2026-02-25", "--reason", "resigned"];
    place.desk.run(&same).exits(0).warns(&format!("note: revision {revision} had reported the same"));
    let later = ["report", "end", "--job", job, "--last-day", "2026-03-20", "--reason", "resigned"];
    place.desk.run(&later).exits(0).warns("note: the last day of work, 2026-03-20, is in the future");
    place.desk.run(&["report", "correct", job, "--first-day", HIRED, "--open"]).exits(0);

    place.desk.run(&["report", "start", "--first-day", TODAY]).exits(2).warns("or --specialist ID");
    let start = ["report", "start", number, "--first-day", TODAY, "--position", "Second job", "--person", "-"];
    let open =
        format!("note: there is an open job already: {job}, from {HIRED} on; to change its days: report correct");
    let name = "family_name: Abernathy-Example\n";
    place.desk.run_with(&start, "family_name: Bledsoe-Example\n").exits(1).warns("the family name or the birth date");
    place.desk.run_with(&[&start[..], &["--dry-run"]].concat(), name).exits(0).warns(&open);
    let second = place.desk.run_with(&[&start[..], &["--json"]].concat(), name).exits(0).warns(&open);
    let take_back = second.err.split_once("to take this report back: report retract ");
    let fact = take_back.unwrap_or_else(|| panic!("{second:?}")).1.lines().next().unwrap().to_owned();
    let second = second.json_object();
    assert_eq!(second["fact_id"], fact.as_str());
    let several = place.end(&[]).exits(1);
    assert!(several.err.contains("and replaced by revision"), "{several:?}");
    let several = place.end(&["--dry-run"]).exits(1).warns("EMPLOYMENT_AMBIGUOUS");
    for id in [job, second["employment"]["employment_id"].as_str().unwrap()] {
        assert!(several.err.contains(&format!("--job {id}: with ")), "{several:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_is_taken_back_says_what_still_ends_the_job() {
    let place = place().await;
    let (number, job) = (&place.member.number, &place.member.jobs[0]);
    let fact = |said: &Said| {
        said.out
            .lines()
            .find_map(|line| line.strip_prefix("  fact"))
            .unwrap_or_else(|| panic!("{said:?}"))
            .trim()
            .to_owned()
    };
    let revision =
        |said: &Said| said.out.split_once("Recorded as revision ").unwrap().1.split('.').next().unwrap().to_owned();
    let end = fact(&place.end(&[]).exits(0));
    let retract = |fact: &str| place.desk.run(&["report", "retract", fact, "--reason", "wrong person"]).exits(0);
    let corrected = ["report", "correct", job, "--first-day", HIRED, "--last-day", "2026-02-24"];
    let corrected = place.desk.run(&corrected).exits(0);
    let note = format!(
        "note: the job {job} still ends on 2026-02-24, by revision {}; to take that back, too: report retract {}",
        revision(&corrected),
        fact(&corrected)
    );
    retract(&end).prints("none to any standing").warns(&note);
    place.desk.run(&["verify", number]).exits(3);
    let last = retract(&fact(&corrected));
    assert!(!last.err.contains("note: "), "{last:?}");
    place.desk.run(&["verify", number]).exits(0);

    let start = ["report", "start", number, "--first-day", TODAY, "--last-day", "2026-12-31", "--person", "-"];
    let planned = place.desk.run_with(&start, "family_name: Abernathy-Example\n").exits(0);
    let second = planned.out.lines().find_map(|line| line.strip_prefix("  job")).unwrap().trim().to_owned();
    let earlier = ["report", "end", "--job", &second, "--last-day", "2026-11-30", "--reason", "resigned"];
    let earlier = fact(&place.desk.run(&earlier).exits(0));
    retract(&earlier)
        .warns(&format!("still ends on 2026-12-31, by revision {}; to change its days", revision(&planned)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_hire_of_a_stranger_would_change_is_not_said_to_be_nothing() {
    let place = place().await;
    let other = place.registry.qualified_provider("Lamar Example Center").await;
    let stranger = place.registry.credentialed("Lucinda", "Bledsoe-Example", &[&other]).await;
    let born = "family_name: Bledsoe-Example\nbirth_date: 2/29/1984\n";
    let start = ["report", "start", &stranger.number, "--first-day", TODAY, "--person", "-", "--dry-run"];
    let dry = place.desk.run_with(&start, born).exits(0).prints("is not shown for somebody who is not your staff");
    assert!(!dry.out.contains("none"), "{dry:?}");
    let json = place.desk.run_with(&[&start[..], &["--json"]].concat(), born).exits(0).json_object();
    for field in ["change_count", "changes", "foreseen_change_count", "foreseen_changes", "specialist_count"] {
        assert_eq!(json[field], serde_json::Value::Null, "{field}: {json}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_cannot_be_printed_says_that_it_is_recorded() {
    let place = place().await;
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = place.desk.command();
    command.args(["report", "end", &place.member.number, "--last-day", "2026-02-25", "--reason", "resigned"]);
    let output = tokio::task::block_in_place(|| command.stdout(full).output().unwrap());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot print") && said.contains("Recorded as revision "), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_takes_names_and_birth_dates_from_input_and_the_journal_has_none() {
    let place = place().await;
    let other = place.registry.qualified_provider("Lamar Example Center").await;
    let registered = place.registry.specialist("Lucinda", "Bledsoe-Example").await;
    place.registry.job(&registered, &other.provider_id, HIRED).await;

    let start = ["report", "start", "--specialist", &registered, "--first-day", TODAY, "--position", "Peer specialist"];
    place.desk.run(&start).exits(2).warns("birth_date: ");
    let piped = [&start[..], &["--person", "-"]].concat();
    place.desk.run_with(&piped, "birth_date: 2/28/1984\n").exits(1).warns("NOT_FOUND");
    place.desk.run_with(&piped, "birth_date: 1984-02-30\n").exits(2).warns("birth_date: there is no such day");
    place.desk.run_with(&piped, "name: Bledsoe-Example\n").exits(2).warns("line 1: not one of the fields birth_date");
    let started = place.desk.run_with(&piped, "birth_date: 2/29/1984\n").exits(0).prints("Recorded as revision ");
    assert!(!started.out.contains("1984"), "{started:?}");
    place.desk.run_with(&piped, "birth_date: 2/29/1984\n").exits(0).prints("This line was recorded before");

    let number = &place.member.number;
    let unasked = place.desk.run(&["report", "start", number, "--first-day", TODAY]).exits(2);
    let unasked = unasked.warns("family_name, birth_date: give them in a file with --person FILE");
    assert!(!unasked.err.contains("request id"), "nothing was sent: {unasked:?}");
    let by_number = ["report", "start", number, "--first-day", TODAY, "--position", "Second job", "--person", "p.txt"];
    // As an editor in Windows-1252 writes it.
    fs::write(place.desk.home("p.txt"), b"family_name: Abern\xe1thy-Example\n").unwrap();
    place.desk.run(&by_number).exits(0);

    let staff = place.desk.run(&["staff"]).exits(0).prints("3 jobs with").prints("Lucinda Bledsoe-Example");
    assert!(staff.out.contains("no credential") && staff.out.contains("Odalys Abernathy-Example"), "{staff:?}");
    let text = all_text_below(&place.desk.configuration(""));
    assert_eq!(text.matches("\"request_id\"").count(), 2, "refused requests are not kept: {text}");
    for personal in ["Lucinda", "Bledsoe", "Abernathy", "1984", "02-29"] {
        assert!(!text.contains(personal), "{personal}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_cannot_be_written_stops_before_anything_is_sent() {
    let place = place().await;
    let before = place.facts().await;
    let directory = place.desk.configuration("");
    let with_mode = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    if rustix::process::geteuid().is_root() {
        // Permissions do not stop root: a directory stands where the journal is written.
        fs::create_dir(place.desk.configuration("requests.jsonl.new")).unwrap();
    } else {
        with_mode(&directory, 0o500);
    }
    let stopped = place.end(&[]).exits(1).warns("requests.jsonl cannot be written").warns("nothing was sent");
    assert!(!stopped.err.contains("request id"), "{stopped:?}");
    assert_eq!(place.facts().await, before);
    with_mode(&directory, 0o700);
    drop(fs::remove_dir(place.desk.configuration("requests.jsonl.new")));

    fs::write(place.desk.configuration("requests.jsonl"), "{\n").unwrap();
    place.end(&[]).exits(1).warns("requests.jsonl, line 1, is damaged").warns("nothing was sent");
    assert_eq!(place.facts().await, before);
    fs::remove_file(place.desk.configuration("requests.jsonl")).unwrap();
    place.end(&[]).exits(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_without_an_answer_is_a_retry_when_it_is_run_again() {
    let place = place().await;
    let before = place.facts().await;
    let proxy = Proxy::before(place.desk.address(), At::Response, Then::Close);
    place.desk.profile_at(&proxy.endpoint(), &format!("provider:{}", place.employer.provider_id), "");
    let lost = place.end(&[]).exits(1).warns("whether it was recorded is not known: run the same line again");
    assert_eq!(place.facts().await, before + 1, "the registry took the report: {lost:?}");
    let journal = fs::read_to_string(place.desk.configuration("requests.jsonl")).unwrap();
    assert!(journal.contains(&request_id(&lost)) && !journal.contains("recorded"), "{journal}");
    let again = place.end(&[]).exits(0).prints("Recorded as revision ");
    assert_eq!(request_id(&again), request_id(&lost));
    let third = place.end(&[]).exits(0).prints("This line was recorded before");
    assert_eq!(request_id(&third), request_id(&lost));
    assert_eq!(place.facts().await, before + 1, "it is recorded once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_shows_terms_that_end_soon_and_whom_planned_ends_revoke() {
    let place = place().await;
    let other = place.registry.qualified_provider("Lamar Example Center").await;
    let both = place.registry.credentialed("Yolanda", "Zimmer-Example", &[&place.employer, &other]).await;
    for job in [&place.member.jobs[0], &both.jobs[0]] {
        let line = ["report", "end", "--job", job, "--last-day", "2026-03-20", "--reason", "resigned"];
        place.desk.run(&line).exits(0);
    }
    let staff = place.desk.run(&["staff"]).exits(0);
    let staff = staff.prints("A planned end revokes the credential of Odalys Abernathy-Example.");
    assert!(staff.out.contains("2 jobs with") && !staff.out.contains("The term ends soon"), "{staff:?}");
    assert!(!staff.out.contains("Lamar") && !staff.out.contains(&other.provider_id), "{staff:?}");
    let json = place.desk.run(&["staff", "--json"]).exits(0).json();
    let revoked: Vec<&serde_json::Value> = json.iter().map(|row| &row["revoked_by_planned_end"]).collect();
    assert_eq!(revoked, [&serde_json::Value::Bool(true), &serde_json::Value::Bool(false)]);
    let csv = place.desk.run(&["staff", "--format", "csv"]).exits(0);
    let expected = format!("Odalys Abernathy-Example,{},current,", place.member.number);
    assert!(csv.out.lines().nth(1).unwrap().starts_with(&expected), "{csv:?}");

    let late = place.desk.run(&["staff", "--as-of", "8/1/2027", "--as", "registrar"]).exits(0);
    assert!(late.out.contains("Nobody has a job with"), "{late:?}");
    let elsewhere = ["staff", "--provider", &other.provider_id, "--as", "registrar", "--as-of", "8/1/2027"];
    place.desk.run(&elsewhere).exits(0).prints("The term ends soon of Yolanda Zimmer-Example.");
    let lapsed = ["staff", "--provider", &other.provider_id, "--as", "registrar", "--as-of", "10/1/2027"];
    place
        .desk
        .run(&lapsed)
        .exits(0)
        .prints("The term has ended of Yolanda Zimmer-Example.")
        .prints("term ended 2027-09-30");
    place.desk.run(&["staff", "--provider", &other.provider_id]).exits(1).warns("PERMISSION_DENIED");
}
