//! Worker threads: the threads that answer calls, one per core.
//!
//! A connection and its calls stay on one worker. No thread wakes another for its work, and recently used data stay in
//! the core's cache. A client with many calls opens several connections.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::{Builder, EnterGuard, Handle};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::connection::{Connection, Protocol, WorkerSlot};
use super::liveness::Liveness;
use super::vital::Alive;
use crate::grpc::GrpcListener;
use crate::http::HttpListener;
use crate::surface::CallsUnderWay;
use crate::transport::ConnectionAge;
use crate::transport::{http1, http2};

/// The maximum number of blocking threads that a worker has for disk reads. Further reads wait.
const MAX_BLOCKING: usize = 32;

/// The services of a worker, by what its connections speak.
#[derive(Clone)]
pub(super) struct Listeners {
    pub(super) grpc: GrpcListener,
    pub(super) http: HttpListener,
}

/// The workers of a server. Clones refer to the same workers.
#[derive(Clone)]
pub(super) struct Workers(Arc<[Worker]>);

/// One worker. Clones refer to the same worker.
#[derive(Clone)]
pub(super) struct Worker {
    runtime: Handle,
    connections: mpsc::Sender<Connection>,
    slot: WorkerSlot,
}

/// The worker threads, to wait for.
pub(super) struct Threads {
    /// Receives nothing. It closes when all workers have ended.
    running: mpsc::Receiver<Infallible>,
    /// Dropped to cut off the calls that are left.
    cut: watch::Sender<()>,
}

impl Workers {
    /// Starts one worker per listener. They accept connections until `stop` turns true. Each worker holds a value of
    /// `alive` while it runs.
    pub(super) fn start(
        listeners: Vec<Listeners>,
        age: ConnectionAge,
        stop: &watch::Sender<bool>,
        liveness: &Liveness,
        alive: impl Fn() -> Alive,
    ) -> io::Result<(Workers, Threads)> {
        let ((runs, running), cut) = (mpsc::channel(1), watch::Sender::new(()));
        let start = |listeners| {
            let stop = stop.subscribe();
            let held = (alive(), runs.clone());
            let worker = Worker::start(move |incoming| serve(incoming, listeners, age, stop), cut.subscribe(), held)?;
            drop(worker.runtime.spawn(liveness.worker()));
            Ok(worker)
        };
        let workers = listeners.into_iter().map(start).collect::<io::Result<_>>()?;
        Ok((Workers::of(workers), Threads { running, cut }))
    }

    /// Groups these workers.
    pub(super) fn of(workers: Vec<Worker>) -> Workers {
        Workers(workers.into())
    }

    /// Returns the worker with the fewest connections, among those that accept connections.
    pub(super) fn least_loaded(&self) -> Option<Worker> {
        let taking = self.0.iter().filter(|worker| !worker.connections.is_closed());
        taking.min_by_key(|worker| Arc::strong_count(&worker.slot)).cloned()
    }

    /// Waits until no worker accepts connections.
    pub(super) async fn closed(&self) {
        join_all(self.0.iter().map(|worker| worker.connections.closed())).await;
    }
}

impl Worker {
    /// Starts a worker that runs `work` on its connections, until `cut` fires. `held` is dropped when the worker ends,
    /// also after a panic.
    fn start<F: Future<Output = ()>>(
        work: impl FnOnce(mpsc::Receiver<Connection>) -> F + Send + 'static,
        mut cut: watch::Receiver<()>,
        held: impl Send + 'static,
    ) -> io::Result<Worker> {
        let runtime = Builder::new_current_thread().max_blocking_threads(MAX_BLOCKING).enable_all().build()?;
        let (worker, incoming) = Worker::on(runtime.handle().clone());
        thread::Builder::new().name("worker".to_owned()).spawn(move || {
            let _held = held;
            runtime.block_on(async {
                tokio::select! {
                    () = work(incoming) => {}
                    _ = cut.changed() => {}
                }
            });
            // Disk reads in progress end by themselves.
            runtime.shutdown_background();
        })?;
        Ok(worker)
    }

    /// Creates a worker on a runtime. Returns it with the receiver of its connections.
    pub(super) fn on(runtime: Handle) -> (Worker, mpsc::Receiver<Connection>) {
        let (connections, incoming) = mpsc::channel(1);
        (Worker { runtime, connections, slot: WorkerSlot::default() }, incoming)
    }

    /// Enters the worker's runtime: resources created while the guard is held wake this worker.
    pub(super) fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// A slot on the worker, which counts one connection.
    pub(super) fn slot(&self) -> WorkerSlot {
        Arc::clone(&self.slot)
    }

    /// Hands over a connection. The connection is dropped if the server drains.
    pub(super) async fn hand_over(&self, connection: Connection) {
        drop(self.connections.send(connection).await);
    }
}

impl Threads {
    /// Waits until every call has been answered, for at most `within`, or until `cut`. Calls that are left are cut off.
    /// Returns how many of `calls` that were; idle connections do not count.
    pub(super) async fn end(mut self, within: Duration, cut: impl Future, calls: &CallsUnderWay) -> usize {
        let left = tokio::select! {
            _ = self.running.recv() => 0,
            () = tokio::time::sleep(within) => calls.count(),
            _ = cut => calls.count(),
        };
        drop(self.cut);
        self.running.recv().await;
        left
    }
}

