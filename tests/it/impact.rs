//! PreviewImpact: it lists all changes that the record of the command then makes, and that are reported for the record.
//! Only callers who may give the command, or see the record, get them.

mod sent;

use std::collections::BTreeMap;
use std::time::Duration;

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::import_records_response::Result as Outcome;
use cpss_registry::proto::v1::import_row::Command;
use cpss_registry::proto::v1::preview_impact_request::Subject;
use cpss_registry::proto::v1::preview_impact_response::Kind;
use tonic::{Code, Status};

use super::harness::requests::{
    date, end_job, end_period, issue, new_request_id, qualify, register_provider, register_specialist, reinstate,
    retract, start_job, suspend, suspend_provider,
};
use super::harness::scenes::{Credentialed, EFFECTIVE_FROM, HIRED, Qualified, TERM_LAST_DAY};
use super::harness::{Client, Refusal as _, TODAY, TestServer};
use super::histories::Random;

const DAYS: &[&str] = &["2024-12-31", "2025-08-01", "2026-02-20", "2026-03-02", "2026-03-09", "2026-12-01"];

/// The header and the changes.
type Impact = (v1::ImpactHeader, Vec<v1::ImpactChange>);

async fn impact(client: &Client, subject: Subject) -> Result<Impact, Status> {
    let request = v1::PreviewImpactRequest { subject: Some(subject), ..Default::default() };
    let mut messages = client.record().preview_impact(request).await?.into_inner();
    let mut kinds = Vec::new();
    while let Some(message) = messages.message().await? {
        kinds.push(message.kind.unwrap());
    }
    let mut kinds = kinds.into_iter();
    let Some(Kind::Header(header)) = kinds.next() else { panic!("the header comes first") };
    let changes = kinds.map(|kind| match kind {
        Kind::Change(change) => change,
        Kind::Header(header) => panic!("another header: {header:?}"),
    });
    Ok((header, changes.collect()))
}

async fn of_command(client: &Client, command: &Command) -> Result<Impact, Status> {
    let row = v1::ImportRow { command: Some(command.clone()), ..Default::default() };
    impact(client, Subject::Command(row)).await
}

async fn of_record(client: &Client, revision: u64) -> Result<Impact, Status> {
    impact(client, Subject::Revision(revision)).await
}

/// Records a command as a row of an import, unless it is refused.
async fn give(registry: &Client, command: &Command) -> Result<v1::ImportOutcome, i32> {
    let row = v1::ImportRow { request_id: new_request_id(), command: Some(without_id(command)), ..Default::default() };
    let rows = tokio_stream::once(v1::ImportRecordsRequest { row: Some(row) });
    let mut answers = registry.record().import_records(rows).await.unwrap().into_inner();
    match answers.message().await.unwrap().unwrap().result.unwrap() {
        Outcome::Outcome(outcome) => Ok(outcome),
        Outcome::Error(error) => Err(error.code),
    }
}

/// The same command without the request id of its own.
fn without_id(command: &Command) -> Command {
    let mut command = command.clone();
    match &mut command {
        Command::ReportEmploymentStart(request) => request.request_id.clear(),
        Command::ReportEmploymentEnd(request) => request.request_id.clear(),
        Command::CorrectEmployment(request) => request.request_id.clear(),
        Command::TransferEmployments(request) => request.request_id.clear(),
        Command::SuspendProvider(request) => request.request_id.clear(),
        Command::RecordQualification(request) => request.request_id.clear(),
        Command::SuspendCredential(request) => request.request_id.clear(),
        Command::ReinstateCredential(request) => request.request_id.clear(),
        Command::IssueCredential(request) => request.request_id.clear(),
        Command::EndPeriod(request) => request.request_id.clear(),
        Command::RetractFact(request) => request.request_id.clear(),
        other => panic!("{other:?}"),
    }
    command
}

/// The changes of a record in the feed.
async fn published(registry: &Client, revision: u64) -> Vec<v1::Change> {
    let after = Some(v1::ChangePosition { epoch: String::new(), revision: revision - 1 });
    let feed = registry.ask(v1::ListChangesRequest { after, page_size: 1000, ..Default::default() }).await;
    let parts = feed.messages.into_iter().filter(|message| message.revision == revision);
    parts.flat_map(|message| message.changes).collect()
}

