//! Response sizes: the largest response of each method, from a registry in which everything has its maximum length.

use std::any::type_name;
use std::collections::BTreeMap;

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::import_records_response::Result as Outcome;
use cpss_registry::proto::v1::import_row::Command;
use cpss_registry::proto::v1::list_facts_request::Subject;
use prost::Message as _;
use tonic::Code;

use super::harness::client::{Call, Mutation};
use super::harness::raw::methods;
use super::harness::requests::{
    answered, application, bill, change_name, date, end_job, end_period, facts_of_provider, issue, new_request_id,
    periods, qualify, register_provider, register_specialist, reinstate, retract, review, start_job, suspend,
    suspend_provider, verify,
};
use super::harness::scenes::{EFFECTIVE_FROM, HIRED, QUALIFIED_FROM, TERM_LAST_DAY};
use super::harness::{Client, Messages as _, TODAY, TestServer};

const LARGEST: usize = 1024 * 1024;
const LARGEST_BATCH: usize = 7 * 512 * 1024;

/// The number of people with a job.
const STAFF: usize = 480;
/// [`STAFF`] as a count in responses.
const JOBS: u32 = 480;
/// The number of people with a credential: more than one response can hold.
const HOLDERS: usize = 450;
/// More providers, or reports about one of them, than one response can hold.
const PROVIDERS: usize = 45;

/// A text of this many characters, each of four bytes.
fn long(characters: usize) -> String {
    "𐐀".repeat(characters)
}

fn long_name() -> Option<v1::PersonName> {
    Some(v1::PersonName { given_name: long(200), family_name: long(200), suffix: long(200) })
}

/// The maximum number of identifiers of a provider.
fn identifiers(owner: &str) -> Vec<v1::Identifier> {
    let value = |at: usize| format!("{owner}-{at}-{}", long(64 - owner.len() - 5));
    let kind = v1::IdentifierKind::MedicaidId.into();
    (0..100).map(|at| v1::Identifier { kind, value: value(at) }).collect()
}

fn long_provider(id: &str) -> v1::RegisterProviderRequest {
    v1::RegisterProviderRequest {
        provider_id: id.to_owned(),
        county: long(100),
        identifiers: identifiers(id),
        ..register_provider(&long(200))
    }
}

/// Imports commands and returns the outcomes.
async fn import(client: &Client, commands: Vec<Command>) -> Vec<v1::ImportOutcome> {
    let row = |command| v1::ImportRecordsRequest {
        row: Some(v1::ImportRow { request_id: new_request_id(), command: Some(command), ..Default::default() }),
    };
    let rows: Vec<_> = commands.into_iter().map(row).collect();
    let mut answers = client.record().import_records(tokio_stream::iter(rows)).await.unwrap().into_inner();
    let mut outcomes = Vec::new();
    while let Some(answer) = answers.next_message().await.unwrap() {
        assert!(answer.encoded_len() <= LARGEST, "a row is answered with {} bytes", answer.encoded_len());
        match answer.result.unwrap() {
            Outcome::Outcome(outcome) => outcomes.push(outcome),
            Outcome::Error(error) => panic!("{error:?}"),
        }
    }
    outcomes
}

/// The size in bytes of the largest response of each method.
#[derive(Default)]
struct Sizes(BTreeMap<String, usize>);

impl Sizes {
    async fn of<C: Call>(&mut self, client: &Client, request: C) -> C::Response {
        let method = type_name::<C>().rsplit("::").next().unwrap().strip_suffix("Request").unwrap();
        let response = client.call(request).await.unwrap_or_else(|status| panic!("{method}: {status:?}"));
        let largest = self.0.entry(method.to_owned()).or_default();
        *largest = response.encoded_len().max(*largest);
        response
    }

    /// Sends a mutation as a dry run, for real, and a second time.
    async fn recorded<C: Mutation>(&mut self, client: &Client, request: C) -> C::Response {
        self.of(client, request.clone().validated_only()).await;
        let response = self.of(client, request.clone()).await;
        assert_eq!(self.of(client, request).await, response);
        response
    }
}

/// A registry with long texts.
struct Fixture {
    holders: Vec<String>,
    people: Vec<String>,
}

