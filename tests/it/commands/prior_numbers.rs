//! Numbers of earlier certificates: recorded, asked for, and in staff lists.

use std::fs;

use super::Desk;
use crate::harness::requests::end_job;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prior_number_is_shown_first_and_borne_by_one_credential() {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Example Center").await;
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    let other = registry.credentialed("Lucinda", "Bledsoe-Example", &[&employer]).await.number;
    desk.profile("registrar", "");
    let verify = ["verify", "--prior-number", "ms 00417"];

    let set = ["act", "prior-number", &number, "MS-00417"];
    let dry = desk.run(&[&set[..], &["--dry-run"]].concat()).exits(0).prints("Nothing is recorded yet");
    let dry = dry.prints("prior number  MS00417").prints("none to any standing, coverage or designation");
    assert!(dry.out.contains("Odalys Abernathy-Example"), "{dry:?}");
    desk.run(&set).exits(2).warns("nothing was recorded: confirm with --yes");
    desk.run(&verify).exits(3).prints("No such credential is on file.");
    let done = desk.run_with(&set, "y\n").exits(0).prints("Recorded as revision ");
    desk.run(&verify).exits(0).prints(&format!("CONFIRMED  {number}")).prints("prior number  MS00417");
    desk.run(&["history", &number, "--format", "csv"]).exits(0).prints("prior number set: MS00417");

    let take = ["act", "prior-number", &other, "ms00417", "--yes"];
    desk.run(&take).exits(1).warns("PRIOR_NUMBER_TAKEN");
    desk.run(&["act", "prior-number", &number, " ", "--yes"]).exits(2).warns("prior_number");
    let employers = format!("provider:{}", employer.provider_id);
    desk.run(&[&set[..], &["--yes", "--as", &employers]].concat()).exits(1).warns("PERMISSION_DENIED");
    let fact = done.out.lines().find_map(|line| line.strip_prefix("  fact")).unwrap().trim();
    desk.run(&["act", "retract", fact, "--reason", "read wrongly", "--yes"]).exits(0);
    desk.run(&take).exits(0);
    desk.run(&verify).exits(0).prints(&format!("CONFIRMED  {other}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_by_prior_number_takes_the_family_name_from_input() {
    let (desk, registry) = Desk::new();
    let [employer, other] =
        [registry.qualified_provider("Calhoun Center").await, registry.qualified_provider("Lamar Center").await];
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    desk.profile("registrar", "");
    desk.run(&["act", "prior-number", &number, "MS-417", "--yes"]).exits(0);

    let verify = ["verify", "--prior-number", "MS-417"];
    let named = [&verify[..], &["--person", "-"]].concat();
    desk.profile(&format!("provider:{}", other.provider_id), "");
    let asked = desk.run(&verify).exits(2).warns("required beside prior_number for somebody who is not your staff");
    asked.warns("give it with --person FILE, or --person - for standard input");
    let confirmed = desk.run_with(&named, "family_name: abernathy example\n").exits(0);
    assert!(!confirmed.out.contains("Abernathy"), "another employer sees no name: {confirmed:?}");
    desk.run_with(&named, "family_name: Bledsoe-Example\n").exits(3);
    desk.run_with(&named, "name: Bledsoe-Example\n").exits(2).warns("line 1: not one of the fields family_name");
    desk.profile(&format!("provider:{}", employer.provider_id), "");
    desk.run(&verify).exits(0).prints("Odalys Abernathy-Example");

    fs::write(desk.home("person.txt"), "family_name: Bledsoe-Example\n").unwrap();
    let by_number = ["verify", &number, "--person", "person.txt"];
    desk.run(&by_number).exits(3).prints("NAME_MISMATCH");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_staff_list_names_people_by_prior_numbers() {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Example Center").await;
    let listed = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;
    let forgotten = registry.credentialed("Lucinda", "Bledsoe-Example", &[&employer]).await.number;
    let gone = registry.credentialed("Yolanda", "Cuthbert-Example", &[&employer]).await;
    desk.profile("registrar", "");
    for (number, prior) in [(&listed.number, "MS-417"), (&gone.number, "MS-9")] {
        desk.run(&["act", "prior-number", number, prior, "--yes"]).exits(0);
    }
    registry.report(end_job(&gone.jobs[0], "2026-02-25")).await;
    let id = &employer.provider_id;
    desk.profile(&format!("provider:{id}"), &format!("provider = {id:?}\n"));
    let list = "Old Cert #,Last Name,Hire Date\nms 417,Abernathy-Example,1/5/2026\nMS-9,Cuthbert-Example,\n\
                MS-1000,Doe-Example,1/5/2026\n";
    fs::write(desk.home("staff.csv"), list).unwrap();

    let roster = desk.run(&["roster", "staff.csv"]).exits(3).prints("`Old Cert #` is read as prior_number");
    assert!(roster.out.contains("Doe-Example, MS-1000: NOT CONFIRMED: No such credential"), "{roster:?}");
    let answers = fs::read_to_string(desk.home("staff.answers.csv")).unwrap();
    let of = |row: &str| answers.lines().find(|line| line.starts_with(row)).unwrap();
    assert!(of("ms 417,").contains(",CONFIRMED,"), "{answers}");
    assert!(of("ms 417,").contains(&listed.number) && of("MS-9,").contains(",NOT_CONFIRMED,"), "{answers}");

    let reconcile = ["roster", "staff.csv", "--reconcile"];
    let table = desk.run(&reconcile).exits(3).prints("3 rows, 1 with a job on record on ");
    for sentence in [
        "missing from list: 1 on record, but not in the list. Did they leave?",
        "missing from registry: 2 in the list, but no such job is on record.",
        "differing: 1 in both, with another first day.",
    ] {
        assert!(table.out.contains(sentence), "{sentence}: {table:?}");
    }
    let csv = desk.run(&[&reconcile[..], &["--format", "csv"]].concat()).exits(3).warns("3 rows, 1 with a job");
    for row in [
        &format!("\r\nmissing from list,Lucinda Bledsoe-Example,{forgotten},,,2024-01-08,"),
        "\r\nmissing from registry,\"Cuthbert-Example, MS-9\",,3,,,,",
        "\r\nmissing from registry,\"Doe-Example, MS-1000\",,4,2026-01-05,,,",
        &format!("\r\ndiffering,Odalys Abernathy-Example,{},2,2026-01-05,2024-01-08,", listed.number),
    ] {
        assert!(csv.out.contains(row), "{row}: {csv:?}");
    }
    let json = desk.run(&[&reconcile[..], &["--json"]].concat()).exits(3).json();
    assert_eq!((&json[1]["prior_number"], &json[3]["prior_number"]), (&"MS-9".into(), &"ms 417".into()));
    assert_eq!((&json[3]["credential_number"], &json[4]["matched"]), (&listed.number.as_str().into(), &1.into()));

    desk.run(&["roster", "staff.csv", "--format", "csv"]).exits(2).warns("--reconcile");
    desk.run(&["roster", "staff.csv", "--format", "csv", "--out", "x.csv"]).exits(2).warns("--out");
    desk.run(&[&reconcile[..], &["--format", "csv", "--json"]].concat()).exits(2);
}
