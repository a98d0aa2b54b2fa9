//! `act provider`, `act transfer` and `providers`: the day of a certifier, and a merger.

use super::Desk;
use crate::harness::TODAY;
use crate::harness::scenes::Qualified;

const TYPE: [&str; 2] = ["--type", "community-mental-health-center"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certifier_registers_qualifies_suspends_and_closes_a_provider() {
    let (desk, registry) = Desk::new();
    desk.profile("certifier", "");
    let act = |words: &[&str], more: &[&str]| desk.run(&[&["act", "provider"], words, more].concat());
    let register = ["register", "Yalobusha Example Center", "--id", "yalobusha", "--npi", "2000000994"];
    act(&[&register[..], &["--type", "clinic"]].concat(), &["--yes"]).exits(2).warns("COMMUNITY_MENTAL_HEALTH_CENTER");
    let register = [&register[..], &TYPE].concat();
    act(&register, &["--dry-run"]).exits(0).prints("identifiers   NPI 2000000994");
    desk.run(&["providers"]).exits(0).prints("0 providers are on file.");
    act(&register, &["--yes", "--as", "registrar"]).exits(1).warns("PERMISSION_DENIED");
    act(&register, &["--yes"]).exits(0).prints("changes       1, which the caller may not see");
    act(&["update", "yalobusha", "--county", "Yalobusha"], &["--yes"]).exits(0).prints("Yalobusha Example Center");
    let updated = act(&["update", "yalobusha", "--medicaid-id", "00990011"], &["--yes"]).exits(0);
    updated.prints("NPI 2000000994, MEDICAID ID 00990011").prints("county        Yalobusha");
    act(&["update", "yalobusha", "--npi", "-"], &["--yes"]).exits(0).prints("identifiers   MEDICAID ID 00990011");

    let basis = ["--basis", "dmh-certified", "--first-day", "1/1/2020"];
    let qualify = [&["qualify", "yalobusha"], &basis[..], &["--valid-through", "2027-12-31"]].concat();
    let qualified = act(&qualify, &["--yes"]).exits(0);
    let qualified = qualified.prints("qualification, DMH certified from 2020-01-01 on, certificate to 2027-12-31");
    let fact = qualified.out.lines().find_map(|line| line.strip_prefix("  fact")).unwrap().trim().to_owned();
    let service = ["certify-service", "yalobusha", "--first-day", "2021-01-01"];
    act(&service, &["--yes"]).exits(0).prints("peer service certification from 2021-01-01 on");
    let shown = desk.run(&["providers", "yalobusha"]).exits(0).prints(&fact);
    assert!(
        shown.out.contains(&format!("On {TODAY} it qualifies; its peer support service is certified")),
        "{shown:?}"
    );
    desk.run(&["providers", "yalobusha", "--as-of", "2019-12-31"]).exits(0).prints("does not qualify");
    desk.run(&["providers", "no-such"]).exits(1).warns("NOT_FOUND");
    let csv = desk.run(&["providers", "--medicaid-id", "00990011", "--format", "csv"]).exits(0);
    let row = "yalobusha,Yalobusha Example Center,community mental health center,Yalobusha,MEDICAID ID 00990011\r\n";
    assert!(csv.out.ends_with(row), "{csv:?}");
    let json = desk.run(&["providers", "yalobusha", "--json"]).exits(0).json();
    assert_eq!((json.len(), &json[0]["fact_id"]), (2, &fact.as_str().into()));

    let employer = Qualified { provider_id: "yalobusha".to_owned(), qualification: fact.clone() };
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    let suspend = act(&["suspend", "yalobusha", "--first-day", TODAY], &["--yes"]).exits(0);
    let suspend = suspend.prints("1, which the caller may not see");
    assert!(!suspend.out.contains(&number) && !suspend.out.contains("Abernathy"), "{suspend:?}");
    act(&["suspend-service", "yalobusha", "--first-day", TODAY], &["--yes"]).exits(0).prints("peer service suspension");
    desk.run(&["providers", "yalobusha"])
        .exits(0)
        .prints("and is suspended; its peer support service is not certified");
    desk.run(&["act", "end", &fact, "--last-day", "2026-02-25", "--reason", "closed", "--yes"]).exits(0);
    desk.run(&["verify", &number, "--as", "registrar"]).exits(3).prints("REVOKED_LOSS_OF_EMPLOYMENT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merger_is_shown_and_recorded_as_one_record() {
    let (desk, registry) = Desk::new();
    let [from, to] =
        [registry.qualified_provider("Calhoun Center").await, registry.qualified_provider("Lamar Center").await];
    for family_name in ["Abernathy-Example", "Bledsoe-Example"] {
        registry.credentialed("Odalys", family_name, &[&from]).await;
    }
    desk.profile("registrar", "");
    let transfer = ["act", "transfer", &from.provider_id, &to.provider_id, "--last-day", "2026-02-27"];
    desk.run(&[&transfer[..], &["--dry-run"]].concat()).exits(0).prints("jobs          2");
    desk.run(&[&transfer[..], &["--affected"]].concat()).exits(0).prints("Odalys Bledsoe-Example");
    let before = registry.head().await;
    desk.run(&[&transfer[..], &["--yes"]].concat()).exits(0).prints("2 are affected");
    assert_eq!(registry.head().await, before + 1);
    desk.run(&["staff", "--provider", &to.provider_id]).exits(0).prints("2 jobs with").prints("from 2026-02-28 on");
    desk.run(&["staff", "--provider", &from.provider_id]).exits(0).prints("Nobody has a job with");
}