fn changes(impact: &Impact, foreseen: bool) -> Vec<v1::Change> {
    let changes = impact.1.iter().filter(|change| change.foreseen == foreseen);
    changes.map(|change| change.change.clone().unwrap()).collect()
}

fn counts(header: &v1::ImpactHeader) -> (u32, u32, u32) {
    (header.change_count, header.foreseen_change_count, header.specialist_count)
}

/// The credential of a change.
fn number(change: &v1::Change) -> Option<&str> {
    use v1::change::Change::{Coverage, Designation, Provider, Records, Service, Standing};
    match change.change.as_ref().unwrap() {
        Standing(standing) => Some(&standing.credential_number),
        Coverage(coverage) => Some(&coverage.credential_number),
        Designation(designation) => Some(&designation.credential_number),
        Service(_) | Provider(_) | Records(_) => None,
    }
}

/// Two providers, and people with credentials who work for one of them or for both.
struct Town {
    west: Qualified,
    east: Qualified,
    people: Vec<(Credentialed, String)>,
}

impl Town {
    async fn built(registry: &Client, people: usize) -> Town {
        let west = registry.qualified_provider("Example West").await;
        let east = registry.qualified_provider("Example East").await;
        let mut town = Town { west, east, people: Vec::new() };
        for at in 0..people {
            let employers: &[&Qualified] = if at % 5 == 4 { &[&town.west, &town.east] } else { &[&town.west] };
            let person = registry.credentialed("Odalys", &format!("Example-{at}"), employers).await;
            town.people.push((person, format!("Odalys Example-{at}")));
        }
        town
    }

    /// Checks that each change names the holder of its credential.
    fn check_names(&self, impact: &Impact) {
        let names: BTreeMap<&str, &str> =
            self.people.iter().map(|(person, name)| (person.number.as_str(), name.as_str())).collect();
        for change in &impact.1 {
            let holder = number(change.change.as_ref().unwrap()).map_or("", |number| names[number]);
            assert_eq!(change.display_name, holder, "{change:?}");
        }
    }
}

#[tokio::test]
async fn the_impact_of_an_old_record_has_people_whose_jobs_were_retracted_since() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let closing = registry.qualified_provider("Example West").await;
    let numbers = registry.hire(&closing.provider_id, 60).await;
    let ended = registry.report(end_period(&closing.qualification, "2026-12-01", "Certification withdrawn")).await;
    let revision = ended.revision;
    let before = of_record(&registry, revision).await.unwrap();
    assert!(before.1.len() > 100, "more than the record keeps: {}", before.1.len());
    let of_first = v1::ListEmploymentsRequest { credential_number: numbers[0].clone(), ..Default::default() };
    let jobs = registry.ask(of_first).await.employments;
    registry.report(retract(&jobs[0].fact_id, "never began")).await;
    let server = server.restart(TODAY).await;
    // While the timelines are loaded, and once they all are.
    for _ in 0..10 {
        assert!(of_record(&server.client(), revision).await.unwrap() == before);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.stop().await;
}

