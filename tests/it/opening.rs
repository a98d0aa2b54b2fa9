//! The time until the program serves, and its memory use.
//!
//! `CPSS_SPECIALISTS=1000000 cargo test --profile bench --test it opening -- --nocapture` prints the figures for a
//! million people with twelve facts each.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use cpss_registry::domain::day::{Day, Period};
use cpss_registry::domain::fact::*;
use cpss_registry::domain::id::{CredentialNumber, EmploymentId, ProviderId, Revision, SpecialistId};
use cpss_registry::domain::name::PersonName;
use cpss_registry::domain::record::{Change, Coverage, Foreseen, Record, RequestKey};
use cpss_registry::domain::standing::Standing;
use cpss_registry::proto::v1::Verdict;
use cpss_registry::store::index::View as _;
use cpss_registry::store::random::mixed;
use cpss_registry::store::{Store, StoreOptions};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::harness::{Client, Process, TODAY, library};

/// The number of records committed at once.
const BATCH: usize = 4096;

/// The number of records by which a kill during writes can leave the index behind.
const BEHIND: u64 = 20_000;

fn people() -> u64 {
    std::env::var("CPSS_SPECIALISTS").map_or(300, |text| text.parse().unwrap())
}

fn number_of(person: u64) -> CredentialNumber {
    CredentialNumber::from_number(mixed(person + 1))
}

/// Writes records to the log only, as if they had been committed and the index were lost.
struct Scribe {
    store: Store,
    head: Revision,
    at: Timestamp,
    batch: Vec<Record>,
}

impl Scribe {
    fn open(data: &Path) -> Scribe {
        let store = library::open_store(data, &StoreOptions::default());
        let head = store.head();
        let at = store.index().recorded_at(head).unwrap().unwrap();
        Scribe { store, head, at, batch: Vec::new() }
    }

    fn say(&mut self, facts: Vec<Fact>, changes: Vec<Change>) {
        self.head = self.head.next();
        self.at += SignedDuration::from_micros(1);
        let request_id = Uuid::from_u64_pair(mixed(self.head.0), mixed(!self.head.0));
        self.batch.push(Record {
            revision: self.head,
            recorded_at: self.at,
            reporter: Reporter { client: "spiffe://example.test/desk".to_owned(), role: Role::RegistrarAndCertifier },
            request: Some(RequestKey { method: "/registry.Test/Report".to_owned(), request_id, digest: [7; 32] }),
            note: String::new(),
            facts,
            changes,
            foreseen: Foreseen::default(),
            specialist_count: 1,
        });
        if self.batch.len() == BATCH {
            self.commit();
        }
    }

    fn commit(&mut self) {
        self.store.commit(&self.batch).unwrap();
        self.batch.clear();
    }

    fn provider(&mut self, id: &ProviderId) {
        let row = ProviderRow {
            legal_name: format!("Example Center {id}"),
            facility_type: FacilityType::CommunityMentalHealthCenter,
            county: "Hinds".to_owned(),
            identifiers: Vec::new(),
        };
        let kind = ProviderPeriodKind::Qualified(QualificationBasis::DmhCertified);
        let days = Period::from_inclusive(day("2020-01-01"), None);
        let qualified = ProviderFact::PeriodOpened { kind, days, valid_through: None };
        for fact in [ProviderFact::Registered(row), qualified] {
            self.say(vec![Fact::Provider(id.clone(), fact)], Vec::new());
        }
    }

    /// Twelve facts about a person. The last jobs are open.
    fn person(&mut self, person: u64, providers: &[ProviderId]) {
        let (id, number) = (SpecialistId::from_number(mixed(person + 1_000_000_007)), number_of(person));
        let family = format!("Example{:06}", mixed(person) % 200_000);
        let name = |given: &str| PersonName { given: given.to_owned(), family: family.clone(), suffix: String::new() };
        let hired = day("2021-03-01").plus(i32::try_from(mixed(person) % 700).unwrap());
        let term = Period::from_inclusive(hired.plus(90), Some(day("2027-09-30")));
        let issuance = Issuance {
            number,
            term,
            designations: Vec::new(),
            rule_set: "cpssp-2025".to_owned(),
            basis: IssuanceBasis::Transferred,
            findings: Vec::new(),
            decision_note: String::new(),
        };
        let birth_date = day("1984-02-29").plus(-i32::try_from(mixed(person) % 9000).unwrap());
        let mut facts = vec![SpecialistFact::Registered { name: name("Evangeline"), birth_date }];
        for spell in 0..4_u64 {
            let provider = providers[usize::try_from(mixed(person * 4 + spell)).unwrap() % providers.len()].clone();
            let employment = EmploymentId::from_number(mixed(person * 4 + spell + 77));
            let first = hired.plus(400 * i32::try_from(spell).unwrap());
            let days = Period::from_inclusive(first, None);
            let position = "Peer support specialist".to_owned();
            facts.push(SpecialistFact::EmploymentStarted { employment, provider, position, supervised: true, days });
            if spell == 0 {
                facts.push(SpecialistFact::CredentialIssued(issuance.clone()));
            }
            if spell < 3 {
                let last_day = first.plus(399);
                let reason = EmploymentEndReason::Resigned;
                facts.push(SpecialistFact::EmploymentEnded { employment, last_day, reason });
            }
        }
        let grant = CredentialPeriodKind::Designation(Designation::AdultAndRecovery);
        facts.push(SpecialistFact::PeriodOpened { number, kind: grant, days: term });
        let leave = Period::from_inclusive(hired.plus(900), Some(hired.plus(920)));
        facts.push(SpecialistFact::PeriodOpened { number, kind: CredentialPeriodKind::Inactive, days: leave });
        facts.push(SpecialistFact::NameChanged { name: name("Evangeline Rose") });
        assert_eq!(facts.len(), 12);
        for fact in facts {
            let changes = changes_of(number, &fact);
            self.say(vec![Fact::Specialist(id, fact)], changes);
        }
    }
}

