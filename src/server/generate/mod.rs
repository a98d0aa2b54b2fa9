//! Generates a registry of any size with fictional people, whose histories are reported as agencies would report them.
//!
//! The commands are submitted to the writer one by one, over years of system time. The result is deterministic, down to
//! the bytes of the log, for the same options and the same version of the program: names, ids, dates, instants, the
//! epoch, and the key of the request digests all derive from the seed. Commands that the registry rejects are skipped
//! and counted.

mod invented;
mod people;
mod plan;
mod providers;
mod rng;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use self::people::Person;
use self::providers::{Employers, Report};
use self::rng::Rng;
use crate::domain::command::Command;
use crate::domain::day::{Day, Period};
use crate::domain::fact::{Reporter, Role};
use crate::domain::id::{CredentialNumber, NotAnId, ProviderId, Revision};
use crate::domain::record::Coverage;
use crate::domain::rule_sets::RuleSet;
use crate::domain::standing::Standing;
use crate::registry::clock::{Clock, NoTimeZone};
use crate::registry::{Content, LoadBatch, LoadError, LoadOptions, Loader, Numbers, Receipt, Submission, SubmitError};
use crate::store::index::IndexOptions;
use crate::store::progress::{OnStep, Step, Unit};
use crate::store::{Salts, StoreOptions};

/// The number of records per durable batch.
const BATCH: usize = 4096;

/// How many index entries are collected before they are written to sled: those of about 350,000 records. The index may
/// lag far behind the log, because nothing depends on a fast restart after a kill. A shorter history never reaches sled
/// during generation.
const MAX_ENTRIES_IN_MEMORY: usize = 4 * 1024 * 1024;

/// The options of a generated registry.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data directory. It must be empty or not exist.
    pub data_dir: PathBuf,
    /// The number of people.
    pub specialists: u32,
    /// The number of providers.
    pub providers: u32,
    /// The seed of the random numbers.
    pub seed: u64,
    /// The first day of the registry.
    pub begins_on: Day,
    /// The last day that is opened.
    pub through: Day,
}

/// A summary of a generated registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The id of the registry.
    pub registry: Uuid,
    /// The number of records.
    pub records: u64,
    /// The number of facts.
    pub facts: u64,
    /// The number of people.
    pub specialists: u64,
    /// The number of credentials issued or imported.
    pub credentials: u64,
    /// The number of commands that the registry rejected.
    pub refused: u64,
}

/// A credential, with a question that is answered CONFIRMED.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Its number.
    pub number: CredentialNumber,
    /// A provider, and the last day on which the credential is CONFIRMED for it. None if there is no such day.
    pub confirmed: Option<(ProviderId, Day)>,
}

