//! Due dates: opening a day by the entries that are due gives the same changes as evaluating everyone.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use cpss_registry::domain::day::{Day, Period};
use cpss_registry::domain::diff::PublishedState;
use cpss_registry::domain::fact::{Fact, ProviderFact, ProviderPeriodKind, RegistryFact};
use cpss_registry::domain::id::{CredentialNumber, Revision};
use cpss_registry::domain::record::{Change, Record};
use cpss_registry::domain::standing::Standing;
use cpss_registry::domain::timeline::Employers;
use cpss_registry::proto::v1;
use cpss_registry::registry::snapshot::{KnownAt, Snapshot};
use cpss_registry::registry::{Opened, SubmitError};
use cpss_registry::server::generate;
use cpss_registry::store::index::IndexOptions;
use cpss_registry::store::index::View as _;
use cpss_registry::store::{Store, StoreOptions, record};
use tempfile::TempDir;

use super::harness::library::{self, close, inactive};
use super::harness::requests::{date, end_job, end_period, qualify, retract, start_job, suspend, suspend_provider};
use super::harness::scenes::{Credentialed, Qualified};
use super::harness::{Client, TODAY, TestServer, copy_of};
use super::histories::Random;

const FIRST_DAY: &str = "2026-12-20";

fn open_store(data: &Path) -> Store {
    library::open_store(data, &in_bases())
}

/// Options with which closing the store writes the whole index into base files.
fn in_bases() -> StoreOptions {
    let index = IndexOptions { leave_in_sled: 0, ..IndexOptions::default() };
    StoreOptions { index, ..StoreOptions::default() }
}

fn open(data: &Path) -> Opened {
    open_on(data, FIRST_DAY)
}

fn open_on(data: &Path, today: &str) -> Opened {
    library::open(data, today, in_bases())
}

fn records(data: &Path) -> Vec<Record> {
    let store = open_store(data);
    let stored = store.log_reader().read(Revision(1), Revision::LATEST).map(Result::unwrap);
    let records = stored.map(|(revision, bytes)| record::decode(revision, &bytes).unwrap()).collect();
    store.close().unwrap();
    records
}

/// The changes on a day, computed from all credentials and providers.
fn by_evaluating_everything(known: &Snapshot, day: Day) -> Vec<Change> {
    let mut published = PublishedState::default();
    for timeline in library::all_credentials(known, day) {
        let employer = |id: &str| known.provider(id).map(|file| (file.id.clone(), Arc::clone(&file.timeline)));
        let employers: Employers = timeline.jobs.iter().filter_map(|(id, _)| employer(id.as_str())).collect();
        published.add_credential(&timeline, &employers);
    }
    for file in known.providers() {
        published.add_provider(&file.id, &file.state, &file.timeline);
    }
    published.on_opening(day)
}

/// The opened days with their numbers of changes, and the days whose published changes were wrong.
async fn openings(data: &Path) -> (Vec<(Day, usize)>, Vec<Day>) {
    let records = records(data);
    let days = records.iter().filter_map(|record| match record.facts.last() {
        Some(Fact::Registry(RegistryFact::DayOpened { date })) if record.revision > Revision(1) => {
            Some((record, *date))
        }
        _ => None,
    });
    let opened = open(data);
    let (mut by_day, mut otherwise) = (Vec::new(), Vec::new());
    for (record, day) in days {
        let before = record.revision.previous();
        let known = opened.registry.pin(KnownAt::Revision(None, before)).await.unwrap();
        by_day.push((day, record.changes.len()));
        if by_evaluating_everything(&known, day) != record.changes {
            otherwise.push(day);
        }
    }
    close(opened).await;
    (by_day, otherwise)
}

/// A registry with random events, mostly for other days than today.
struct Story {
    random: Random,
    today: jiff::civil::Date,
    providers: Vec<Qualified>,
    people: Vec<Credentialed>,
    facts: Vec<String>,
}

impl Story {
    async fn begin(registry: &Client, seed: u64) -> Story {
        let (mut providers, mut people) = (Vec::new(), Vec::new());
        for name in ["Skuna Example Center", "Bogue Example Center", "Tallahala Example Center"] {
            providers.push(registry.qualified_provider(name).await);
        }
        for (at, family) in ["North", "East", "South", "West", "Middle"].iter().enumerate() {
            let employers = [&providers[at % 3], &providers[(at + 1) % 3]];
            people.push(registry.credentialed("Example", family, &employers[..1 + at % 2]).await);
        }
        let today = FIRST_DAY.parse().unwrap();
        Story { random: Random::new(seed), today, providers, people, facts: Vec::new() }
    }

    fn day(&mut self) -> String {
        let days = self.random.between(-20, 60);
        (self.today + jiff::Span::new().days(days)).to_string()
    }