fn changes_of(number: CredentialNumber, fact: &SpecialistFact) -> Vec<Change> {
    match fact {
        SpecialistFact::CredentialIssued(issuance) => {
            let (from, to) = (Standing::NotIssued, Standing::Current);
            vec![Change::Standing { number, days: issuance.term, from, to, reason: None }]
        }
        SpecialistFact::EmploymentStarted { provider, days, .. } => {
            vec![Change::Coverage { number, provider: provider.clone(), days: *days, coverage: Coverage::Covered }]
        }
        _ => Vec::new(),
    }
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// A data directory with a log of this many people, and no index.
fn write_log(data: &Path, people: u64) {
    let opened = library::open(data, TODAY, StoreOptions::default());
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(library::close(opened));

    let mut scribe = Scribe::open(data);
    let providers = providers(people);
    providers.iter().for_each(|id| scribe.provider(id));
    (0..people).for_each(|person| scribe.person(person, &providers));
    scribe.commit();
    scribe.store.close().unwrap();
    fs::remove_dir_all(data.join("index")).unwrap();
}

fn providers(people: u64) -> Vec<ProviderId> {
    (0..(people / 100).clamp(3, 10_000)).map(ProviderId::from_number).collect()
}

/// Writes more people to the log, so that the index is behind as after a kill.
fn leave_the_index_behind(data: &Path, people: u64) {
    let mut scribe = Scribe::open(data);
    (people..people + BEHIND / 12).for_each(|person| scribe.person(person, &providers(people)));
    scribe.commit();
}

fn kibibytes(path: &Path) -> u64 {
    if path.is_dir() {
        fs::read_dir(path).unwrap().map(|entry| kibibytes(&entry.unwrap().path())).sum()
    } else {
        fs::metadata(path).unwrap().len() >> 10
    }
}

/// Starts the program and prints the time. Asks a question before and after the warm-up.
async fn opened(data: &Path, how: &str, people: u64) -> Process {
    let begun = Instant::now();
    let process = Process::spawn(data, TODAY);
    let address = process.listening_within(Duration::from_secs(1800));
    let (served, resident) = (begun.elapsed(), process.resident_bytes() >> 20);
    let client = Client::connect(address);
    let asked = Instant::now();
    let last = number_of(people - 1).to_string();
    let answer = client.verify(&last, None, None).await;
    assert_eq!(answer.verdict(), Verdict::Confirmed, "{how}");
    let first_answer = asked.elapsed();
    process.wait_for_log_within("timeline cache is warm", Duration::from_secs(600));
    let read_in = begun.elapsed();
    assert_eq!(client.verify(&last, None, None).await.verdict(), Verdict::Confirmed, "{how}, read in");
    let nobody = CredentialNumber::from_number(mixed(people + 1)).to_string();
    assert_ne!(client.verify(&nobody, None, None).await.verdict(), Verdict::Confirmed, "{how}");
    println!(
        "opening {how}: serves after {served:.2?} with {resident} MiB; first answer {first_answer:.2?}; \
         all read in after {read_in:.2?}, then {} MiB",
        process.resident_bytes() >> 20
    );
    process
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_serves_before_everything_is_in_memory() {
    let people = people();
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let begun = Instant::now();
    tokio::task::block_in_place(|| write_log(data, people));
    println!("opening: {people} people; the log is {} KiB, in {:.2?}", kibibytes(&data.join("log")), begun.elapsed());

    let process = opened(data, "from nothing", people).await;
    process.stop();
    println!("opening: the index is {} KiB", kibibytes(&data.join("index")));
    let process = opened(data, "after a clean close", people).await;
    process.kill();
    let process = opened(data, "after a kill", people).await;
    process.kill();
    tokio::task::block_in_place(|| leave_the_index_behind(data, people));
    let people = people + BEHIND / 12;
    opened(data, "after a kill or a power cut amid writing", people).await.stop();
}
