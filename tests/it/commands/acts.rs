//! `act` and `history`: the day of a registrar.

use std::fs;

use super::Desk;
use crate::harness::requests::verify;
use crate::harness::{TODAY, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_is_shown_and_recorded_only_when_it_is_confirmed() {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Example Center").await;
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    desk.profile("registrar", "");
    let suspend = ["act", "suspend", &number, "--basis", "ce-audit", "--first-day", "3/2/2026"];
    let change = format!("{number}: suspended from {TODAY} on, instead of current");

    desk.run(&[&suspend[..], &["--dry-run"]].concat()).exits(0).prints(&change).prints("Odalys Abernathy-Example");
    desk.run(&suspend).exits(2).warns(&change).warns("nothing was recorded: confirm with --yes");
    desk.run_with(&suspend, "no\n").exits(1).warns("Nothing was recorded.");
    desk.run(&["verify", &number]).exits(0);
    let done = desk.run_with(&suspend, "y\n").exits(0).warns(&change).prints("Recorded as revision ");
    desk.run(&["verify", &number]).exits(3).prints("This is not discipline. (SUSPENDED_NON_DISCIPLINARY)");
    desk.run(&[&suspend[..], &["--yes"]].concat()).exits(0).prints("This line was recorded before");

    let fact = done.out.lines().find_map(|line| line.strip_prefix("  fact")).unwrap().trim();
    desk.run(&["act", "end", fact, "--last-day", TODAY, "--reason", "the audit is over", "--yes"]).exits(0);
    let history = desk.run(&["history", &number]).exits(0);
    let csv = desk.run(&["history", &number, "--format", "csv"]).exits(0);
    let lines: Vec<&str> = history.out.lines().collect();
    assert_eq!(lines[0], format!("The standing of {number}:"));
    assert!(lines[2].starts_with("  from 2024-06-03 to 2026-03-01  current"), "{history:?}");
    assert!(lines[3].starts_with("  on 2026-03-02                  suspended"), "{history:?}");
    for expected in
        ["suspended: ce audit, from 2026-03-02", "period ended: ", "the audit is over", "dev:registrar", fact]
    {
        assert!(csv.out.contains(expected), "{expected}: {csv:?}");
    }
    let facts = desk.run(&["history", &number, "--json"]).exits(0).json();
    assert_eq!(facts.last().unwrap()["kind"], "FACT_KIND_PERIOD_ENDED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_audit_is_down_the_preview_says_that_recording_goes_on() {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Example Center").await;
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    desk.profile("registrar", "");
    let audit = desk.scratch.path().join("data/audit/reads.jsonl");
    fs::remove_file(&audit).unwrap();
    fs::create_dir(&audit).unwrap();
    until("an audit that cannot be written", async || registry.call(verify(&number, None, None)).await.is_err()).await;
    let suspend = ["act", "suspend", &number, "--basis", "ce-audit", "--first-day", "3/2/2026"];
    let why = "what it would change is a read of a person, which needs the audit; recording does not";
    let preview =
        desk.run_with(&suspend, "y\n").exits(1).warns(why).warns("without a preview: the same line with --yes");
    assert!(!preview.err.contains("request id"), "{preview:?}");
    let dry = desk.run(&[&suspend[..], &["--dry-run", "--yes"]].concat()).exits(1).warns(why);
    assert!(!dry.err.contains("--yes"), "{dry:?}");
    desk.run(&[&suspend[..], &["--yes"]].concat()).exits(0).prints("Recorded as revision ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_registered_credentialed_renamed_and_closed_out_from_the_command_line() {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Example Center").await;
    desk.profile("registrar", "");
    let person = "given_name: Lucinda\nfamily_name: Bledsoe-Example\nsuffix: Jr\nbirth_date: 2/29/1980\n";
    let registered = desk.run_with(&["act", "register", "--person", "-", "--yes", "--json"], person).exits(0);
    let registered: serde_json::Value = serde_json::from_str(&registered.out).unwrap();
    let id = registered["specialist"]["specialist_id"].as_str().unwrap().to_owned();
    desk.run_with(&["act", "register", "--person", "-", "--yes"], "given_name: A\n")
        .exits(2)
        .warns("birth_date: required");
    desk.run_with(&["act", "register", "--person", "-", "--dry-run"], person)
        .exits(0)
        .prints(&format!("{id} has the same name and birth date: Lucinda Bledsoe-Example Jr"));

    let provider = &employer.provider_id;
    let hire = ["report", "start", "--specialist", &id, "--provider", provider, "--first-day", "2024-01-08"];
    desk.run(&[&hire[..], &["--supervised", "--position", "Peer specialist"]].concat()).exits(0);
    let help = desk.run(&["evaluate", "--help"]).out;
    let application = help.split_once("\n  {\n").map(|(_, json)| format!("{{\n{json}")).unwrap();
    let application = application
        .replace("SP-GC4W-MBDQ-N", &id)
        .replace("region-1-cmhc", provider)
        .replace("2026-03", "2024-03")
        .replace("2026-04-01", "2024-06-03");
    fs::write(desk.home("application.json"), application).unwrap();
    desk.run(&["evaluate", "application.json"]).exits(0);
    let issued = desk.run(&["act", "issue", "application.json", "--yes"]).exits(0).prints("Lucinda Bledsoe-Example Jr");
    let number = issued.out.lines().find_map(|line| line.strip_prefix("  credential")).unwrap().trim().to_owned();
    desk.run(&["verify", &number]).exits(0);

    desk.run_with(
        &["act", "name", &number, "--person", "-", "--yes"],
        "given_name: Lucinda\nfamily_name: Oakes-Example\n",
    )
    .exits(0)
    .prints("Lucinda Oakes-Example");
    desk.run(&["act", "grant", &number, "young-adult", "--first-day", TODAY, "--yes"])
        .exits(0)
        .prints("Young Adult is held");
    desk.run(&["act", "renew", &number, "--hours", "1", "--yes"]).exits(1).warns("CONTINUING_EDUCATION");
    desk.run(&["act", "renew", &number, "--hours", "20", "--yes"]).exits(0).prints("2031-09-30");
    let limit =
        ["act", "limit", &number, "--first-day", "3/10/2026", "--last-day", "3/20/2026", "--person", "-", "--yes"];
    desk.run_with(&limit, "text: Works with groups only.\n").exits(0).prints("limited from 2026-03-10 to 2026-03-20");
    desk.run(&["act", "inactive", &number, "--first-day", "2026-04-01", "--yes"]).exits(0).prints("inactive");
    for act in ["retire", "surrender", "relinquish", "revoke"] {
        let line = ["act", act, &number, "--effective-from", "3/30/2026", "--dry-run"];
        desk.run(&line).exits(0).prints("from 2026-03-30 ");
    }
    desk.run(&["act", "reinstate", &number, "--effective-from", TODAY, "--yes"]).exits(1).warns("ALREADY_HELD");
    desk.run(&["act", "death", &number, "--on", "3/1/2026", "--yes"])
        .exits(0)
        .prints("holder deceased from 2026-03-02 on");
    desk.run(&["history", "--specialist", &id]).exits(0).prints(&format!("The standing of {number}:"));
    let facts = desk.run(&["history", "--specialist", &id, "--format", "csv"]).exits(0);
    for expected in
        ["specialist registered: Lucinda Bledsoe-Example Jr, born 1980-02-29", "name changed: Lucinda Oakes-Example"]
    {
        assert!(facts.out.contains(expected), "{expected}: {facts:?}");
    }
    let journal = super::all_text_below(&desk.configuration(""));
    for personal in ["Lucinda", "Bledsoe", "Oakes", "1980", "groups"] {
        assert!(!journal.contains(personal), "{personal}: {journal}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_is_closed_after_its_effect_is_shown() {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Example Center").await;
    for family_name in ["Abernathy-Example", "Bledsoe-Example"] {
        registry.credentialed("Odalys", family_name, &[&employer]).await;
    }
    desk.profile("registrar", "");
    desk.run(&["history", "--provider", &employer.provider_id])
        .exits(0)
        .prints("provider qualified: ")
        .prints(&employer.qualification);
    let close = ["act", "end", &employer.qualification, "--last-day", TODAY, "--reason", "closed"];
    desk.run(&[&close[..], &["--dry-run"]].concat()).exits(0).prints("2 are affected");
    let note = "x".repeat(501);
    for asked in ["--dry-run", "--affected"] {
        desk.run(&[&close[..], &[asked, "--note", "announced in January"]].concat()).exits(0).prints("2 ");
        desk.run(&[&close[..], &[asked, "--note", &note]].concat()).exits(2).warns("note");
    }
    let affected =
        desk.run(&[&close[..], &["--affected"]].concat()).exits(0).prints("2 people are affected: 0 changes");
    assert!(affected.out.contains("Odalys Bledsoe-Example") && affected.out.contains("after today"), "{affected:?}");
    let closed = desk
        .run(&[&close[..], &["--yes"]].concat())
        .exits(0)
        .prints("revoked on loss of employment from 2026-03-03 to");
    let revision = closed.out.split_once("Recorded as revision ").unwrap().1.split('.').next().unwrap();
    desk.run(&["affected", revision]).exits(0).prints("2 people are affected").prints("Odalys Abernathy-Example");
    let json = desk.run(&["affected", revision, "--json"]).exits(0).json();
    assert!(json.iter().all(|change| change["foreseen"] == true), "{json:?}");
    desk.run(&["affected", "999"]).exits(1).warns("NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_sees_the_history_of_its_own_jobs_alone() {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Example Center").await;
    let other = registry.qualified_provider("Lamar Example Center").await;
    let member = registry.credentialed("Odalys", "Abernathy-Example", &[&employer, &other]).await;
    desk.profile(&format!("provider:{}", employer.provider_id), "");
    let history = desk.run(&["history", &member.number]).exits(0).prints("employment started");
    assert!(!history.out.contains(&other.provider_id) && !history.out.contains("credential issued"), "{history:?}");
    desk.run(&["history"]).exits(2);
    desk.run(&["history", &member.number, "--job", &member.jobs[0]]).exits(2);
    desk.run(&["history", "--job", &member.jobs[1]]).exits(1).warns("NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_found_by_the_beginning_of_a_name_or_by_birth_date_with_or_without_a_credential() {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Example Center").await;
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    registry.specialist("Lucinda", "Abernathy-Example").await;
    desk.profile("registrar", "");
    let find = ["find", "--person", "-"];
    let both = desk.run_with(&find, "family_name: abern\n").exits(0).prints("2 people match.");
    assert!(both.out.contains(&number) && both.out.contains("Lucinda Abernathy-Example"), "{both:?}");
    desk.run_with(&find, "family_name: abern\ngiven_name: luc\nbirth_date: 2/29/1984\n")
        .exits(0)
        .prints("1 person matches.");
    desk.run_with(&find, "family_name: bledsoe\n").exits(3).prints("Nobody matches.");
    desk.run_with(&find, "").exits(2).warns("family_name");
    // The right is checked before anything is asked for or read.
    desk.run_with(&["find", "--as", "payer", "--person", "-"], "nobody").exits(1).warns("PERMISSION_DENIED");
}
