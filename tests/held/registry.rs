//! A registry with a large provider, a long history and many changes, and questions to it.

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::import_records_response::Result as Outcome;
use cpss_registry::proto::v1::import_row::Command;
use prost::Message as _;
use prost::bytes::Bytes;

use crate::harness::requests::{
    answered, bill, change_name, date, facts_of_provider, facts_of_specialist, name, new_request_id, periods, qualify,
    register_provider, register_specialist, start_job, suspend,
};
use crate::harness::scenes::{EFFECTIVE_FROM, HIRED, QUALIFIED_FROM};
use crate::harness::{BytesListener, Client, Messages as _, TODAY, TestServer};

/// The size factor. A debug build needs too long for more.
const SCALE: usize = if cfg!(debug_assertions) { 1 } else { 20 };
const STAFF: usize = 500 * SCALE;
const PROVIDERS: usize = 100 * SCALE;
const SUSPENSIONS: usize = 30 * SCALE;

/// The number of consecutive messages in a stream.
const IN_A_ROW: usize = 6;

/// The registry.
pub struct World {
    pub server: TestServer,
    numbers: Vec<String>,
    /// The credential with the long history.
    eventful: String,
    eventful_number: String,
}

/// A command as a row of an import.
fn row(command: Command) -> v1::ImportRecordsRequest {
    let row = v1::ImportRow { request_id: new_request_id(), command: Some(command), ..v1::ImportRow::default() };
    v1::ImportRecordsRequest { row: Some(row) }
}

async fn import(client: &Client, commands: Vec<Command>) -> Vec<v1::ImportOutcome> {
    let rows: Vec<_> = commands.into_iter().map(row).collect();
    let mut answers = client.record().import_records(tokio_stream::iter(rows)).await.unwrap().into_inner();
    let mut outcomes = Vec::new();
    while let Some(answer) = answers.next_message().await.unwrap() {
        match answer.result.unwrap() {
            Outcome::Outcome(outcome) => outcomes.push(outcome),
            Outcome::Error(error) => panic!("{error:?}"),
        }
    }
    outcomes
}

/// Encodes messages of one type.
fn of<M: prost::Message>(messages: impl IntoIterator<Item = M>) -> Vec<Bytes> {
    messages.into_iter().map(|message| message.encode_to_vec().into()).collect()
}

impl World {
    pub async fn built() -> World {
        let server = TestServer::start_with_backups(TODAY).await;
        let client = server.client();
        let register = |id: String| {
            let provider = v1::RegisterProviderRequest { provider_id: id, ..register_provider("Example Center") };
            Command::RegisterProvider(v1::RegisterProviderRequest { request_id: String::new(), ..provider })
        };
        let ids = (0..PROVIDERS).map(|at| format!("small-{at}"));
        import(&client, ids.chain(["large".to_owned(), "other".to_owned()]).map(register).collect()).await;
        for id in ["large", "other"] {
            client.report(qualify(id, QUALIFIED_FROM)).await;
        }
        let people = (0..STAFF).map(|at| {
            let person = register_specialist("Casimir", &format!("Example-{at}"));
            Command::RegisterSpecialist(v1::RegisterSpecialistRequest { request_id: String::new(), ..person })
        });
        let people: Vec<_> =
            import(&client, people.collect()).await.into_iter().map(|outcome| outcome.specialist_id).collect();
        let jobs = people.iter().map(|person| {
            let job = start_job(person, "large", HIRED);
            Command::ReportEmploymentStart(v1::ReportEmploymentStartRequest { request_id: String::new(), ..job })
        });
        import(&client, jobs.collect()).await;
        let credentials = people.iter().map(|person| {
            Command::Transferred(v1::TransferredCredential {
                specialist_id: person.clone(),
                effective_from: Some(date(EFFECTIVE_FROM)),
                term_last_day: Some(date("2080-12-31")),
                designations: vec![v1::Designation::AdultAndRecovery.into()],
                ..v1::TransferredCredential::default()
            })
        });
        let credentials = import(&client, credentials.collect()).await;
        let numbers: Vec<_> = credentials.into_iter().map(|outcome| outcome.credential_number).collect();
        let (eventful, eventful_number) = (people[0].clone(), numbers[0].clone());
        let suspensions = (0..SUSPENSIONS).map(|at| {
            let day = format!("20{:02}-{:02}-{:02}", 30 + at / 300, 1 + at % 300 / 25, 1 + at % 25);
            let suspended = suspend(&eventful_number, &day, Some(&day));
            Command::SuspendCredential(v1::SuspendCredentialRequest { request_id: String::new(), ..suspended })
        });
        import(&client, suspensions.collect()).await;
        World { server, numbers, eventful, eventful_number }
    }

