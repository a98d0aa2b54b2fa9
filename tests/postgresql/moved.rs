//! The log of a registry moves from one machine to a database, and back to one machine, while clients write. Answers
//! stay the same to the byte, and nothing that was acknowledged is lost.
//!
//! `CPSS_MOVED_RECORDS` sets the number of records that are there before.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cpss_registry::proto::v1;
use cpss_registry::store::log::postgresql::schema;
use futures_util::{StreamExt as _, stream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::fleet::{Fleet, Replica, done, qualified_provider, records, run, said};
use crate::harness::requests::{register_specialist, verify};
use crate::harness::{Client, Process, Promised as _, until};
use crate::replicas::DAY;

/// The number of people with a credential.
const HOLDERS: u64 = 10;

/// The number of clients that write while the log moves.
const WRITERS: u64 = 4;

/// A family name by its number.
fn family_name(number: u64) -> String {
    format!("Example-Stone{number}")
}

/// Records people with a credential, and others, up to a number of records. Returns the numbers of the credentials.
async fn fill(replica: &Replica, records: u64) -> Vec<String> {
    let (registrar, certifier) = (replica.registrar(), replica.client("certifier"));
    let provider = qualified_provider(&certifier, "Example Center").await;
    let mut numbers = Vec::new();
    for holder in 0..HOLDERS {
        numbers.push(registrar.credentialed("Ada", &family_name(holder), &[&provider]).await.number);
    }
    let others = (HOLDERS..records.saturating_sub(3 * HOLDERS)).map(|other| {
        let registrar = registrar.clone();
        async move { registrar.ask(register_specialist("Ida", &family_name(other))).await }
    });
    stream::iter(others).buffer_unordered(64).for_each(|_| async {}).await;
    numbers
}

/// Questions about what was known at a revision, each with its answer as bytes.
struct Asked {
    questions: Vec<v1::VerifyCredentialRequest>,
    answers: Vec<Vec<u8>>,
}

async fn ask(client: &Client, questions: &[v1::VerifyCredentialRequest]) -> Vec<Vec<u8>> {
    let asked = questions.iter().map(|question| async { client.ask(question.clone()).await.promised_bytes() });
    stream::iter(asked).buffered(16).collect().await
}

impl Asked {
    async fn at(replica: &Replica, numbers: &[String], count: u64) -> Asked {
        let client = replica.registrar();
        let answer = client.ask(verify(&numbers[0], DAY, None)).await.verification.unwrap().answer.unwrap();
        let head = answer.known_at_revision;
        let question = |at: u64| verify(&numbers[usize::try_from(at % HOLDERS).unwrap()], DAY, 50 + at % (head - 50));
        let questions: Vec<_> = (0..count).map(question).collect();
        let answers = ask(&client, &questions).await;
        Asked { questions, answers }
    }

    async fn assert_same(&self, replica: &Replica) {
        assert!(ask(&replica.registrar(), &self.questions).await == self.answers, "an answer is another one");
    }
}

type Acknowledged = (v1::RegisterSpecialistRequest, v1::RegisterSpecialistResponse);

/// Clients that write without pause, wherever the registry is.
struct Load {
    place: watch::Sender<Option<Client>>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    writers: Vec<JoinHandle<Vec<Acknowledged>>>,
}

impl Load {
    fn on(replica: &Replica) -> Load {
        let place = watch::Sender::new(Some(replica.registrar()));
        let (stop, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let write = |writer| {
            let (place, stop, acknowledged) = (place.subscribe(), Arc::clone(&stop), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                let mut recorded = Vec::new();
                for count in (0..).map_while(|count| (!stop.load(Ordering::Relaxed)).then_some(count)) {
                    let name = family_name(1_000_000 + WRITERS * count + writer);
                    let request = register_specialist("May", &name);
                    while !stop.load(Ordering::Relaxed) {
                        let client = place.borrow().clone();
                        let call = async { client?.call(request.clone()).await.ok() };
                        if let Ok(Some(response)) = timeout(Duration::from_secs(5), call).await {
                            acknowledged.fetch_add(1, Ordering::Relaxed);
                            recorded.push((request, response));
                            break;
                        }
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
                recorded
            })
        };
        let writers = (0..WRITERS).map(write).collect();
        Load { place, stop, acknowledged, writers }
    }

    /// Goes on at a replica. Returns when a write was acknowledged there.
    async fn go_on_at(&self, replica: &Replica) {
        self.place.send_replace(Some(replica.registrar()));
        let before = self.acknowledged.load(Ordering::Relaxed);
        until("writes go on", async || self.acknowledged.load(Ordering::Relaxed) > before + WRITERS).await;
    }

    async fn end(self) -> Vec<Acknowledged> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for writer in self.writers {
            all.extend(writer.await.unwrap());
        }
        all
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// The records of a stopped registry, by the kinds of their facts.
fn kinds(data: &Path) -> Vec<Vec<String>> {
    let kinds_of = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let facts = record["facts"].as_array().unwrap().iter();
        facts.map(|fact| fact["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    records(data).lines().map(kinds_of).collect()
}

fn ends_with_a_move(data: &Path) -> bool {
    kinds(data).last().is_some_and(|facts| facts == &["LOG_MOVED"])
}

/// True as long as the log may still move to the database.
async fn is_filling(fleet: &Fleet) -> bool {
    schema::is_filling(&fleet.server.superuser().await).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_moves_to_a_database_and_back_under_load() {
    let count = number("CPSS_MOVED_RECORDS").unwrap_or(2000);
    let fleet = Fleet::without_registry().await;
    fleet.begin_on_one_machine("a");
    let a = fleet.start("a");
    let numbers = fill(&a, count).await;
    let asked = Asked::at(&a, &numbers, (count / 10).max(500)).await;
    let load = Load::on(&a);
    // The key of another registry would make repeated requests new ones.
    fs::write(fleet.file("a", "request.key"), [7; 32]).unwrap();
    fs::set_permissions(fleet.file("a", "request.key"), Permissions::from_mode(0o600)).unwrap();
    let other = fleet.prepare_move("a");
    assert!(said(&other).contains("is not the request key of the registry"), "{}", said(&other));
    fs::remove_file(fleet.file("a", "request.key")).unwrap();
    let prepared = fleet.prepare_move("a");
    assert!(prepared.status.success(), "{}", said(&prepared));
    let replica = fleet.file("a", "replica.toml");
    let command = |command: &str| run(&["log", command, "--config", &replica, "--yes"]);

    // The copy is made while the service runs, and can be made again. A move needs the service to be stopped.
    for _ in 0..2 {
        let pushed = command("push");
        assert!(pushed.status.success(), "{}", said(&pushed));
    }
    let in_use = command("move");
    assert!(!in_use.status.success() && said(&in_use).contains("in use by"), "{}", said(&in_use));
    load.go_on_at(&a).await;
    asked.assert_same(&a).await;

    let stopped = Instant::now();
    a.process.stop();
    let too_early = fleet.refused_with("a", "replica.toml");
    assert!(too_early.contains("cpss-registry log move"), "{too_early}");
    let moved = command("move");
    assert!(moved.status.success(), "{}", said(&moved));
    let a = fleet.spawn_with("a", "replica.toml");
    load.go_on_at(&a).await;
    println!("{count} records to the database: {:.1} s without writes", stopped.elapsed().as_secs_f64());
    asked.assert_same(&a).await;
    assert!(command("move").status.success(), "once more, nothing is done");

    // Others share the log, and the old configuration appends nothing.
    fleet.copy("b");
    fs::copy(&replica, fleet.config("b")).unwrap();
    let path = |name: &str| format!("{}/", fleet.directory(name).display());
    fleet.edit("b", &path("a"), &path("b"));
    let joined = fleet.join("b");
    assert!(joined.status.success(), "{}", said(&joined));
    let b = fleet.spawn("b");
    // It reads every record first.
    b.process.listening_within(Duration::from_secs(600));
    asked.assert_same(&b).await;
    load.go_on_at(&b).await;
    a.process.stop();
    let old = fleet.refused("a");
    assert!(old.contains("is a copy of a log in a database"), "{old}");

    // Back, from the replica that has a copy.
    let stopped = Instant::now();
    let pulled = command("pull");
    assert!(pulled.status.success(), "{}", said(&pulled));
    let (ended, why) = b.process.wait();
    assert!(!ended.success() && why.contains("moved to the data directory a:"), "{why}");
    let other = fleet.refused("b");
    assert!(other.contains("moved to the data directory a:"), "{other}");
    let a = fleet.spawn("a");
    load.go_on_at(&a).await;
    println!("{count} records back: {:.1} s without writes", stopped.elapsed().as_secs_f64());
    asked.assert_same(&a).await;
    assert!(command("pull").status.success(), "once more, nothing is done");

    let acknowledged = load.end().await;
    assert_recorded_once(&a, &acknowledged).await;
    a.process.stop();
    let kinds = kinds(&fleet.directory("a").join("data"));
    assert_eq!(kinds.iter().filter(|facts| facts.contains(&"LOG_MOVED".to_owned())).count(), 2);
    assert_eq!(kinds.iter().filter(|facts| facts.contains(&"EPOCH_BEGAN".to_owned())).count(), 1, "the same epoch");
    let other = fleet.refused_with("a", "replica.toml");
    assert!(other.contains("keeps a log of its own"), "{other}");
}

/// Checks that what was acknowledged is on record once: a repetition gets the same receipt.
async fn assert_recorded_once(replica: &Replica, acknowledged: &[Acknowledged]) {
    assert!(acknowledged.len() > 20, "{}", acknowledged.len());
    let mut revisions: Vec<_> = acknowledged.iter().map(|(_, response)| response.revision).collect();
    revisions.sort_unstable();
    revisions.dedup();
    assert_eq!(revisions.len(), acknowledged.len(), "each has a revision of its own");
    let registrar = replica.registrar();
    for (request, response) in acknowledged {
        assert_eq!(registrar.ask(request.clone()).await, *response);
    }
}

/// Runs a command, and kills it after a while. Returns true if it had ended before.
fn killed_after(arguments: &[&str], while_running: Duration) -> bool {
    let quiet = || Stdio::null();
    let mut child = Command::new(Process::binary()).args(arguments).stdout(quiet()).stderr(quiet()).spawn().unwrap();
    std::thread::sleep(while_running);
    let had_ended = child.try_wait().unwrap().is_some();
    drop(child.kill());
    child.wait().unwrap();
    had_ended
}

/// Kills a command later each time, until it ends. Checks something after each time.
async fn killed_at_each_step(arguments: &[&str], holds: impl AsyncFn() -> bool) -> u32 {
    for times in 0..400 {
        let had_ended = killed_after(arguments, Duration::from_millis(15) * times);
        assert!(holds().await, "after the {times}th time");
        if had_ended {
            return times;
        }
    }
    panic!("{arguments:?} does not end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_is_killed_anywhere_is_run_again() {
    let fleet = Fleet::without_registry().await;
    fleet.begin_on_one_machine("a");
    let a = fleet.start("a");
    let numbers = fill(&a, 100).await;
    let asked = Asked::at(&a, &numbers, 50).await;
    a.process.stop();
    done(&["config", "--check", "--config", &fleet.config("a")]);
    let prepared = fleet.prepare_move("a");
    assert!(prepared.status.success(), "{}", said(&prepared));
    let (replica, data) = (fleet.file("a", "replica.toml"), fleet.directory("a").join("data"));
    let command = |command| ["log", command, "--config", &replica, "--yes"];

    // The database is not opened before the log in the data directory has ended.
    let ends_first = async || is_filling(&fleet).await || ends_with_a_move(&data);
    let times = killed_at_each_step(&command("move"), ends_first).await;
    println!("to the database: killed {times} times");
    done(&command("move"));
    assert!(!is_filling(&fleet).await && data.join("COPY").exists());
    let a = fleet.spawn_with("a", "replica.toml");
    asked.assert_same(&a).await;
    a.registrar().report(register_specialist("Ada", "Example-Brook")).await;
    a.process.stop();

    // The data directory does not keep the log before the one in the database has ended.
    let ends_first = async || data.join("COPY").exists() || ends_with_a_move(&data);
    let times = killed_at_each_step(&command("pull"), ends_first).await;
    println!("back: killed {times} times");
    done(&command("pull"));
    assert!(ends_with_a_move(&data) && !data.join("COPY").exists());
    let a = fleet.spawn("a");
    asked.assert_same(&a).await;
    a.registrar().report(register_specialist("Ada", "Example-Field")).await;
    a.process.stop();
    let left = run(&command("push"));
    assert!(left.status.code() == Some(2) && said(&left).contains("keeps a log of its own"), "{}", said(&left));
    let moves = kinds(&data).iter().filter(|facts| facts.contains(&"LOG_MOVED".to_owned())).count();
    assert_eq!(moves, 2, "each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_goes_on_naming_its_log_whatever_database_it_meets() {
    let fleet = Fleet::begin().await;
    let copy = fleet.directory("a").join("data/COPY");
    fleet.start("a").process.stop();
    let named = fs::read_to_string(&copy).unwrap();
    let other = "UPDATE cpss_registry.registry SET log = gen_random_uuid()";
    fleet.server.superuser().await.batch_execute(other).await.unwrap();
    fleet.start("a").process.stop();
    // Else `log move` would take the other database for the one to which the log moved.
    assert_eq!(fs::read_to_string(&copy).unwrap(), named);
}
