//! The TLS handshake thread. Handshakes are the most expensive thing that an unauthenticated client can cause. They all
//! run on one thread, at a lower priority than calls.

use std::io;

use tokio::runtime::{Builder, Runtime};

use crate::store::priority::{BELOW_NORMAL, lower_priority};

/// The handshake thread. Dropping it cancels the handshakes in progress.
pub(super) struct Handshakes {
    thread: Option<Runtime>,
}

impl Handshakes {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Handshakes> {
        let thread = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("handshakes")
            .on_thread_start(|| lower_priority(BELOW_NORMAL))
            .enable_time()
            .build()?;
        Ok(Handshakes { thread: Some(thread) })
    }

    /// Starts a handshake. Handshakes run concurrently.
    pub(super) fn spawn(&self, handshake: impl Future<Output = ()> + Send + 'static) {
        if let Some(thread) = &self.thread {
            thread.spawn(handshake);
        }
    }
}

impl Drop for Handshakes {
    fn drop(&mut self) {
        // Shut down in the background: this destructor runs on a thread that answers calls.
        if let Some(thread) = self.thread.take() {
            thread.shutdown_background();
        }
    }
}
