//! The audit of reads: the registrar searches it, no client can displace the lines of others, and it never blocks a
//! write.

use std::path::Path;
use std::process::{Command, Output};

use cpss_registry::domain::id::CredentialNumber;
use cpss_registry::proto::v1;
use cpss_registry::server::config::Flags;
use serde_json::Value;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::raw::PACKAGE;
use crate::harness::requests::{date, end_job, facts_of_specialist, register_provider, register_specialist, verify};
use crate::harness::{Client, NOT_ON_FILE, Refusal as _, TODAY, TestServer, until};

const MIB: u64 = 1024 * 1024;

fn about(number: &str) -> v1::ListReadsRequest {
    v1::ListReadsRequest { credential_number: number.to_owned(), ..Default::default() }
}

fn of(client: &str) -> v1::ListReadsRequest {
    v1::ListReadsRequest { client: client.to_owned(), ..Default::default() }
}

/// A batch with these numbers.
fn batch(numbers: impl Iterator<Item = String>) -> v1::BatchVerifyCredentialsRequest {
    let items = numbers.map(|number| verify(&number, None, None).item.unwrap()).collect();
    v1::BatchVerifyCredentialsRequest { items, ..Default::default() }
}

/// A batch with a thousand unknown numbers, different in each turn.
fn flood(turn: u64) -> v1::BatchVerifyCredentialsRequest {
    batch((0..1000).map(|at| CredentialNumber::from_number((turn * 1000 + at) * 7_919_777).to_string()))
}

/// The content of the lines: client, method, count of the number, and outcome.
fn said(answer: &v1::ListReadsResponse) -> Vec<(String, String, u64, String)> {
    let line = |read: &v1::AuditedRead| {
        let method = read.method.split_once('/').unwrap().1.to_owned();
        let outcomes: Vec<_> = read.outcomes.iter().map(|outcome| outcome.outcome.clone()).collect();
        (read.client.clone(), method, read.numbers.iter().map(|number| number.count).sum(), outcomes.join(" "))
    };
    answer.reads.iter().map(line).collect()
}

fn audit(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cpss-registry"));
    command.args(["audit", "--data-dir", data.to_str().unwrap()]).args(arguments).output().unwrap()
}

#[tokio::test]
async fn a_registrar_can_find_who_asked_about_a_person_and_what_a_client_asked() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let center = registry.qualified_provider("Example Center").await;
    let person = registry.credentialed("Evangeline", "Example", &[&center]).await;
    let other = registry.credentialed("Rosalind", "Example-Northey", &[&center]).await;
    let (payer, auditor) = (registry.calling_as("payer"), registry.calling_as("auditor"));
    payer.verify(&person.number, None, None).await;
    let asked = [&person.number, &other.number, &person.number, &person.number].map(ToString::to_string);
    payer.ask(batch(asked.into_iter())).await;

    let registrar = registry.calling_as("registrar");
    let answer = registrar.ask(about(&person.number)).await;
    let expected =
        [("dev:payer", "VerifyCredential", 1, "CONFIRMED"), ("dev:payer", "BatchVerifyCredentials", 3, "CONFIRMED")]
            .map(|(client, method, count, outcome)| (client.to_owned(), method.to_owned(), count, outcome.to_owned()));
    assert_eq!(said(&answer), expected);
    assert!(answer.unreadable_files.is_empty() && answer.next_page_token.is_empty());
    let seen = auditor.ask(about(&person.number)).await;
    assert_eq!(seen.reads.len(), 3, "the registrar's own search is in the audit");
    assert_eq!(
        (&seen.reads[2].client, &seen.reads[2].method),
        (&"dev:registrar".into(), &"RecordService/ListReads".into())
    );

    // A question that names a job, a fact or the person also counts as one about the credential.
    let employer = registry.calling_as(&format!("provider:{}", center.provider_id));
    employer.validate(end_job(&person.jobs[0], "2026-02-20")).await;
    registry.calling_as("auditor").ask(facts_of_specialist(&person.specialist_id)).await;
    let answer = registrar.ask(about(&person.number)).await;
    let methods: Vec<_> = answer.reads.iter().map(|read| read.method.split_once('/').unwrap().1).collect();
    assert_eq!(methods[4..], ["ReportEmploymentEnd", "ListFacts"], "{answer:?}");
    assert_eq!(answer.reads[4].subject_id, person.jobs[0]);

    let all = registrar.ask(of("dev:payer")).await;
    assert_eq!(all.reads.len(), 3, "and the counts of the batch: {all:?}");
    assert_eq!(all.reads[1].numbers.len(), 2);
    let (mut by_pages, mut token) = (Vec::new(), String::new());
    loop {
        let page = registrar.ask(v1::ListReadsRequest { page_size: 1, page_token: token, ..of("dev:payer") }).await;
        by_pages.extend(page.reads);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(by_pages, all.reads);
    let long_ago = v1::ListReadsRequest { last_day: Some(date("2020-01-01")), ..about(&person.number) };
    assert!(registrar.ask(long_ago).await.reads.is_empty());
    assert_eq!(registrar.refusal(about("CPS-28MS-MN2K-X")).await.reason(), "NOT_FOUND");
    let wrong =
        v1::ListReadsRequest { first_day: Some(date("2026-03-02")), last_day: Some(date("2026-03-01")), ..of("") };
    assert_eq!(registrar.refusal(wrong).await.fields(), ["last_day"]);
    for role in ["payer", "certifier", &format!("provider:{}", center.provider_id)] {
        assert_eq!(registry.calling_as(role).refusal(of("")).await.code(), Code::PermissionDenied, "{role}");
    }

    let data = server.stop().await;
    let found = audit(data.path(), &[&person.number, "--client", "dev:payer", "--json"]);
    let lines: Vec<Value> =
        String::from_utf8(found.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), found.status.code()), (2, Some(0)));
    assert_eq!(lines[1]["numbers"], serde_json::json!([{ "number": person.number, "count": 3 }]));
    let text = String::from_utf8(audit(data.path(), &[&person.number]).stdout).unwrap();
    assert!(text.contains("dev:payer  VerificationService/VerifyCredential") && text.contains("×3"), "{text}");
    assert_eq!(audit(data.path(), &["--client", "nobody"]).status.code(), Some(3));
    let of_a_job = String::from_utf8(audit(data.path(), &["--id", &person.jobs[0]]).stdout).unwrap();
    assert!(of_a_job.contains("EmploymentService/ReportEmploymentEnd"), "{of_a_job}");
}

