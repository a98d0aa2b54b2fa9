//! Linearizability: the responses to 16 clients, while the program is killed repeatedly, must be possible for a
//! registry that processes one request at a time and is never killed.
//!
//! 16 clients send random questions and writes about a few people, with `kill -9` in between. An interrupted write is
//! sent again with its `request_id`, or abandoned: then it may have taken effect or not. [`checker`] searches for an
//! order of each person's operations that agrees with the clients' clock and explains every response by the [`model`].
//! The revisions must grow with the same clock over all people. `CPSS_LINEAR_OPS` sets the number of operations.

mod checker;
mod clients;
mod model;
mod people;
mod refused;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::checker::Operation;
use self::clients::{Worker, World};
use self::model::{Action, check_histories};
use self::people::Person;
use super::harness::{Process, TODAY};
use super::kill::random;

const CLIENTS: usize = 16;
const PEOPLE: usize = 6;
/// The number of operations on the same people. Facts add up, and each batch is a new search.
const AT_ONCE: usize = 1500;

/// Counts.
#[derive(Debug, Default)]
struct Counted {
    histories: usize,
    answered: usize,
    given_up: usize,
    cut_off: usize,
    killed: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn responses_to_16_clients_are_linearizable_across_kills() {
    let operations =
        std::env::var("CPSS_LINEAR_OPS").map_or(AT_ONCE, |it| it.parse().expect("CPSS_LINEAR_OPS: a number"));
    let started = Instant::now();
    let data = tempfile::tempdir().unwrap();
    let mut counted = Counted::default();
    let mut left = operations;
    while left > 0 {
        let now = left.min(AT_ONCE);
        tell(data.path(), now, &mut counted).await;
        left -= now;
    }
    println!("linearizable: {counted:?} in {:.1} s", started.elapsed().as_secs_f64());
}

/// Runs the operations on some people and checks the histories.
async fn tell(data_dir: &Path, operations: usize, counted: &mut Counted) {
    let (mut process, client) = Process::start(data_dir, TODAY);
    let (moved, address) = watch::channel(process.listening());
    let (mut people, mut registers) = (Vec::new(), Vec::new());
    for name in 0..PEOPLE as u64 {
        let provider = client.qualified_provider("Example Center").await;
        let (person, register) = Person::begin(&client, &provider, name).await;
        people.push(person);
        registers.push(register);
    }
    let world = Arc::new(World {
        history: people.iter().map(|_| Mutex::default()).collect(),
        given_up: people.iter().map(|_| AtomicUsize::default()).collect(),
        people,
        address,
        since: Instant::now(),
        left: AtomicUsize::new(operations),
        names: AtomicUsize::new(PEOPLE),
        positions: AtomicUsize::default(),
        cut_off: AtomicUsize::default(),
    });
    let workers = (0..CLIENTS).map(|_| {
        let world = Arc::clone(&world);
        tokio::spawn(async move { Worker::new(&world).work().await })
    });
    let workers: Vec<_> = workers.collect();
    'kills: while let Some(kill_at) = world.left.load(Ordering::Relaxed).checked_sub(1) {
        let kill_at = kill_at.saturating_sub(usize::try_from(random(AT_ONCE as u64 / 2)).unwrap());
        while world.left.load(Ordering::Relaxed) > kill_at {
            if workers.iter().any(JoinHandle::is_finished) {
                break 'kills;
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        process = restarted(process, data_dir, &moved);
        counted.killed += 1;
    }
    for worker in workers {
        worker.await.unwrap();
    }
    process.stop();
    let world = Arc::into_inner(world).unwrap();
    counted.cut_off += world.cut_off.into_inner();
    counted.given_up += world.given_up.into_iter().map(AtomicUsize::into_inner).sum::<usize>();
    let histories: Vec<_> = world.history.into_iter().map(|history| history.into_inner().unwrap()).collect();
    counted.histories += histories.len();
    let is_answered = |operation: &&Operation<Action>| operation.returned.is_some();
    counted.answered += histories.iter().flatten().filter(is_answered).count();
    check_histories(registers, histories);
}

/// Kills the program, starts it again and publishes its address.
fn restarted(process: Process, data_dir: &Path, moved: &watch::Sender<SocketAddr>) -> Process {
    process.kill();
    let again = Process::spawn(data_dir, TODAY);
    moved.send(again.listening()).unwrap();
    again
}