impl Fixture {
    async fn build(client: &Client) -> Fixture {
        for id in ["from", "to"] {
            client
                .report(v1::RegisterProviderRequest { provider_id: id.to_owned(), ..register_provider("Merger") })
                .await;
            client.report(qualify(id, QUALIFIED_FROM)).await;
        }
        let registered = (0..STAFF).map(|_| {
            let person = v1::RegisterSpecialistRequest { name: long_name(), ..register_specialist("", "") };
            Command::RegisterSpecialist(v1::RegisterSpecialistRequest { request_id: String::new(), ..person })
        });
        let people: Vec<_> =
            import(client, registered.collect()).await.into_iter().map(|outcome| outcome.specialist_id).collect();
        let hired = people.iter().map(|person| {
            let job = v1::ReportEmploymentStartRequest { position: long(200), ..start_job(person, "from", HIRED) };
            Command::ReportEmploymentStart(v1::ReportEmploymentStartRequest { request_id: String::new(), ..job })
        });
        import(client, hired.collect()).await;
        let transferred = people.iter().take(HOLDERS).map(|person| {
            Command::Transferred(v1::TransferredCredential {
                specialist_id: person.clone(),
                effective_from: Some(date(EFFECTIVE_FROM)),
                term_last_day: Some(date(TERM_LAST_DAY)),
                designations: vec![v1::Designation::AdultAndRecovery.into()],
                ..Default::default()
            })
        });
        let holders = import(client, transferred.collect()).await;
        Fixture { holders: holders.into_iter().map(|outcome| outcome.credential_number).collect(), people }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_response_is_larger_than_clients_accept() {
    let server = TestServer::start(TODAY).await;
    let client = server.client();
    let (town, mut sizes) = (Fixture::build(&client).await, Sizes::default());
    providers(&client, &mut sizes).await;
    people(&client, &town, &mut sizes).await;
    credentials(&client, &town, &mut sizes).await;
    jobs(&client, &town, &mut sizes).await;
    questions(&client, &town, &mut sizes).await;
    lists(&client, &mut sizes).await;
    for (name, method) in methods().iter().filter(|(_, method)| !method.server_streaming()) {
        let (_, short) = name.split_once('/').unwrap();
        let size = *sizes.0.get(short).unwrap_or_else(|| panic!("{name} was not sent"));
        let largest = if short.starts_with("Batch") { LARGEST_BATCH } else { LARGEST };
        assert!(size <= largest, "{} answers {size} bytes", method.name());
    }
    server.stop().await;
}

async fn providers(client: &Client, sizes: &mut Sizes) {
    for at in 0..PROVIDERS {
        client.report(long_provider(&format!("long-{at}"))).await;
    }
    sizes.recorded(client, long_provider("largest")).await;
    let update = || v1::UpdateProviderRequest {
        request_id: new_request_id(),
        provider_id: "largest".to_owned(),
        legal_name: long(200),
        facility_type: v1::FacilityType::Other.into(),
        identifiers: identifiers("largest"),
        note: long(500),
        ..Default::default()
    };
    sizes.recorded(client, update()).await;
    for _ in 0..PROVIDERS {
        client.report(update()).await;
    }
    let provider = v1::GetProviderRequest { provider_id: "largest".to_owned(), ..Default::default() };
    sizes.of(client, provider).await;

    // Every job with a provider depends on this qualification.
    let qualified = sizes.recorded(client, qualify("to", "2019-01-01")).await;
    sizes.recorded(client, end_period(&qualified.fact_id, "2019-06-01", &long(500))).await;
    sizes.recorded(client, suspend_provider("from", "2026-01-05", Some("2026-01-09"))).await;
    let of = |provider_id: &str| (new_request_id(), provider_id.to_owned(), Some(date("2026-01-05")));
    let (request_id, provider_id, first_day) = of("from");
    let certified = v1::CertifyPeerServiceRequest { request_id, provider_id, first_day, ..Default::default() };
    let certified = sizes.recorded(client, certified).await;
    let (request_id, provider_id, first_day) = of("from");
    let suspended = v1::SuspendPeerServiceRequest { request_id, provider_id, first_day, ..Default::default() };
    sizes.recorded(client, suspended).await;
    sizes.recorded(client, retract(&certified.fact_id, &long(500))).await;
    sizes.of(client, v1::GetProgramStatisticsRequest::default()).await;
}

async fn people(client: &Client, town: &Fixture, sizes: &mut Sizes) {
    let registered = v1::RegisterSpecialistRequest { name: long_name(), ..register_specialist("", "") };
    let registered = sizes.recorded(client, registered).await.specialist.unwrap();
    let change = change_name(&registered.specialist_id, "", "");
    sizes.recorded(client, v1::ChangeSpecialistNameRequest { name: long_name(), ..change }).await;
    let death = v1::RecordDeathRequest {
        request_id: new_request_id(),
        specialist_id: registered.specialist_id,
        death_date: Some(date(TODAY)),
        ..Default::default()
    };
    sizes.recorded(client, death).await;

    let specialist_id = town.people[STAFF - 1].clone();
    let evaluated = v1::EvaluateApplicationRequest {
        specialist_id: specialist_id.clone(),
        application: Some(application()),
        effective_from: Some(date(EFFECTIVE_FROM)),
        designations: vec![v1::Designation::AdultAndRecovery.into()],
    };
    sizes.of(client, evaluated).await;
    sizes.recorded(client, issue(&specialist_id, EFFECTIVE_FROM)).await;
}

async fn credentials(client: &Client, town: &Fixture, sizes: &mut Sizes) {
    let number = || town.holders[0].clone();
    /// Sends a command about the first holder's credential.
    macro_rules! of_the_first {
        ($request:ident { $($field:ident: $value:expr),+ }) => {
            sizes.recorded(client, v1::$request {
                request_id: new_request_id(),
                credential_number: number(),
                $($field: $value,)+
                ..Default::default()
            }).await
        };
    }
    let on = |day: &str| Some(date(day));
    of_the_first!(GrantDesignationRequest { code: v1::Designation::YoungAdult.into(), first_day: on("2025-01-01") });
    of_the_first!(LimitCredentialRequest { text: long(500), first_day: on("2025-02-01"), last_day: on("2025-02-02") });
    of_the_first!(GrantInactiveStatusRequest { first_day: on("2025-03-01"), last_day: on("2025-03-02") });
    of_the_first!(RenewCredentialRequest { continuing_education_hours: 40.0 });
    sizes.recorded(client, suspend(&number(), "2025-04-01", Some("2025-04-02"))).await;
    of_the_first!(RecordSurrenderRequest { effective_from: on("2025-05-01") });
    sizes.recorded(client, reinstate(&number(), "2025-05-02")).await;
    of_the_first!(RecordRelinquishmentRequest { effective_from: on("2025-06-01") });
    sizes.recorded(client, reinstate(&number(), "2025-06-02")).await;
    of_the_first!(RecordRetirementRequest { effective_from: on("2025-07-01") });
    sizes.recorded(client, reinstate(&number(), "2025-07-02")).await;
    of_the_first!(SetPriorNumberRequest { prior_number: "é".repeat(32) });
    let basis = v1::RevocationBasis::Disciplinary.into();
    of_the_first!(RevokeCredentialRequest { effective_from: on("2025-08-01"), basis: basis });
}

async fn jobs(client: &Client, town: &Fixture, sizes: &mut Sizes) {
    let job =
        v1::ReportEmploymentStartRequest { position: long(200), ..start_job(&town.people[0], "from", "2025-12-01") };
    let job = sizes.recorded(client, job).await.employment.unwrap().employment_id;
    sizes.recorded(client, end_job(&job, "2026-02-20")).await;
    let corrected = v1::CorrectEmploymentRequest {
        request_id: new_request_id(),
        employment_id: job,
        first_day: Some(date("2025-12-02")),
        last_day: Some(date("2026-02-20")),
        ..Default::default()
    };
    sizes.recorded(client, corrected).await;
    for (from, to, last_day) in [("from", "to", "2026-02-25"), ("to", "from", "2026-02-26")] {
        let merger = v1::TransferEmploymentsRequest {
            request_id: new_request_id(),
            from_provider_id: from.to_owned(),
            to_provider_id: to.to_owned(),
            last_day: Some(date(last_day)),
            ..Default::default()
        };
        if from == "to" {
            // The same command as a row of an import.
            let merger = v1::TransferEmploymentsRequest { request_id: String::new(), ..merger };
            let outcome = import(client, vec![Command::TransferEmployments(merger)]).await.remove(0);
            assert_eq!((outcome.fact_ids.len(), outcome.employment_ids.len()), (100, 100));
            assert_eq!((outcome.fact_count, outcome.employment_count), (2 * JOBS, JOBS));
            continue;
        }
        let moved = sizes.recorded(client, merger).await;
        assert_eq!((moved.fact_ids.len(), moved.employments.len(), moved.changes.len()), (100, 100, 100));
        assert_eq!((moved.fact_count, moved.employment_count), (2 * JOBS, JOBS));
    }
}

async fn questions(client: &Client, town: &Fixture, sizes: &mut Sizes) {
    sizes.of(client, verify(&town.holders[1], None, None)).await;
    sizes.of(client, bill(&town.holders[1], "from", TODAY)).await;
    sizes.of(client, periods(&town.holders[0], None)).await;
    let shown = v1::GetCredentialRequest { credential_number: town.holders[1].clone(), ..Default::default() };
    sizes.of(client, shown).await;

    // The longest possible answers, and refusals with the most details.
    let item = |at: usize| v1::VerificationItem {
        correlation_id: long(100),
        designations: if at.is_multiple_of(4) { Vec::new() } else { vec![99; 16] },
        ..verify(&town.holders[at % HOLDERS], None, None).item.unwrap()
    };
    let items = (0..1_000).map(item).collect();
    let batch = v1::BatchVerifyCredentialsRequest { items, ..Default::default() };
    let results = sizes.of(client, batch).await.results;
    let refused = |code: Code| {
        let with = |result: &&v1::VerificationResult| match &result.outcome {
            Some(v1::verification_result::Outcome::Error(error)) => error.code == code as i32,
            _ => false,
        };
        results.iter().filter(with).count()
    };
    assert_eq!(results.len(), 1_000);
    assert_eq!(refused(Code::InvalidArgument), 750, "the others are answered");

    let claim = |_| v1::EligibilityItem { correlation_id: long(2_000), ..Default::default() };
    let items: Vec<_> = (0..100).map(claim).collect();
    sizes.of(client, v1::BatchCheckBillingEligibilityRequest { items, ..Default::default() }).await;

    let claim = |at: usize| bill(&town.holders[at % HOLDERS], "from", "2025-12-15").item.unwrap();
    sizes.of(client, review(claim(1), 1)).await;
    let claim = |at: usize| v1::EligibilityItem { correlation_id: long(100), ..claim(at) };
    let items = (0..1_000).map(|at| answered(claim(at), 1)).collect();
    let results = sizes.of(client, v1::BatchReviewEligibilityRequest { items, ..Default::default() }).await.results;
    let is_flipped = |result: &v1::ReviewResult| match &result.outcome {
        Some(v1::review_result::Outcome::Review(review)) => review.flipped,
        other => panic!("{other:?}"),
    };
    assert!(results.len() == 1_000 && results.iter().any(is_flipped), "nobody was on file at the first revision");
}

/// The pages of a list, each as large as possible.
macro_rules! pages {
    ($sizes:ident, $client:ident, $request:expr, $entries:ident) => {{
        let mut request = $request;
        let (mut entries, mut pages) = (0, 0);
        loop {
            let page = $sizes.of($client, request.clone()).await;
            (entries, pages) = (entries + page.$entries.len(), pages + 1);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        (entries, pages)
    }};
}

async fn lists(client: &Client, sizes: &mut Sizes) {
    sizes.of(client, v1::GetStatusRequest::default()).await;
    sizes.of(client, v1::GetCallerRequest::default()).await;
    sizes.of(client, v1::GetCheckpointRequest::default()).await;
    sizes.of(client, v1::GetInclusionProofRequest { revision: 1, tree_size: 0 }).await;
    sizes.of(client, v1::GetConsistencyProofRequest { first_size: 1, second_size: 0 }).await;
    sizes.of(client, v1::GetSigningKeysRequest::default()).await;
    sizes.of(client, v1::ListRuleSetsRequest::default()).await;
    let (entries, pages) =
        pages!(sizes, client, v1::ListProvidersRequest { page_size: 1_000, ..Default::default() }, providers);
    assert!(entries == PROVIDERS + 3 && pages > 1, "{entries} providers on {pages} pages");
    let (entries, pages) =
        pages!(sizes, client, v1::ListCredentialsRequest { page_size: 1_000, ..Default::default() }, credentials);
    assert!(entries == HOLDERS + 1 && pages > 1, "{entries} credentials on {pages} pages");
    let everyone = v1::FindSpecialistsRequest { family_name: long(2), page_size: 1_000, ..Default::default() };
    let (entries, pages) = pages!(sizes, client, everyone, specialists);
    assert!(entries > STAFF && pages > 1, "{entries} people on {pages} pages");
    let staff = v1::ListEmploymentsRequest { provider_id: "from".to_owned(), page_size: 1_000, ..Default::default() };
    let (entries, pages) = pages!(sizes, client, staff, employments);
    assert!(entries == STAFF, "{entries} jobs on {pages} pages");
    let (entries, pages) = pages!(sizes, client, facts_of_provider("largest"), facts);
    assert!(entries == PROVIDERS + 2 && pages > 1, "{entries} facts on {pages} pages");
    let about_a_merger = Some(Subject::ProviderId("from".to_owned()));
    pages!(
        sizes,
        client,
        v1::ListFactsRequest { subject: about_a_merger, page_size: 1_000, ..Default::default() },
        facts
    );
    let (reads, pages) = pages!(sizes, client, v1::ListReadsRequest { page_size: 1_000, ..Default::default() }, reads);
    assert!(reads > 10, "{reads} lines of the audit on {pages} pages");
    let review = v1::ListReviewItemsRequest { page_size: 1_000, ..Default::default() };
    let page = sizes.of(client, review).await;
    assert!(!page.next_page_token.is_empty(), "everyone has the same name, so more than a page of likely duplicates");
    let (messages, pages) =
        pages!(sizes, client, v1::ListChangesRequest { page_size: 1_000, ..Default::default() }, messages);
    assert!(messages > 1_000 && pages > 2, "{messages} messages on {pages} pages");
}
