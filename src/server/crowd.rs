//! A bounded number of connections of one kind. When there are too many, the oldest is closed, so that the newest always
//! gets in.

use std::collections::VecDeque;

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

    /// Makes room for one more. The connection is closed when the receiver gets a message, and leaves when it is dropped.
    pub(super) fn join(&mut self) -> oneshot::Receiver<()> {
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
        receiver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_there_are_too_many_the_oldest_that_is_still_there_is_closed() {
        const MOST: usize = 10;
        let mut crowd = Crowd::of(MOST);
        let mut there: Vec<_> = (0..MOST).map(|_| crowd.join()).collect();
        // The first is gone by itself, and its place is taken by another.
        there.remove(0);
        there.push(crowd.join());
        assert!(there.iter_mut().all(|member| member.try_recv().is_err()), "none had to go");
        there.push(crowd.join());
        let closed: Vec<_> = there.iter_mut().map(|member| member.try_recv().is_ok()).collect();
        assert_eq!(closed.iter().position(|closed| *closed), Some(0));
        assert_eq!(closed.iter().filter(|closed| **closed).count(), 1);
    }
}
