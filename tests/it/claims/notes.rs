//! What `claims` says beside the answers: what was not compared, not checked, or is a mistake in the list.

use std::fs;

use super::{program, rows_of, summary};
use crate::harness::{Process, TODAY};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_checked_and_what_is_a_mistake_is_said() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Pascagoula Example Center").await;
    let person = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;
    let (number, provider) = (person.number.as_str(), employer.provider_id.as_str());
    let capital = provider.to_lowercase();
    assert_ne!(capital, provider);
    let list = format!(
        "Cert #,Prior Number,DOS,provider_id,Billing NPI,Specialty,units,units_billed_that_day,units_billed_that_year\n\
         {number},MS-1,2026-02-20,{provider},,,4.0,0,120\n\
         {number},,2026-02-20,{provider},1999999984,,4,,\n\
         {number},,2026-02-20,,123,,,,\n\
         {number},,2026-02-20,{capital},,,,,\n\
         {number},,2019-02-20,{provider},,Parent/Caregiver,400,3,120\n\
         {number},,2026-02-20,{provider},,,400,3,120\n"
    );
    let file = scratch.path().join("claims.csv");
    fs::write(&file, list).unwrap();
    let text = program("claims", &file, &endpoint, &["--out", scratch.path().join("text").to_str().unwrap()]);
    let text = String::from_utf8(text.stdout).unwrap();
    for said in [
        "1 row: asked by `Cert #`; `Prior Number` is filled too, and was not compared",
        "1 row: asked by `provider_id`; `Billing NPI` is filled too, and was not compared",
        "1 row: the units were not checked: that takes units, units_billed_that_day and units_billed_that_year",
        &format!("NO PROVIDER `{capital}` IS ON FILE"),
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    let (code, printed) = summary(&program("claims", &file, &endpoint, &["--json"]));
    assert_eq!(code, Some(2), "{printed}");
    let counts = ["not_asked", "units_not_checked", "over_limits"].map(|count| printed[count].as_u64().unwrap());
    let rows = rows_of(&scratch.path().join("claims.answers.csv"));
    assert_eq!(counts, [1, 1, 1], "{rows:?}");
    let fault = "line 4, column `Billing NPI`: found `123`: not an NPI: ten digits";
    assert!(rows[2]["fault"].starts_with(fault), "{rows:?}");
    assert!(rows[3]["sentence"].starts_with(&format!("NO PROVIDER `{capital}` IS ON FILE. ")), "{rows:?}");
    assert_eq!(["payable_units", "limit_reasons"].map(|name| rows[1][name].as_str()), ["", "NOT_CHECKED"]);
    assert_eq!(rows[0]["payable_units"], "4");
    let cells = |row: usize| (&*rows[row]["eligible"], rows[row]["limit_reasons"].contains("EXCEEDED"));
    assert_eq!([cells(4), cells(5)], [("no", true), ("yes", true)], "{rows:?}");
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heading_that_is_there_twice_is_chosen_by_its_position() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Pascagoula Example Center").await;
    let person = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;
    let file = scratch.path().join("claims.csv");
    fs::write(&file, format!("DOS,number,DOS\nyesterday,{},2026-02-20\n", person.number)).unwrap();
    let flags = ["--json", "--provider", &employer.provider_id];
    let refused = program("claims", &file, &endpoint, &flags);
    let said = String::from_utf8(refused.stderr).unwrap();
    let advice = "--column date_of_service=#1 or --column date_of_service=#3";
    assert!(refused.status.code() == Some(2) && said.contains(advice), "{said}");
    let chosen = [&flags[..], &["--column", "date_of_service=#3"]].concat();
    let (code, printed) = summary(&program("claims", &file, &endpoint, &chosen));
    assert_eq!((code, &printed["eligible"]), (Some(0), &1.into()), "{printed}");

    // Only what is missing is named.
    fs::write(&file, format!("Cert #,Note\n{},x\n", person.number)).unwrap();
    let refused = program("claims", &file, &endpoint, &flags);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("no column for date_of_service; line 1 has `Cert #`, `Note`"), "{said}");
    assert!(said.contains("--column date_of_service="), "{said}");
    process.stop();
}