/// A registry could not be generated.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The registry accepts no more commands.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The registry could not decide whether to accept a command.
    #[error("cannot process a command")]
    NotJudged(#[source] SubmitError),
    /// The id of a provider is malformed.
    #[error("a provider has a malformed id")]
    BadId(#[from] NotAnId),
    /// The clock cannot determine civil days.
    #[error(transparent)]
    Clock(#[from] NoTimeZone),
    /// The list of credentials cannot be written.
    #[error("cannot write the list of credentials")]
    List(#[from] io::Error),
}

/// Generates a registry. Calls `on_step` with the progress, and `list` with each credential at the end.
pub fn generate(
    options: &Options,
    on_step: &mut OnStep<'_>,
    list: &mut dyn FnMut(Credential) -> io::Result<()>,
) -> Result<Summary, GenerateError> {
    let mut rng = Rng::of(options.seed, REGISTRY, 0);
    let mut key = [0; 32];
    key.chunks_mut(8).for_each(|part| part.copy_from_slice(&rng.draw().to_le_bytes()));
    let registry = uuid::Builder::from_random_bytes(u128::from(rng.draw()).to_le_bytes()).into_uuid();
    let mut run = Run {
        clock: Clock::new(None)?,
        begins_on: options.begins_on,
        reporting: (options.begins_on, 0),
        seed: options.seed,
        summary: Summary { registry, records: 0, facts: 0, specialists: 0, credentials: 0, refused: 0 },
        step: 0,
        rng: Rng::of(options.seed, REGISTRY, 1),
        numbers: Vec::new(),
    };
    let mut loader = Loader::begin(LoadOptions {
        data_dir: options.data_dir.clone(),
        store: StoreOptions {
            index: IndexOptions {
                cache_bytes: 1024 * 1024 * 1024,
                take_together: MAX_ENTRIES_IN_MEMORY,
                ..IndexOptions::default()
            },
            new_request_key: Some(key),
            salts: Salts::Seeded(key),
            ..StoreOptions::default()
        },
        begins_at: run.clock.day_ends_at(options.begins_on.previous()),
        epoch: registry,
    })?;
    let rules = Arc::clone(loader.head().rule_sets.in_force_on(options.begins_on));
    let mut population = Population::new(options, &rules);
    let mut more = true;
    while more {
        more = loader.batch(|batch| population.record(&mut Recorder { batch, run: &mut run }))?;
        let (day, _) = run.reporting;
        let days = |through: Day| u64::try_from(through.number() - options.begins_on.number()).unwrap_or(0);
        let (done, total) = (days(day), days(options.through));
        on_step(Step { doing: "recording the history", unit: Unit::Days, done, total });
    }
    loader.batch(|batch| {
        Recorder { batch, run: &mut run }.begin_day(options.through)?;
        run.numbers.iter().try_for_each(|number| {
            list(Credential { number: *number, confirmed: confirmed(batch, *number) }).map_err(GenerateError::from)
        })
    })?;
    let Revision(records) = loader.head().revision;
    loader.close()?;
    Ok(Summary { records, credentials: run.numbers.len() as u64, ..run.summary })
}

/// Returns a provider and the last day, up to today, on which a credential is confirmed for it.
fn confirmed(batch: &LoadBatch<'_, '_>, number: CredentialNumber) -> Option<(ProviderId, Day)> {
    let timeline = batch.timeline(number).ok().flatten()?;
    let today = batch.today();
    let confirmed = timeline.days.iter().filter(|(days, on)| {
        days.start <= today && on.standing == Standing::Current && on.coverage == Coverage::Covered
    });
    let day = confirmed.last()?.0.end.previous().min(today);
    let covers = |(provider, days): &&(ProviderId, Period)| {
        days.includes(day)
            && batch.provider(provider).is_some_and(|file| {
                let on = file.timeline.days.at(day);
                on.qualifies && on.current && !on.suspended
            })
    };
    timeline.jobs.iter().find(covers).map(|(provider, _)| (provider.clone(), day))
}

/// The subject of the next report.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Actor {
    Provider(u32),
    Person(u32),
}

/// All providers and people, and when the next report about each is due.
struct Population<'a> {
    options: &'a Options,
    rules: &'a RuleSet,
    employers: Employers,
    providers: Vec<(Rng, std::vec::IntoIter<(Day, Report)>)>,
    /// The people whose career has begun and continues.
    people: HashMap<u32, Person>,
    due: BinaryHeap<Reverse<(Day, Actor)>>,
}

/// The kinds of random number streams.
const REGISTRY: u64 = 0;
const PERSON: u64 = 1;
const PROVIDER: u64 = 2;

impl<'a> Population<'a> {
    fn new(options: &'a Options, rules: &'a RuleSet) -> Population<'a> {
        let employers = Employers::new(options.providers as usize, options.specialists as usize);
        let providers = (0..options.providers).map(|provider| {
            let mut rng = Rng::of(options.seed, PROVIDER, u64::from(provider));
            let reports = providers::plan(provider, &mut rng, options.begins_on, options.through);
            (rng, reports.into_iter())
        });
        let providers: Vec<_> = providers.collect();
        let mut population =
            Population { options, rules, employers, providers, people: HashMap::new(), due: BinaryHeap::new() };
        population
            .due
            .extend((0..options.providers).map(|provider| Reverse((options.begins_on, Actor::Provider(provider)))));
        for person in 0..options.specialists {
            let (_, hired, imported_on) = population.beginning(person);
            population.due.push(Reverse((imported_on.unwrap_or(hired), Actor::Person(person))));
        }
        population
    }

    /// The start of a career. Careers that are older than the registry are imported in its first weeks.
    fn beginning(&self, person: u32) -> (Rng, Day, Option<Day>) {
        let Options { seed, begins_on, through, .. } = *self.options;
        let mut rng = Rng::of(seed, PERSON, u64::from(person));
        if rng.percent(15) {
            let hired = rng.after(begins_on, -3000, -300);
            return (rng, hired, Some(rng.after(begins_on, 1, 30).min(through)));
        }
        let hired = rng.after(begins_on, 2, (through.number() - begins_on.number() - 30).max(2));
        (rng, hired.min(through), None)
    }

    /// Records one batch of reports. Returns false if there are no more.
    fn record(&mut self, recorder: &mut Recorder<'_, '_, '_>) -> Result<bool, GenerateError> {
        while recorder.batch.records() < BATCH {
            let Some(Reverse((day, actor))) = self.due.pop() else { return Ok(false) };
            recorder.begin_day(day)?;
            let next = match actor {
                Actor::Provider(provider) => self.record_provider(provider, recorder)?,
                Actor::Person(person) => self.record_person(person, recorder)?,
            };
            self.due.extend(next.map(|day| Reverse((day, actor))));
        }
        Ok(true)
    }

    fn record_provider(
        &mut self,
        provider: u32,
        recorder: &mut Recorder<'_, '_, '_>,
    ) -> Result<Option<Day>, GenerateError> {
        let Some((rng, reports)) = self.providers.get_mut(provider as usize) else { return Ok(None) };
        if let Some((_, report)) = reports.next() {
            providers::record(recorder, provider, rng, report)?;
        }
        Ok(reports.as_slice().first().map(|(day, _)| *day))
    }

    fn record_person(
        &mut self,
        number: u32,
        recorder: &mut Recorder<'_, '_, '_>,
    ) -> Result<Option<Day>, GenerateError> {
        let mut person = match self.people.remove(&number) {
            Some(person) => person,
            None => {
                let (rng, hired, imported_on) = self.beginning(number);
                Person::new(rng, &self.employers, self.rules, hired, imported_on, self.options.through)
            }
        };
        person.report_next(recorder)?;
        let due = person.due();
        if due.is_some() {
            self.people.insert(number, person);
        }
        Ok(due)
    }
}

