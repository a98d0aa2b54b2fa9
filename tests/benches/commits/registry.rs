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
use cpss_registry::domain::id::{EmploymentId, ProviderId, SpecialistId};
use cpss_registry::domain::name::PersonName;
use cpss_registry::registry::{Content, Numbers, Opened, Options, Registry, Resource, Submission, WriterFailed};
use cpss_registry::store::{OpenMode, Store, StoreOptions};
use uuid::Uuid;

use super::measured::Run;

pub struct Subject {
    reporter: Arc<Caller>,
    writer: JoinHandle<Result<Store, WriterFailed>>,
}

struct Caller {
    registry: Registry,
    provider: ProviderId,
    today: Day,
    requests: AtomicU64,
}

impl Subject {
    pub async fn open(directory: &Path) -> Subject {
        let options = Options {
            data_dir: directory.to_owned(),
            registry: None,
            rules_dir: None,
            today: None,
            open_days_through: None,
            begins_shared_log: false,
            adopts_semantics: false,
            store: StoreOptions { mode: OpenMode::New("bench"), ..StoreOptions::default() },
        };
        let Opened { registry, writer, .. } = Registry::open(options, &mut |_| {}).unwrap();
        let today = registry.head().today;
        let provider: ProviderId = "example-center".parse().unwrap();
        let caller = Caller { registry, provider: provider.clone(), today, requests: AtomicU64::new(0) };
        let row = ProviderRow {
            legal_name: "Example Center".to_owned(),
            facility_type: FacilityType::CommunityMentalHealthCenter,
            county: "Hinds".to_owned(),
            identifiers: Vec::new(),
        };
        caller.submit(Command::RegisterProvider { id: Some(provider.clone()), row }).await;
        let kind = ProviderPeriodKind::Qualified(QualificationBasis::DmhCertified);
        let days = Period::from_inclusive(today.plus(-365), None);
        caller.submit(Command::OpenProviderPeriod { provider, kind, days, valid_through: None }).await;
        Subject { reporter: Arc::new(caller), writer }
    }

    pub async fn run(&self, writers: usize, duration: Duration) -> Run {
        let began = Instant::now();
        let tasks: Vec<_> = (0..writers)
            .map(|_| {
                let reporter = Arc::clone(&self.reporter);
                tokio::spawn(async move { reporter.report_for(began, duration).await })
            })
            .collect();
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await.unwrap());
        }
        Run { latencies, elapsed: began.elapsed() }
    }

    pub async fn close(self) {
        self.reporter.registry.close().await;
        drop(self.reporter);
        drop(self.writer.join().unwrap().unwrap());
    }
}

impl Caller {
    async fn submit(&self, command: Command) -> Resource {
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        let submission = Submission {
            reporter: Reporter { client: "bench".to_owned(), role: Role::RegistrarAndCertifier },
            method: "/bench",
            request_id: Uuid::from_u128(u128::from(request)),
            content: Content::new(vec![7; 100], vec![7; 100]),
            validate_only: false,
            note: String::new(),
            command,
            numbers: Numbers::Random,
        };
        self.registry.submit(submission).await.unwrap().resource
    }

    async fn report_for(&self, began: Instant, duration: Duration) -> Vec<Duration> {
        let mut latencies = Vec::new();
        let mut asked = Instant::now();
        let mut answered = |latencies: &mut Vec<Duration>| {
            latencies.push(asked.elapsed());
            asked = Instant::now();
        };
        while began.elapsed() < duration {
            let Some(specialist) = self.register().await else { panic!("a person without an id") };
            answered(&mut latencies);
            let Some(employment) = self.start(specialist).await else { panic!("a job without an id") };
            answered(&mut latencies);
            self.end(employment).await;
            answered(&mut latencies);
        }
        latencies
    }

    async fn register(&self) -> Option<SpecialistId> {
        let name = PersonName { given: "Evangeline".to_owned(), family: "Example".to_owned(), suffix: String::new() };
        let birth_date = self.today.plus(-12_000);
        match self.submit(Command::RegisterSpecialist { name, birth_date }).await {
            Resource::Specialist(known) => Some(known.id),
            _ => None,
        }
    }

    async fn start(&self, specialist: SpecialistId) -> Option<EmploymentId> {
        let command = Command::StartEmployment {
            who: Who::Specialist(specialist),
            birth_date: None,
            provider: self.provider.clone(),
            position: "Peer support specialist".to_owned(),
            supervised: true,
            days: Period::from_inclusive(self.today.plus(-30), None),
        };
        match self.submit(command).await {
            Resource::Employments(jobs) => jobs.first().map(|reported| reported.job.employment),
            _ => None,
        }
    }

    async fn end(&self, employment: EmploymentId) {
        let (job, last_day) = (WhichJob::Employment(employment), self.today);
        self.submit(Command::EndEmployment { job, last_day, reason: EmploymentEndReason::Resigned }).await;
    }
}