    pub fn calling_as(&self, role: &str) -> BytesListener {
        self.server.bytes_listener().with("x-dev-caller", role)
    }

    /// A stream of requests with the worst message of its kind: after the opening message, several times in a row.
    pub fn opened(&self, method: &str, role: &str, message: &Bytes) -> Vec<Bytes> {
        let opening = match method.split_once('/').unwrap().1 {
            "ReconcileRoster" => roster_options(role).encode_to_vec(),
            "ImportRecords" => row(Command::RegisterSpecialist(register_specialist("Ada", "Example"))).encode_to_vec(),
            // The streams of questions have the same options at the same place.
            "StreamVerifyCredentials" | "StreamCheckBillingEligibility" | "StreamReviewEligibility" => {
                use v1::stream_verify_credentials_request::Kind;
                let options = Some(Kind::Options(v1::StreamOptions::default()));
                v1::StreamVerifyCredentialsRequest { kind: options }.encode_to_vec()
            }
            name => panic!("no opening message for {name}"),
        };
        let messages = std::iter::repeat_n(message.clone(), IN_A_ROW);
        [Bytes::from(opening)].into_iter().chain(messages).collect()
    }

    /// Calls that read or return much, each with its role.
    pub fn questions(&self) -> Vec<(&'static str, &'static str, &'static str, Vec<Bytes>)> {
        let mut questions = self.lists();
        questions.extend(self.batches());
        questions.extend(self.commands());
        questions
    }

    fn lists(&self) -> Vec<(&'static str, &'static str, &'static str, Vec<Bytes>)> {
        let page_size = 1000;
        let staff = || v1::ListEmploymentsRequest {
            provider_id: "large".to_owned(),
            page_size,
            ..v1::ListEmploymentsRequest::default()
        };
        let past = Some(v1::KnownAt { point: Some(v1::known_at::Point::Revision(1200)), ..v1::KnownAt::default() });
        let provider =
            |known_at| v1::ListProvidersRequest { page_size, known_at, ..v1::ListProvidersRequest::default() };
        let changes = || v1::ListChangesRequest { page_size, ..v1::ListChangesRequest::default() };
        let numbered = || v1::WatchChangesRequest {
            credential_numbers: self.numbers.iter().take(1000).cloned().collect(),
            ..v1::WatchChangesRequest::default()
        };
        let statistics = v1::GetProgramStatisticsRequest::default;
        let people = |family_name: &str| v1::FindSpecialistsRequest {
            family_name: family_name.to_owned(),
            page_size,
            ..v1::FindSpecialistsRequest::default()
        };
        let credentials = || v1::ListCredentialsRequest { page_size, ..v1::ListCredentialsRequest::default() };
        vec![
            ("EmploymentService/ListEmployments", "provider:large", "all staff", of([staff()])),
            ("EmploymentService/ListEmployments", "registrar", "all staff", of([staff()])),
            ("CredentialService/ListCredentials", "auditor", "all", of([credentials()])),
            ("CredentialService/FindSpecialists", "auditor", "by name", of([people("ex")])),
            ("CredentialService/FindSpecialists", "registrar", "a name that nobody has", of([people("exx")])),
            ("CredentialService/ListRuleSets", "auditor", "all", of([v1::ListRuleSetsRequest::default()])),
            ("ProviderService/ListProviders", "certifier", "all", of([provider(None)])),
            ("ProviderService/ListProviders", "certifier", "all, in the past", of([provider(past)])),
            ("ProviderService/GetProgramStatistics", "certifier", "today", of([statistics()])),
            ("RecordService/ListFacts", "auditor", "a long history", of([facts_of_specialist(&self.eventful)])),
            ("RecordService/ListFacts", "auditor", "a provider", of([facts_of_provider("large")])),
            (
                "VerificationService/ListStandingPeriods",
                "payer",
                "a long one",
                of([periods(&self.eventful_number, None)]),
            ),
            ("OperationsService/StreamBackup", "operator", "all", of([v1::StreamBackupRequest::default()])),
            ("ChangeService/ListChanges", "payer", "from the beginning", of([changes()])),
            ("ChangeService/ListChanges", "provider:large", "from the beginning", of([changes()])),
            ("ChangeService/WatchChanges", "payer", "all", of([v1::WatchChangesRequest::default()])),
            ("ChangeService/WatchChanges", "auditor", "of a thousand", of([numbered()])),
            ("ChangeService/WatchChanges", "provider:large", "of staff", of([v1::WatchChangesRequest::default()])),
        ]
    }