/// The state that is kept across batches.
struct Run {
    clock: Clock,
    begins_on: Day,
    /// The day being recorded, and the number of reports on it so far.
    reporting: (Day, i64),
    seed: u64,
    summary: Summary,
    step: u64,
    rng: Rng,
    numbers: Vec<CredentialNumber>,
}

/// A batch, with the state of the run.
struct Recorder<'t, 'w, 's> {
    batch: &'t mut LoadBatch<'w, 's>,
    run: &'t mut Run,
}

impl Recorder<'_, '_, '_> {
    fn today(&self) -> Day {
        self.batch.today()
    }

    fn begins_on(&self) -> Day {
        self.run.begins_on
    }

    fn issued(&mut self, number: CredentialNumber) {
        self.run.numbers.push(number);
    }

    fn as_registrar(&mut self, command: Command) -> Result<Option<Receipt>, GenerateError> {
        self.record("dmh-registrar".to_owned(), Role::Registrar, command)
    }

    fn as_certifier(&mut self, command: Command) -> Result<Option<Receipt>, GenerateError> {
        self.record("dmh-certifier".to_owned(), Role::Certifier, command)
    }

    fn as_provider(&mut self, provider: u32, command: Command) -> Result<Option<Receipt>, GenerateError> {
        let id = providers::id(provider)?;
        self.record(format!("hr-{id}"), Role::Provider(id), command)
    }

    /// Opens all days through this one.
    fn begin_day(&mut self, day: Day) -> Result<(), GenerateError> {
        if self.run.reporting.0 < day {
            self.run.reporting = (day, 0);
        }
        self.batch.at(self.now()).map_err(GenerateError::NotJudged)
    }

    /// Reports arrive from eight in the morning, four per second, for ten hours.
    fn now(&self) -> Timestamp {
        let (day, reports) = self.run.reporting;
        let midnight = self.run.clock.day_ends_at(day.previous());
        let since = SignedDuration::from_hours(8) + SignedDuration::from_millis((reports * 250).min(36_000_000));
        midnight.saturating_add(since).unwrap_or(midnight)
    }

    /// Submits a command. Returns None if the registry rejects it.
    fn record(&mut self, client: String, role: Role, command: Command) -> Result<Option<Receipt>, GenerateError> {
        self.run.reporting.1 += 1;
        self.run.step += 1;
        self.batch.at(self.now()).map_err(GenerateError::NotJudged)?;
        let is_registration = matches!(command, Command::RegisterSpecialist { .. });
        let submission = Submission {
            reporter: Reporter { client, role },
            method: "generate",
            request_id: Uuid::from_u64_pair(self.run.seed, self.run.step),
            content: Content::default(),
            validate_only: false,
            note: String::new(),
            command,
            numbers: Numbers::From(self.run.rng.draw()),
        };
        match self.batch.submit(&submission) {
            Ok(receipt) => {
                self.run.summary.facts += receipt.fact_ids.len() as u64;
                self.run.summary.specialists += u64::from(is_registration);
                Ok(Some(receipt))
            }
            Err(SubmitError::Rejected(rejection)) => {
                tracing::debug!(event = "generate_refused", ?rejection, "rejected");
                self.run.summary.refused += 1;
                Ok(None)
            }
            Err(error) => Err(GenerateError::NotJudged(error)),
        }
    }
}
