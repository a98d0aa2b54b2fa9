//! Responses not yet read by the client: the headers of each, and the body if it is small. Their calls have ended, but
//! HTTP/2 keeps them until the client reads.

use crate::auth::memory::Held;
use crate::auth::peer::{CutOff, Peer};

/// The number of unread responses that are not counted.
const INCLUDED: usize = 16;

/// The maximum memory of one response in bytes: a body of 1 KiB, headers, and the HTTP/2 stream.
const ANSWER_BYTES: usize = 3 * 1024;

/// The unread responses of a connection. If its client holds too much memory, the connection is cut off.
pub(super) struct Unread {
    peer: Peer,
    /// The number of responses given when all had last been written.
    written: usize,
    held: Option<Held>,
}

impl Unread {
    pub(super) fn new(peer: Peer) -> Unread {
        Unread { peer, written: 0, held: None }
    }

    /// Updates the count after the connection was polled. `before` and `now` are the numbers of responses given before
    /// and after that.
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
                // The connection is unauthenticated and limited to few requests, or memory is not counted.
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
            peer.admit(&quotas, client).unwrap();
            peer
        };
        let (greedy, other) = (peer("greedy"), peer("other"));
        let (mut unread, mut read) = (Unread::new(greedy.clone()), Unread::new(other.clone()));
        let many = CALLS_BYTES / ANSWER_BYTES / 4;
        // Responses that are written at once are not limited.
        for round in 1..10 {
            read.count(many * round, many * round);
        }
        assert!(read.held.is_none() && other.is_cut_off().is_none());
        greedy.block(true);
        unread.count(0, many);
        assert!(greedy.is_cut_off().is_none());
        unread.count(many, 2 * many);
        assert_eq!(greedy.is_cut_off(), Some(CutOff::Unread));
        // Once the client reads, they are no longer counted.
        greedy.block(false);
        unread.count(2 * many, 2 * many);
        assert!(unread.held.is_none());
    }
}