    /// Sends a random report; it may be refused.
    async fn step(&mut self, registry: &Client) {
        let person = self.random.index(self.people.len());
        let provider = self.providers[self.random.index(self.providers.len())].provider_id.clone();
        let (first, last) = (self.day(), self.day());
        let (first, last) = if first <= last { (first, last) } else { (last, first) };
        let said = match self.random.between(0, 6) {
            0 => {
                let job = self.people[person].jobs.last().unwrap();
                registry.call(end_job(job, &last)).await.map(|said| said.fact_id)
            }
            1 => match registry.call(start_job(&self.people[person].specialist_id, &provider, &first)).await {
                Ok(said) => {
                    self.people[person].jobs.push(said.employment.unwrap().employment_id);
                    Ok(said.fact_id)
                }
                Err(refused) => Err(refused),
            },
            2 => registry.call(suspend_provider(&provider, &first, Some(&last))).await.map(|said| said.fact_id),
            3 => {
                registry.call(suspend(&self.people[person].number, &first, Some(&last))).await.map(|said| said.fact_id)
            }
            4 => {
                let through =
                    v1::RecordQualificationRequest { valid_through: Some(date(&last)), ..qualify(&provider, &first) };
                registry.call(through).await.map(|said| said.fact_id)
            }
            5 => {
                let fact = self.providers[self.random.index(3)].qualification.clone();
                registry.call(end_period(&fact, &last, "It ends")).await.map(|said| said.fact_id)
            }
            _ => match self.facts.pop() {
                Some(fact) => registry.call(retract(&fact, "A mistake")).await.map(|_| fact),
                None => Ok(String::new()),
            },
        };
        self.facts.extend(said.ok().filter(|fact| !fact.is_empty()));
    }

    /// The next day, or one some weeks later.
    fn pass(&mut self) -> String {
        let days = if self.random.chance(70) { self.random.between(0, 2) } else { self.random.between(3, 40) };
        self.today += jiff::Span::new().days(days);
        self.today.to_string()
    }
}

async fn history(seed: u64, steps: usize) -> TempDir {
    let mut server = TestServer::start(FIRST_DAY).await;
    let mut story = Story::begin(&server.client(), seed).await;
    for step in 0..steps {
        let today = story.pass();
        if step % 16 == 15 {
            // The server is stopped for a while, and every other time the index is lost.
            let data = server.stop().await;
            if step % 32 == 31 {
                fs::remove_dir_all(data.path().join("index")).unwrap();
            }
            server = TestServer::start_on(data, &today).await;
        }
        let registry = server.client().on_day(&today);
        story.step(&registry).await;
    }
    server.stop().await
}

/// Includes the end of a year. Leap days and clock changes are tested in `calendar`.
#[tokio::test]
async fn a_day_opened_by_due_dates_has_the_same_changes_as_a_full_evaluation() {
    let seeds: u64 = std::env::var("CPSS_DUE_DATES").map_or(3, |text| text.parse().unwrap());
    for seed in 0..seeds {
        let data = history(seed, 64).await;
        let (by_day, otherwise) = openings(data.path()).await;
        assert!(otherwise.is_empty(), "seed {seed}: {otherwise:?} have other changes");
        assert!(by_day.windows(2).all(|days| days[0].0.next() == days[1].0), "seed {seed}: each day, in order");
        assert!(by_day.iter().filter(|(_, changes)| *changes > 0).count() > 5, "seed {seed}: hardly anything happened");
    }
}

/// One person whose only employer will be suspended for three days.
async fn a_suspension_to_come() -> (TempDir, Qualified) {
    let server = TestServer::start(FIRST_DAY).await;
    let registry = server.client();
    let employer = registry.qualified_provider("Skuna Example Center").await;
    registry.credentialed("Example", "North", &[&employer]).await;
    registry.report(suspend_provider(&employer.provider_id, "2027-01-01", Some("2027-01-03"))).await;
    (server.stop().await, employer)
}

