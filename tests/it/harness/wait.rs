//! Waits with a deadline: a test that waits for something that does not happen fails, and says for what.

use std::any::type_name;
use std::time::{Duration, Instant};

use tonic::{Status, Streaming};

/// The maximum time to wait for what happens soon. A busy machine takes much longer than an idle one.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The pause before a condition is checked again.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits for a future.
pub async fn soon<F: Future>(what: &str, wait: F) -> F::Output {
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    waited.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"))
}

/// Waits until a condition holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(PAUSE).await;
        }
    };
    soon(what, wait).await;
}

/// Like [`until`], on a thread that may block.
pub fn block_until(what: &str, holds: impl FnMut() -> bool) {
    block_until_within(PATIENCE, what, holds);
}

/// Like [`block_until`], with another maximum time.
pub fn block_until_within(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// A stream of messages from the server.
pub trait Messages<T> {
    /// The next message, or the end of the stream. Waits for it with a deadline.
    fn next_message(&mut self) -> impl Future<Output = Result<Option<T>, Status>> + Send;
}

impl<T: Send + 'static> Messages<T> for Streaming<T> {
    async fn next_message(&mut self) -> Result<Option<T>, Status> {
        soon(type_name::<T>(), self.message()).await
    }
}
