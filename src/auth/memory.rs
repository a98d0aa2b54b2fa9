//! The memory that calls hold: what they brought, and what was answered and not read yet. It is counted in bytes, for each
//! client and for all together.
//!
//! A client may hold as much as half of what is free. So nobody can take all of it, and there is always room for one more:
//! a client alone gets a third of the whole; of ten, each gets a twelfth, and two twelfths stay free.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much all calls together may hold, in bytes.
pub const CALLS_BYTES: usize = 256 * 1024 * 1024;

/// What all calls hold. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<AtomicUsize>);

/// What the calls of one client hold.
#[derive(Debug)]
pub struct Share {
    memory: Memory,
    held: AtomicUsize,
}

/// What is held for one purpose, until this is dropped.
#[derive(Debug)]
pub struct Held {
    share: Arc<Share>,
    bytes: AtomicUsize,
}

impl Memory {
    /// The share of another client.
    pub fn share(&self) -> Arc<Share> {
        Arc::new(Share { memory: self.clone(), held: AtomicUsize::new(0) })
    }
}

impl Share {
    /// Whether there is room for so much more.
    fn has_room(&self, bytes: usize) -> bool {
        let free = CALLS_BYTES.saturating_sub(self.memory.0.load(Ordering::Relaxed));
        self.held.load(Ordering::Relaxed).saturating_add(bytes) <= free / 2
    }

    /// Whether the client holds more than it may by now.
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

    /// Holds so much, if there is room for it.
    pub fn hold(self: &Arc<Share>, bytes: usize) -> Option<Held> {
        self.has_room(bytes).then(|| self.hold_anyway(bytes))
    }

    /// Holds so much though there may be no room: it is in memory already, and goes out.
    pub fn hold_anyway(self: &Arc<Share>, bytes: usize) -> Held {
        self.add(bytes);
        Held { share: Arc::clone(self), bytes: AtomicUsize::new(bytes) }
    }
}

impl Held {
    /// Whose it is.
    pub fn share(&self) -> &Arc<Share> {
        &self.share
    }

    /// Holds so much more, if there is room for it.
    pub fn grow(&self, bytes: usize) -> bool {
        let has_room = self.share.has_room(bytes);
        if has_room {
            self.share.add(bytes);
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        has_room
    }

    /// Holds so much instead, if there is room for what it is more.
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

    /// Takes as much as there is, in small steps.
    fn take_all(share: &Arc<Share>) -> usize {
        let held = share.hold(0).unwrap();
        while held.grow(64 * 1024) {}
        let taken = share.held.load(Ordering::Relaxed);
        std::mem::forget(held);
        taken
    }

    #[test]
    fn however_many_take_all_that_they_get_there_is_as_much_for_one_more() {
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
    fn what_was_held_is_free_again() {
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
