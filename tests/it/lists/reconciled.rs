//! `roster --reconcile` and `roster --compare`.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::requests::end_job;
use crate::harness::scenes::HIRED;
use crate::harness::{Process, TODAY};
use crate::roster::roster;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_compared_with_the_jobs_on_record() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Pascagoula Example Center").await;
    let listed = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;
    let forgotten = registry.credentialed("Lucinda", "Bledsoe-Example", &[&employer]).await;
    let gone = registry.credentialed("Yolanda", "Cuthbert-Example", &[&employer]).await;
    registry.report(end_job(&gone.jobs[0], "2026-02-25")).await;

    let list = scratch.path().join("staff.csv");
    let text = format!(
        "Staff;;\nCert #;Last Name;Hire Date\n{};Abernathy-Example;1/5/2026\n{};Cuthbert-Example;\nTotal: 2;;\n",
        listed.number, gone.number
    );
    fs::write(&list, &text).unwrap();
    let flags = ["--reconcile", "--provider", &employer.provider_id];
    let output = roster(&list, &endpoint, &flags);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    for said in [
        "2 rows, 1 with a job on record on ",
        "missing from list: 1 on record, but not in the list. Did they leave? Then report the end of the job.",
        "missing from registry: 1 in the list, but no such job is on record.",
        "differing: 1 in both, with another first day.",
        "`Hire Date` is read as first_day",
        "left out: line 5, a sum: Total: 2",
    ] {
        assert!(printed.contains(said), "{said}: {printed}");
    }
    let output = roster(&list, &endpoint, &[&flags[..], &["--format", "csv"]].concat());
    let rows = String::from_utf8(output.stdout).unwrap();
    for row in [
        format!("\r\nmissing from list,Lucinda Bledsoe-Example,{},,,{HIRED},", forgotten.number),
        format!("\r\nmissing from registry,\"Cuthbert-Example, {0}\",{0},4,", gone.number),
        format!("\r\ndiffering,Odalys Abernathy-Example,{},3,2026-01-05,{HIRED},", listed.number),
    ] {
        assert!(rows.contains(&row), "{row}: {rows}");
    }
    let output = roster(&list, &endpoint, &[&flags[..], &["--json"]].concat());
    let lines: Vec<Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let kinds: Vec<_> = lines.iter().map(|line| line["difference"].as_str().unwrap_or("counts")).collect();
    assert_eq!(kinds, ["missing_from_list", "missing_from_registry", "differing", "counts"]);
    assert_eq!((&lines[2]["line"], &lines[3]["matched"]), (&3.into(), &1.into()));

    let day = lines[2]["first_day_on_record"].as_str().unwrap().to_owned();
    let rows =
        [(&listed.number, day.as_str()), (&forgotten.number, "")].map(|(number, day)| format!("{number},{day}\n"));
    fs::write(&list, format!("Cert #,Start Date\n{}", rows.concat())).unwrap();
    let output = roster(&list, &endpoint, &flags);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(printed.contains("The list and the jobs on record agree."), "{printed}");

    fs::write(&list, format!("Cert #,Start Date\n{},soon\n{},13/13/2026\n", listed.number, gone.number)).unwrap();
    let output = roster(&list, &endpoint, &flags);
    let failed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{failed}");
    assert!(failed.contains("line 2, column `Start Date`: found `soon`: write the date as"), "{failed}");
    assert!(failed.contains("line 3, column `Start Date`: found `13/13/2026`: there is no such day"), "{failed}");
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_compared_with_the_answers_of_last_month() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Tishomingo Example Center").await;
    let stays = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;
    let loses = registry.credentialed("Lucinda", "Bledsoe-Example", &[&employer]).await;
    let leaves = registry.credentialed("Yolanda", "Cuthbert-Example", &[&employer]).await;
    let comes = registry.credentialed("Ramona", "Dunwoody-Example", &[&employer]).await;
    let path = |name: &str| scratch.path().join(name);
    let write = |name: &str, rows: &[String]| {
        fs::write(path(name), format!("Cert #,Last Name\n{}\n", rows.join("\n"))).unwrap();
    };
    let [one, two, three, four] =
        [(&stays, "Abernathy"), (&loses, "Bledsoe"), (&leaves, "Cuthbert"), (&comes, "Dunwoody")]
            .map(|(person, name)| format!("{},{name}-Example", person.number));
    write("march.csv", &[one.clone(), two.clone(), three]);
    assert_eq!(roster(&path("march.csv"), &endpoint, &[]).status.code(), Some(0));
    registry.report(end_job(&loses.jobs[0], "2026-02-25")).await;

    write("april.csv", &[one.to_lowercase().replace('-', ""), two, four]);
    let last = path("march.answers.csv");
    let output = roster(&path("april.csv"), &endpoint, &["--compare", last.to_str().unwrap()]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let changed = format!(
        "changed: line 3: Bledsoe-Example, {}: was CONFIRMED on {TODAY}, is NOT CONFIRMED: Revoked, because employment was lost.",
        loses.number
    );
    let new = format!("new in the list: Dunwoody-Example, {}", comes.number);
    let gone = format!("no longer in the list: Cuthbert-Example, {}", leaves.number);
    for said in [changed, new, gone] {
        assert!(printed.contains(&said), "{said}: {printed}");
    }
    assert!(!printed.contains("Abernathy"), "who did not change is not named: {printed}");

    let again = path("again.csv");
    let last = path("april.answers.csv");
    let flags = ["--out", again.to_str().unwrap(), "--compare", last.to_str().unwrap()];
    let output = roster(&path("april.csv"), &endpoint, &flags);
    assert!(String::from_utf8_lossy(&output.stdout).contains("nothing changed since the earlier answers"));
    let flags = [
        "--out",
        path("x").to_str().unwrap().to_owned().leak(),
        "--compare",
        path("april.csv").to_str().unwrap().to_owned().leak(),
    ];
    let output = roster(&path("april.csv"), &endpoint, &flags);
    assert_eq!(output.status.code(), Some(2), "a list without answers is not an earlier file of answers");
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_written_otherwise_and_a_number_put_right_are_no_other_person() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Tishomingo Example Center").await;
    let stays = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    let path = |name: &str| scratch.path().join(name);
    let columns = "Cert #,Last Name,First Name,DOB\n";
    let stranger = "Nobody-Example,Ramona";
    let mistyped = format!("{stays}7");
    fs::write(
        path("march.csv"),
        format!("{columns}{mistyped},Abernathy-Example,Odalys,2/29/1984\n,{stranger},1/2/1990\n"),
    )
    .unwrap();
    assert_eq!(roster(&path("march.csv"), &endpoint, &[]).status.code(), Some(3));
    let april = format!("{columns}{stays},Abernathy-Exámple,Odalys,1984-02-29\n,{stranger},1990-01-02\n");
    fs::write(path("april.csv"), april).unwrap();
    let last = path("march.answers.csv");
    let output = roster(&path("april.csv"), &endpoint, &["--compare", last.to_str().unwrap()]);
    let printed = String::from_utf8(output.stdout).unwrap();
    let number =
        format!("another number: line 2: Odalys Abernathy-Exámple, {stays}: was Odalys Abernathy-Example, {mistyped}");
    assert!(printed.contains(&number), "{printed}");
    assert!(printed.contains("is CONFIRMED"), "{printed}");
    assert!(!printed.contains("new in the list") && !printed.contains("no longer in the list"), "{printed}");
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_not_on_file_is_refused_and_has_not_nobody() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Tishomingo Example Center").await;
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    let list = scratch.path().join("staff.csv");
    fs::write(&list, format!("Cert #\n{number}\n")).unwrap();
    let mistyped: [&[&str]; 2] = [&["--provider", "region-1-cmch"], &["--as", "provider:region-1-cmch"]];
    for flags in mistyped {
        let reconciled = roster(&list, &endpoint, &[&["--reconcile"], flags].concat());
        for output in [reconciled, staff(&endpoint, flags)] {
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{said}");
            assert!(
                said.contains("no provider `region-1-cmch` is on file") && said.contains("check --provider"),
                "{said}"
            );
        }
    }
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistake_in_the_list_is_not_somebody_who_left_or_came() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Tishomingo Example Center").await;
    let [misnamed, mistyped, twice] = [("Odalys", "Abernathy"), ("Lucinda", "Bledsoe"), ("Yolanda", "Cuthbert")];
    let (mut numbers, mut jobs) = (Vec::new(), Vec::new());
    for (given, family) in [misnamed, mistyped, twice] {
        let member = registry.credentialed(given, &format!("{family}-Example"), &[&employer]).await;
        numbers.push(member.number);
        jobs.push(member.jobs[0].clone());
    }
    let wrong = format!("{}7", numbers[1]);
    let list = scratch.path().join("staff.csv");
    let rows = [
        "Cert #,Last Name,First Name,End Date".to_owned(),
        format!("{},Abernathi-Example,Odalys,", numbers[0]),
        format!("{wrong},Bledsoe-Example,Lucinda,"),
        format!("{},Cuthbert-Example,Yolanda,", numbers[2]),
        format!("{},Cuthbert-Example,Yolanda,12/31/2026", numbers[2].to_lowercase()),
        "CPS-77,Dunwoody-Example,Ramona,".to_owned(),
        ",Eastman-Example,Ramona,".to_owned(),
    ];
    fs::write(&list, format!("{}\n", rows.join("\n"))).unwrap();
    let flags = ["--reconcile", "--provider", &employer.provider_id];
    let output = roster(&list, &endpoint, &flags);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    for said in [
        "other name: 1 in the list with the number of another name. Which is right?",
        "mistyped: 2 in the list with a number that cannot exist or is mistyped.",
        "repeated: 1 in the list again, with no second job on record.",
        "6 rows: 5 compared, 1 without a number; 1 with a job on record on ",
        "not compared: 1 in the list without a number",
        "not compared in rows with a number: `First Name`",
        "the column `End Date` is not used",
    ] {
        assert!(printed.contains(said), "{said}: {printed}");
    }
    assert!(!printed.contains("Did they"), "{printed}");
    let output = roster(&list, &endpoint, &[&flags[..], &["--format", "csv"]].concat());
    let printed = String::from_utf8(output.stdout).unwrap();
    let cell = |text: &str| format!(",{text}\r\n");
    for (begin, end) in [
        ("other name,", format!(",{},on record it is the number of Odalys Abernathy-Example\r\n", jobs[0])),
        ("mistyped,", format!(",{},\"is it {}, Lucinda Bledsoe-Example?\"\r\n", jobs[1], numbers[1])),
        ("mistyped,", cell("such a number cannot exist")),
        ("repeated,", cell("repeats line 4")),
        ("not compared,", cell("")),
    ] {
        let is_it = |line: &str| line.starts_with(begin) && line.ends_with(&end);
        assert!(printed.split_inclusive('\n').any(is_it), "{begin}{end}: {printed}");
    }
    let output = roster(&list, &endpoint, &[&flags[..], &["--json"]].concat());
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = lines.iter().map(|line| line["difference"].as_str().unwrap_or("counts")).collect();
    assert_eq!(kinds, ["other_name", "mistyped", "mistyped", "repeated", "not_compared", "counts"]);
    assert_eq!((&lines[5]["differences"], &lines[5]["not_compared"]), (&4.into(), &1.into()));
    assert_eq!((&lines[3]["line"], &lines[3]["other_line"]), (&5.into(), &4.into()));

    let named = [("Abernathy", 0), ("Bledsoe", 1), ("Cuthbert", 2)];
    let named = named.map(|(family, at)| format!("{},{family}-Example\n", numbers[at])).concat();
    fs::write(&list, format!("Cert #,Last Name\n{named},Eastman-Example\n")).unwrap();
    let output = roster(&list, &endpoint, &flags);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(4), "somebody who is not compared: {printed}");
    process.stop();
}

