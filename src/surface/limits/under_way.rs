//! Calls in progress: while the server drains, a connection stays open until its peer has the answers that it waits
//! for. Calls that are canceled before they are answered are counted, and so are those that are cut off in the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::auth::peer::Peer;

/// The number of calls in progress on all connections. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallsUnderWay(Arc<AtomicUsize>);

impl CallsUnderWay {
    /// Returns the number of calls in progress.
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A call in progress. If it is dropped before it is answered, it was canceled.
pub(in crate::surface) struct UnderWay {
    calls: CallsUnderWay,
    peer: Option<Peer>,
    is_awaited: bool,
    is_answered: AtomicBool,
}

impl UnderWay {
    /// Starts a call of a peer. `is_awaited`: the peer waits for the answer, because the call does not last.
    pub(in crate::surface) fn new(calls: &CallsUnderWay, peer: Option<Peer>, is_awaited: bool) -> UnderWay {
        calls.0.fetch_add(1, Ordering::Relaxed);
        if let Some(peer) = peer.as_ref().filter(|_| is_awaited) {
            peer.await_answer();
        }
        UnderWay { calls: calls.clone(), peer, is_awaited, is_answered: AtomicBool::new(false) }
    }

    /// Marks the call as answered.
    pub(in crate::surface) fn answered(&self) {
        self.is_answered.store(true, Ordering::Relaxed);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.calls.0.fetch_sub(1, Ordering::Relaxed);
        let Some(peer) = &self.peer else { return };
        if self.is_awaited {
            peer.await_no_longer();
        }
        if !*self.is_answered.get_mut() {
            peer.canceled();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::auth::quotas::{CALLS_PER_CONNECTION, Limits, Quotas};

    #[test]
    fn calls_that_are_dropped_before_they_are_answered_are_counted_as_canceled() {
        let limits = Limits { connections: NonZeroU32::new(1), ..Limits::default() };
        let peer = Peer::new("127.0.0.1:1".parse().unwrap(), None);
        peer.admit(&Quotas::new(limits), "a").unwrap();
        // Far more than the allowance regained while the test runs.
        let calls = CallsUnderWay::default();
        let many = || (0..10 * CALLS_PER_CONNECTION.get()).map(|_| UnderWay::new(&calls, Some(peer.clone()), true));
        many().for_each(|call| call.answered());
        assert!(peer.is_cut_off().is_none());
        many().for_each(drop);
        assert!(peer.is_cut_off().is_some());
    }

    #[test]
    fn a_peer_waits_for_answers_but_not_for_calls_that_may_last() {
        let (calls, peer) = (CallsUnderWay::default(), Peer::new("127.0.0.1:1".parse().unwrap(), None));
        let call = |is_awaited| UnderWay::new(&calls, Some(peer.clone()), is_awaited);
        let (first, second, lasting) = (call(true), call(true), call(false));
        assert_eq!(calls.count(), 3);
        drop(first);
        assert!(peer.awaits_answers());
        drop(second);
        assert!(!peer.awaits_answers());
        drop(lasting);
        assert!(!peer.awaits_answers());
        assert_eq!(calls.count(), 0);
    }
}