fn small(share: Option<u64>) -> Flags {
    Flags {
        audit_file_mib: Some("1".to_owned()),
        audit_max_bytes: share.map(|bytes| bytes.to_string()),
        ..Flags::default()
    }
}

/// With rotation by file count (64 files of 64 MiB), this would displace all lines in about four minutes.
#[tokio::test]
async fn one_client_cannot_displace_the_lines_of_others() {
    let server = TestServer::start_as(tempfile::tempdir().unwrap(), TODAY, small(None)).await;
    let registry = server.client();
    registry.calling_as("auditor").verify(NOT_ON_FILE, None, None).await;
    let payer = registry.calling_as("payer");
    for turn in 0..200 {
        payer.ask(flood(turn)).await;
    }
    let answer = registry.calling_as("registrar").ask(about(NOT_ON_FILE)).await;
    assert_eq!(said(&answer).first().map(|line| line.0.clone()), Some("dev:auditor".to_owned()), "{answer:?}");
    let files = std::fs::read_dir(server.data_dir().join("audit")).unwrap().count();
    assert!(files > 3, "{files} files: the flood has closed some");
    server.stop().await;
}

async fn is_serving(client: &Client, service: &str) -> bool {
    let about = HealthCheckRequest { service: service.to_owned() };
    let answer = HealthClient::new(client.service()).check(about).await.unwrap();
    answer.into_inner().status() == ServingStatus::Serving
}

#[tokio::test]
async fn a_full_audit_refuses_reads_and_dry_runs_but_never_a_write_until_there_is_room() {
    let data = TestServer::start(TODAY).await.stop().await;
    let ballast = data.path().join("audit/reads.jsonl.ballast");
    let fill = |bytes: u64| {
        std::fs::write(&ballast, vec![0; usize::try_from(bytes).unwrap()]).unwrap();
    };
    fill(4 * MIB * 951 / 1000);
    let server = TestServer::start_as(data, TODAY, small(Some(4 * MIB))).await;
    let registry = server.client();
    let (payer, auditor) = (registry.calling_as("payer"), registry.calling_as("auditor"));
    let unavailable = (Code::Unavailable, "AUDIT_UNAVAILABLE".to_owned());

    // An equal share of what is left. Then only the large client is refused.
    let mut turn = 0;
    while payer.call(flood(turn)).await.is_ok() {
        turn += 1;
        assert!(turn < 10, "it may use more than an equal share");
    }
    assert!(turn > 0);
    assert_eq!(payer.refusal(verify(NOT_ON_FILE, None, None)).await.code_and_reason(), unavailable);
    auditor.verify(NOT_ON_FILE, None, None).await;
    assert!(is_serving(&registry, "readiness").await);

    // No space is left.
    fill(4 * MIB - 1024);
    until("a check of the share", async || !is_serving(&registry, "readiness").await).await;
    assert_eq!(auditor.refusal(verify(NOT_ON_FILE, None, None)).await.code_and_reason(), unavailable);
    assert_eq!(auditor.refusal(about(NOT_ON_FILE)).await.code_and_reason(), unavailable);
    let dry_run = v1::RegisterSpecialistRequest { validate_only: true, ..register_specialist("Evangeline", "Example") };
    assert_eq!(registry.refusal(dry_run).await.code_and_reason(), unavailable);
    assert!(!is_serving(&registry, &format!("{PACKAGE}.VerificationService")).await);
    registry.report(register_provider("Example Center")).await;
    assert!(is_serving(&registry, &format!("{PACKAGE}.CredentialService")).await);

    // There is space again.
    fill(0);
    until("a check of the share", async || is_serving(&registry, "readiness").await).await;
    payer.verify(NOT_ON_FILE, None, None).await;
    let data = server.stop().await;
    let refused = audit(data.path(), &["--client", "dev:payer", "--json"]).stdout;
    let refused = String::from_utf8(refused).unwrap();
    assert!(refused.contains("AUDIT_UNAVAILABLE"), "refusals have a line with a count: {refused}");
}

#[test]
fn an_audit_that_is_not_there_is_an_error_and_not_an_empty_one() {
    let nothing = tempfile::tempdir().unwrap();
    let gone = nothing.path().join("gone");
    for (data, more) in [(gone.as_path(), &[][..]), (nothing.path(), &["--json"]), (nothing.path(), &["--client", "x"])]
    {
        let output = audit(data, more);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        let expected = format!("there is no audit at {}", data.join("audit/reads.jsonl").display());
        assert!(said.contains(&expected) && said.contains("--config") && output.stdout.is_empty(), "{said}");
    }
}
