//! How long it takes until one replica answers from what another one has acknowledged, beside a bare pair of LISTEN and
//! NOTIFY.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_postgres::AsyncMessage;

use super::database::Database;
use super::registry::Caller;
use super::server::SUPERUSER;

/// How often it is looked whether a replica has something.
const LOOK: Duration = Duration::from_micros(20);

/// Measures at a rate, in turn. Reports come whether those before are acknowledged or not.
pub async fn run(database: &Database, log: &str, caller: &Arc<Caller>, rate: f64, rounds: u64, duration: Duration) {
    println!("news at {rate:.0} reports/s");
    let (mut bare_latencies, mut latencies) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        bare_latencies.extend(bare(database, log, rate, duration).await);
        latencies.extend(replicas(caller, rate, duration).await);
    }
    let [bare_p50, bare_p99] = print("LISTEN and NOTIFY", bare_latencies);
    let [p50, p99] = print("from A to B", latencies);
    println!("from A to B / LISTEN and NOTIFY: p50 {:.2}, p99 {:.2} (mark: 4)", p50 / bare_p50, p99 / bare_p99);
}

fn print(subject: &str, mut latencies: Vec<Duration>) -> [f64; 2] {
    latencies.sort_unstable();
    let at = |per_mille: usize| latencies[latencies.len() * per_mille / 1000].as_secs_f64() * 1e6;
    println!("{subject}: {} of them, p50 {:.0} us, p99 {:.0} us", latencies.len(), at(500), at(990));
    [at(500), at(990)]
}

/// From the acknowledgment of an insert to its notification in another session.
async fn bare(database: &Database, log: &str, rate: f64, duration: Duration) -> Vec<Duration> {
    let client = Arc::new(database.client(log).await);
    let (listener, mut messages) = database.server.connect_hearing(SUPERUSER, log).await;
    listener.batch_execute("LISTEN bare; CREATE TABLE news (number bigint PRIMARY KEY)").await.unwrap();
    let insert = client.prepare("INSERT INTO news VALUES ($1)").await.unwrap();
    let began = Instant::now();
    let hearing = tokio::spawn(async move {
        let mut heard = Vec::new();
        while let Some(message) = messages.recv().await {
            if let AsyncMessage::Notification(notification) = message {
                let number: usize = notification.payload().parse().unwrap();
                if number == 0 {
                    break;
                }
                heard.push((number, began.elapsed()));
            }
        }
        heard
    });
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut ticks = ticks(rate);
    for number in 1_usize.. {
        if began.elapsed() >= duration {
            break;
        }
        ticks.tick().await;
        let (client, insert, sender) = (Arc::clone(&client), insert.clone(), sender.clone());
        tokio::spawn(async move {
            client.execute(&insert, &[&i64::try_from(number).unwrap()]).await.unwrap();
            sender.send((number, began.elapsed())).unwrap();
            client.batch_execute(&format!("NOTIFY bare, '{number}'")).await.unwrap();
        });
    }
    drop(sender);
    let mut acknowledged = HashMap::new();
    while let Some((number, at)) = receiver.recv().await {
        acknowledged.insert(number, at);
    }
    client.batch_execute("NOTIFY bare, '0'; DROP TABLE news").await.unwrap();
    drop(listener);
    hearing.await.unwrap().into_iter().map(|(number, heard)| heard.saturating_sub(acknowledged[&number])).collect()
}

/// From the acknowledgment of the first replica to the moment from which the second one answers so.
async fn replicas(caller: &Arc<Caller>, rate: f64, duration: Duration) -> Vec<Duration> {
    let (began, ends) = (Instant::now(), Arc::new(AtomicBool::new(false)));
    let watching = std::thread::spawn({
        let (registry, ends) = (caller.registries[1].clone(), Arc::clone(&ends));
        move || {
            let mut seen = Vec::new();
            while !ends.load(Ordering::Relaxed) {
                let head = registry.head_revision();
                if seen.last().is_none_or(|(before, _)| *before < head) {
                    seen.push((head, began.elapsed()));
                }
                std::thread::sleep(LOOK);
            }
            seen
        }
    });
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut ticks = ticks(rate);
    while began.elapsed() < duration {
        ticks.tick().await;
        let (caller, sender) = (Arc::clone(caller), sender.clone());
        tokio::spawn(async move {
            let revision = caller.record(0).await;
            sender.send((revision, began.elapsed())).unwrap();
        });
    }
    drop(sender);
    let mut acknowledged = Vec::new();
    while let Some(one) = receiver.recv().await {
        acknowledged.push(one);
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    ends.store(true, Ordering::Relaxed);
    let seen = tokio::task::spawn_blocking(|| watching.join().unwrap()).await.unwrap();
    let since = |(revision, at): (_, Duration)| {
        let first = seen.partition_point(|(head, _)| *head < revision);
        seen.get(first).expect("the second replica has everything").1.saturating_sub(at)
    };
    acknowledged.into_iter().map(since).collect()
}

fn ticks(rate: f64) -> tokio::time::Interval {
    tokio::time::interval(Duration::from_secs_f64(1.0 / rate))
}
