//! FindSpecialists, the possible duplicates of a registration, and likely duplicates in the review list, compared with
//! a search through everyone that follows the specification step by step.

mod limits;

use std::collections::BTreeMap;

use cpss_registry::proto::google::r#type::Date;
use cpss_registry::proto::v1;
use tonic::Code;

use super::harness::requests::{
    change_name, date, issue, known_at, name, register_specialist, retract, set_prior_number, start_job,
};
use super::harness::scenes::{EFFECTIVE_FROM, HIRED};
use super::harness::{Client, Refusal as _, TODAY, TestServer};
use super::histories::Random;
use super::model::names::{folded, folded_family};

const GIVEN: &[&str] = &["Ana", "ÁNA", "Anaïs", "Björn", "", "O'Neal", "王", "An-Na"];
const FAMILY: &[&str] = &[
    "Example",
    "EXAMPLE Jr.",
    "Exámple-Hart",
    "Exa",
    "Ex",
    "Łukasz Example",
    "Ølson",
    "Olson III",
    "王",
    "O\u{2019}Exa",
];
const BORN: &[&str] = &["1984-02-29", "1984-03-01", "1931-12-31"];

/// A person as reported: every name with the fact that reported it, and the facts that are retracted.
#[derive(Clone, Debug)]
struct Person {
    id: String,
    born: &'static str,
    /// The first one is that of the registration.
    names: Vec<(v1::PersonName, String)>,
    retracted: Vec<String>,
    /// The number of credentials.
    credentials: usize,
}

impl Person {
    /// The names in force, in order; empty if the registration is retracted.
    fn held(&self) -> Vec<&v1::PersonName> {
        let is_on_file = !self.retracted.contains(&self.names[0].1);
        let held = self.names.iter().filter(|(_, fact)| is_on_file && !self.retracted.contains(fact));
        held.map(|(name, _)| name).collect()
    }
}

/// A name in the form in which names are compared: family name first, as people are listed.
fn compared(name: &v1::PersonName) -> (String, String) {
    (folded_family(&name.family_name), folded(&name.given_name))
}

/// Everyone who matches, in the order of the list.
fn found(everyone: &[Person], asked: &v1::FindSpecialistsRequest) -> Vec<String> {
    let (family, given) = (folded_family(&asked.family_name), folded(&asked.given_name));
    let mut listed: Vec<_> = everyone
        .iter()
        .filter(|person| asked.birth_date.is_none_or(|born| born == date(person.born)))
        .filter_map(|person| {
            let names = person.held().into_iter().map(compared);
            let first = names.filter(|(of, other)| of.starts_with(&family) && other.starts_with(&given)).min()?;
            let order = if asked.birth_date.is_some() { <(String, String)>::default() } else { first };
            Some((order, person.id.clone()))
        })
        .collect();
    listed.sort();
    listed.into_iter().map(|(_, id)| id).collect()
}

/// The people who may be the person with a name, in the order of ids.
fn duplicates(everyone: &[Person], name: &v1::PersonName, born: &str) -> Vec<String> {
    let bears = |person: &Person| person.held().into_iter().any(|held| compared(held) == compared(name));
    let same = everyone.iter().filter(|person| person.born == born && bears(person));
    let mut ids: Vec<_> = same.map(|person| person.id.clone()).collect();
    ids.sort();
    ids.truncate(10);
    ids
}

fn ids(people: &[v1::FoundSpecialist]) -> Vec<String> {
    people.iter().map(|person| person.specialist_id.clone()).collect()
}

/// Registers a person, and checks the possible duplicates.
async fn registered(registry: &Client, random: &mut Random, everyone: &[Person]) -> Person {
    let born = *random.pick(BORN);
    let request = v1::RegisterSpecialistRequest {
        birth_date: Some(date(born)),
        ..register_specialist(random.pick::<&str>(GIVEN), random.pick::<&str>(FAMILY))
    };
    let name = request.name.clone().unwrap();
    let tried = registry.validate(request.clone()).await.possible_duplicates;
    let answer = registry.report(request.clone()).await;
    assert_eq!(ids(&answer.possible_duplicates), duplicates(everyone, &name, born), "{name:?} {born}");
    assert_eq!(tried, answer.possible_duplicates, "a dry run returns the same");
    assert_eq!(registry.ask(request).await, answer, "a retry gets the same response");
    let id = answer.specialist.unwrap().specialist_id;
    Person { id, born, names: vec![(name, answer.fact_id)], retracted: Vec::new(), credentials: 0 }
}

