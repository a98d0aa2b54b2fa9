//! The memory budget for the staff lists and impacts of all clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The memory that all lists together may take, in bytes: three of the largest staff lists.
pub(super) const ALL_LISTS_BYTES: usize = 128 * 1024 * 1024;

/// The budget that is left for lists. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct ListBudget(Arc<AtomicUsize>);

impl Default for ListBudget {
    fn default() -> ListBudget {
        ListBudget(Arc::new(AtomicUsize::new(ALL_LISTS_BYTES)))
    }
}

impl ListBudget {
    /// Returns the share of one list. It is empty at first.
    pub(super) fn share(&self) -> ListShare {
        ListShare { budget: self.clone(), taken: 0 }
    }
}

/// The memory that one list has taken, in bytes. Dropping it returns the memory.
pub(super) struct ListShare {
    budget: ListBudget,
    taken: usize,
}

impl ListShare {
    /// Takes `bytes` more. Returns false and takes nothing if too little is left.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let left = |left: usize| left.checked_sub(bytes);
        let is_taken = self.budget.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok();
        self.taken += if is_taken { bytes } else { 0 };
        is_taken
    }

    /// Moves everything taken into a new share, which can be dropped elsewhere.
    pub(super) fn hand_over(&mut self) -> ListShare {
        ListShare { budget: self.budget.clone(), taken: std::mem::take(&mut self.taken) }
    }
}

impl Drop for ListShare {
    fn drop(&mut self) {
        self.budget.0.fetch_add(self.taken, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_dropped_list_is_available_again() {
        let budget = ListBudget::default();
        let (mut one, mut other) = (budget.share(), budget.share());
        assert!(one.take(ALL_LISTS_BYTES - 10) && other.take(10));
        assert!(!other.take(1) && !one.take(1));
        drop(one);
        assert!(other.take(ALL_LISTS_BYTES - 10) && !budget.share().take(1));
        drop(other);
        assert!(budget.share().take(ALL_LISTS_BYTES));
    }
}
