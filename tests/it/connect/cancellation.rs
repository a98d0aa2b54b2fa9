//! A call that its caller leaves ends at once.

use std::time::Duration;

use serde_json::json;
use tonic::Code;

use super::suites::{WATCH, with_id};
use super::wire::{Sending, Wire};
use crate::harness::{Process, TODAY, soon, until};

/// Waits for the line of the access log that says that the caller left.
async fn left(process: &Process, id: &str) {
    let find = || process.log().lines().any(|line| line.contains(id) && line.contains(" code=1 "));
    until(&format!("the line about the call {id}, which was left"), async || find()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_left_is_in_the_access_log_as_cancelled() {
    let data = tempfile::tempdir().unwrap();
    let process = Process::spawn_logging(data.path(), TODAY, &[]);
    for wire in Wire::all(process.http()) {
        let (call, id) = with_id(wire.call(WATCH));
        let mut watch = call.open();
        watch.send(json!({})).await;
        watch.close();
        let mut answers = watch.receiving().await;
        answers.next().await.unwrap().unwrap();
        drop((answers, watch));
        left(&process, &id).await;
    }
    process.stop();
}

/// A registry that serves one watch at a time shows whether the last one has left its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_is_left_makes_room_for_the_next() {
    let data = tempfile::tempdir().unwrap();
    let process = Process::spawn_logging(data.path(), TODAY, &["--streams-per-client", "1"]);
    let begun = |sending: Sending| async move {
        let mut watch = sending.open();
        watch.send(json!({})).await;
        watch.close();
        let mut receiving = watch.receiving().await;
        let first = receiving.next().await.unwrap();
        first.map(|_| receiving).map_err(|refusal| refusal.code())
    };
    // The place of a watch that was left is free a moment later.
    let first_of = |wire: Wire| async move {
        loop {
            match begun(wire.call(WATCH)).await {
                Ok(watch) => return watch,
                Err(code) => assert_eq!(code, Code::ResourceExhausted),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    for wire in Wire::all(process.http()) {
        let first = soon("room for a watch", first_of(wire.clone())).await;
        let second = begun(wire.call(WATCH)).await;
        assert_eq!(second.err(), Some(Code::ResourceExhausted), "over HTTP/{}", wire.version);
        drop(first);
        drop(soon("room for the next watch", first_of(wire)).await);
    }
    process.stop();
}
