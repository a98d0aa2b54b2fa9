//! Searches of the audit while it is written: a few at a time, each on a low-priority thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Semaphore, oneshot};

use super::trail::Trail;
use super::{Bounds, Found, Query, ReadPlace};

/// The maximum number of concurrent searches.
const MAX_SEARCHES: usize = 2;

/// Runs searches. Clones share the limit.
#[derive(Clone)]
pub(super) struct Searching {
    trail: Trail,
    turns: Arc<Semaphore>,
    lower_priority: fn(),
}

/// Cancels a search when its caller no longer waits for it.
#[derive(Default)]
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Searching {
    pub(super) fn new(trail: Trail, lower_priority: fn()) -> Searching {
        Searching { trail, turns: Arc::new(Semaphore::new(MAX_SEARCHES)), lower_priority }
    }

    /// Searches the files. If the returned future is dropped, the search ends soon after.
    pub(super) async fn search(&self, query: Query, after: Option<ReadPlace>, bounds: Bounds) -> io::Result<Found> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(io::Error::other)?;
        let (wanted, (done, is_done)) = (CancelOnDrop::default(), oneshot::channel());
        let (trail, lower_priority, is_canceled) = (self.trail.clone(), self.lower_priority, Arc::clone(&wanted.0));
        std::thread::Builder::new().name("audit search".to_owned()).spawn(move || {
            let _turn = turn;
            lower_priority();
            // A caller that no longer waits does not need the result.
            done.send(trail.search(&query, after, bounds, &is_canceled)).ok();
        })?;
        is_done.await.map_err(io::Error::other)?
    }
}
