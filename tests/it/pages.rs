//! Lists in pages: the pages together are the complete list, whatever the page size and whatever is recorded in
//! between. The cost of a page depends on its size. A token is valid for one question of one client.

use std::path::Path;

use cpss_registry::domain::name::FoldedName;
use cpss_registry::proto::v1;
use cpss_registry::proto::v1::list_facts_request::Subject;
use cpss_registry::registry::filters::{CredentialFilter, EmploymentFilter, PeopleFilter, ProviderFilter};
use cpss_registry::registry::list::{MAX_EXAMINED, Window};
use cpss_registry::server::generate::{Options, generate};
use cpss_registry::store::StoreOptions;
use tonic::Code;

use super::backup::json_of;
use super::harness::requests::{date, register_provider, register_specialist, start_job};
use super::harness::scenes::EFFECTIVE_FROM;
use super::harness::{Call, Client, Process, Refusal, TODAY, TestServer, library};

/// A request for a page, with the common parts of its response.
trait Listed: Call {
    fn page(&self, size: u32, token: &str) -> Self;
    fn entries(answer: &Self::Response) -> Vec<String>;
    fn token(answer: &Self::Response) -> String;
    /// The revision that the page is from.
    fn revision(answer: &Self::Response) -> u64;
}

macro_rules! listed {
    ($($request:ident: $entries:ident, |$answer:ident| $revision:expr;)*) => {$(
        impl Listed for v1::$request {
            fn page(&self, page_size: u32, page_token: &str) -> Self {
                v1::$request { page_size, page_token: page_token.to_owned(), ..self.clone() }
            }

            fn entries(answer: &Self::Response) -> Vec<String> {
                answer.$entries.iter().map(|entry| format!("{entry:?}")).collect()
            }

            fn token(answer: &Self::Response) -> String {
                answer.next_page_token.clone()
            }

            fn revision($answer: &Self::Response) -> u64 {
                $revision
            }
        }
    )*};
}

listed! {
    ListCredentialsRequest: credentials, |answer| answer.answer.as_ref().unwrap().known_at_revision;
    FindSpecialistsRequest: specialists, |answer| answer.answer.as_ref().unwrap().known_at_revision;
    ListEmploymentsRequest: employments, |answer| answer.answer.as_ref().unwrap().known_at_revision;
    ListFactsRequest: facts, |answer| answer.answer.as_ref().unwrap().known_at_revision;
    ListProvidersRequest: providers, |answer| answer.answer.as_ref().unwrap().known_at_revision;
    ListChangesRequest: messages, |answer| answer.progress.as_ref().unwrap().head_revision;
}

/// The whole list in pages of one size, with something recorded after each page.
async fn walk<L: Listed>(registry: &Client, list: &L, size: u32) -> Vec<String> {
    let (mut all, mut token, mut revision) = (Vec::new(), String::new(), None);
    loop {
        let answer = registry.ask(list.page(size, &token)).await;
        let entries = L::entries(&answer);
        assert!(entries.len() <= size as usize);
        assert_eq!(L::revision(&answer), *revision.get_or_insert(L::revision(&answer)), "one state of knowledge");
        all.extend(entries);
        token = L::token(&answer);
        if token.is_empty() {
            return all;
        }
        registry.report(register_specialist("Mirela", "Example-Later")).await;
    }
}

async fn compare<L: Listed>(registry: &Client, list: L, expected: usize) {
    let whole = L::entries(&registry.ask(list.page(1000, "")).await);
    assert!(whole.len() >= expected, "{} entries", whole.len());
    for size in [1, 2, 5] {
        assert_eq!(walk(registry, &list, size).await[..whole.len()], whole, "pages of {size}");
    }
}

/// Two providers, and five people who work for both.
async fn town(registry: &Client) -> (String, Vec<super::harness::scenes::Credentialed>) {
    let west = registry.qualified_provider("Example West").await;
    let east = registry.qualified_provider("Example East").await;
    let mut people = Vec::new();
    for _ in 0..5 {
        people.push(registry.credentialed("Odalys", "Example-Hart", &[&west, &east]).await);
    }
    registry.report(start_job(&people[0].specialist_id, &west.provider_id, "2024-02-05")).await;
    (west.provider_id, people)
}

