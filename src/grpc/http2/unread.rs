//! Answers that HTTP/2 has taken and the peer has not: the head of each, and the body of a small one. Their calls are
//! over, and HTTP/2 keeps them as long as the peer does not read.

use crate::auth::memory::Held;
use crate::auth::peer::{CutOff, Peer};

/// How many of them are counted with the connection itself.
const INCLUDED: usize = 16;

/// What one takes at most: a body of 1 KiB, a head, and the stream of HTTP/2.
const ANSWER_BYTES: usize = 3 * 1024;

/// The answers of a connection that its peer has not read. A connection whose client holds too much is to be cut off.
pub(super) struct Unread {
    peer: Peer,
    /// How many answers had been given when all of them had been written.
    written: usize,
    held: Option<Held>,
}

impl Unread {
    pub(super) fn new(peer: Peer) -> Unread {
        Unread { peer, written: 0, held: None }
    }

    /// Counts again after the connection was polled. So many answers had been given before that, and so many have now.
    pub(super) fn count(&mut self, before: usize, now: usize) {
        if !self.peer.is_blocked() {
            self.written = before;
        }
        let unread = now - self.written;
        if unread <= INCLUDED {
            self.held = None;
            return;
        }
        let bytes = unread * ANSWER_BYTES;
        let has_room = match &self.held {
            Some(held) => held.set(bytes),
            None => match self.peer.memory() {
                Some(share) => {
                    self.held = share.hold(bytes);
                    self.held.is_some()
                }
                // Nobody is known on it, and it has few requests; or nothing is counted.
                None => true,
            },
        };
        if !has_room {
            self.peer.cut_off(CutOff::Unread);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::memory::CALLS_BYTES;
    use crate::auth::quotas::Quotas;

    #[test]
    fn a_connection_is_cut_off_when_its_client_leaves_too_much_unread() {
        let quotas = Quotas::default();
        let peer = |client| {
            let peer = Peer::new("127.0.0.1:1".parse().unwrap(), None);
            peer.seat(&quotas, client).unwrap();
            peer
        };
        let (greedy, other) = (peer("greedy"), peer("other"));
        let (mut unread, mut read) = (Unread::new(greedy.clone()), Unread::new(other.clone()));
        let many = CALLS_BYTES / ANSWER_BYTES / 4;
        // As many as one likes, as long as they are written.
        for round in 1..10 {
            read.count(many * round, many * round);
        }
        assert!(read.held.is_none() && other.is_cut_off().is_none());
        greedy.block(true);
        unread.count(0, many);
        assert!(greedy.is_cut_off().is_none());
        unread.count(many, 2 * many);
        assert_eq!(greedy.is_cut_off(), Some(CutOff::Unread));
        // Once it reads, they are counted no longer.
        greedy.block(false);
        unread.count(2 * many, 2 * many);
        assert!(unread.held.is_none());
    }
}
