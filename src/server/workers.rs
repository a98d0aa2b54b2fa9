//! Workers: the threads that answer, one for each core.
//!
//! A connection stays on the worker that it was given, and its calls with it. No thread is woken for the work of
//! another, and what was used last is still near. A client with many questions has several connections.

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

use super::connection::{Connection, Seat};
use super::vital::Alive;
use crate::grpc::{self, GrpcListener};
use crate::surface::CallsUnderWay;

/// How many threads a worker may have at once beside it for what reads the disk. More wait their turn.
const MOST_BLOCKING: usize = 32;

/// The workers of a server. Clones are of the same.
#[derive(Clone)]
pub(super) struct Workers(Arc<[Worker]>);

/// One of them. Clones are of the same.
#[derive(Clone)]
pub(super) struct Worker {
    runtime: Handle,
    connections: mpsc::Sender<Connection>,
    seat: Seat,
}

/// The threads of the workers.
pub(super) struct Threads {
    /// Nothing comes; it ends when they have.
    running: mpsc::Receiver<Infallible>,
    /// Dropped when no call is waited for any longer.
    cut: watch::Sender<()>,
}

impl Workers {
    /// Starts a worker for each listener. They take connections until `stop` turns true. Each holds what `alive` gives
    /// while it runs.
    pub(super) fn start(
        listeners: Vec<GrpcListener>,
        stop: &watch::Sender<bool>,
        alive: impl Fn() -> Alive,
    ) -> io::Result<(Workers, Threads)> {
        let ((runs, running), cut) = (mpsc::channel(1), watch::Sender::new(()));
        let start = |listener| {
            let stop = stop.subscribe();
            Worker::start(|incoming| serve(incoming, listener, stop), cut.subscribe(), (alive(), runs.clone()))
        };
        let workers = listeners.into_iter().map(start).collect::<io::Result<_>>()?;
        Ok((Workers::of(workers), Threads { running, cut }))
    }

    /// These.
    pub(super) fn of(workers: Vec<Worker>) -> Workers {
        Workers(workers.into())
    }

    /// The one with the fewest connections, of those that take any.
    pub(super) fn emptiest(&self) -> Option<Worker> {
        let taking = self.0.iter().filter(|worker| !worker.connections.is_closed());
        taking.min_by_key(|worker| Arc::strong_count(&worker.seat)).cloned()
    }

    /// Waits until no connection is taken any more.
    pub(super) async fn closed(&self) {
        join_all(self.0.iter().map(|worker| worker.connections.closed())).await;
    }
}

impl Worker {
    /// Starts one that does this with the connections that it is given, until it is cut off. `held` is dropped when the
    /// worker ends, also where it breaks off.
    fn start<F: Future<Output = ()>>(
        work: impl FnOnce(mpsc::Receiver<Connection>) -> F + Send + 'static,
        mut cut: watch::Receiver<()>,
        held: impl Send + 'static,
    ) -> io::Result<Worker> {
        let runtime = Builder::new_current_thread().max_blocking_threads(MOST_BLOCKING).enable_all().build()?;
        let (worker, incoming) = Worker::on(runtime.handle().clone());
        thread::Builder::new().name("worker".to_owned()).spawn(move || {
            let _held = held;
            runtime.block_on(async {
                tokio::select! {
                    () = work(incoming) => {}
                    _ = cut.changed() => {}
                }
            });
            // What reads the disk just now ends by itself.
            runtime.shutdown_background();
        })?;
        Ok(worker)
    }

    /// A worker on a runtime, and the connections that it is given.
    pub(super) fn on(runtime: Handle) -> (Worker, mpsc::Receiver<Connection>) {
        let (connections, incoming) = mpsc::channel(1);
        (Worker { runtime, connections, seat: Seat::default() }, incoming)
    }

    /// What is made while this is held is woken on this worker.
    pub(super) fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// A seat on it.
    pub(super) fn seat(&self) -> Seat {
        Arc::clone(&self.seat)
    }

    /// Hands over a connection, unless the server drains.
    pub(super) async fn hand_over(&self, connection: Connection) {
        drop(self.connections.send(connection).await);
    }
}

impl Threads {
    /// Waits until every call has been answered, so long at most, or until `cut`; what is left then is cut off. Returns
    /// how many of the `calls` that were: connections without one may be left as well.
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

async fn serve(mut incoming: mpsc::Receiver<Connection>, listener: GrpcListener, mut stop: watch::Receiver<bool>) {
    let stops = stop.clone();
    let mut stopped = pin!(stop.wait_for(|stop| *stop));
    let mut connections = JoinSet::new();
    let begin = |connection: Connection| {
        let peer = connection.peer().clone();
        grpc::http2::serve(connection, peer, listener.clone(), stops.clone())
    };
    loop {
        tokio::select! {
            Some(connection) = incoming.recv() => drop(connections.spawn(begin(connection))),
            // A sender that is gone has nothing left to serve either.
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
        }
    }
    // A connection that was just handed over learns that the server drains, as the others do.
    incoming.close();
    while let Some(connection) = incoming.recv().await {
        connections.spawn(begin(connection));
    }
    while connections.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::server::vital::Vital;

    #[tokio::test]
    async fn a_worker_that_breaks_off_is_noticed_and_given_no_connections() {
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
        // The whole one has more connections than the one that would take none.
        let _seats = [whole.seat(), whole.seat()];
        let workers = Workers::of(vec![broken, whole.clone()]);
        let given = workers.emptiest().unwrap();
        assert!(Arc::ptr_eq(&given.seat, &whole.seat));
        drop(cut);
        assert_eq!(vital.ended().await, "worker");
        assert!(workers.emptiest().is_none(), "none is left");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_blocks_has_so_many_threads_and_no_more() {
        let cut = watch::Sender::new(());
        let worker = Worker::start(|_| std::future::pending(), cut.subscribe(), ()).unwrap();
        let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let blocking = (0..2 * MOST_BLOCKING).map(|_| {
            let (at_once, most) = (Arc::clone(&at_once), Arc::clone(&most));
            worker.runtime.spawn_blocking(move || {
                most.fetch_max(at_once.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
                thread::sleep(Duration::from_millis(20));
                at_once.fetch_sub(1, Ordering::AcqRel);
            })
        });
        assert!(join_all(blocking.collect::<Vec<_>>()).await.iter().all(Result::is_ok));
        assert!((2..=MOST_BLOCKING).contains(&most.load(Ordering::Acquire)), "{most:?} at once");
    }
}
