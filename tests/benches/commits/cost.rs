//! What a command costs the writer and the index in a registry with many people: the first change of a random person,
//! and changes of a person with a long history. Also how long other callers wait while such a history is imported.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command as Process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cpss_registry::domain::command::{Command, TransferCredential, Who};
use cpss_registry::domain::day::Period;
use cpss_registry::domain::fact::Designation;
use cpss_registry::domain::id::{CredentialNumber, SpecialistId};
use cpss_registry::domain::name::PersonName;
use cpss_registry::registry::{Options, Resource};
use cpss_registry::store::StoreOptions;

use super::made::{THROUGH, made};
use super::measured::Run;
use super::registry::{Caller, Subject};
use super::threads::{Cpu, until_idle};

/// The callers who change people as fast as they can.
const CALLERS: usize = 64;

/// The callers who change people now and then, and their pause.
const OTHERS: usize = 4;
const PAUSE: Duration = Duration::from_millis(4);

/// The days from the beginning of one job to that of the next.
const DAYS: i32 = 2;

/// True as long as a measurement lasts.
type Lasts = Arc<dyn Fn() -> bool + Send + Sync>;

/// A registry with many people, in random order.
struct Crowd {
    caller: Arc<Caller>,
    people: Arc<[SpecialistId]>,
    next: AtomicUsize,
}

/// Measures everything, and prints a line for each measurement.
pub async fn run(scratch: &Path, specialists: u64, facts: usize, rounds: u64, duration: Duration) {
    let made = made(specialists).unwrap();
    let listed = fs::read_to_string(made.numbers).unwrap();
    let numbers: Vec<_> = listed.lines().filter_map(|line| line.split(',').next()?.parse().ok()).collect();
    let data = scratch.join("people");
    assert!(Process::new("cp").arg("-a").args([&made.data, &data]).status().unwrap().success());
    let subject = Subject::begin(Options {
        data_dir: data,
        registry: None,
        rules_dir: None,
        today: Some(THROUGH.parse().unwrap()),
        open_days_through: None,
        begins_shared_log: false,
        adopts_semantics: false,
        store: StoreOptions::default(),
    })
    .await;
    tokio::task::spawn_blocking(|| until_idle("timelines")).await.unwrap();
    let crowd = Arc::new(Crowd::new(Arc::clone(subject.caller()), &numbers).await);
    println!("{:<44} {:>9} {:>10} {:>10} {:>10}", "", "commands", "writer us", "index us", "p99 us");
    crowd.clone().change(CALLERS, Duration::ZERO, lasting(duration)).await;
    for _ in 0..rounds {
        let title = format!("first change of a person, {CALLERS} callers");
        measured(&title, crowd.clone().change(CALLERS, Duration::ZERO, lasting(duration))).await;
        let title = format!("the same, {OTHERS} callers who pause");
        measured(&title, crowd.clone().change(OTHERS, PAUSE, lasting(duration * 4))).await;
        crowd.clone().beside_import(facts).await;
    }
    drop(crowd);
    subject.close().await;
}

fn lasting(duration: Duration) -> Lasts {
    let began = Instant::now();
    Arc::new(move || began.elapsed() < duration)
}

async fn measured(title: &str, commands: impl Future<Output = Run>) {
    let before = Cpu::now();
    let run = commands.await;
    tokio::task::spawn_blocking(|| until_idle("index")).await.unwrap();
    line(title, &run, Some(Cpu::now().since(before, run.latencies.len())));
}

fn line(title: &str, run: &Run, cost: Option<(f64, f64)>) {
    let (commands, p99) = (run.latencies.len(), run.latency(990));
    let cost = cost.map_or_else(String::new, |(writer, index)| format!("{writer:.1} {index:>10.1}"));
    println!("{title:<44} {commands:>9} {cost:>21} {p99:>10.0}");
}