/// Previews a command, gives it, and compares the impact with the record, its changes in the feed, and the impact of
/// the record. Returns the impact and the revision; `None` if the command is refused.
async fn compared(registry: &Client, town: &Town, command: &Command) -> Option<(Impact, u64)> {
    let head = registry.head().await;
    let tried = of_command(registry, command).await;
    assert_eq!(registry.head().await, head, "a preview records nothing");
    let recorded = match give(registry, command).await {
        Ok(recorded) => recorded,
        Err(code) => {
            assert_eq!(tried.unwrap_err().code(), Code::from(code), "{command:?}");
            return None;
        }
    };
    let impact = tried.unwrap();
    let expected = (recorded.change_count, recorded.foreseen_change_count, recorded.specialist_count);
    assert_eq!((counts(&impact.0), impact.0.revision), (expected, head), "{command:?}");
    assert_eq!(changes(&impact, false), published(registry, recorded.revision).await, "{command:?}");
    assert_eq!(changes(&impact, true).len(), recorded.foreseen_change_count as usize, "{command:?}");
    assert!(impact.1.is_sorted_by_key(|change| change.foreseen), "those up to today come first");
    town.check_names(&impact);
    let after = of_record(registry, recorded.revision).await.unwrap();
    assert_eq!((&after.1, counts(&after.0)), (&impact.1, expected), "{command:?}");
    assert_eq!((after.0.revision, after.0.epoch), (recorded.revision, recorded.epoch));
    Some((impact, recorded.revision))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_impact_has_all_changes_of_a_merger_and_of_a_closure() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let town = Town::built(&registry, 70).await;
    // Everyone moves next week: only foreseen. Those of both providers stay covered by the other one.
    let merger = Command::TransferEmployments(v1::TransferEmploymentsRequest {
        from_provider_id: town.west.provider_id.clone(),
        to_provider_id: town.east.provider_id.clone(),
        last_day: Some(date("2026-03-06")),
        ..Default::default()
    });
    let (moved, revision) = compared(&registry, &town, &merger).await.unwrap();
    assert_eq!(counts(&moved.0), (0, 70 + 56, 70));
    // What was foreseen is published when the day comes.
    let registry = registry.on_day("2026-03-07");
    let mut opened = registry.head().await;
    while published(&registry, opened).await.is_empty() {
        opened -= 1;
    }
    assert!(opened > revision);
    let mut came = published(&registry, opened).await;
    came.retain(|change| number(change).is_some());
    assert_eq!(came, changes(&moved, true));
    // The other provider closes: everyone loses the credential.
    let closed = Command::EndPeriod(end_period(&town.east.qualification, "2026-03-01", "Closed"));
    let (lost, _) = compared(&registry, &town, &closed).await.unwrap();
    assert!(lost.0.change_count > 100 && lost.0.specialist_count == 70, "{:?}", lost.0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_impact_of_a_command_is_that_of_its_record() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let town = Town::built(&registry, 8).await;
    let mut random = Random::new(20_260_302);
    let (mut given, mut refused, mut facts, mut foreseen) = (0, 0, Vec::<String>::new(), 0);
    for _ in 0..120 {
        let (person, _) = random.pick(&town.people);
        let (day, later) = (*random.pick(DAYS), Some(*random.pick(&DAYS[4..])));
        let provider = &random.pick(&[&town.west, &town.east]).provider_id;
        let command = match random.between(0, 8) {
            0 => Command::ReportEmploymentStart(start_job(&person.specialist_id, provider, day)),
            1 => Command::ReportEmploymentEnd(end_job(&random.pick(&person.jobs).clone(), day)),
            2 => Command::CorrectEmployment(v1::CorrectEmploymentRequest {
                employment_id: random.pick(&person.jobs).clone(),
                first_day: Some(date(HIRED)),
                last_day: random.chance(50).then(|| date(day)),
                ..Default::default()
            }),
            3 => Command::SuspendProvider(suspend_provider(provider, day, later)),
            4 => Command::RecordQualification(qualify(provider, day)),
            5 => Command::SuspendCredential(suspend(&person.number, day, later)),
            6 => Command::ReinstateCredential(reinstate(&person.number, day)),
            _ if facts.is_empty() => continue,
            7 => Command::EndPeriod(end_period(&random.pick(&facts).clone(), day, "Example")),
            _ => Command::RetractFact(retract(&random.pick(&facts).clone(), "Example")),
        };
        match compared(&registry, &town, &command).await {
            None => refused += 1,
            Some((impact, revision)) => {
                given += 1;
                foreseen += impact.0.foreseen_change_count;
                let facts_of = registry.ask(v1::ListFactsRequest {
                    subject: Some(v1::list_facts_request::Subject::SpecialistId(person.specialist_id.clone())),
                    page_size: 1000,
                    ..Default::default()
                });
                let new = facts_of.await.facts.into_iter().filter(|fact| fact.revision == revision);
                facts.extend(new.map(|fact| fact.fact_id));
            }
        }
    }
    assert!(given > 40 && refused > 10 && foreseen > 20, "{given} given, {refused} refused, {foreseen} foreseen");
    server.stop().await;
}

#[tokio::test]
async fn a_new_credential_has_no_number_in_an_impact_but_its_holder_is_named() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let west = registry.qualified_provider("Example West").await;
    let person = registry.specialist("Mirela", "Example-Stone").await;
    registry.job(&person, &west.provider_id, HIRED).await;
    let (header, changes) =
        of_command(&registry, &Command::IssueCredential(issue(&person, EFFECTIVE_FROM))).await.unwrap();
    assert!(header.change_count > 0 && header.specialist_count == 1, "{header:?}");
    for change in &changes {
        assert_eq!(
            (number(change.change.as_ref().unwrap()), change.display_name.as_str()),
            (Some(""), "Mirela Example-Stone")
        );
    }
    // The registrar may give it only in an import.
    let transferred = Command::Transferred(v1::TransferredCredential {
        specialist_id: person.clone(),
        effective_from: Some(date(EFFECTIVE_FROM)),
        term_last_day: Some(date(TERM_LAST_DAY)),
        ..Default::default()
    });
    assert_eq!(of_command(&registry, &transferred).await.unwrap().0.specialist_count, 1);
    let begun = Command::RecordsBegin(v1::RecordsBegin { first_day: Some(date("2024-01-01")) });
    assert_eq!(of_command(&registry, &begun).await.unwrap().1.len(), 1, "the change of the records themselves");
    let provider = Command::RegisterProvider(register_provider("Example North"));
    let registrar = registry.calling_as("registrar");
    assert_eq!(of_command(&registrar, &provider).await.unwrap().0.change_count, 1);
    server.stop().await;
}