async fn credentialed(registry: &Client, person: &mut Person, provider_id: &str) {
    let job = v1::ReportEmploymentStartRequest { birth_date: None, ..start_job(&person.id, provider_id, HIRED) };
    registry.report(job).await;
    registry.report(issue(&person.id, EFFECTIVE_FROM)).await;
    person.credentials += 1;
}

/// Everyone as known at some revisions.
type Earlier = BTreeMap<u64, Vec<Person>>;

/// Registers, renames, certifies and retracts at random. Returns everyone at the end, and at some revisions.
async fn town(registry: &Client, random: &mut Random) -> (Vec<Person>, Earlier) {
    let (mut everyone, mut earlier): (Vec<Person>, _) = (Vec::new(), Earlier::new());
    let provider_id = registry.qualified_provider("Example West").await.provider_id;
    for step in 0..160 {
        let chosen = random.index(everyone.len().max(1));
        let person = everyone.get_mut(chosen).filter(|person| !person.held().is_empty());
        match (random.between(0, 9), person) {
            (6..=7, Some(person)) => {
                let renamed = change_name(&person.id, random.pick::<&str>(GIVEN), random.pick::<&str>(FAMILY));
                let fact = registry.report(renamed.clone()).await.fact_id;
                person.names.push((renamed.name.unwrap(), fact));
            }
            (8, Some(person)) => {
                let fact = random.pick(&person.names).1.clone();
                // A registration that other facts refer to cannot be retracted, and nothing twice.
                if registry.call(retract(&fact, "Example")).await.is_ok() {
                    person.retracted.push(fact);
                }
            }
            (9, Some(person)) if person.credentials == 0 => credentialed(registry, person, &provider_id).await,
            _ => {
                let person = registered(registry, random, &everyone).await;
                everyone.push(person);
            }
        }
        if step % 40 == 20 {
            earlier.insert(registry.head().await, everyone.clone());
        }
    }
    (everyone, earlier)
}

fn named(family: &str, given: &str) -> v1::FindSpecialistsRequest {
    let (family_name, given_name) = (family.to_owned(), given.to_owned());
    v1::FindSpecialistsRequest { family_name, given_name, ..Default::default() }
}

fn born(born: &str, request: v1::FindSpecialistsRequest) -> v1::FindSpecialistsRequest {
    v1::FindSpecialistsRequest { birth_date: Some(date(born)), ..request }
}

/// Questions by the beginnings of every name, and by birth date.
fn questions() -> Vec<v1::FindSpecialistsRequest> {
    let mut questions = Vec::new();
    for family in FAMILY {
        for (at, letter) in family.char_indices() {
            let family = &family[..at + letter.len_utf8()];
            if folded_family(family).chars().count() > 1 {
                questions.extend(["", "a", "Ana", "ö", "王", "zz"].map(|given| named(family, given)));
            }
        }
    }
    for day in BORN {
        let names = [("", ""), ("e", ""), ("", "an"), ("Exa", "b"), ("王", "")];
        questions.extend(names.map(|(family, given)| born(day, named(family, given))));
    }
    questions
}

