//! What `claims` says beside the answers: what was not compared, not checked, or is a mistake in the list.

use std::fs;

use serde_json::Value;

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
        "1 row: asked by `Cert #`; `Prior Number` is filled too, and was not compared: line 2\n",
        "1 row: asked by `provider_id`; `Billing NPI` is filled too, and was not compared: line 3\n",
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_summary_says_how_many_rows_it_does_not_show() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Pascagoula Example Center").await;
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    let rows = |count: u64, row: &dyn Fn(u64) -> String| (0..count).map(row).collect::<String>();
    let list = format!(
        "credential_number,prior_number,date_of_service,provider_id\n{}{}{}",
        rows(21, &|_| format!("{number},MS-1,2019-02-20,{}\n", employer.provider_id)),
        rows(22, &|at| format!("{number},,2026-02-20,no-such-{at}\n")),
        rows(25, &|_| format!("{number},,yesterday,{}\n", employer.provider_id)),
    );
    let file = scratch.path().join("claims.csv");
    fs::write(&file, list).unwrap();
    let (code, printed) = summary(&program("claims", &file, &endpoint, &["--json"]));
    assert_eq!(code, Some(2), "{printed}");
    let shown = |list: &Value, name: &str| {
        let shown = list[name].as_array().unwrap().len() as u64;
        (shown, list[format!("{name}_not_shown")].as_u64().unwrap())
    };
    assert_eq!(shown(&printed, "rows_not_asked"), (20, 5));
    let first = &printed["rows_not_asked"][0];
    assert_eq!((&first["line"], &first["verdict"]), (&45.into(), &"NOT ASKED".into()));
    assert_eq!(shown(&printed, "rows_not_eligible"), (20, 23));
    assert_eq!(shown(&printed["not_compared"][0], "lines"), (20, 1));
    let providers = printed["providers_not_on_file"].as_array().unwrap().len();
    assert_eq!((providers, &printed["rows_of_providers_not_shown"]), (20, &2.into()));

    let out = scratch.path().join("text");
    let text = program("claims", &file, &endpoint, &["--out", out.to_str().unwrap()]).stdout;
    let text = String::from_utf8(text).unwrap();
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}\n{text}"));
    let parts = [
        "25 rows have a `fault`: filter that column",
        "line 45: NOT ASKED",
        "rows not shown: 5",
        "NO PROVIDER `no-such-0`",
    ];
    let places = [&parts[..], &["not eligible, or undetermined:", "line 2: ", "rows not shown: 23"]].concat();
    assert!(places.iter().map(|part| at(part)).is_sorted(), "{text}");
    let lines = (2..22).map(|line: u64| line.to_string()).collect::<Vec<_>>().join(", ");
    at(&format!("was not compared: line {lines}, …\n"));

    // The rows of the review, too.
    let answers = scratch.path().join("claims.answers.csv");
    let (_, printed) = summary(&program("review", &answers, &endpoint, &["--json"]));
    assert_eq!(shown(&printed, "rows_not_answered"), (20, 5), "{printed}");
    for name in ["flipped_rows", "rows_missing", "rows_asked_again", "rows_not_reviewed", "rows_repeated"] {
        assert_eq!(shown(&printed, name), (0, 0), "{name}");
    }
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_of_knowledge_before_the_first_record_is_pointed_out() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Pascagoula Example Center").await;
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    let file = scratch.path().join("claims.csv");
    let row = format!("{number},2026-02-20,{}", employer.provider_id);
    fs::write(&file, format!("credential_number,date_of_service,provider_id\n{row}\n")).unwrap();
    let ask = |out: &str, flags: &[&str]| {
        let out = scratch.path().join(out);
        program("claims", &file, &endpoint, &[&["--out", out.to_str().unwrap()], flags].concat())
    };
    let old = ["--known-at", "1999-01-01T00:00:00-06:00"];
    let warning = "WARNING: --known-at is before the registry's first record";
    for (flags, is_before) in [(&old[..], true), (&[], false)] {
        let out = |form: &str| format!("{form}-{is_before}");
        let said = String::from_utf8(ask(&out("text"), flags).stdout).unwrap();
        assert_eq!(said.contains(warning), is_before, "{said}");
        let (_, printed) = summary(&ask(&out("json"), &[flags, &["--json"]].concat()));
        assert_eq!(printed["is_before_first_record"], is_before, "{printed}");
    }
    let refused = ask("day", &["--known-at", "2026-03-01"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(2) && said.contains("write 2026-03-01T23:59:59-06:00"), "{said}");
    process.stop();
}
