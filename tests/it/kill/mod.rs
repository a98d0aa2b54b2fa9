//! `kill -9` while 16 clients write: everything acknowledged is present after the restart, exactly once.
//!
//! Each round kills the program at a random time, and sometimes again while it opens. The test itself reads what is
//! then on disk: the registry must come back with every complete frame of the log and nothing of an incomplete one.
//! Every acknowledged request, sent again, must get the same response byte for byte. Every interrupted request gets a
//! response and has one effect. Every revision is accounted for. Transferred jobs have moved together or not at all. In
//! some rounds a rebuilt index must answer like the previous one. At intervals everything is checked again and the
//! scenario starts over on an empty disk, so that late kills do not take longer than early ones. `CPSS_KILLS` sets the
//! number of kills.

pub mod memory;
mod merger;
pub mod work;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use uuid::Uuid;

use self::memory::{Check, Person, answers, check, settle};
use self::merger::Merger;
pub use self::work::assert_cut_off;
use self::work::write_until_cut;
use super::harness::{Client, Process, TODAY, log, until};

const CLIENTS: usize = 16;
const PROVIDERS: usize = 4;
/// The maximum number of people whose answers are compared before and after an index rebuild, and of the states of
/// knowledge.
const SAMPLE: usize = 24;
const STATES: usize = 200;

/// A round ends when about this many requests were answered.
const AT_MOST: u64 = 400;
/// One of this many rounds compares the index with a rebuilt one.
const REBUILT: usize = 20;
/// The number of rounds on one data directory.
const ROUNDS: usize = 40;

/// Counts.
#[derive(Debug, Default)]
struct Counted {
    rounds: usize,
    kills: usize,
    killed_while_opening: usize,
    acknowledged: usize,
    cut_off: usize,
    frames: usize,
    frames_of_several: usize,
    frames_cut_short: usize,
    records_of_many_facts: usize,
    verdicts: usize,
    answers: usize,
}