impl Crowd {
    async fn new(caller: Arc<Caller>, numbers: &[CredentialNumber]) -> Crowd {
        let snapshot = caller.registries[0].pin_head();
        let mut people = Vec::with_capacity(numbers.len());
        for number in numbers {
            people.extend(snapshot.timeline(*number).await.unwrap().map(|timeline| timeline.specialist));
        }
        fastrand::Rng::with_seed(1).shuffle(&mut people);
        people.dedup();
        Crowd { caller, people: people.into(), next: AtomicUsize::new(0) }
    }

    /// The name of the next person changes.
    async fn change_next(&self) {
        let specialist = self.people[self.next.fetch_add(1, Ordering::Relaxed) % self.people.len()];
        let name = PersonName { given: "Evangeline".to_owned(), family: "Example".to_owned(), suffix: String::new() };
        self.caller.receipt(0, Command::ChangeSpecialistName { specialist, name }).await;
    }

    /// Has callers change people, each as soon as it is answered and has paused.
    async fn change(self: Arc<Self>, callers: usize, pause: Duration, lasts: Lasts) -> Run {
        let began = Instant::now();
        let tasks = (0..callers).map(|_| {
            let (crowd, lasts) = (Arc::clone(&self), Arc::clone(&lasts));
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while lasts() {
                    let asked = Instant::now();
                    crowd.change_next().await;
                    latencies.push(asked.elapsed());
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                }
                latencies
            })
        });
        Run::gather(began, tasks.collect()).await
    }

    /// Has others change people while the jobs of one person are imported, and measures the last tenth of the import.
    async fn beside_import(self: Arc<Self>, facts: usize) {
        let specialist = self.register().await;
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let others = tokio::spawn(self.clone().change(OTHERS, PAUSE, Arc::new(move || !seen.load(Ordering::Relaxed))));
        self.import(specialist, 0..facts / 10 * 9).await;
        let before = Cpu::now();
        let imported = self.import(specialist, facts / 10 * 9..facts).await;
        let cost = Cpu::now().since(before, imported.latencies.len());
        is_over.store(true, Ordering::Relaxed);
        line(&format!("import of a person, the last of {facts} facts"), &imported, Some(cost));
        line("those who pause beside that import", &others.await.unwrap(), None);
    }

    /// Registers a person with a credential.
    async fn register(&self) -> SpecialistId {
        let Caller { today, .. } = *self.caller;
        let name = PersonName { given: "Evangeline".to_owned(), family: "Stone".to_owned(), suffix: String::new() };
        let register = Command::RegisterSpecialist { name, birth_date: today.plus(-25_000) };
        let Resource::Specialist(known) = self.caller.receipt(0, register).await.resource else {
            panic!("a person without an id")
        };
        let term = Period::from_inclusive(today.plus(-300), Some(today.plus(430)));
        let (designations, prior_numbers) = (vec![Designation::AdultAndRecovery], Vec::new());
        let credential = TransferCredential { specialist: known.id, term, designations, rule_set: None, prior_numbers };
        self.caller.receipt(0, Command::TransferCredential(credential)).await;
        known.id
    }

    /// Hands in some jobs of a person, as an import does: each without waiting for the one before.
    async fn import(&self, specialist: SpecialistId, jobs: Range<usize>) -> Run {
        let began = Instant::now();
        let mut waiting = Vec::new();
        for job in jobs {
            let first = self.caller.today.plus(i32::try_from(job).unwrap() * DAYS - 15_000);
            let command = Command::StartEmployment {
                who: Who::Specialist(specialist),
                birth_date: None,
                provider: self.caller.provider.clone(),
                position: "Peer support specialist".to_owned(),
                supervised: true,
                days: Period::from_inclusive(first, Some(first)),
            };
            let registry = &self.caller.registries[0];
            let slot = registry.queue_slot().await;
            let asked = Instant::now();
            let handed = registry.hand_in(self.caller.submission(command), slot).await.unwrap();
            waiting.push(tokio::spawn(async move {
                handed.await.unwrap();
                vec![asked.elapsed()]
            }));
        }
        Run::gather(began, waiting).await
    }
}
