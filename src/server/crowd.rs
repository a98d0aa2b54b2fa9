//! A bounded number of connections of one kind. When there are too many, the oldest is closed, so that the newest always
//! gets in.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

/// The connections of one kind, the oldest first.
#[derive(Debug)]
pub(super) struct Crowd {
    most: usize,
    members: VecDeque<oneshot::Sender<()>>,
}

impl Crowd {
    /// At most so many.
    pub(super) fn of(most: usize) -> Crowd {
        Crowd { most, members: VecDeque::new() }
    }

    /// Makes room for one more.
    pub(super) fn join(&mut self) -> Membership {
        if self.members.len() >= self.most {
            self.members.retain(|member| !member.is_closed());
            if self.members.len() >= self.most
                && let Some(oldest) = self.members.pop_front()
            {
                // It may have gone by itself in this moment.
                oldest.send(()).ok();
            }
        }
        let (sender, receiver) = oneshot::channel();
        self.members.push_back(sender);
        Membership::Open(receiver)
    }
}

/// A connection's place among those of its kind. Dropped, it is free for another.
#[derive(Debug)]
pub(super) enum Membership {
    /// It may still have to go.
    Open(oneshot::Receiver<()>),
    /// It has to go.
    Closed,
    /// It stays: no more connections are taken.
    Kept,
}

impl Membership {
    /// Ready once the connection is to be closed. The end of the crowd, when a listener ends, closes nobody.
    pub(super) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Membership::Open(receiver) = self {
            *self = ready!(Pin::new(receiver).poll(cx)).map_or(Membership::Kept, |()| Membership::Closed);
        }
        if matches!(self, Membership::Closed) { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    const MOST: usize = 10;

    fn is_closed(member: &mut Membership) -> bool {
        member.poll_closed(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn when_there_are_too_many_the_oldest_that_is_still_there_is_closed() {
        let mut crowd = Crowd::of(MOST);
        let mut there: Vec<_> = (0..MOST).map(|_| crowd.join()).collect();
        // The first is gone by itself, and its place is taken by another.
        there.remove(0);
        there.push(crowd.join());
        assert!(!there.iter_mut().any(is_closed), "none had to go");
        there.push(crowd.join());
        let closed: Vec<_> = there.iter_mut().map(is_closed).collect();
        assert_eq!(closed.iter().position(|closed| *closed), Some(0));
        assert_eq!(closed.iter().filter(|closed| **closed).count(), 1);
        assert!(is_closed(&mut there[0]), "for good");
    }

    #[test]
    fn the_end_of_the_listener_closes_no_connection() {
        let mut crowd = Crowd::of(MOST);
        let mut there: Vec<_> = (0..MOST + 1).map(|_| crowd.join()).collect();
        drop(crowd);
        assert!(is_closed(&mut there[0]), "it had to go before");
        for _ in 0..2 {
            assert!(!there[1..].iter_mut().any(is_closed));
        }
    }
}
