//! When a call ends before its answer is complete: soon after its caller is no longer a client or has another role,
//! and, for a call that may last, soon after the server began to drain. A watch also ends some time after its
//! connection became too old. Other calls are answered before the server ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use http::HeaderMap;
use tokio::sync::watch;
use tonic::Status;

use crate::auth::peer::Peer;
use crate::auth::{Caller, Identities};
use crate::surface::status;

/// How often a long answer checks again whether its caller is still allowed to receive it.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// How long a call that may last continues after the server began to drain; questions in progress are answered by then.
const DRAINED: Duration = Duration::from_millis(500);

/// Resolves to the status with which the call ends.
pub(super) type Ends = BoxFuture<'static, Status>;

/// The caller and the credentials it presented.
pub(super) struct CallerCheck {
    pub(super) identities: Identities,
    pub(super) caller: Arc<Caller>,
    pub(super) peer: Option<Peer>,
    /// The authorization headers of the call.
    pub(super) shown: HeaderMap,
}

impl CallerCheck {
    /// Waits until the caller may receive nothing more.
    pub(super) async fn refused(self) -> Status {
        loop {
            tokio::time::sleep(CHECK_EVERY).await;
            if let Some(refusal) = self.refusal() {
                return refusal;
            }
        }
    }

    /// Returns why the caller may receive nothing more, if that is so.
    fn refusal(&self) -> Option<Status> {
        if self.identities.is_dev() {
            return None;
        }
        match self.identities.caller(&self.shown, self.peer.as_ref(), Instant::now()) {
            Ok(caller) if caller == self.caller => None,
            Ok(_) => Some(status::permission_denied("the caller's role changed during the call")),
            Err(nobody) => Some(status::unauthenticated(nobody.to_string())),
        }
    }
}

/// Waits until watches on a connection must end because it is too old.
pub(super) async fn aged(watches_end: impl Future<Output = ()>) -> Status {
    watches_end.await;
    status::connection_aged()
}

/// Waits until the server has been draining for [`DRAINED`].
pub(super) async fn drained(mut draining: watch::Receiver<bool>) -> Status {
    // If the sender is gone, the server is ending too.
    drop(draining.wait_for(|draining| *draining).await);
    tokio::time::sleep(DRAINED).await;
    status::draining()
}
