//! Lanes: the threads that answer, one for each core.
//!
//! A connection stays on the lane that it was given, and its calls with it. No thread is woken for the work of another,
//! and what was used last is still near. Whoever has much to ask has several connections.

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

use super::door::Connection;
use crate::grpc::{self, WayIn};

/// The lanes of a server. Clones are of the same.
#[derive(Clone)]
pub(super) struct Lanes(Arc<[Lane]>);

/// One of them. Clones are of the same.
#[derive(Clone)]
pub(super) struct Lane {
    runtime: Handle,
    connections: mpsc::Sender<Connection>,
    seat: Seat,
}

/// Held by each connection of a lane, so that they can be counted.
pub(super) type Seat = Arc<()>;

/// The threads of the lanes.
pub(super) struct Threads {
    /// Nothing comes; it ends when they have.
    running: mpsc::Receiver<Infallible>,
    /// Dropped when no call is waited for any longer.
    cut: watch::Sender<()>,
}

impl Lanes {
    /// Starts a lane for each way in. They take connections until `stop` turns true.
    pub(super) fn start(ways_in: Vec<WayIn>, stop: &watch::Sender<bool>) -> io::Result<(Lanes, Threads)> {
        let ((runs, running), cut) = (mpsc::channel(1), watch::Sender::new(()));
        let start = |way_in| Lane::start(way_in, stop.subscribe(), cut.subscribe(), runs.clone());
        let lanes = ways_in.into_iter().map(start).collect::<io::Result<_>>()?;
        Ok((Lanes::of(lanes), Threads { running, cut }))
    }

    /// These.
    pub(super) fn of(lanes: Vec<Lane>) -> Lanes {
        Lanes(lanes.into())
    }

    /// The one with the fewest connections.
    pub(super) fn emptiest(&self) -> Option<Lane> {
        self.0.iter().min_by_key(|lane| Arc::strong_count(&lane.seat)).cloned()
    }

    /// Waits until no connection is taken any more.
    pub(super) async fn closed(&self) {
        join_all(self.0.iter().map(|lane| lane.connections.closed())).await;
    }
}

impl Lane {
    fn start(
        way_in: WayIn,
        stop: watch::Receiver<bool>,
        mut cut: watch::Receiver<()>,
        runs: mpsc::Sender<Infallible>,
    ) -> io::Result<Lane> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (lane, incoming) = Lane::on(runtime.handle().clone());
        thread::Builder::new().name("lane".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(incoming, way_in, stop) => {}
                    _ = cut.changed() => {}
                }
            });
            // What reads the disk just now ends by itself.
            runtime.shutdown_background();
            drop(runs);
        })?;
        Ok(lane)
    }

    /// A lane on a runtime, and the connections that it is given.
    pub(super) fn on(runtime: Handle) -> (Lane, mpsc::Receiver<Connection>) {
        let (connections, incoming) = mpsc::channel(1);
        (Lane { runtime, connections, seat: Seat::default() }, incoming)
    }

    /// What is made while this is held is woken on this lane.
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
    /// Waits until every call has been answered, so long at most; what is left then is cut off. Says whether nothing was.
    pub(super) async fn end(mut self, within: Duration) -> bool {
        let all = tokio::time::timeout(within, self.running.recv()).await.is_ok();
        drop(self.cut);
        self.running.recv().await;
        all
    }
}

async fn serve(mut incoming: mpsc::Receiver<Connection>, way_in: WayIn, mut stop: watch::Receiver<bool>) {
    let stops = stop.clone();
    let mut stopped = pin!(stop.wait_for(|stop| *stop));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(connection) = incoming.recv() => {
                let peer = connection.peer().clone();
                connections.spawn(grpc::http2::serve(connection, peer, way_in.clone(), stops.clone()));
            }
            // A sender that is gone has nothing left to serve either.
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
        }
    }
    drop(incoming);
    while connections.join_next().await.is_some() {}
}
