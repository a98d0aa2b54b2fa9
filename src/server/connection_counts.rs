//! The open connections of the gRPC port and the HTTP port, counted by whether their client is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The open connections. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionCounts(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    open: AtomicUsize,
    known: AtomicUsize,
    /// The connections that ended because of their age.
    aged: AtomicU64,
}

/// A connection that is counted until this is dropped. At first its client is unknown.
#[derive(Debug)]
pub(super) struct Counted {
    counts: ConnectionCounts,
    is_known: bool,
}

impl ConnectionCounts {
    /// Counts a connection.
    pub(super) fn add(&self) -> Counted {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        Counted { counts: self.clone(), is_known: false }
    }

    /// The number of connections of known clients.
    pub(super) fn known(&self) -> usize {
        self.0.known.load(Ordering::Relaxed)
    }

    /// The number of other connections, handshakes included.
    pub(super) fn unknown(&self) -> usize {
        self.0.open.load(Ordering::Relaxed).saturating_sub(self.known())
    }

    /// The number of connections that ended because of their age.
    pub(super) fn aged(&self) -> u64 {
        self.0.aged.load(Ordering::Relaxed)
    }
}

impl Counted {
    /// Counts the connection as one that ends because of its age.
    pub(super) fn aged(&self) {
        self.counts.0.aged.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the connection as that of a known client from now on.
    pub(super) fn known(&mut self) {
        if !std::mem::replace(&mut self.is_known, true) {
            self.counts.0.known.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.counts.0.open.fetch_sub(1, Ordering::Relaxed);
        if self.is_known {
            self.counts.0.known.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_counted_once_until_it_ends() {
        let counts = ConnectionCounts::default();
        let (mut one, other) = (counts.add(), counts.add());
        one.known();
        one.known();
        assert_eq!((counts.known(), counts.unknown()), (1, 1));
        drop(one);
        assert_eq!((counts.known(), counts.unknown()), (0, 1));
        drop(other);
        assert_eq!((counts.known(), counts.unknown()), (0, 0));
    }
}
