//! What a registrar sees before and after an act, and after a refusal.

use super::Desk;
use crate::harness::TODAY;

/// The fact in what an act printed.
fn fact(said: &super::Said) -> String {
    let line = said.out.lines().find_map(|line| line.strip_prefix("  fact"));
    line.unwrap_or_else(|| panic!("no fact: {said:?}")).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_name_is_shown_beside_the_old_one_and_keeps_what_is_not_given() {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Example Center").await;
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    desk.profile("registrar", "");
    let rename = ["act", "name", &number, "--person", "-"];
    let shown = "Odalys Abernathy-Example -> Odalys Bledsoe-Example";
    let family_name = "family_name: Bledsoe-Example\n";
    desk.run_with(&[&rename[..], &["--dry-run"]].concat(), family_name).exits(0).prints(shown);
    desk.run_with(&[&rename[..], &["--yes"]].concat(), family_name).exits(0).prints(shown);
    desk.run_with(&[&rename[..], &["--yes"]].concat(), family_name).exits(0).prints("This line was recorded before");
    let without = "given_name:\nfamily_name: Bledsoe-Example\n";
    desk.run_with(&[&rename[..], &["--dry-run"]].concat(), without)
        .exits(0)
        .prints("Odalys Bledsoe-Example -> Bledsoe-Example");
    let log = desk.process.log();
    assert!(!log.contains("Bledsoe") && !log.contains("Abernathy"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_tells_of_another_one_and_so_does_its_end() {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Example Center").await;
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    desk.profile("registrar", "");
    let suspend = ["act", "suspend", &number, "--first-day", "3/1/2026", "--yes", "--basis"];
    let first = fact(&desk.run(&[&suspend[..], &["ce-audit"]].concat()).exits(0));
    let said = desk.run(&[&suspend[..], &["external-order"]].concat()).exits(0);
    let said = said.prints(&format!("already suspended by {first} from 2026-03-01 on"));
    let second = fact(&said);
    let end = ["act", "end", &first, "--last-day", TODAY, "--reason", "the audit is over"];
    let still = format!("still suspended by {second} from 2026-03-01 on");
    desk.run(&[&end[..], &["--yes"]].concat()).exits(0).prints(&still);
    let last = desk.run(&["act", "retract", &second, "--reason", "no such order", "--yes"]).exits(0);
    assert!(last.out.contains(&format!("still suspended by {first} from 2026-03-01 to {TODAY}")), "{last:?}");
    let later = ["act", "suspend", &number, "--first-day", "2026-03-03", "--basis", "ce-audit", "--dry-run"];
    let later = desk.run(&later).exits(0);
    assert!(!later.out.contains("already"), "the other one is over by then: {later:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_shows_the_term_that_it_renews_and_what_it_does_not_restore() {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Example Center").await;
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    desk.profile("registrar", "");
    let renew = ["act", "renew", &number, "--hours", "20"];
    let first = desk.run(&[&renew[..], &["--yes"]].concat()).exits(0);
    let first = first.prints("the term from 2024-06-03 to 2027-09-30, with 20 hours of continuing education");
    first.prints("issued        2024-06-03").prints("term          to 2031-09-30");
    desk.run(&[&renew[..], &["--dry-run"]].concat())
        .exits(0)
        .prints("the term from 2027-10-01 to 2031-09-30, with 20 hours")
        .prints("that term has not begun");
    desk.run(&["act", "revoke", &number, "--effective-from", TODAY, "--yes"]).exits(0);
    desk.run(&[&renew[..], &["--dry-run"]].concat()).exits(0).prints("a new term does not restore it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_says_what_a_person_can_do() {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Example Center").await;
    let member = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;
    desk.profile("registrar", "");
    let revoke = ["act", "revoke", &member.number, "--effective-from", TODAY, "--yes"];
    let denied = desk.run(&[&revoke[..], &["--as", "payer"]].concat()).exits(1).warns("PERMISSION_DENIED");
    assert!(!denied.err.contains("not known") && denied.err.contains("nothing was recorded"), "{denied:?}");
    // A letter that is not the check character, and a number of an earlier certificate.
    let other = if member.number.ends_with('A') { "B" } else { "A" };
    let mistyped = format!("{}{other}", &member.number[..member.number.len() - 1]);
    for number in [&mistyped, "MS-00417"] {
        for line in [vec!["history", number], vec!["act", "retire", number, "--effective-from", TODAY, "--dry-run"]] {
            let refused = desk.run(&line).exits(1).warns("that number cannot exist: look for a typing error");
            assert!(refused.err.contains("`verify --prior-number`"), "{refused:?}");
        }
    }
    let facts = desk.run(&["history", "--job", &member.jobs[0], "--json"]).exits(0).json();
    let start = facts[0]["fact_id"].as_str().unwrap();
    let end = ["act", "end", start, "--last-day", TODAY, "--reason", "closed", "--dry-run"];
    let refused = desk.run(&end).exits(1).warns("report the end of a job with `report end`");
    assert!(!refused.err.contains("ReportEmploymentEnd"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spreadsheet_of_those_who_are_affected_has_their_numbers_and_days() {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Example Center").await;
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    let other = registry.qualified_provider("Lamar Example Center").await;
    registry.credentialed("Odalys", "Bledsoe-Example", &[&employer, &other]).await;
    desk.profile("registrar", "");
    let close = ["act", "end", &employer.qualification, "--last-day", "3/1/2026", "--reason", "closed", "--affected"];
    let sum = "Of the credentials: 1 revoked on loss of employment; 2 no longer covered by";
    let all = desk.run(&close).exits(0).prints(sum).prints("1 of them without a change of standing");
    assert!(all.out.find(sum) > all.out.find("Abernathy"), "the sums come after the list: {all:?}");
    let csv = desk.run(&[&close[..], &["--format", "csv"]].concat()).exits(0).warns(sum);
    let lines: Vec<&str> = csv.out.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(lines[0], "name,credential_number,change,from,to,when");
    let revoked = format!("Odalys Abernathy-Example,{number},");
    let revoked = lines.iter().find(|line| line.starts_with(&revoked) && line.contains("revoked"));
    assert!(revoked.is_some_and(|line| line.contains(&format!(",{TODAY},"))), "{csv:?}");
}
