//! The memory held by calls: requests in progress, and responses not yet read by the client. It is counted in bytes,
//! per client and for all clients together.
//!
//! A client may hold as much as half of what is free. So no client can take everything, and there is always room for
//! one more: a single client gets a third of the total; ten clients get a twelfth each, and two twelfths stay free.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The maximum memory of all calls together, in bytes.
pub const CALLS_BYTES: usize = 256 * 1024 * 1024;

/// The memory held by all calls. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<AtomicUsize>);

/// The memory held by the calls of one client.
#[derive(Debug)]
pub struct Share {
    memory: Memory,
    held: AtomicUsize,
}

/// Memory held for one purpose. Dropping it releases the memory.
#[derive(Debug)]
pub struct Held {
    share: Arc<Share>,
    bytes: AtomicUsize,
}

impl Memory {
    /// Creates the share of a new client.
    pub fn share(&self) -> Arc<Share> {
        Arc::new(Share { memory: self.clone(), held: AtomicUsize::new(0) })
    }
}

impl Share {
    /// True if the client may hold this many more bytes.
    fn has_room(&self, bytes: usize) -> bool {
        let free = CALLS_BYTES.saturating_sub(self.memory.0.load(Ordering::Relaxed));
        self.held.load(Ordering::Relaxed).saturating_add(bytes) <= free / 2
    }

    /// True if the client holds more than it now may.
    pub fn is_over(&self) -> bool {
        !self.has_room(0)
    }

    fn add(&self, bytes: usize) {
        self.memory.0.fetch_add(bytes, Ordering::Relaxed);
        self.held.fetch_add(bytes, Ordering::Relaxed);
    }

    fn subtract(&self, bytes: usize) {
        self.memory.0.fetch_sub(bytes, Ordering::Relaxed);
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Holds this many bytes, if there is room.
    pub fn hold(self: &Arc<Share>, bytes: usize) -> Option<Held> {
        self.has_room(bytes).then(|| self.hold_anyway(bytes))
    }

    /// Holds this many bytes even without room, because they are already in memory and about to be sent.
    pub fn hold_anyway(self: &Arc<Share>, bytes: usize) -> Held {
        self.add(bytes);
        Held { share: Arc::clone(self), bytes: AtomicUsize::new(bytes) }
    }
}

impl Held {
    /// The client's share that it belongs to.
    pub fn share(&self) -> &Arc<Share> {
        &self.share
    }

    /// Holds this many more bytes, if there is room. Returns false if there is not.
    pub fn grow(&self, bytes: usize) -> bool {
        let has_room = self.share.has_room(bytes);
        if has_room {
            self.share.add(bytes);
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        has_room
    }

    /// Changes the held amount to this many bytes. An increase needs room; returns false if there is none.
    pub fn set(&self, bytes: usize) -> bool {
        let before = self.bytes.load(Ordering::Relaxed);
        if let Some(more) = bytes.checked_sub(before) {
            return more == 0 || self.grow(more);
        }
        self.bytes.store(bytes, Ordering::Relaxed);
        self.share.subtract(before - bytes);
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.share.subtract(*self.bytes.get_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes all that is available, in small steps.
    fn take_all(share: &Arc<Share>) -> usize {
        let held = share.hold(0).unwrap();
        while held.grow(64 * 1024) {}
        let taken = share.held.load(Ordering::Relaxed);
        std::mem::forget(held);
        taken
    }

    #[test]
    fn there_is_always_memory_for_one_more_client() {
        let memory = Memory::default();
        let alone = take_all(&memory.share());
        assert!((CALLS_BYTES / 3 - CALLS_BYTES / 50..=CALLS_BYTES / 3).contains(&alone), "{alone}");
        for _ in 0..60 {
            take_all(&memory.share());
        }
        assert!(memory.0.load(Ordering::Relaxed) <= CALLS_BYTES);
        assert!(memory.share().hold(1).is_some());
    }

    #[test]
    fn held_memory_is_released() {
        let memory = Memory::default();
        let (one, other) = (memory.share(), memory.share());
        let held = one.hold(1000).unwrap();
        assert!(held.grow(500) && held.set(700) && held.set(900) && !held.grow(CALLS_BYTES) && !held.set(CALLS_BYTES));
        assert_eq!(memory.0.load(Ordering::Relaxed), 900);
        let large = other.hold_anyway(CALLS_BYTES);
        assert!(other.is_over() && one.is_over() && one.hold(1).is_none());
        drop((large, held));
        assert_eq!(memory.0.load(Ordering::Relaxed), 0);
        assert!(!other.is_over() && !one.is_over());
    }
}