#[tokio::test]
async fn all_pages_together_are_the_list_at_the_first_page() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let (west, people) = town(&registry).await;
    let subject = Some(Subject::SpecialistId(people[0].specialist_id.clone()));
    compare(&registry, v1::ListCredentialsRequest::default(), 5).await;
    compare(&registry, v1::ListCredentialsRequest { provider_id: west.clone(), ..Default::default() }, 5).await;
    let name =
        Some(v1::PersonName { given_name: "ODALYS".into(), family_name: "Example Hart".into(), ..Default::default() });
    compare(&registry, v1::ListCredentialsRequest { name, ..Default::default() }, 5).await;
    let family_name = "exAMPle h".to_owned();
    compare(&registry, v1::FindSpecialistsRequest { family_name, ..Default::default() }, 5).await;
    compare(&registry, v1::ListEmploymentsRequest { provider_id: west.clone(), ..Default::default() }, 6).await;
    compare(&registry, v1::ListFactsRequest { subject, ..Default::default() }, 6).await;
    compare(&registry, v1::ListFactsRequest { subject: Some(Subject::ProviderId(west)), ..Default::default() }, 2)
        .await;
    compare(&registry, v1::ListProvidersRequest::default(), 2).await;
    compare(&registry, v1::ListChangesRequest::default(), 20).await;
    server.stop().await;
}

#[tokio::test]
async fn a_token_is_valid_for_one_question_of_one_client_also_after_a_restart() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    town(&registry).await;
    let list = v1::ListCredentialsRequest { as_of: Some(date(EFFECTIVE_FROM)), ..Default::default() };
    let first = registry.ask(list.page(2, "")).await;
    let token = first.next_page_token.clone();
    let second = registry.ask(list.page(2, &token)).await;

    let malformed = (Code::InvalidArgument, "INVALID_ARGUMENT".to_owned());
    let other_client = registry.calling_as("auditor").call(list.page(2, &token)).await.unwrap_err();
    assert_eq!(other_client.code_and_reason(), malformed, "another client");
    let other_question = v1::ListCredentialsRequest { as_of: None, ..list.page(2, &token) };
    assert_eq!(registry.call(other_question).await.unwrap_err().code_and_reason(), malformed, "another question");
    let other_method = v1::ListProvidersRequest { page_token: token.clone(), ..Default::default() };
    assert_eq!(registry.call(other_method).await.unwrap_err().code_and_reason(), malformed, "another method");
    // For both methods this is the question without any fields, and positions in both lists have the same form.
    let of_all = registry.ask(v1::ListCredentialsRequest::default().page(2, "")).await.next_page_token;
    let same_question = v1::ListChangesRequest { page_token: of_all, ..Default::default() };
    assert_eq!(
        registry.call(same_question).await.unwrap_err().code_and_reason(),
        malformed,
        "another method, asked the same"
    );
    for at in 0..token.len() {
        let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
        let mut forged = token.clone();
        forged.replace_range(at..=at, other);
        let refusal = registry.call(list.page(2, &forged)).await.unwrap_err();
        assert_eq!(refusal.code_and_reason(), malformed, "{at}: {forged}");
    }

    assert_eq!(
        registry.ask(list.page(1, &token)).await.credentials,
        second.credentials[..1],
        "in pages of another size"
    );
    registry.report(register_provider("Example North")).await;
    let server = server.restart(TODAY).await;
    assert_eq!(server.client().ask(list.page(2, &token)).await, second, "after a restart");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_valid_in_a_restored_registry_up_to_the_cut() {
    let scratch = tempfile::tempdir().unwrap();
    let [data, target, cut, whole] = ["data", "backup", "cut", "whole"].map(|name| scratch.path().join(name));
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let (process, registry) = Process::start(&data, TODAY);
    town(&registry).await;
    let list = v1::ListCredentialsRequest::default();
    let token = registry.ask(list.page(2, "")).await.next_page_token;
    let second = registry.ask(list.page(2, &token)).await;
    process.stop();
    json_of(&["backup", &path(&target), "--data-dir", &path(&data)]);
    json_of(&["restore", &path(&target), "--data-dir", &path(&whole)]);
    json_of(&["restore", &path(&target), "--data-dir", &path(&cut), "--to-revision", "10"]);

    let (process, registry) = Process::start(&whole, TODAY);
    assert_eq!(registry.ask(list.page(2, &token)).await, second);
    process.stop();
    let (process, registry) = Process::start(&cut, TODAY);
    let refusal = registry.call(list.page(2, &token)).await.unwrap_err();
    assert_eq!(refusal.code_and_reason(), (Code::FailedPrecondition, "HISTORY_CHANGED".to_owned()));
    process.stop();
}