/// A number below `limit`.
pub fn random(limit: u64) -> u64 {
    u64::try_from(Uuid::new_v4().as_u128() % u128::from(limit)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_requests_survive_kill_9_while_16_clients_write() {
    let kills = std::env::var("CPSS_KILLS").map_or(3, |kills| kills.parse().expect("CPSS_KILLS: a number"));
    let started = Instant::now();
    let mut counted = Counted::default();
    while counted.kills < kills {
        let data = tempfile::tempdir().unwrap();
        let mut story = Story::begin(&data, counted).await;
        for _ in 0..ROUNDS {
            story.round().await;
            if story.counted.kills >= kills {
                break;
            }
        }
        counted = story.end().await;
        println!("kill -9: {counted:?} in {:.1} s", started.elapsed().as_secs_f64());
    }
}

/// A data directory and its kills.
struct Story<'a> {
    data_dir: &'a Path,
    providers: Vec<String>,
    running: Option<(Process, Client)>,
    head: u64,
    people: Vec<Person>,
    merger: Merger,
    counted: Counted,
}

impl<'a> Story<'a> {
    async fn begin(data: &'a TempDir, counted: Counted) -> Story<'a> {
        let (process, client) = Process::start(data.path(), TODAY);
        let mut providers = Vec::new();
        for number in 1..=PROVIDERS {
            providers.push(client.qualified_provider(&format!("Example Center {number}")).await.provider_id);
        }
        let merger = Merger::begin(&client).await;
        let head = client.head().await;
        let running = Some((process, client));
        Story { data_dir: data.path(), providers, running, head, people: Vec::new(), merger, counted }
    }

    async fn round(&mut self) {
        let mut people = self.write_and_kill().await;
        let durable = self.read_log();
        if self.counted.rounds % 3 == 1 {
            let opening = Process::spawn(self.data_dir, TODAY);
            std::thread::sleep(Duration::from_millis(random(120)));
            opening.kill();
            self.counted.kills += 1;
            self.counted.killed_while_opening += 1;
        }
        let (process, client) = Process::start(self.data_dir, TODAY);
        assert_eq!(client.head().await, durable, "the head is that of the last whole frame on disk");
        self.merger.compare(&client).await;
        self.counted.acknowledged += people.iter().map(Person::acknowledged).sum::<usize>();
        people = check(&client, people, Check::Replay).await;
        self.counted.cut_off += settle(&client, &mut people).await;
        self.merger.settle(&client).await;
        self.account_for_every_revision(&client, &people).await;
        people = check(&client, people, Check::Compare).await;
        self.counted.verdicts += people.len();

        self.running = Some(match self.counted.rounds % REBUILT {
            2 => self.rebuild(process, client, &people).await,
            _ => (process, client),
        });
        self.counted.rounds += 1;
        self.people.extend(people);
    }

    /// Compares the answers before and after the index was deleted.
    async fn rebuild(&mut self, process: Process, client: Client, people: &[Person]) -> (Process, Client) {
        let asked = self.sample(people);
        let before = answers(&client, &asked, &self.providers, &self.states(people)).await;
        process.stop();
        fs::remove_dir_all(self.data_dir.join("index")).unwrap();
        let (process, client) = Process::start(self.data_dir, TODAY);
        let after = answers(&client, &asked, &self.providers, &self.states(people)).await;
        assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before, after, "the index folded again from the log answers as the one before it");
        }
        self.counted.answers += after.len();
        (process, client)
    }

    /// The revision of the last complete frame on disk.
    fn read_log(&mut self) -> u64 {
        let frames = log::frames(self.data_dir);
        let of_the_round: Vec<_> = frames.whole.iter().filter(|frame| frame.first > self.head).collect();
        self.counted.frames += of_the_round.len();
        self.counted.frames_of_several += of_the_round.iter().filter(|frame| frame.count > 1).count();
        self.counted.frames_cut_short += usize::from(frames.is_cut_short);
        frames.whole.last().map_or(0, |last| last.first + u64::from(last.count) - 1)
    }

    /// Runs 16 writing clients for a while, and kills the program.
    async fn write_and_kill(&mut self) -> Vec<Person> {
        let (process, client) = self.running.take().unwrap();
        self.head = client.head().await;
        let address = process.listening();
        let answered = Arc::new(AtomicU64::default());
        let writers: Vec<_> = (1..CLIENTS)
            .map(|_| write_until_cut(Client::connect(address), self.providers.clone(), Arc::clone(&answered)))
            .map(tokio::spawn)
            .collect();
        let mut merger = std::mem::take(&mut self.merger);
        let merging = tokio::spawn(async move {
            merger.write_until_cut(&Client::connect(address)).await;
            merger
        });
        let enough = random(AT_MOST);
        until("enough answers", async || answered.load(Ordering::Relaxed) >= enough).await;
        tokio::time::sleep(Duration::from_micros(random(20_000))).await;
        process.kill();
        self.counted.kills += 1;
        self.merger = merging.await.unwrap();
        let mut people = Vec::new();
        for writer in writers {
            people.extend(writer.await.unwrap());
        }
        people
    }

    /// Nothing is lost, duplicated or invented: each revision since the start of the round belongs to one request.
    async fn account_for_every_revision(&self, client: &Client, people: &[Person]) {
        let moves = self.merger.revisions().filter(|revision| *revision > self.head);
        let revisions: Vec<_> = people.iter().flat_map(Person::revisions).chain(moves).collect();
        let distinct: BTreeSet<_> = revisions.iter().copied().collect();
        assert_eq!(revisions.len(), distinct.len(), "no revision answers two requests");
        let expected: BTreeSet<_> = (self.head + 1..=client.head().await).collect();
        assert_eq!(distinct, expected, "every revision is that of a request");
    }

    fn sample(&self, people: &[Person]) -> Vec<Person> {
        let every = people.len() / SAMPLE + 1;
        let earlier = self.people.iter().step_by(self.people.len() / SAMPLE + 1);
        people.iter().step_by(every).chain(earlier).cloned().collect()
    }

    /// States of knowledge of the round, or a sample of them.
    fn states(&self, people: &[Person]) -> Vec<u64> {
        let revisions: BTreeSet<_> = people.iter().flat_map(Person::revisions).collect();
        let every = revisions.len() / STATES + 1;
        revisions.into_iter().step_by(every).collect()
    }

    /// Checks at the end that everything of every round is present.
    async fn end(mut self) -> Counted {
        let (process, client) = self.running.take().unwrap();
        let people = check(&client, self.people, Check::Replay).await;
        check(&client, people, Check::Compare).await;
        self.merger.replay(&client).await;
        self.counted.records_of_many_facts += self.merger.moves();
        process.stop();
        self.counted
    }
}
