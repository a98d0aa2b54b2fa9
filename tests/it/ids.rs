//! New ids are unique within one command and against everything on record, whatever the random generator returns.

use std::collections::BTreeSet;

use cpss_registry::domain::command::{Command, Who};
use cpss_registry::domain::day::Period;
use cpss_registry::domain::fact::{FacilityType, ProviderRow, Reporter, Role};
use cpss_registry::domain::id::{FactId, ProviderId, SpecialistId};
use cpss_registry::domain::name::PersonName;
use cpss_registry::registry::{Content, Numbers, Receipt, Registry, Resource, Submission};
use cpss_registry::store::StoreOptions;
use uuid::Uuid;

use super::harness::{TODAY, library};

/// A seed whose first and twentieth numbers are the same id.
const REPEATS_ITSELF: u64 = 0x3ea2_2dbc_fed0_783b;
const JOBS: usize = 20;

async fn submit(registry: &Registry, command: Command, numbers: Numbers) -> Receipt {
    let submission = Submission {
        reporter: Reporter { client: "desk".to_owned(), role: Role::RegistrarAndCertifier },
        method: "test",
        request_id: Uuid::new_v4(),
        content: Content::default(),
        validate_only: false,
        note: String::new(),
        command,
        numbers,
    };
    registry.submit(submission).await.unwrap()
}

fn register_provider(name: &str) -> Command {
    let row = ProviderRow {
        legal_name: name.to_owned(),
        facility_type: FacilityType::Outpatient,
        county: "Hinds".to_owned(),
        identifiers: Vec::new(),
    };
    Command::RegisterProvider { id: None, row }
}

fn register_specialist() -> Command {
    let name = PersonName { given: "Example".to_owned(), family: "Person".to_owned(), suffix: String::new() };
    Command::RegisterSpecialist { name, birth_date: "1990-01-01".parse().unwrap() }
}

fn provider_of(receipt: &Receipt) -> ProviderId {
    let Resource::Provider(file) = &receipt.resource else { panic!("{:?}", receipt.resource) };
    file.id.clone()
}

fn person_of(receipt: &Receipt) -> SpecialistId {
    let Resource::Specialist(person) = &receipt.resource else { panic!("{:?}", receipt.resource) };
    person.id
}

fn jobs_of(receipt: &Receipt) -> Vec<String> {
    let Resource::Employments(jobs) = &receipt.resource else { panic!("{:?}", receipt.resource) };
    jobs.iter().map(|reported| reported.job.employment.to_string()).collect()
}

fn start(who: SpecialistId, provider: &ProviderId) -> Command {
    Command::StartEmployment {
        who: Who::Specialist(who),
        birth_date: None,
        provider: provider.clone(),
        position: "Example position".to_owned(),
        supervised: true,
        days: Period::from_inclusive("2025-01-01".parse().unwrap(), None),
    }
}

#[tokio::test]
async fn a_transfer_gives_each_job_a_unique_id_even_if_random_numbers_repeat() {
    let mut numbers = Numbers::From(REPEATS_ITSELF);
    let drawn: BTreeSet<u64> = (0..JOBS).map(|_| numbers.draw() & 0xff_ffff_ffff).collect();
    assert_eq!(drawn.len(), JOBS - 1, "the seed gives one id twice");

    let data = tempfile::tempdir().unwrap();
    let opened = library::open(data.path(), TODAY, StoreOptions::default());
    let registry = &opened.registry;
    let from = provider_of(&submit(registry, register_provider("Example West"), Numbers::Random).await);
    let to = provider_of(&submit(registry, register_provider("Example East"), Numbers::Random).await);
    for _ in 0..JOBS {
        let person = person_of(&submit(registry, register_specialist(), Numbers::Random).await);
        submit(registry, start(person, &from), Numbers::Random).await;
    }
    let transfer = Command::TransferEmployments { from, to, last_day: "2026-02-27".parse().unwrap() };
    let jobs = jobs_of(&submit(registry, transfer, Numbers::From(REPEATS_ITSELF)).await);
    assert_eq!((jobs.len(), jobs.iter().collect::<BTreeSet<_>>().len()), (JOBS, JOBS));
    library::close(opened).await;
}

#[tokio::test]
async fn an_id_on_record_is_not_reused_even_after_a_retraction() {
    const SEED: u64 = 7;
    let data = tempfile::tempdir().unwrap();
    let opened = library::open(data.path(), TODAY, StoreOptions::default());
    let registry = &opened.registry;
    let numbers = Numbers::From(SEED);
    let (mut providers, mut people, mut jobs) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for _ in 0..3 {
        let provider = submit(registry, register_provider("Example North"), numbers).await;
        let person = submit(registry, register_specialist(), numbers).await;
        let job = submit(registry, start(person_of(&person), &provider_of(&provider)), numbers).await;
        providers.insert(provider_of(&provider));
        people.insert(person_of(&person));
        jobs.extend(jobs_of(&job));
        for receipt in [job, person, provider] {
            let fact = FactId { revision: receipt.revision, index: 0 };
            submit(registry, Command::RetractFact { fact, reason: "Example".to_owned() }, numbers).await;
        }
    }
    assert_eq!((providers.len(), people.len(), jobs.len()), (3, 3, 3));
    library::close(opened).await;
}
