//! A bounded number of connections of one kind. When there are too many, the oldest is closed, so that a new one is
//! always accepted.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

/// The connections of one kind, oldest first.
#[derive(Debug)]
pub(super) struct ConnectionSet {
    limit: usize,
    connections: VecDeque<oneshot::Sender<()>>,
}

impl ConnectionSet {
    /// Creates a set of at most `limit` connections.
    pub(super) fn with_limit(limit: usize) -> ConnectionSet {
        ConnectionSet { limit, connections: VecDeque::new() }
    }

    /// Adds a connection. Closes the oldest one if the set is full.
    pub(super) fn add(&mut self) -> Slot {
        if self.connections.len() >= self.limit {
            self.connections.retain(|connection| !connection.is_closed());
            if self.connections.len() >= self.limit
                && let Some(oldest) = self.connections.pop_front()
            {
                // The connection may have just ended by itself.
                oldest.send(()).ok();
            }
        }
        let (sender, receiver) = oneshot::channel();
        self.connections.push_back(sender);
        Slot::Open(receiver)
    }
}

/// A connection's slot among those of its kind. Dropping it frees the slot.
#[derive(Debug)]
pub(super) enum Slot {
    /// The connection may still be closed to make room.
    Open(oneshot::Receiver<()>),
    /// The connection must be closed.
    Closed,
    /// The connection stays: the listener has ended and accepts no more connections.
    Kept,
}

impl Slot {
    /// Ready once the connection must be closed. A set that is dropped, because the listener ends, closes no
    /// connection.
    pub(super) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Slot::Open(receiver) = self {
            *self = ready!(Pin::new(receiver).poll(cx)).map_or(Slot::Kept, |()| Slot::Closed);
        }
        if matches!(self, Slot::Closed) { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    const LIMIT: usize = 10;

    fn is_closed(connection: &mut Slot) -> bool {
        connection.poll_closed(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn at_the_limit_the_oldest_open_connection_is_closed() {
        let mut set = ConnectionSet::with_limit(LIMIT);
        let mut there: Vec<_> = (0..LIMIT).map(|_| set.add()).collect();
        // The first connection ends by itself, and another takes its slot.
        there.remove(0);
        there.push(set.add());
        assert!(!there.iter_mut().any(is_closed), "none had to be closed");
        there.push(set.add());
        let closed: Vec<_> = there.iter_mut().map(is_closed).collect();
        assert_eq!(closed.iter().position(|closed| *closed), Some(0));
        assert_eq!(closed.iter().filter(|closed| **closed).count(), 1);
        assert!(is_closed(&mut there[0]), "closed for good");
    }

    #[test]
    fn dropping_the_set_closes_no_connection() {
        let mut set = ConnectionSet::with_limit(LIMIT);
        let mut there: Vec<_> = (0..LIMIT + 1).map(|_| set.add()).collect();
        drop(set);
        assert!(is_closed(&mut there[0]), "it had to be closed before");
        for _ in 0..2 {
            assert!(!there[1..].iter_mut().any(is_closed));
        }
    }
}