async fn pages(client: &Client, asked: &v1::FindSpecialistsRequest, page_size: u32) -> Vec<v1::FoundSpecialist> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = client.ask(v1::FindSpecialistsRequest { page_size, page_token, ..asked.clone() }).await;
        assert!(page.specialists.len() <= page_size as usize);
        all.extend(page.specialists);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_found_as_a_search_through_everyone_finds_them() {
    let server = TestServer::start(TODAY).await;
    let (registry, mut random) = (server.client(), Random::new(20_260_302));
    let (everyone, earlier) = town(&registry, &mut random).await;
    let auditor = registry.calling_as("auditor");
    let mut lengths = BTreeMap::<usize, usize>::new();
    for asked in questions() {
        let expected = found(&everyone, &asked);
        for size in [1, 3, 1000] {
            assert_eq!(ids(&pages(&auditor, &asked, size).await), expected, "{asked:?} in pages of {size}");
        }
        for (revision, then) in &earlier {
            let asked = v1::FindSpecialistsRequest { known_at: Some(known_at(*revision)), ..asked.clone() };
            assert_eq!(ids(&pages(&auditor, &asked, 4).await), found(then, &asked), "{asked:?}");
        }
        *lengths.entry(expected.len()).or_default() += 1;
    }
    assert!(lengths.len() > 8 && lengths.keys().max() > Some(&20), "the questions differ: {lengths:?}");

    let shown = pages(&auditor, &named("ex", ""), 1000).await;
    for shown in &shown {
        let person = everyone.iter().find(|person| person.id == shown.specialist_id).unwrap();
        let names: Vec<_> = person.held().into_iter().rev().cloned().collect();
        assert_eq!((&shown.names, shown.birth_date), (&names, Some(date(person.born))), "the current name comes first");
        assert_eq!(shown.credentials.len(), person.credentials);
        for credential in &shown.credentials {
            assert_eq!((&credential.specialist_id, credential.standing()), (&person.id, v1::Standing::Current));
        }
    }
    assert!(shown.iter().any(|person| !person.credentials.is_empty() && person.names.len() > 1));
    assert!(shown.iter().any(|person| person.credentials.is_empty()));
    server.stop().await;
}

#[tokio::test]
async fn every_pair_of_likely_duplicates_is_in_the_review_list() {
    let server = TestServer::start(TODAY).await;
    let (registry, mut random) = (server.client(), Random::new(7));
    let (everyone, _) = town(&registry, &mut random).await;
    let list = v1::ListReviewItemsRequest { page_size: 1000, ..Default::default() };
    let mut items = registry.ask(list).await.review_items;
    items.retain(|item| item.reason() == v1::ReviewReason::LikelyDuplicate && !item.retracted);
    let is_listed = |one: &str, other: &str| {
        let names = |item: &v1::ReviewEntry, id: &str| item.people.iter().any(|person| person.specialist_id == id);
        items.iter().any(|item| names(item, one) && names(item, other))
    };
    let (mut pairs, mut of_former_names) = (0, 0);
    for (at, one) in everyone.iter().enumerate() {
        for other in &everyone[..at] {
            let names = |person: &Person| person.held().into_iter().map(compared).collect::<Vec<_>>();
            let (ours, theirs) = (names(one), names(other));
            let is_duplicate = one.born == other.born && ours.iter().any(|name| theirs.contains(name));
            assert_eq!(is_listed(&one.id, &other.id), is_duplicate, "{one:?} and {other:?}");
            pairs += usize::from(is_duplicate);
            of_former_names += usize::from(is_duplicate && ours.last() != theirs.last());
        }
    }
    assert!(pairs > 10 && of_former_names > 3, "{pairs} pairs, {of_former_names} by a former name");
    server.stop().await;
}

/// The index has names that were retracted, and of long names only the beginning: both are compared in full.
#[tokio::test]
async fn a_retracted_name_and_one_that_begins_alike_make_nobody_a_duplicate() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let long = "Example".repeat(10);
    let person = registry.specialist("Odalys", &format!("{long}-Hart")).await;
    let other = registry.report(register_specialist("Odalys", &format!("{long}-Stone"))).await;
    assert_eq!(ids(&other.possible_duplicates), <[String; 0]>::default());
    let renamed = registry.report(change_name(&person, "Odalys", "Example-Marsh")).await;
    let found = async || {
        let tried = registry.validate(register_specialist("Odalys", "Example-Marsh")).await;
        ids(&tried.possible_duplicates)
    };
    assert_eq!(found().await, [person.as_str()]);
    registry.report(retract(&renamed.fact_id, "Example")).await;
    assert_eq!(found().await, <[String; 0]>::default());
    server.stop().await;
}