/// Serves a connection by its protocol.
async fn serve_one(mut connection: Connection, listeners: Listeners, age: ConnectionAge, stop: watch::Receiver<bool>) {
    let peer = connection.peer().clone();
    if connection.protocol() == Protocol::Grpc {
        return http2::serve(connection, peer, listeners.grpc, age, stop).await;
    }
    let mut stopped = stop.clone();
    let is_http2 = tokio::select! {
        is_http2 = connection.is_http2() => is_http2,
        // The server drains, and the connection has no call.
        _ = stopped.wait_for(|stop| *stop) => return,
    };
    match is_http2 {
        Ok(true) => http2::serve(connection, peer, listeners.http, age, stop).await,
        Ok(false) => http1::serve(connection, peer, listeners.http, age, stop).await,
        // It ended, or was closed, before it said anything.
        Err(_) => {}
    }
}

async fn serve(
    mut incoming: mpsc::Receiver<Connection>,
    listeners: Listeners,
    age: ConnectionAge,
    mut stop: watch::Receiver<bool>,
) {
    let stops = stop.clone();
    let mut stopped = pin!(stop.wait_for(|stop| *stop));
    let mut connections = JoinSet::new();
    let begin = |connection: Connection| serve_one(connection, listeners.clone(), age, stops.clone());
    loop {
        tokio::select! {
            Some(connection) = incoming.recv() => drop(connections.spawn(begin(connection))),
            // If the sender was dropped, there is nothing left to serve either.
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
        }
    }
    // Connections that were just handed over drain like the others.
    incoming.close();
    while let Some(connection) = incoming.recv().await {
        connections.spawn(begin(connection));
    }
    while connections.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use std::time::Instant;

    use super::*;
    use crate::server::liveness;
    use crate::server::vital::Vital;

    #[tokio::test]
    async fn a_worker_that_panics_is_reported_and_gets_no_connections() {
        let (mut vital, cut) = (Vital::new(), watch::Sender::new(()));
        let start = |breaks_off: bool| {
            let work = move |incoming| async move {
                assert!(!breaks_off, "a test");
                let _incoming: mpsc::Receiver<Connection> = incoming;
                std::future::pending::<()>().await;
            };
            Worker::start(work, cut.subscribe(), vital.part("worker")).unwrap()
        };
        let (whole, broken) = (start(false), start(true));
        assert_eq!(vital.ended().await, "worker");
        // The healthy worker has more connections than the broken one.
        let _slots = [whole.slot(), whole.slot()];
        let workers = Workers::of(vec![broken, whole.clone()]);
        let given = workers.least_loaded().unwrap();
        assert!(Arc::ptr_eq(&given.slot, &whole.slot));
        drop(cut);
        assert_eq!(vital.ended().await, "worker");
        assert!(workers.least_loaded().is_none(), "no worker is left");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_number_of_blocking_threads_is_bounded() {
        let cut = watch::Sender::new(());
        let worker = Worker::start(|_| std::future::pending(), cut.subscribe(), ()).unwrap();
        let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let blocking = (0..2 * MAX_BLOCKING).map(|_| {
            let (at_once, most) = (Arc::clone(&at_once), Arc::clone(&most));
            worker.runtime.spawn_blocking(move || {
                most.fetch_max(at_once.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
                thread::sleep(Duration::from_millis(20));
                at_once.fetch_sub(1, Ordering::AcqRel);
            })
        });
        assert!(join_all(blocking.collect::<Vec<_>>()).await.iter().all(Result::is_ok));
        assert!((2..=MAX_BLOCKING).contains(&most.load(Ordering::Acquire)), "{most:?} at once");
    }

    #[tokio::test]
    async fn a_worker_that_blocks_is_found_stuck_and_one_that_only_waits_is_not() {
        let (vital, cut, limit) = (Vital::new(), watch::Sender::new(()), Duration::from_secs(600));
        let (release, blocked) = std::sync::mpsc::channel::<()>();
        let (liveness, strict) = (Liveness::new(limit), Liveness::new(2 * liveness::PERIOD));
        let worker = Worker::start(|_| std::future::pending(), cut.subscribe(), vital.part("worker")).unwrap();
        drop(worker.runtime.spawn(liveness.worker()));
        drop(worker.runtime.spawn(strict.worker()));
        let mut now = Instant::now();
        let mut looks = |liveness: &Liveness, count: u64, pause: Duration| {
            for _ in 0..count {
                thread::sleep(pause);
                now += liveness::PERIOD;
                liveness.look(now);
            }
            liveness.stuck()
        };
        // It shows that it moves between any two looks. Two that miss that would find it stuck.
        assert_eq!(looks(&strict, 3, liveness::PERIOD * 2), None);
        let (begun, begins) = std::sync::mpsc::channel();
        drop(worker.runtime.spawn(async move {
            begun.send(()).unwrap();
            blocked.recv().ok();
        }));
        begins.recv().unwrap();
        looks(&liveness, 1, Duration::ZERO);
        assert_eq!(looks(&liveness, 590, Duration::ZERO), None);
        assert_eq!(looks(&liveness, 10, Duration::ZERO), Some("worker"));
        drop(release);
        assert_eq!(looks(&liveness, 2, liveness::PERIOD * 2), None, "it moves again");
    }
}