    fn batches(&self) -> Vec<(&'static str, &'static str, &'static str, Vec<Bytes>)> {
        let item = |number: &String| v1::VerificationItem {
            subject: Some(v1::verification_item::Subject::CredentialNumber(number.clone())),
            provider_id: "large".to_owned(),
            designations: vec![1; 16],
            correlation_id: "c".repeat(100),
            ..v1::VerificationItem::default()
        };
        let holder = |at: usize| v1::VerificationItem {
            subject: Some(v1::verification_item::Subject::Holder(v1::HolderIdentity {
                name: Some(name(&"\u{fdfa}".repeat(200), &format!("{at}{}", "a\u{301}".repeat(98)))),
                birth_date: Some(date("1980-01-01")),
            })),
            ..v1::VerificationItem::default()
        };
        let faulty = v1::VerificationItem {
            designations: vec![99; 17],
            correlation_id: "c".repeat(200),
            ..item(&String::new())
        };
        let review = |number: &String| {
            let mut item = bill(number, "large", TODAY).item.unwrap();
            item.correlation_id = "c".repeat(100);
            answered(item, 1)
        };
        let reviews =
            |items| of([v1::BatchReviewEligibilityRequest { items, ..v1::BatchReviewEligibilityRequest::default() }]);
        let eventful = vec![review(&self.eventful_number); 1000];
        let batch =
            |items| of([v1::BatchVerifyCredentialsRequest { items, ..v1::BatchVerifyCredentialsRequest::default() }]);
        let thousand = || self.numbers.iter().cycle().take(1000);
        let staff = thousand().chain(thousand()).chain(thousand()).map(|number| v1::RosterRow {
            subject: Some(v1::roster_row::Subject::CredentialNumber(number.clone())),
            family_name: "a\u{301}".repeat(90),
            position: "Peer".repeat(40),
            ..v1::RosterRow::default()
        });
        use v1::reconcile_roster_request::Kind;
        let rows = staff.map(|row| v1::ReconcileRosterRequest { kind: Some(Kind::Row(row)) });
        let list = |role| of([roster_options(role)].into_iter().chain(rows.clone()));
        vec![
            (
                "VerificationService/BatchVerifyCredentials",
                "provider:large",
                "staff",
                batch(thousand().map(item).collect()),
            ),
            ("VerificationService/BatchVerifyCredentials", "payer", "holders", batch((0..1000).map(holder).collect())),
            (
                "VerificationService/BatchReviewEligibility",
                "payer",
                "all flipped",
                reviews(thousand().map(review).collect()),
            ),
            ("VerificationService/BatchReviewEligibility", "payer", "of a long history", reviews(eventful)),
            ("VerificationService/BatchVerifyCredentials", "payer", "faults", batch(vec![faulty; 1000])),
            ("EmploymentService/ReconcileRoster", "provider:large", "thousands of rows", list("provider:large")),
            ("EmploymentService/ReconcileRoster", "registrar", "thousands of rows", list("registrar")),
        ]
    }

    fn commands(&self) -> Vec<(&'static str, &'static str, &'static str, Vec<Bytes>)> {
        let merger = v1::TransferEmploymentsRequest {
            request_id: new_request_id(),
            from_provider_id: "large".to_owned(),
            to_provider_id: "other".to_owned(),
            last_day: Some(date(TODAY)),
            validate_only: true,
            ..v1::TransferEmploymentsRequest::default()
        };
        let previewed =
            v1::ImportRow { command: Some(Command::TransferEmployments(merger.clone())), ..v1::ImportRow::default() };
        let previewed = v1::PreviewImpactRequest {
            subject: Some(v1::preview_impact_request::Subject::Command(previewed)),
            ..v1::PreviewImpactRequest::default()
        };
        let renamed = change_name(&self.eventful, "Casimir", &"a\u{301}".repeat(100));
        let rows = (0..300).map(|at| {
            let person = register_specialist("Casimir", &format!("Row-{at}"));
            row(Command::RegisterSpecialist(v1::RegisterSpecialistRequest { request_id: String::new(), ..person }))
        });
        vec![
            ("EmploymentService/TransferEmployments", "registrar", "a dry run for all staff", of([merger])),
            ("RecordService/PreviewImpact", "registrar", "all staff", of([previewed])),
            ("CredentialService/ChangeSpecialistName", "registrar", "of a long history", of([renamed])),
            ("RecordService/ImportRecords", "registrar", "rows", of(rows)),
        ]
    }
}

fn roster_options(role: &str) -> v1::ReconcileRosterRequest {
    let provider_id = if role.starts_with("provider") { String::new() } else { "large".to_owned() };
    let options = v1::RosterOptions { provider_id, ..v1::RosterOptions::default() };
    v1::ReconcileRosterRequest { kind: Some(v1::reconcile_roster_request::Kind::Options(options)) }
}
