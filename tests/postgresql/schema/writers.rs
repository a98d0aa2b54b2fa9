//! Several writers at once.

use std::collections::BTreeSet;

use crate::database::{Database, ORIGIN, Replica, Tip, next};

const WRITERS: usize = 4;
const APPENDS: usize = 40;

/// Appends records, and raises the turn and the time now and then. Returns the tips that were acknowledged.
async fn write(mut replica: Replica, seed: u64) -> Vec<Tip> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut acknowledged = Vec::new();
    while acknowledged.len() < APPENDS {
        match random.u8(..10) {
            0 => {
                let (head, _) = replica.look().await;
                assert!(replica.turn().await.turn > head.turn);
            }
            1 => {
                let (_, clock) = replica.look().await;
                replica.settle(clock).await.expect("the clock has passed it");
            }
            _ => {
                let append = replica.next_append().await;
                if append.run(&replica.client).await.unwrap() {
                    acknowledged.push(append.tip);
                }
            }
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_writers_one_wins_each_revision() {
    let database = Database::shared().await;
    let reader = database.writing_replica("reader").await;
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let replica = database.replica(&format!("writer-{number}")).await;
        writers.push(tokio::spawn(write(replica, number as u64)));
    }
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    assert_eq!(acknowledged.len(), WRITERS * APPENDS);
    assert_eq!(acknowledged.iter().collect::<BTreeSet<_>>().len(), acknowledged.len());
    acknowledged.sort_unstable();
    let chain: Vec<Tip> =
        std::iter::successors(Some(next(&ORIGIN)), |tip| Some(next(tip))).take(acknowledged.len()).collect();
    assert_eq!(acknowledged, chain);
    assert_eq!(reader.frames().await, chain);
    assert_eq!(Some(&reader.look().await.0.tip), chain.last());
    let times = "SELECT bool_and(first_at > before) FROM ( \
                 SELECT first_at, lag(last_at) OVER (ORDER BY first_revision) AS before FROM cpss_registry.log) AS l";
    assert!(reader.client.query_one(times, &[]).await.unwrap().get::<_, bool>(0));
}
