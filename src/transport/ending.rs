//! How a connection ends: when the server drains, when it is too old, when its peer must be cut off.

use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::age::ConnectionAge;
use crate::auth::peer::Peer;

/// During a drain, how long a connection stays open whose peer awaits no answer but does not close it, and how often
/// that is checked.
const DRAIN_GRACE: Duration = Duration::from_secs(1);
const DRAIN_CHECK_PERIOD: Duration = Duration::from_millis(100);

/// The reasons for which a connection ends.
pub(super) struct Ending {
    peer: Peer,
    grace: Duration,
    is_stopping: bool,
    is_aged: bool,
    stopped: BoxFuture<'static, ()>,
    aged: BoxFuture<'static, ()>,
    drained: BoxFuture<'static, ()>,
}

impl Ending {
    /// The connection begins. `stop` turns true when the server drains.
    pub(super) fn new(peer: &Peer, age: ConnectionAge, mut stop: watch::Receiver<bool>) -> Ending {
        Ending {
            peer: peer.clone(),
            grace: age.grace,
            is_stopping: false,
            is_aged: false,
            // If the sender is gone, the server is ending too.
            stopped: async move { drop(stop.wait_for(|stop| *stop).await) }.boxed(),
            aged: age.reached().boxed(),
            drained: drained(peer.clone()).boxed(),
        }
    }

    /// True, once for each reason, if the connection must take nothing more and finish what it has begun.
    pub(super) fn must_finish(&mut self, cx: &mut Context<'_>) -> bool {
        let mut must_finish = false;
        if !self.is_stopping && self.stopped.as_mut().poll(cx).is_ready() {
            self.is_stopping = true;
            must_finish = true;
        }
        if !self.is_aged && self.aged.as_mut().poll(cx).is_ready() {
            self.is_aged = true;
            self.peer.age(self.grace);
            must_finish = true;
        }
        must_finish
    }

    /// Returns the result of a poll of the connection, or its end if it must be closed as it is.
    pub(super) fn or_closed<E>(&mut self, polled: Poll<Result<(), E>>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        if polled.is_ready() {
            return polled;
        }
        let is_cut_off = self.peer.is_cut_off().is_some();
        if is_cut_off || self.is_stopping && self.drained.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }

    /// Logs why the connection ended, if that is of interest.
    pub(super) fn log(&self, ended: Result<(), hyper::Error>) {
        let peer = &self.peer;
        match peer.is_cut_off() {
            // Unauthenticated connections must not fill the log.
            Some(why) if peer.is_known() => {
                tracing::info!(event = "connection_cut_off", %peer, "connection closed: {why}");
            }
            Some(why) => tracing::debug!(event = "connection_cut_off", %peer, "connection closed: {why}"),
            None => {}
        }
        if let Err(error) = ended {
            tracing::debug!(event = "connection_broken", error = &error as &dyn std::error::Error, "connection broke");
        }
    }
}

/// Waits until the peer of a draining connection has had its time, and awaits no answer.
async fn drained(peer: Peer) {
    tokio::time::sleep(DRAIN_GRACE).await;
    loop {
        let awaited = peer.awaits_answers();
        // A response that was just given must still be sent.
        tokio::time::sleep(DRAIN_CHECK_PERIOD).await;
        if !awaited && !peer.awaits_answers() {
            return;
        }
    }
}
