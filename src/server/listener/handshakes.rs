//! The thread that shakes hands. Strangers cost more there than anywhere else, so all of them have one thread, which
//! has a lower priority than calls.

use std::io;

use tokio::runtime::{Builder, Runtime};

use crate::store::priority::{BELOW_NORMAL, lower_priority};

/// Where handshakes are made. Those under way end with it.
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

    /// Makes one beside the others.
    pub(super) fn spawn(&self, handshake: impl Future<Output = ()> + Send + 'static) {
        if let Some(thread) = &self.thread {
            thread.spawn(handshake);
        }
    }
}

impl Drop for Handshakes {
    fn drop(&mut self) {
        // Nobody waits for the thread: this runs on one of those that answer.
        if let Some(thread) = self.thread.take() {
            thread.shutdown_background();
        }
    }
}