#[tokio::test]
async fn people_are_found_by_the_prior_numbers_of_all_their_credentials() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let provider_id = registry.qualified_provider("Example West").await.provider_id;
    let mut holders = Vec::new();
    for family in ["Example-Hart", "Example-Stone"] {
        let person = registry.specialist("Odalys", family).await;
        registry.job(&person, &provider_id, HIRED).await;
        let issued = registry.report(issue(&person, EFFECTIVE_FROM)).await;
        holders.push((person, issued.credential.unwrap().credential_number, issued.fact_id));
    }
    let set = |(_, number, _): &(String, String, String)| set_prior_number(number, "ms-0042");
    let by = |prior: &str| v1::FindSpecialistsRequest { prior_number: prior.to_owned(), ..Default::default() };
    let [first, second] = [&holders[0], &holders[1]];
    let of_first = registry.report(set(first)).await;
    for written in ["MS0042", " Ms 00\u{2013}42\r\n"] {
        assert_eq!(ids(&pages(&registry, &by(written), 1).await), [first.0.as_str()], "{written:?}");
    }
    for other in ["MSOO42", "MS0043", "42"] {
        assert_eq!(pages(&registry, &by(other), 1).await, [], "{other:?}");
    }
    let also = |family: &str| v1::FindSpecialistsRequest { family_name: family.to_owned(), ..by("MS0042") };
    assert_eq!(ids(&pages(&registry, &also("e"), 1).await), [first.0.as_str()]);
    assert_eq!(pages(&registry, &also("example s"), 1).await, []);
    assert_eq!(pages(&registry, &born("1984-03-01", by("MS0042")), 1).await, []);
    // A void credential keeps its number, which another one may get.
    registry.report(retract(&first.2, "Example")).await;
    let of_second = registry.report(set(second)).await;
    let mut both = [first.0.clone(), second.0.clone()];
    both.sort();
    assert_eq!(ids(&pages(&registry, &by("MS0042"), 1).await), both);
    registry.report(retract(&of_second.fact_id, "Example")).await;
    assert_eq!(ids(&pages(&registry, &by("MS0042"), 1).await), [first.0.as_str()]);
    let then = |revision| v1::FindSpecialistsRequest { known_at: Some(known_at(revision)), ..by("MS0042") };
    assert_eq!(ids(&pages(&registry, &then(of_second.revision), 1).await), both);
    assert_eq!(pages(&registry, &then(of_first.revision - 1), 1).await, []);
    server.stop().await;
}

#[tokio::test]
async fn a_search_needs_two_letters_of_a_family_name_a_birth_date_or_a_prior_number() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let no_day = Some(Date { year: 1984, month: 2, day: 30 });
    for (request, field) in [
        (named("", ""), "family_name"),
        (named("", "Ana"), "family_name"),
        (named("e", "Ana"), "family_name"),
        (named("e-", ""), "family_name"),
        (named("-", ""), "family_name"),
        (born("1984-02-29", named("-", "")), "family_name"),
        (named("Ex", "-"), "given_name"),
        (named("Ex", &"a".repeat(201)), "given_name"),
        (v1::FindSpecialistsRequest { prior_number: " -".to_owned(), ..named("", "") }, "prior_number"),
        (v1::FindSpecialistsRequest { prior_number: "7".repeat(33), ..named("", "") }, "prior_number"),
        (v1::FindSpecialistsRequest { birth_date: no_day, ..named("ex", "") }, "birth_date"),
    ] {
        let refused = registry.refusal(request.clone()).await;
        assert_eq!(refused.code(), Code::InvalidArgument, "{request:?}");
        assert_eq!(refused.fields(), [field], "{request:?}");
    }
    registry.ask(born("1984-02-29", named("e", ""))).await;
    registry.ask(named("e 7", "")).await;
    server.stop().await;
}

#[tokio::test]
async fn a_registration_writes_its_possible_duplicates_to_the_audit() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let west = registry.qualified_provider("Example West").await;
    let first = registry.credentialed("Odalys", "Example-Hart", &[&west]).await;
    let again = registry.report(register_specialist("ODALYS", "Example Hart")).await;
    let [duplicate] = again.possible_duplicates.as_slice() else { panic!("{again:?}") };
    assert_eq!(duplicate.specialist_id, first.specialist_id);
    assert_eq!(duplicate.names, [name("Odalys", "Example-Hart")]);
    assert_eq!(duplicate.credentials[0].credential_number, first.number);
    let audit = std::fs::read_to_string(server.data_dir().join("audit/reads.jsonl")).unwrap();
    let mut lines = audit.lines().filter(|line| line.contains("CredentialService/RegisterSpecialist"));
    assert!(lines.any(|line| line.contains(&first.number)), "{audit}");
    server.stop().await;
}