/// Runs `staff` on a blocking thread.
fn staff(endpoint: &str, more: &[&str]) -> Output {
    tokio::task::block_in_place(|| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cpss-registry"));
        command.args(["staff", "--endpoint", endpoint]).args(more).output().unwrap()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_staff_writes_agrees_with_the_jobs_on_record_also_of_people_without_a_number() {
    let scratch = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let employer = registry.qualified_provider("Tishomingo Example Center").await;
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    let hired = registry.specialist("Lucinda", "Bledsoe-Example").await;
    let job = registry.job(&hired, &employer.provider_id, HIRED).await;
    let nobody = staff(&endpoint, &[]);
    let said = String::from_utf8(nobody.stderr).unwrap();
    assert!(nobody.status.code() == Some(2) && said.contains("name the provider with --provider ID"), "{said}");

    let provider = ["--provider", employer.provider_id.as_str()];
    let written = staff(&endpoint, &[&provider[..], &["--format", "csv"]].concat());
    assert_eq!(written.status.code(), Some(0), "{}", String::from_utf8_lossy(&written.stderr));
    let list = scratch.path().join("on-record.csv");
    let compared = |content: &[u8], code: i32| {
        fs::write(&list, content).unwrap();
        let output = roster(&list, &endpoint, &[&["--reconcile"], &provider[..]].concat());
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{printed}{}", String::from_utf8_lossy(&output.stderr));
        printed
    };
    let printed = compared(&written.stdout, 0);
    for said in [
        "2 rows, 2 with a job on record on ",
        "1 row without a number compared by name with jobs of people who have none on record.",
        "The list and the jobs on record agree.",
    ] {
        assert!(printed.contains(said), "{said}: {printed}");
    }
    assert!(!printed.contains("`term_last_day` is not used"), "it is no end of a job: {printed}");
    let columns = "Cert #,Name,Last Name,First Name,Hire Date,employment_id\n";
    let with = |row: &str| format!("{columns}{number},,,,,\n{row}\n").into_bytes();
    compared(&with(",\"BLEDSOE-Example, Lucinda\",,,,"), 0);
    compared(&with(",,Bledsoe-Example,Lucinda,,"), 0);
    compared(&with(&format!(",,,,{HIRED},{}", job.to_lowercase())), 0);
    let differing = compared(&with(",,Bledsoe-Example,Lucinda,1/9/2024,"), 3);
    assert!(differing.contains("differing: 1 in both, with another first day."), "{differing}");
    // A row that may be meant is not compared; that of somebody else leaves the job without a row.
    for (row, code) in
        [(",,Bledsoe-Example,,,", 4), (",,Bledsoe-Example,Lucinda,,EM-1", 4), (",,Bledsoe-Example,Yolanda,,", 3)]
    {
        let printed = compared(&with(row), code);
        assert!(printed.contains("2 rows: 1 compared, 1 without a number; 1 with a job on record on "), "{printed}");
    }
    let twice = compared(&with(",,Bledsoe-Example,Lucinda,,\n,,Bledsoe-Example,Lucinda,,"), 4);
    assert!(twice.contains("3 rows: 2 compared, 1 without a number; 2 with a job on record on "), "{twice}");
    process.stop();
}
