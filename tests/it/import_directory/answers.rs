//! `import DIR`: what it says about rows that repeat others, and about what is on file.

use std::fs;

use cpss_registry::proto::v1;

use super::{Place, code, import, printed};

const PROVIDERS: &str = "source_id,legal_name,facility_type\n1,Example Center,OUTPATIENT\n";
const PEOPLE: &str =
    "source_id,given_name,family_name,birth_date\n17,Ada,Example,1980-05-17\n18,Lee,Sample,1990-02-28\n";

/// The bad rows of an import: file, line, column and remedy.
fn faults(output: &std::process::Output) -> Vec<[String; 4]> {
    let rows = printed(output).bad_rows;
    let cell = |row: &serde_json::Value, name: &str| row[name].to_string().trim_matches('"').to_owned();
    rows.iter().map(|row| ["file", "line", "column", "remedy"].map(|name| cell(row, name))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_repeats_another_is_reported_with_the_line_of_that_one() {
    let place = Place::new();
    let jobs = "source_id,specialist,provider,first_day,position\n1,17,1,2026-01-05,Peer\n2,17,1,2026-01-05,PEER\n";
    let credentials = "source_id,specialist,effective_from,term_last_day,prior_numbers\n\
        1,17,2015-06-01,2015-09-30,MS-1; MS-2\n2,18,2015-06-01,2015-09-30,\"MS-3; ms 2\"\n";
    let deaths = "source_id,specialist,death_date\n1,18,2026-01-03\n2,18,2026-01-04\n";
    let directory = place.write(&[
        ("providers.csv", PROVIDERS),
        ("specialists.csv", PEOPLE),
        ("employments.csv", jobs),
        ("credentials.csv", credentials),
        ("deaths.csv", deaths),
    ]);
    let expected = [
        ["deaths.csv", "3", "specialist", "line 2 is a death of the same person: remove the wrong one"],
        [
            "employments.csv",
            "3",
            "first_day",
            "line 2 of employments has the same person, provider, first day and position: correct one of them, or \
             remove it",
        ],
        ["credentials.csv", "3", "prior_numbers", "line 2 of credentials bears `ms 2` too: correct one of them"],
    ];
    let expected = expected.map(|row| row.map(str::to_owned));
    let rehearsed = import(&directory, &["--dry-run", "--json"]);
    assert_eq!((code(&rehearsed), faults(&rehearsed)), (2, expected.to_vec()));
    let imported = place.import(&directory);
    assert_eq!((code(&imported), faults(&imported)), (2, expected.to_vec()));
    // The first rows are loaded, and stay.
    let again = place.import(&directory);
    assert_eq!((faults(&again), &printed(&again).summary["loaded"]), (expected.to_vec(), &0.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comma_between_two_prior_numbers_is_not_taken_for_a_part_of_one() {
    let place = Place::new();
    let credentials = |numbers: &str| {
        format!(
            "source_id,specialist,effective_from,term_last_day,prior_numbers\n1,17,2015-06-01,2015-09-30,{numbers}\n"
        )
    };
    let directory = place.write(&[("specialists.csv", PEOPLE), ("credentials.csv", &credentials("\"MS 2, MS 3\""))]);
    let output = place.import(&directory);
    let found = faults(&output);
    assert_eq!((code(&output), found.len(), found[0][2].as_str()), (2, 1, "prior_numbers"));
    assert!(found[0][3].starts_with("separate the numbers with semicolons"), "{found:?}");
    fs::write(directory.join("credentials.csv"), credentials("\"MS 2,3;\"")).unwrap();
    assert_eq!(code(&place.import(&directory)), 0, "a number that has a comma is loaded when the row says so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_name_a_provider_on_file_by_a_row_that_says_the_same() {
    let place = Place::new();
    let employer = place.client.qualified_provider("Calhoun Example Center").await.provider_id;
    let asked = v1::GetProviderRequest { provider_id: employer.clone(), ..Default::default() };
    let facility_type = place.client.ask(asked).await.provider.unwrap().facility_type().as_str_name();
    let facility_type = facility_type.trim_start_matches("FACILITY_TYPE_");
    let written = format!(
        "source_id,provider_id,legal_name,facility_type\n1,{employer},Calhoun Example Center,{facility_type}\n"
    );
    let jobs = "source_id,specialist,provider,first_day\n1,17,1,2026-01-05\n";
    let files = [("providers.csv", &*written), ("specialists.csv", PEOPLE), ("employments.csv", jobs)];
    let directory = place.write(&files);
    let output = place.import(&directory);
    let files = &printed(&output).summary["files"];
    assert_eq!((code(&output), &files["providers"]["done_already"]), (0, &1.into()));
    assert_eq!(files["employments"]["loaded"], 1);

    fs::write(directory.join("providers.csv"), written.replace("Calhoun", "Lamar")).unwrap();
    let jobs = "source_id,specialist,provider,first_day\n2,18,1,2026-01-05\n3,18,2,2026-01-05\n";
    fs::write(directory.join("employments.csv"), jobs).unwrap();
    let output = place.import(&directory);
    let bad = printed(&output).bad_rows;
    assert_eq!((code(&output), bad.len()), (2, 3));
    assert_eq!((&bad[0]["column"], &bad[0]["on_record"]), (&"legal_name".into(), &"Calhoun Example Center".into()));
    assert_eq!(bad[1]["remedy"], "the row in line 2 of providers is not on record: correct that row first");
    assert!(bad[2]["remedy"].as_str().unwrap().contains("with its provider_id, if it is on file"), "{bad:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_of_numbers_has_every_credential_on_record_in_the_order_of_the_file() {
    let place = Place::new();
    let credentials = "source_id,specialist,effective_from,term_last_day,prior_numbers\n\
        b,18,2015-06-01,2015-09-30,ms-2\nx,19,2015-06-01,2015-09-30,\na,17,2015-06-01,2015-09-30,MS 1; MS-1b\n";
    let directory = place.write(&[("specialists.csv", PEOPLE), ("credentials.csv", credentials)]);
    let list = |name: &str| {
        let path = place.scratch.path().join(name);
        let endpoint = place.endpoint();
        let output = import(&directory, &["--endpoint", &endpoint, "--out", path.to_str().unwrap()]);
        (code(&output), fs::read_to_string(path).unwrap())
    };
    let (first_code, first) = list("first.csv");
    let (again_code, again) = list("again.csv");
    assert_eq!((first_code, again_code, &first), (2, 2, &again), "rows that are done already are in it too");
    let lines: Vec<&str> = first.lines().collect();
    assert_eq!(lines.len(), 3, "{first}");
    assert!(lines[1].starts_with("credentials.csv,2,b,18,ms-2,CPS-") && lines[1].contains(",SP-"), "{first}");
    assert!(lines[2].starts_with("credentials.csv,4,a,17,MS 1; MS-1b,CPS-"), "{first}");
    let number = lines[1].split(',').nth(5).unwrap().to_owned();
    let asked = v1::GetCredentialRequest { credential_number: number, ..Default::default() };
    let credential = place.client.ask(asked).await.credential.unwrap();
    assert_eq!((credential.prior_numbers, credential.display_name.as_str()), (vec!["MS2".to_owned()], "Lee Sample"));
    let taken = place.scratch.path().join("taken.csv");
    fs::write(&taken, "another list\n").unwrap();
    let output = import(&directory, &["--endpoint", &place.endpoint(), "--out", taken.to_str().unwrap()]);
    assert_eq!(code(&output), 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("already exists"));
    assert_eq!(fs::read_to_string(taken).unwrap(), "another list\n");
    // The list of an earlier run, which had fewer rows, is replaced: the same line is run again after a correction.
    let earlier = first.split_inclusive('\n').next().unwrap();
    fs::write(place.scratch.path().join("first.csv"), earlier).unwrap();
    assert_eq!(list("first.csv"), (2, again));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_tells_whom_the_expired_certificate_of_a_provider_leaves_unconfirmed() {
    let place = Place::new();
    let providers = "source_id,provider_id,legal_name,facility_type\n1,first,Example Center,OUTPATIENT\n\
        2,second,Sample Center,OUTPATIENT\n";
    let qualifications = "source_id,provider,basis,first_day,valid_through\n\
        1,1,DMH_FUNDED,2014-01-01,2025-12-31\n2,2,DMH_FUNDED,2014-01-01,2026-12-31\n";
    let people = format!("{PEOPLE}19,Mae,Example,1985-03-03\n");
    // One works for both providers, and is confirmed by the other one.
    let jobs = "source_id,specialist,provider,first_day\n1,17,1,2014-02-01\n2,18,1,2014-02-01\n3,18,2,2014-02-01\n\
        4,19,2,2014-02-01\n";
    let credentials = "source_id,specialist,effective_from,term_last_day\n1,17,2025-06-01,2027-09-30\n\
        2,18,2025-06-01,2027-09-30\n3,19,2025-06-01,2027-09-30\n";
    let directory = place.write(&[
        ("providers.csv", providers),
        ("qualifications.csv", qualifications),
        ("specialists.csv", &people),
        ("employments.csv", jobs),
        ("credentials.csv", credentials),
    ]);
    let output = import(&directory, &["--dry-run", "--today", "2026-03-02"]);
    let said = String::from_utf8(output.stdout).unwrap();
    let expected = "  1 credential cannot be confirmed today: the certificate of first (Example Center) expired on \
                    2025-12-31, and no renewal is on record\n";
    assert!(said.contains(expected) && said.matches("cannot be confirmed").count() == 1, "{said}");
    assert!(said.contains("what is on file is not known to it: --onto BACKUP"), "{said}");
}