#[tokio::test]
async fn a_command_is_judged_as_by_its_rpc_and_gives_the_same_errors() {
    let server = TestServer::start(TODAY).await;
    let registrar = server.client().calling_as("registrar");
    let town = Town::built(&server.client(), 1).await;
    let person = server.client().specialist("Mirela", "Example-Stone").await;
    let number = &town.people[0].0.number;
    // An import would accept both.
    let unmet = issue(&person, EFFECTIVE_FROM);
    let refused = of_command(&registrar, &Command::IssueCredential(unmet.clone())).await.unwrap_err();
    assert_eq!(refused.code_and_reason(), (Code::FailedPrecondition, "CRITERIA_UNMET".to_owned()));
    assert_eq!(
        refused.details_of_any_request(),
        registrar.refusal(v1::IssueCredentialRequest { validate_only: true, ..unmet }).await.details_of_any_request()
    );
    let revoked = v1::RevokeCredentialRequest {
        credential_number: number.clone(),
        effective_from: Some(date("2026-02-20")),
        basis: v1::RevocationBasis::LossOfEmployment.into(),
        ..Default::default()
    };
    let refused = of_command(&registrar, &Command::RevokeCredential(revoked)).await.unwrap_err();
    assert_eq!((refused.code(), refused.fields()), (Code::InvalidArgument, vec!["basis".to_owned()]));
    let nothing = v1::PreviewImpactRequest::default();
    let refused = registrar.record().preview_impact(nothing).await.unwrap_err();
    assert_eq!((refused.code(), refused.fields()), (Code::InvalidArgument, vec!["subject".to_owned()]));
    let refused = impact(&registrar, Subject::Command(v1::ImportRow::default())).await.unwrap_err();
    assert_eq!((refused.code(), refused.fields()), (Code::InvalidArgument, vec!["command.command".to_owned()]));
    server.stop().await;
}

