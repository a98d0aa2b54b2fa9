//! The copy that `mirror` keeps: built from the feed alone, it answers every claim like the registry, also when it is
//! killed at any time and read while it is written.
//!
//! `CPSS_MIRROR_HISTORIES` sets the number of random histories, `CPSS_MIRROR_SEED` the first seed, and
//! `CPSS_MIRROR_KILLS` the number of kills of the mirror while the registry is under load.

mod answers;
mod program;
mod random_reporter;
mod reconnect;
mod spellings;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::civil::Date;

use self::answers::{Claim, Reader, compare, every_claim, registry};
use self::program::{Running, copy_once, run};
use self::random_reporter::{BEGINNING, RandomReporter};
use super::feed::crowd;
use super::harness::requests::{end_period, retract};
use super::harness::scenes::Qualified;
use super::harness::{Client, Process, TestServer, until};
use super::histories::Random;

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: a number")))
}

/// Compares all answers of a copy with those of the registry.
async fn compare_everything(file: &Path, client: &Client, reporter: &RandomReporter) -> [usize; 5] {
    let reader = Reader::open(file);
    let mut seen = [0; 5];
    for codes in [false, true] {
        let claims = every_claim(reporter, codes);
        let expected = registry(client, &claims, reader.revision()).await;
        let copied = reader.answers_of_a_table(&claims);
        let more = compare(&claims, &copied, &expected, reader.revision());
        seen.iter_mut().zip(more).for_each(|(all, more)| *all += more);
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_built_from_the_feed_answers_every_claim_like_the_registry() {
    let first = setting("CPSS_MIRROR_SEED", 1);
    let mut all = [0; 5];
    for seed in first..first + setting("CPSS_MIRROR_HISTORIES", 2) {
        let server = TestServer::start(BEGINNING).await;
        let client = server.client();
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("copy.db");
        let mut reporter = RandomReporter::begin(&client, seed as u64).await;
        for _ in 0..4 {
            reporter.report_some(45).await;
            copy_once(&file, server.address());
        }
        let reader = Reader::open(&file);
        assert_eq!(reader.revision(), client.head().await, "seed {seed}: all that there is");
        let seen = compare_everything(&file, &client, &reporter).await;
        println!("seed {seed}: {:?} recorded and refused, verdicts {seen:?}", reporter.counted);
        all.iter_mut().zip(seen).for_each(|(all, seen)| *all += seen);

        // Single claims get the same answers as a table of claims, and a copy built in one run equals one that grew.
        let claims: Vec<Claim> = every_claim(&reporter, true).into_iter().step_by(97).collect();
        assert_eq!(reader.answers(&claims).1, reader.answers_of_a_table(&claims));
        let at_once = scratch.path().join("at-once.db");
        copy_once(&at_once, server.address());
        assert_eq!(Reader::open(&at_once).everything(), reader.everything(), "seed {seed}");
        server.stop().await;
    }
    println!("verdicts compared, by their number in the contract: {all:?}");
    assert!(all[1..].iter().filter(|count| **count > 0).count() >= 3, "{all:?}");
}

/// A provider with so many people that its loss is sent in two parts.
struct Cascade {
    employer: Qualified,
    people: usize,
    numbers: Vec<String>,
}

impl Cascade {
    async fn begin(client: &Client, people: usize) -> Cascade {
        let employer = client.qualified_provider("Big Black Example Residential Center").await;
        crowd::employ(client, &employer, people).await;
        Cascade { employer, people, numbers: Vec::new() }
    }

    /// Ends and restores the qualification repeatedly. Returns the revisions.
    fn go_on(&self, client: Client, enough: Arc<AtomicBool>) -> tokio::task::JoinHandle<Vec<u64>> {
        let qualification = self.employer.qualification.clone();
        tokio::spawn(async move {
            let mut cascades = Vec::new();
            while !enough.load(Ordering::Relaxed) {
                let ended = client.report(end_period(&qualification, "2025-12-30", "Withdrawn")).await;
                let back = client.report(retract(&ended.fact_id, "Not that one")).await;
                cascades.extend([ended.revision, back.revision]);
            }
            cascades
        })
    }
}

/// Reads the copy continuously: its revision, and how many people the provider covers. A cascade must be there
/// completely or not at all.
fn read_all_the_time(file: PathBuf, cascade: &Cascade, enough: Arc<AtomicBool>) -> JoinHandle<BTreeSet<(u64, usize)>> {
    let (provider, people) = (cascade.employer.provider_id.clone(), cascade.people);
    std::thread::spawn(move || {
        let reader = Reader::open(&file);
        let sql = "SELECT (SELECT revision FROM mirror), \
                   (SELECT count(*) FROM coverage WHERE provider_id = ?1 AND last_day IS NULL)";
        let mut seen = BTreeSet::new();
        while !enough.load(Ordering::Relaxed) {
            let read = reader.0.query_row(sql, [&provider], |row| Ok((row.get(0)?, row.get(1)?)));
            let (revision, covered) = read.unwrap();
            assert!([0, people].contains(&covered), "half a cascade at {revision}: {covered} of {people}");
            seen.insert((revision, covered));
            std::thread::sleep(Duration::from_micros(300));
        }
        seen
    })
}

/// Checks that the copy right after a kill has the registry's answers at the copy's revision. Before the first record
/// there are none.
async fn check_after_kill(file: &Path, client: &Client, claims: &[Claim]) -> u64 {
    let (revision, copied) = Reader::open(file).answers(claims);
    if revision == 0 {
        assert!(
            copied
                .iter()
                .all(|(eligible, verdict)| (*eligible, verdict.as_deref()) == (Some(false), Some("UNDETERMINED")))
        );
    } else {
        let expected = registry(client, claims, revision).await;
        compare(claims, &copied, &expected, revision);
    }
    revision
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_killed_at_any_time_answers_like_the_registry() {
    let (kills, people) = (setting("CPSS_MIRROR_KILLS", 6), 520);
    let (data, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = scratch.path().join("copy.db");
    let (process, client) = Process::start(data.path(), BEGINNING);
    let address = process.listening();
    let mut reporter = RandomReporter::begin(&client, 7).await;
    reporter.report_some(60).await;
    let mut cascade = Cascade::begin(&client, people).await;
    copy_once(&file, address);
    let mut numbers = Reader::open(&file);
    cascade.numbers = holders(&mut numbers, &cascade.employer.provider_id);
    assert_eq!(cascade.numbers.len(), people);

    let (enough, seen_enough) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let cascades = cascade.go_on(client.clone(), Arc::clone(&enough));
    let load = go_on_reporting(reporter, Arc::clone(&enough));
    let reading = read_all_the_time(file.clone(), &cascade, Arc::clone(&seen_enough));
    let today: Date = BEGINNING.parse().unwrap();
    let mut random = Random::new(u64::from(std::process::id()));
    let (began, mut revisions) = (Instant::now(), Vec::new());
    for kill in 0..kills {
        // The copy of the reader grows from kill to kill; another one starts over at intervals.
        let other = scratch.path().join(format!("other-{}.db", kill / 4));
        let killed = if kill % 3 == 2 { &other } else { &file };
        let mirror = Running::start(killed, address);
        tokio::time::sleep(Duration::from_millis(u64::try_from(random.between(5, 400)).unwrap())).await;
        mirror.kill();
        if !Reader::exists(killed) {
            continue;
        }
        let mut claims: Vec<_> =
            cascade.numbers.iter().map(|number| Claim::of(number, &cascade.employer.provider_id, today)).collect();
        claims.retain(|_| !random.chance(40));
        revisions.push(check_after_kill(killed, &client, &claims).await);
    }
    enough.store(true, Ordering::Relaxed);
    let (cascades, reporter) = (cascades.await.unwrap(), load.await.unwrap());
    // The reporter may have ended on a day on which nothing was reported.
    client.on_day(&reporter.today.to_string()).head().await;
    copy_once(&file, address);
    seen_enough.store(true, Ordering::Relaxed);
    let seen = reading.join().unwrap();
    for (revision, covered) in &seen {
        let is_lost = !cascades.partition_point(|cascade| cascade <= revision).is_multiple_of(2);
        assert_eq!(*covered, if is_lost { 0 } else { people }, "the copy is at its revision: {revision}");
    }
    let head = client.head().await;
    assert_eq!(Reader::open(&file).revision(), head);
    let verdicts = compare_everything(&file, &client, &reporter).await;
    let rebuilt = scratch.path().join("rebuilt.db");
    copy_once(&rebuilt, address);
    assert_eq!(Reader::open(&rebuilt).everything(), Reader::open(&file).everything(), "like one that was never killed");
    println!(
        "{kills} kills in {:.1} s, {} cascades over {people} and {:?} other reports meanwhile, copy at {} revisions up to \
         {head} after kills, at {} when read; verdicts {verdicts:?}",
        began.elapsed().as_secs_f64(),
        cascades.len(),
        reporter.counted,
        revisions.len(),
        seen.len(),
    );
    process.kill();
}

/// Everyone whom a provider covers or covered.
fn holders(reader: &mut Reader, provider: &str) -> Vec<String> {
    let sql = "SELECT DISTINCT credential_number FROM coverage WHERE provider_id = ?";
    let mut statement = reader.0.prepare(sql).unwrap();
    let rows = statement.query_map([provider], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn go_on_reporting(mut reporter: RandomReporter, enough: Arc<AtomicBool>) -> tokio::task::JoinHandle<RandomReporter> {
    tokio::spawn(async move {
        while !enough.load(Ordering::Relaxed) {
            reporter.report_some(5).await;
            reporter.today = reporter.today.min(jiff::civil::date(2026, 5, 1));
        }
        reporter
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_another_history_is_refused_and_rebuilt_on_request() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("copy.db");
    let (one, other) = (TestServer::start(BEGINNING).await, TestServer::start(BEGINNING).await);
    let mut reporter = RandomReporter::begin(&one.client(), 3).await;
    reporter.report_some(30).await;
    other.client().qualified_provider("Yazoo Example Clinic").await;
    copy_once(&file, one.address());
    let before = Reader::open(&file).everything();

    let refused = |registry: SocketAddr, path: &Path, flags: &[&str], why: &str| {
        let output = run(path, registry, flags);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(why), "{why}: {said}");
    };
    refused(other.address(), &file, &["--once"], "start over with --rebuild");
    refused(other.address(), &file, &[], "another one");
    let reader = Reader::open(&file);
    assert_eq!(reader.everything(), before, "nothing was done to it");

    let foreign = scratch.path().join("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE payroll (salary)").unwrap();
    refused(one.address(), &foreign, &["--once"], "another database");
    refused(one.address(), &foreign, &["--once", "--rebuild"], "another database");
    let text = scratch.path().join("text.db");
    std::fs::write(&text, "not a database, but long enough to look like one\n".repeat(40)).unwrap();
    refused(one.address(), &text, &["--once"], "or not an SQLite database");
    let keeping = Running::start(&file, one.address());
    let kept = scratch.path().join("copy.db-lock");
    until("a mirror that holds its lock", async || std::fs::File::open(&kept).unwrap().try_lock().is_err()).await;
    refused(one.address(), &file, &["--once"], "another process is writing");
    keeping.kill();

    // A new copy while the old one is read: the reader can still read the old one.
    let output = run(&file, other.address(), &["--once", "--rebuild", "--json"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(reader.everything(), before);
    let rebuilt = Reader::open(&file);
    let at_once = scratch.path().join("at-once.db");
    copy_once(&at_once, other.address());
    assert_eq!(rebuilt.everything(), Reader::open(&at_once).everything());
    let lines = String::from_utf8(output.stdout).unwrap();
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["behind"], &last["today"]), (&"progress".into(), &0.into(), &BEGINNING.into()));

    let unreachable = SocketAddr::from(([127, 0, 0, 1], 1));
    refused(unreachable, &file, &["--once"], "cannot reach");
    one.stop().await;
    other.stop().await;
}
