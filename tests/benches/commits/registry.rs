//! The registry's writer in this process: people are registered, start jobs and end them. Each report is durable before
//! the response.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cpss_registry::domain::command::{Command, WhichJob, Who};
use cpss_registry::domain::day::{Day, Period};
use cpss_registry::domain::fact::{
    EmploymentEndReason, FacilityType, ProviderPeriodKind, ProviderRow, QualificationBasis, Reporter, Role,
};
use cpss_registry::domain::id::{EmploymentId, ProviderId, Revision, SpecialistId};
use cpss_registry::domain::name::PersonName;
use cpss_registry::registry::{
    Content, Numbers, Opened, Options, Receipt, Registry, Resource, Submission, SubmitError, WriterFailed,
};
use cpss_registry::store::{OpenMode, Store, StoreOptions};
use uuid::Uuid;

use super::measured::Run;

/// A registry, or several that share a log.
pub struct Subject {
    reporter: Arc<Caller>,
    writers: Vec<JoinHandle<Result<Store, WriterFailed>>>,
}

pub struct Caller {
    pub registries: Vec<Registry>,
    pub provider: ProviderId,
    pub today: Day,
    requests: AtomicU64,
}

impl Subject {
    /// A new registry in a directory.
    pub async fn open(directory: &Path) -> Subject {
        let store = StoreOptions { mode: OpenMode::New("bench"), ..StoreOptions::default() };
        Subject::begin(Options {
            data_dir: directory.to_owned(),
            registry: None,
            rules_dir: None,
            today: None,
            open_days_through: None,
            begins_shared_log: false,
            adopts_semantics: false,
            store,
        })
        .await
    }

    /// A registry, with one more provider.
    pub async fn begin(options: Options) -> Subject {
        let (registry, writer) = open(options).await;
        let (registries, writers) = (vec![registry], vec![writer]);
        let today = registries[0].head().today;
        let provider: ProviderId = "example-center".parse().unwrap();
        let caller = Caller { registries, provider: provider.clone(), today, requests: AtomicU64::new(0) };
        let row = ProviderRow {
            legal_name: "Example Center".to_owned(),
            facility_type: FacilityType::CommunityMentalHealthCenter,
            county: "Hinds".to_owned(),
            identifiers: Vec::new(),
        };
        caller.submit(0, Command::RegisterProvider { id: Some(provider.clone()), row }).await;
        let kind = ProviderPeriodKind::Qualified(QualificationBasis::DmhCertified);
        let days = Period::from_inclusive(today.plus(-365), None);
        caller.submit(0, Command::OpenProviderPeriod { provider, kind, days, valid_through: None }).await;
        Subject { reporter: Arc::new(caller), writers }
    }

    /// Opens another registry on the same log.
    pub async fn add(&mut self, options: Options) {
        let (registry, writer) = open(options).await;
        Arc::get_mut(&mut self.reporter).unwrap().registries.push(registry);
        self.writers.push(writer);
    }

    pub fn caller(&self) -> &Arc<Caller> {
        &self.reporter
    }

    /// Has some writers report, each to a registry of its own, or, if there are fewer than registries, to each in turn.
    pub async fn run(&self, writers: usize, duration: Duration) -> Run {
        let began = Instant::now();
        let tasks = (0..writers)
            .map(|writer| {
                let reporter = Arc::clone(&self.reporter);
                let moves = usize::from(writers < reporter.registries.len());
                tokio::spawn(async move { reporter.report_for(began, duration, writer, moves).await })
            })
            .collect();
        Run::gather(began, tasks).await
    }

    pub async fn close(self) {
        for registry in &self.reporter.registries {
            registry.close().await;
        }
        drop(self.reporter);
        for writer in self.writers {
            drop(tokio::task::spawn_blocking(|| writer.join().unwrap().unwrap()).await.unwrap());
        }
    }
}

async fn open(options: Options) -> (Registry, JoinHandle<Result<Store, WriterFailed>>) {
    let opened = tokio::task::spawn_blocking(|| Registry::open(options, &mut |_| {}));
    let Opened { registry, writer } = opened.await.unwrap().unwrap();
    let following = registry.clone();
    tokio::spawn(async move { following.keep_following().await });
    (registry, writer)
}

impl Caller {
    /// Reports something to a registry, and repeats it while the registry is busy.
    async fn submit(&self, at: usize, command: Command) -> Resource {
        self.receipt(at, command).await.resource
    }

    pub async fn receipt(&self, at: usize, command: Command) -> Receipt {
        let submission = self.submission(command);
        loop {
            match self.registries[at % self.registries.len()].submit(submission.clone()).await {
                Err(SubmitError::Busy) => {}
                submitted => return submitted.unwrap(),
            }
        }
    }

    /// A request that was never made.
    pub fn submission(&self, command: Command) -> Submission {
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        Submission {
            reporter: Reporter { client: "bench".to_owned(), role: Role::RegistrarAndCertifier },
            method: "/bench",
            request_id: Uuid::from_u128(u128::from(request)),
            content: Content::new(vec![7; 100], vec![7; 100]),
            validate_only: false,
            note: String::new(),
            command,
            numbers: Numbers::Random,
        }
    }

    async fn report_for(&self, began: Instant, duration: Duration, at: usize, moves: usize) -> Vec<Duration> {
        let mut latencies = Vec::new();
        let (mut asked, mut at) = (Instant::now(), at);
        let mut answered = |latencies: &mut Vec<Duration>, at: &mut usize| {
            latencies.push(asked.elapsed());
            asked = Instant::now();
            *at += moves;
        };
        while began.elapsed() < duration {
            let Some(specialist) = self.register(at).await else { panic!("a person without an id") };
            answered(&mut latencies, &mut at);
            let Some(employment) = self.start(at, specialist).await else { panic!("a job without an id") };
            answered(&mut latencies, &mut at);
            self.end(at, employment).await;
            answered(&mut latencies, &mut at);
        }
        latencies
    }

    /// Registers a person at a registry. Returns the revision.
    pub async fn record(&self, at: usize) -> Revision {
        self.receipt(at, self.person()).await.revision
    }

    fn person(&self) -> Command {
        let name = PersonName { given: "Evangeline".to_owned(), family: "Example".to_owned(), suffix: String::new() };
        Command::RegisterSpecialist { name, birth_date: self.today.plus(-12_000) }
    }

    async fn register(&self, at: usize) -> Option<SpecialistId> {
        match self.submit(at, self.person()).await {
            Resource::Specialist(known) => Some(known.id),
            _ => None,
        }
    }

    async fn start(&self, at: usize, specialist: SpecialistId) -> Option<EmploymentId> {
        let command = Command::StartEmployment {
            who: Who::Specialist(specialist),
            birth_date: None,
            provider: self.provider.clone(),
            position: "Peer support specialist".to_owned(),
            supervised: true,
            days: Period::from_inclusive(self.today.plus(-30), None),
        };
        match self.submit(at, command).await {
            Resource::Employments(jobs) => jobs.first().map(|reported| reported.job.employment),
            _ => None,
        }
    }

    async fn end(&self, at: usize, employment: EmploymentId) {
        let (job, last_day) = (WhichJob::Employment(employment), self.today);
        self.submit(at, Command::EndEmployment { job, last_day, reason: EmploymentEndReason::Resigned }).await;
    }
}
