//! Calls under way: while the server drains, a connection is not closed before its peer has the answers that it waits for;
//! and calls that are cancelled before they are answered are counted.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::auth::peer::Peer;

/// A call under way. Dropped before it is answered, it was cancelled.
pub(super) struct UnderWay {
    peer: Option<Peer>,
    is_awaited: bool,
    is_answered: AtomicBool,
}

impl UnderWay {
    /// A call of a peer, which waits for the answer or holds a call that may last.
    pub(super) fn new(peer: Option<Peer>, is_awaited: bool) -> UnderWay {
        if let Some(peer) = peer.as_ref().filter(|_| is_awaited) {
            peer.await_answer();
        }
        UnderWay { peer, is_awaited, is_answered: AtomicBool::new(false) }
    }

    /// It is answered.
    pub(super) fn answered(&self) {
        self.is_answered.store(true, Ordering::Relaxed);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Some(peer) = &self.peer else { return };
        if self.is_awaited {
            peer.await_no_longer();
        }
        if !*self.is_answered.get_mut() {
            peer.cancelled();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::auth::shares::{CALLS_PER_CONNECTION, Limits, Shares};

    #[test]
    fn calls_that_are_dropped_before_they_are_answered_are_counted_as_cancelled() {
        let limits = Limits { connections: NonZeroU32::new(1), ..Limits::default() };
        let peer = Peer::new("127.0.0.1:1".parse().unwrap(), None);
        Shares::new(limits).seat(&peer, "a").unwrap();
        // Far more than comes back while the test runs.
        let many = || (0..10 * CALLS_PER_CONNECTION.get()).map(|_| UnderWay::new(Some(peer.clone()), true));
        many().for_each(|call| call.answered());
        assert!(!peer.is_cut_off());
        many().for_each(drop);
        assert!(peer.is_cut_off());
    }

    #[test]
    fn a_peer_waits_for_an_answer_until_it_is_there_and_not_for_a_call_that_may_last() {
        let peer = Peer::new("127.0.0.1:1".parse().unwrap(), None);
        let call = |is_awaited| UnderWay::new(Some(peer.clone()), is_awaited);
        let (first, second, lasting) = (call(true), call(true), call(false));
        drop(first);
        assert!(peer.awaits_answers());
        drop(second);
        assert!(!peer.awaits_answers());
        drop(lasting);
        assert!(!peer.awaits_answers());
    }
}
