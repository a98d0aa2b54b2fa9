//! `kill -9` while 16 clients write: whatever was acknowledged is there after the restart, once.
//!
//! Each round kills the program at a random moment and now and then once more while it opens. After the restart every
//! acknowledged request, sent again, gets the same answer byte for byte; every request that was cut off gets an answer
//! and has one effect; every revision is accounted for; and what the index answers is what the log says, since an index
//! folded again from the log gives the same answers. `CPSS_KILLS` sets how many rounds there are.

pub mod memory;
pub mod work;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use uuid::Uuid;

use self::memory::{Check, Person, answers, check, settle};
use self::work::write_until_cut;
use super::harness::{Client, Process, TODAY};

const CLIENTS: usize = 16;
const PROVIDERS: usize = 4;
/// How many people's answers are compared between the index as it was and the index folded again, and how many of the
/// round's states of knowledge they are asked at, at most.
const SAMPLE: usize = 24;
const STATES: usize = 200;

/// What was done, in numbers.
#[derive(Debug, Default)]
struct Counted {
    rounds: usize,
    killed_while_opening: usize,
    acknowledged: usize,
    cut_off: usize,
    verdicts: usize,
    answers: usize,
}

/// A number below `limit`.
fn random(limit: u64) -> u64 {
    u64::try_from(Uuid::new_v4().as_u128() % u128::from(limit)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9_while_16_clients_write() {
    let rounds = std::env::var("CPSS_KILLS").map_or(3, |rounds| rounds.parse().expect("CPSS_KILLS: a number"));
    let started = Instant::now();
    let data = tempfile::tempdir().unwrap();
    let mut story = Story::begin(&data).await;
    for _ in 0..rounds {
        story.round().await;
    }
    story.end().await;
    println!("kill -9: {:?} in {:.1} s", story.counted, started.elapsed().as_secs_f64());
}

/// A data directory through its kills.
struct Story<'a> {
    data_dir: &'a Path,
    providers: Vec<String>,
    running: Option<(Process, Client)>,
    head: u64,
    people: Vec<Person>,
    counted: Counted,
}

impl<'a> Story<'a> {
    async fn begin(data: &'a TempDir) -> Story<'a> {
        let (process, client) = Process::start(data.path(), TODAY);
        let mut providers = Vec::new();
        for number in 1..=PROVIDERS {
            providers.push(client.qualified_provider(&format!("Example Center {number}")).await.provider_id);
        }
        let head = client.head().await;
        let running = Some((process, client));
        Story { data_dir: data.path(), providers, running, head, people: Vec::new(), counted: Counted::default() }
    }

    async fn round(&mut self) {
        let mut people = self.write_and_kill().await;
        if self.counted.rounds % 3 == 1 {
            let opening = Process::spawn(self.data_dir, TODAY);
            std::thread::sleep(Duration::from_millis(random(120)));
            opening.kill();
            self.counted.killed_while_opening += 1;
        }
        let (process, client) = Process::start(self.data_dir, TODAY);
        self.counted.acknowledged += people.iter().map(Person::acknowledged).sum::<usize>();
        people = check(&client, people, Check::Replay).await;
        self.counted.cut_off += settle(&client, &mut people).await;
        self.account_for_every_revision(&client, &people).await;
        people = check(&client, people, Check::Compare).await;
        self.counted.verdicts += people.len();

        let asked = self.sample(&people);
        let before = answers(&client, &asked, &self.providers, &self.states(&people)).await;
        process.stop();
        fs::remove_dir_all(self.data_dir.join("index")).unwrap();
        let (process, client) = Process::start(self.data_dir, TODAY);
        let after = answers(&client, &asked, &self.providers, &self.states(&people)).await;
        assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before, after, "the index folded again from the log answers as the one before it");
        }
        self.counted.answers += after.len();
        self.counted.rounds += 1;
        self.people.extend(people);
        self.running = Some((process, client));
    }

    /// Lets 16 clients write for a while, and kills the program under them.
    async fn write_and_kill(&mut self) -> Vec<Person> {
        let (process, client) = self.running.take().unwrap();
        self.head = client.head().await;
        let address = process.listening();
        let writers: Vec<_> = (0..CLIENTS)
            .map(|_| tokio::spawn(write_until_cut(Client::connect(address), self.providers.clone())))
            .collect();
        tokio::time::sleep(Duration::from_millis(100 + random(500))).await;
        process.kill();
        let mut people = Vec::new();
        for writer in writers {
            people.extend(writer.await.unwrap());
        }
        people
    }

    /// Nothing is lost, doubled or invented: each revision since the round began is that of one request.
    async fn account_for_every_revision(&self, client: &Client, people: &[Person]) {
        let revisions: Vec<_> = people.iter().flat_map(Person::revisions).collect();
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

    /// States of knowledge of the round: all of them, or as many as there is time for.
    fn states(&self, people: &[Person]) -> Vec<u64> {
        let revisions: BTreeSet<_> = people.iter().flat_map(Person::revisions).collect();
        let every = revisions.len() / STATES + 1;
        revisions.into_iter().step_by(every).collect()
    }

    /// Everything of every round is there at the end as well.
    async fn end(&mut self) {
        let (process, client) = self.running.take().unwrap();
        let people = std::mem::take(&mut self.people);
        let people = check(&client, people, Check::Replay).await;
        self.people = check(&client, people, Check::Compare).await;
        process.stop();
    }
}
