//! Searches while the audit is written: a few at a time, each on a thread of low priority.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Semaphore, oneshot};

use super::trail::Trail;
use super::{Bounds, Found, Query, ReadPlace};

/// How many searches run at a time.
const AT_A_TIME: usize = 2;

/// What searches need.
#[derive(Clone)]
pub(super) struct Searching {
    trail: Trail,
    turns: Arc<Semaphore>,
    lower_priority: fn(),
}

/// Tells a search that nobody waits for it any more.
#[derive(Default)]
struct Wanted(Arc<AtomicBool>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Searching {
    pub(super) fn new(trail: Trail, lower_priority: fn()) -> Searching {
        Searching { trail, turns: Arc::new(Semaphore::new(AT_A_TIME)), lower_priority }
    }

    /// Searches the files. The search ends soon after this is dropped.
    pub(super) async fn search(&self, query: Query, after: Option<ReadPlace>, bounds: Bounds) -> io::Result<Found> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(io::Error::other)?;
        let (wanted, (done, is_done)) = (Wanted::default(), oneshot::channel());
        let (trail, lower_priority, is_cancelled) = (self.trail.clone(), self.lower_priority, Arc::clone(&wanted.0));
        std::thread::Builder::new().name("audit search".to_owned()).spawn(move || {
            let _turn = turn;
            lower_priority();
            // One that is not waited for any more is of no use to anybody.
            done.send(trail.search(&query, after, bounds, &is_cancelled)).ok();
        })?;
        is_done.await.map_err(io::Error::other)?
    }
}
