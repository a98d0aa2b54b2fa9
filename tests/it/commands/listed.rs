//! Lists for people, spreadsheets and programs: `statistics`, `rules` and `review-items`.

use super::Desk;
use crate::harness::TODAY;
use crate::harness::requests::{date, register_specialist};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_has_three_forms() {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Example Center").await;
    registry.qualified_provider("Lamar Example Center").await;
    registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;
    desk.profile("registrar", "");

    let sentence = format!("On {TODAY}, 1 of 2 providers have at least one specialist who may practice there (50.0 %)");
    let table = desk.run(&["statistics"]).exits(0).prints(&sentence);
    let rows: Vec<Vec<&str>> = table.out.lines().skip(2).map(|line| line.split("  ").collect()).collect();
    assert!(table.out.contains("facility type"), "{table:?}");
    assert!(rows.iter().any(|row| row.iter().any(|cell| cell.trim() == "all")), "{table:?}");
    let csv = desk.run(&["statistics", "--format", "csv"]).exits(0).warns(&sentence);
    assert!(csv.out.starts_with("\u{feff}facility_type,providers,with_specialist,percentage\r\n"), "{csv:?}");
    assert!(csv.out.ends_with("all,2,1,50.0\r\n"), "{csv:?}");
    let json = desk.run(&["statistics", "--json"]).exits(0).json();
    assert!(json.iter().any(|row| row["percentage"] == 50.0), "{json:?}");
    let last = json.last().unwrap();
    assert_eq!((&last["total"]["provider_count"], &last["answer"]["as_of"]), (&2.into(), &TODAY.into()));
    desk.run(&["statistics", "--json", "--format", "csv"]).exits(2);
    desk.run(&["statistics", "--as-of", "6/30/2023"]).exits(0).prints("On 2023-06-30, 0 of 2 providers");
    desk.run(&["statistics", "--as-of", "6/30/23"]).exits(2).warns("write the year with four digits, as in `3/1/2026`");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_say_what_applies_when_and_why() {
    let (desk, _registry) = Desk::new();
    desk.profile("registrar", "");
    let all = desk.run(&["rules"]).exits(0).prints("cpss-guide").prints("to 2021-04-30 (these days are inferred");
    assert!(all.out.starts_with(&format!("On {TODAY} the rules are those of cpssp-2025.\n")), "{all:?}");
    let before = desk
        .run(&["rules", "--as-of", "4/30/2021"])
        .exits(0)
        .prints("On 2021-04-30 the rules are those of cpss-guide.");
    assert!(!before.out.contains("cpssp-2025") && before.out.contains("source 000"), "{before:?}");
    let sets = desk.run(&["rules", "--json"]).exits(0).json();
    assert_eq!(sets[0]["in_force_basis"], "IN_FORCE_BASIS_INFERRED");
    assert_eq!((sets.len(), sets[0]["criteria"].as_array().map(Vec::len)), (2, Some(10)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn review_items_name_the_people_and_go_on_where_they_ended() {
    let (desk, registry) = Desk::new();
    desk.profile("registrar", "");
    desk.run(&["review-items"]).exits(0).prints("No fact needs a look.");
    let twin = || {
        let mut twin = register_specialist("Odalys", "Abernathy-Example");
        twin.birth_date = Some(date("1980-02-29"));
        twin
    };
    registry.report(twin()).await;
    let revision = registry.report(twin()).await.revision;
    let items = desk.run(&["review-items"]).exits(0).prints("1 fact needs a look.").prints("Odalys Abernathy-Example");
    assert!(items.out.contains("reported by"), "{items:?}");
    let csv = desk.run(&["review-items", "--format", "csv"]).exits(0);
    assert!(csv.out.contains("somebody with this name and birth date was on file already"), "{csv:?}");
    let after = revision.to_string();
    desk.run(&["review-items", "--after", &after]).exits(0).prints("No fact needs a look.");
    let json = desk.run(&["review-items", "--json"]).exits(0).json();
    assert_eq!((json.len(), &json[0]["reason"]), (1, &"REVIEW_REASON_LIKELY_DUPLICATE".into()));
}