#[tokio::test]
async fn an_impact_is_shown_to_those_who_may_give_the_command_or_see_the_record() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let town = Town::built(&registry, 5).await;
    let [at_west, at_east] =
        [&town.west, &town.east].map(|provider| registry.calling_as(&format!("provider:{}", provider.provider_id)));
    let [registrar, certifier, payer, auditor] =
        ["registrar", "certifier", "payer", "auditor"].map(|role| registry.calling_as(role));
    let end = Command::ReportEmploymentEnd(end_job(&town.people[0].0.jobs[0], "2026-02-20"));
    let closed = Command::EndPeriod(end_period(&town.west.qualification, "2026-02-20", "Closed"));

    let whole = of_command(&registrar, &end).await.unwrap();
    assert_eq!(of_command(&at_west, &end).await.unwrap(), whole, "the employer sees its own staff");
    town.check_names(&whole);
    let hidden = of_command(&at_east, &end).await.unwrap_err();
    assert_eq!(hidden.code(), Code::NotFound);
    for caller in [&certifier, &payer, &auditor] {
        assert_eq!(of_command(caller, &end).await.unwrap_err().code(), Code::PermissionDenied);
    }
    let suspended = Command::SuspendCredential(suspend(&town.people[0].0.number, "2026-02-20", None));
    assert_eq!(of_command(&at_west, &suspended).await.unwrap_err().code(), Code::PermissionDenied);
    let elsewhere = start_job(&town.people[0].0.specialist_id, &town.east.provider_id, "2026-02-21");
    let refused = of_command(&at_west, &Command::ReportEmploymentStart(elsewhere.clone())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "it names another provider");
    // A report about somebody who is not staff tells nothing about that person.
    let start = of_command(&at_east, &Command::ReportEmploymentStart(elsewhere)).await.unwrap();
    assert_eq!((counts(&start.0), start.1.len()), ((0, 0, 0), 0));

    let all = of_command(&registrar, &closed).await.unwrap();
    assert!(all.0.specialist_count == 5 && all.1.len() > 5);
    let alone = of_command(&certifier, &closed).await.unwrap();
    assert_eq!((counts(&alone.0), alone.1.len()), (counts(&all.0), 0), "a certifier sees no people");

    let Command::ReportEmploymentEnd(end) = end else { panic!() };
    let ended = at_west.report(end).await.revision;
    let recorded = of_record(&at_west, ended).await.unwrap();
    assert_eq!(recorded.1, whole.1);
    for caller in [&registrar, &auditor] {
        assert_eq!(of_record(caller, ended).await.unwrap(), recorded);
    }
    let Command::EndPeriod(closed) = closed else { panic!() };
    let closed = certifier.report(closed).await.revision;
    assert!(of_record(&auditor, closed).await.unwrap().1.len() > 4);
    assert_eq!(of_record(&certifier, closed).await.unwrap().1, []);
    let head = registry.head().await;
    for (caller, hidden) in [(&at_east, ended), (&certifier, ended), (&at_west, closed), (&at_west, 1)] {
        let refused = of_record(caller, hidden).await.unwrap_err();
        let unknown = of_record(caller, head + 7).await.unwrap_err();
        assert_eq!(refused.code_and_reason(), unknown.code_and_reason());
        assert_eq!((refused.code(), refused.message()), (Code::NotFound, unknown.message()));
    }
    assert_eq!(of_record(&payer, ended).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(of_record(&auditor, 0).await.unwrap_err().code(), Code::NotFound);
    let elsewhere = v1::PreviewImpactRequest { subject: Some(Subject::Revision(ended)), epoch: new_request_id() };
    assert_eq!(auditor.record().preview_impact(elsewhere).await.unwrap_err().code(), Code::FailedPrecondition);
    server.stop().await;
}

#[tokio::test]
async fn the_people_of_an_impact_are_in_the_audit() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let town = Town::built(&registry, 3).await;
    registry.report(register_specialist("Mirela", "Example-Stone")).await;
    let closed = end_period(&town.west.qualification, "2026-02-20", "Closed");
    let revision = registry.report(closed.clone()).await.revision;
    let auditor = registry.calling_as("auditor");
    of_record(&auditor, revision).await.unwrap();
    let registrar = registry.calling_as("registrar");
    let again = Command::EndPeriod(end_period(&town.west.qualification, "2026-03-20", "Closed later"));
    of_command(&registrar, &again).await.unwrap();
    let audit = std::fs::read_to_string(server.data_dir().join("audit/reads.jsonl")).unwrap();
    for (client, named) in
        [("dev:auditor", format!("-{revision}-0")), ("dev:registrar", town.west.qualification.clone())]
    {
        let is_ours = |line: &&str| line.contains("RecordService/PreviewImpact") && line.contains(client);
        let lines: Vec<_> = audit.lines().filter(is_ours).collect();
        assert!(lines.iter().any(|line| line.contains(&named)), "{named}: {lines:?}");
        for (person, name) in &town.people {
            assert!(lines.iter().any(|line| line.contains(&person.number)), "{name}: {lines:?}");
            assert!(!audit.contains(name.as_str()), "{name}");
        }
    }
    server.stop().await;
}