/// The number of index entries that one page of each list scans, with this many people.
async fn examined(specialists: u32) -> Vec<(&'static str, usize)> {
    const SIZE: usize = 20;
    let data = tempfile::tempdir().unwrap();
    let options = Options {
        data_dir: data.path().to_owned(),
        specialists,
        providers: 40,
        seed: 7,
        begins_on: "2025-01-06".parse().unwrap(),
        through: TODAY.parse().unwrap(),
    };
    generate(&options, &mut |_| {}, &mut |_| Ok(())).unwrap();
    let opened = library::open(data.path(), TODAY, StoreOptions::default());
    let snapshot = opened.registry.pin_head();
    let today = snapshot.today.unwrap();
    let first = || Window { after: None, size: SIZE };
    let providers =
        snapshot.providers_matching(&ProviderFilter::default(), Window { after: None, size: SIZE }).unwrap();
    let all = snapshot.credentials(&CredentialFilter::default(), today, first()).unwrap();
    assert_eq!((all.entries.len(), providers.entries.len()), (SIZE, SIZE));
    // A page in the middle of the list costs no more than the first one.
    let middle = Window { after: all.next, size: SIZE };
    let next = snapshot.credentials(&CredentialFilter::default(), today, middle).unwrap();
    let person = all.entries[3].1.specialist;
    let of_one = CredentialFilter { specialist: Some(person), ..CredentialFilter::default() };
    let of_one = snapshot.credentials(&of_one, today, first()).unwrap();
    let job = &all.entries[3].1.jobs[0].0;
    let staff = EmploymentFilter { provider: Some(job.clone()), ..EmploymentFilter::default() };
    let staff = snapshot.employments(&staff, Window { after: None, size: 2 }).unwrap();
    let name = FoldedName { given: String::new(), family: "ma".to_owned() };
    let by_name = PeopleFilter { name, birth_date: None, prior_number: None };
    let named = snapshot.people(&by_name, Window { after: None, size: 2 }).unwrap();
    let next_named = snapshot.people(&by_name, Window { after: named.next, size: 2 }).unwrap();
    let birth_date = named.entries[0].1.person.birth_date;
    let nameless = FoldedName { given: String::new(), family: String::new() };
    let born = PeopleFilter { name: nameless, birth_date, prior_number: None };
    let born = snapshot.people(&born, Window { after: None, size: 2 }).unwrap();
    assert_eq!((named.entries.len(), next_named.entries.len()), (2, 2));
    assert_eq!(of_one.entries.len(), 1);
    // All facts of a person are read, so they count.
    assert!(of_one.examined > 3 && staff.examined > 3, "{} {}", of_one.examined, staff.examined);
    let counts = vec![
        ("credentials", all.examined),
        ("next credentials", next.examined),
        ("credentials of one", of_one.examined),
        ("staff", staff.examined),
        ("people by name", named.examined),
        ("next people by name", next_named.examined),
        ("people by birth date", born.examined),
        ("providers", providers.examined),
    ];
    drop(snapshot);
    library::close(opened).await;
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_a_long_list_scans_no_more_entries_than_one_of_a_short_list() {
    for (few, many) in examined(150).await.into_iter().zip(examined(1500).await) {
        // The number of facts per person varies slightly.
        assert!(few.1 <= 60 && many.1 <= 60, "{few:?}, {many:?} of {MAX_EXAMINED}");
    }
}
