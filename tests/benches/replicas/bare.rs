//! The bare insert: the bytes that a registry would append, put into a table of the same database by one session. As
//! with a registry's writer, requests that arrive during an insert are in the next one.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::Client;

use super::database::Database;
use super::measured::Run;

/// The maximum number of reports in an insert, as in a batch of the registry.
const BATCH: usize = 256;

/// The number of frames whose bytes are used.
const FRAMES: usize = 1000;

pub struct Bare {
    reports: mpsc::Sender<oneshot::Sender<()>>,
}

impl Bare {
    /// Takes the bytes from a log.
    pub async fn start(database: &Database, log: &str) -> Bare {
        let client = database.client(log).await;
        let sizes = "SELECT sum(octet_length(frame)) / sum(count) FROM cpss_registry.log";
        let bytes: i64 = client.query_one(sizes, &[]).await.unwrap().get(0);
        let frames = format!("SELECT frame FROM cpss_registry.log ORDER BY first_revision DESC LIMIT {FRAMES}");
        let frames = client.query(&frames, &[]).await.unwrap();
        let source: Vec<u8> = frames.iter().flat_map(|row| row.get::<_, Vec<u8>>(0)).collect();
        println!("bare insert: {bytes} bytes a report");
        let table = "CREATE TABLE bare (first_revision bigint PRIMARY KEY, count int, frame bytea)";
        client.batch_execute(table).await.unwrap();
        let (reports, waiting) = mpsc::channel(1024);
        let runtime = Handle::current();
        std::thread::spawn(move || insert(&runtime, &client, waiting, &source, usize::try_from(bytes).unwrap()));
        Bare { reports }
    }

    pub async fn run(&self, clients: usize, duration: Duration) -> Run {
        let clients = (0..clients).map(|_| {
            let reports = self.reports.clone();
            move || {
                let (reports, (reply, done)) = (reports.clone(), oneshot::channel());
                async move {
                    reports.send(reply).await.unwrap();
                    done.await.unwrap();
                }
            }
        });
        Run::of(clients, duration).await
    }
}

/// Inserts what waits, until nobody can ask any more.
fn insert(
    runtime: &Handle,
    client: &Client,
    mut waiting: mpsc::Receiver<oneshot::Sender<()>>,
    source: &[u8],
    bytes: usize,
) {
    let statement = runtime.block_on(client.prepare("INSERT INTO bare VALUES ($1, $2, $3)")).unwrap();
    let (mut revision, mut at) = (1_i64, 0);
    while let Some(first) = waiting.blocking_recv() {
        let mut replies = vec![first];
        while replies.len() < BATCH
            && let Ok(reply) = waiting.try_recv()
        {
            replies.push(reply);
        }
        let length = (bytes * replies.len()).min(source.len());
        at = if at + length > source.len() { 0 } else { at };
        let (count, frame) = (i32::try_from(replies.len()).unwrap(), &source[at..at + length]);
        at += length;
        runtime.block_on(client.execute(&statement, &[&revision, &count, &frame])).unwrap();
        revision += i64::from(count);
        for reply in replies {
            reply.send(()).unwrap();
        }
    }
}
