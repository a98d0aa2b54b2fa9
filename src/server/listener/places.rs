//! The places for connections: how many there may be at once on all ports of the server.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::server::connection_set::{ConnectionSet, Slot};

/// The maximum number of connections, and of unauthenticated connections among them.
const MAX_CONNECTIONS: usize = 4096;
const MAX_UNAUTHENTICATED: usize = 1024;

/// The places for connections. Clones share them.
#[derive(Clone)]
pub(in crate::server) struct Places {
    most: usize,
    permits: Arc<Semaphore>,
    unauthenticated: Arc<Mutex<ConnectionSet>>,
}

impl Default for Places {
    fn default() -> Places {
        Places::with(MAX_CONNECTIONS, MAX_UNAUTHENTICATED)
    }
}

impl Places {
    /// Creates places for `most` connections, `most_unauthenticated` of them for unauthenticated ones.
    pub(super) fn with(most: usize, most_unauthenticated: usize) -> Places {
        let unauthenticated = Arc::new(Mutex::new(ConnectionSet::with_limit(most_unauthenticated)));
        Places { most, permits: Arc::new(Semaphore::new(most)), unauthenticated }
    }

    /// The maximum number of connections.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Takes a place, if one is free.
    pub(super) fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).try_acquire_owned().ok()
    }

    /// True if more than a few places are free.
    pub(super) fn has_room(&self) -> bool {
        self.permits.available_permits() > self.most / 16
    }

    /// Adds an unauthenticated connection. Closes the oldest one if there are too many.
    pub(super) fn unauthenticated(&self) -> Slot {
        self.unauthenticated.lock().unwrap_or_else(PoisonError::into_inner).add()
    }
}
