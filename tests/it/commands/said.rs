//! What an act shows before it is confirmed: what it says, what it takes back, and what that does not take back.

use std::fs;

use super::{Desk, Said};
use crate::harness::TODAY;

/// The fact that a command recorded.
fn fact_of(said: &Said) -> String {
    let line = said.out.lines().find_map(|line| line.trim_start().strip_prefix("fact")).unwrap();
    line.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_shows_what_it_says() {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Example Center").await;
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    desk.profile("registrar", "");
    let suspend = ["act", "suspend", &number, "--basis", "external-order", "--first-day", TODAY];
    let shown = desk.run(&suspend).exits(2).warns("external order");
    assert!(shown.err.contains("basis"), "{shown:?}");
    let limit = ["act", "limit", &number, "--first-day", TODAY, "--person", "-", "--dry-run"];
    desk.run_with(&limit, "text: Works with groups only.\n").exits(0).prints("Works with groups only.");
    desk.run(&["act", "death", &number, "--on", "2/25/2026"]).exits(2).warns("2026-02-25");

    let suspended = desk.run(&[&suspend[..], &["--yes"]].concat()).exits(0).prints("external order");
    let fact = fact_of(&suspended);
    for line in [
        vec!["act", "end", &fact, "--last-day", TODAY, "--reason", "it is over", "--dry-run"],
        vec!["act", "retract", &fact, "--reason", "it is over", "--yes", "--dry-run"],
    ] {
        let said = desk.run(&line).exits(0).prints("suspended: external order").prints("Odalys Abernathy-Example");
        assert!(said.out.contains("it is over") && !said.out.contains("other facts"), "{said:?}");
    }
    // A suspended credential is not lost: the remedy is another one.
    let reinstate = ["act", "reinstate", &number, "--effective-from", "3/10/2026", "--dry-run"];
    let refused = desk.run(&reinstate).exits(1).warns("it is suspended, not lost");
    assert!(refused.err.contains(&format!("act end {fact} --last-day")), "{refused:?}");
    desk.run(&["act", "end", &fact, "--last-day", "3/4/2026", "--reason", "it is over", "--yes"]).exits(0);
    let refused = desk.run(&reinstate).exits(1);
    assert!(!refused.err.contains("suspended"), "{refused:?}");
    // The qualification of a provider is about no person.
    desk.profile("certifier", "");
    let end = ["act", "end", &employer.qualification, "--last-day", TODAY, "--reason", "closed", "--dry-run"];
    desk.run(&end).exits(0).prints("provider qualified: ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_says_that_no_single_retraction_takes_it_back() {
    let (desk, registry) = Desk::new();
    let (from, to) = (registry.qualified_provider("Calhoun").await, registry.qualified_provider("Lamar").await);
    for family_name in ["Abernathy-Example", "Bledsoe-Example"] {
        registry.credentialed("Odalys", family_name, &[&from]).await;
    }
    desk.profile("registrar", "");
    let transfer = ["act", "transfer", &from.provider_id, &to.provider_id, "--last-day", TODAY];
    let back = format!("act transfer {} {}", to.provider_id, from.provider_id);
    let in_one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let asked = desk.run(&transfer).exits(2);
    assert!(
        in_one_line(&asked.err).contains("for each of 2 jobs") && in_one_line(&asked.err).contains(&back),
        "{asked:?}"
    );
    let affected = desk.run(&[&transfer[..], &["--affected"]].concat()).exits(0);
    let sum = format!("2 no longer covered by {}, 2 of them without a change of standing", from.provider_id);
    assert!(affected.out.contains(&sum) && affected.out.contains(&format!("2 newly covered by {}", to.provider_id)));
    let done = desk.run(&[&transfer[..], &["--yes"]].concat()).exits(0).prints("first fact");
    assert!(in_one_line(&done.out).contains(&back), "{done:?}");

    let first = done.out.lines().find_map(|line| line.trim_start().strip_prefix("first fact")).unwrap().trim();
    let retract = ["act", "retract", first, "--reason", "a mistake", "--dry-run"];
    let said = desk.run(&retract).exits(0).prints("employment ended: ").prints("is a transfer that affected 2 people");
    assert!(said.out.contains("other facts, which stay") && said.out.contains("(employment started)"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuance_that_needs_a_decision_names_the_flag() {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Example Center").await;
    let person = registry.specialist("Lucinda", "Bledsoe-Example").await;
    registry.job(&person, &employer.provider_id, "2024-01-08").await;
    desk.profile("registrar", "");
    let help = desk.run(&["evaluate", "--help"]).out;
    let application = help.split_once("\n  {\n").map(|(_, json)| format!("{{\n{json}")).unwrap();
    let application = application
        .replace("SP-GC4W-MBDQ-N", &person)
        .replace("region-1-cmhc", &employer.provider_id)
        .replace("2026-03", "2024-03")
        .replace("2026-04-01", "2024-06-03")
        .replace("\"references\": 2", "\"references\": 1");
    fs::write(desk.home("application.json"), application).unwrap();
    let issue = ["act", "issue", "application.json", "--dry-run"];
    desk.run(&issue).exits(2).warns("write the decision with --decision TEXT");
    desk.run(&[&issue[..], &["--decision", "references by telephone"]].concat()).exits(0);
}