async fn open_days_through(data: TempDir, today: &str) -> TempDir {
    let server = TestServer::start_on(data, today).await;
    server.client().head().await;
    server.stop().await
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

#[tokio::test]
async fn an_entry_without_its_due_date_is_missed() {
    let (data, _) = a_suspension_to_come().await;
    let store = open_store(data.path());
    let due = store.index().due(Day::BEGINNING, day("2027-01-01")).unwrap();
    assert_eq!(due.len(), 1, "{due:?}");
    let mut pending = store.index().pending().unwrap();
    pending.schedule(&due[0], None).unwrap();
    store.index().fold(pending).unwrap();
    store.close().unwrap();
    let data = open_days_through(data, "2027-01-05").await;
    let (_, otherwise) = openings(data.path()).await;
    assert_eq!(otherwise, [day("2027-01-01"), day("2027-01-04")]);
}

#[tokio::test]
async fn due_dates_catch_up_with_the_index() {
    let (data, employer) = a_suspension_to_come().await;
    let last = records(data.path()).pop().unwrap();
    // The state after a kill between the log and the index: of a record, and of a day.
    let days = Period::from_inclusive(day("2026-12-24"), Some(day("2026-12-26")));
    let suspended = ProviderFact::PeriodOpened { kind: ProviderPeriodKind::Suspended, days, valid_through: None };
    let suspended = Fact::Provider(employer.provider_id.parse().unwrap(), suspended);
    let opened = Fact::Registry(RegistryFact::DayOpened { date: day(FIRST_DAY).next() });
    let mut store = open_store(data.path());
    let after = |revision: Revision, fact| {
        let recorded_at = last.recorded_at + jiff::SignedDuration::from_millis(1);
        Record { revision, recorded_at, facts: vec![fact], request: None, changes: Vec::new(), ..last.clone() }
    };
    let second = last.revision.next().next();
    store.commit(&[after(last.revision.next(), suspended), after(second, opened)]).unwrap();
    store.close().unwrap();
    let data = open_days_through(data, "2027-01-05").await;
    let (by_day, otherwise) = openings(data.path()).await;
    assert!(otherwise.is_empty(), "{otherwise:?}");
    let changed: Vec<_> = by_day.into_iter().filter(|(_, changes)| *changes > 0).map(|(day, _)| day).collect();
    assert_eq!(changed, ["2026-12-24", "2026-12-27", "2027-01-01", "2027-01-04"].map(day));
    let store = open_store(data.path());
    let mut people = 0;
    let count = &mut |_, _| {
        people += 1;
        ControlFlow::Continue(())
    };
    store.index().every_specialist(count).unwrap();
    assert_eq!(people, 1);
}

/// A registry of many people after half a year, the file with its whole index, and a credential in use.
async fn many_people(today: &str) -> (TempDir, Vec<u8>, CredentialNumber) {
    let data = tempfile::tempdir().unwrap();
    let people = generate::Options {
        data_dir: data.path().to_owned(),
        specialists: 1200,
        providers: 5,
        seed: 7,
        begins_on: day(today).plus(-188),
        through: day(today),
    };
    let mut in_use = None;
    let list = &mut |credential: generate::Credential| {
        in_use = in_use.or(credential.confirmed.filter(|(_, on)| *on == day(today)).map(|_| credential.number));
        Ok(())
    };
    generate::generate(&people, &mut |_| {}, list).unwrap();
    close(open_on(data.path(), today)).await;
    let base = fs::read(data.path().join("index/0.base")).unwrap();
    (data, base, in_use.unwrap())
}

/// Ends a registry whose index has failed, and opens it again.
fn again(opened: Opened, open: impl FnOnce() -> Opened) -> Opened {
    let Opened { registry, writer, .. } = opened;
    drop(registry);
    drop(writer.join().unwrap());
    open()
}

/// Copies of the index, each with one damaged block of due dates.
fn with_a_wrong_block(base: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (2..14).map(|block| {
        let mut read = base.to_vec();
        read[block * 8192] ^= 0x20;
        read
    })
}

#[tokio::test]
async fn a_day_delayed_by_the_disk_has_the_same_changes_when_it_opens() {
    let (began, base, _) = many_people(FIRST_DAY).await;
    let mut expected = None;
    let mut refused = 0;
    // First without damage.
    for read in std::iter::once(base.clone()).chain(with_a_wrong_block(&base)) {
        let data = copy_of(began.path());
        let opened = open(data.path());
        let index = data.path().join("index/0.base");
        fs::write(&index, &read).unwrap();
        let is_refused = opened.registry.open_days(day("2027-03-01")).await.is_err();
        fs::write(&index, &base).unwrap();
        // An index failure ends the process.
        let opened = if is_refused { again(opened, || open(data.path())) } else { opened };
        refused += usize::from(is_refused);
        opened.registry.open_days(day("2027-03-01")).await.unwrap();
        close(opened).await;
        let by_day = records(data.path()).into_iter().map(|record| (record.revision, record.facts, record.changes));
        let by_day: Vec<_> = by_day.collect();
        assert!(*expected.get_or_insert_with(|| by_day.clone()) == by_day, "after {refused} were refused");
    }
    assert!(refused > 1, "{refused}");
}

#[tokio::test]
async fn a_command_that_the_disk_refused_has_no_effect() {
    let (began, base, number) = many_people(TODAY).await;
    let week = |from: Day| Period { start: from, end: from.plus(7) };
    let (first, second) = (week(day(TODAY).plus(1)), week(day(TODAY).plus(30)));
    let mut refused = 0;
    for read in with_a_wrong_block(&base) {
        let data = copy_of(began.path());
        let opened = open_on(data.path(), TODAY);
        let index = data.path().join("index/0.base");
        fs::write(&index, &read).unwrap();
        let given = opened.registry.submit(inactive(number, first)).await;
        fs::write(&index, &base).unwrap();
        let opened = if given.is_err() { again(opened, || open_on(data.path(), TODAY)) } else { opened };
        opened.registry.submit(inactive(number, second)).await.unwrap();
        let timeline = opened.registry.pin_head().timeline(number).await.unwrap().unwrap();
        let is_inactive = |days: Period| timeline.days.at(days.start).standing == Standing::Inactive;
        assert_eq!((is_inactive(first), is_inactive(second)), (given.is_ok(), true), "{given:?}");
        if let Err(error) = given {
            assert!(matches!(error, SubmitError::Read(_)), "{error:?}");
            refused += 1;
        }
        close(opened).await;
    }
    assert!(refused > 0);
}
