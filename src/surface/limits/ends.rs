//! When a call ends though its answer goes on: soon after its caller is not a client any more, or another than it was; and
//! one that may last, soon after the server began to drain. Calls that do not last are answered before the server ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use http::HeaderMap;
use tokio::sync::watch;
use tonic::Status;

use crate::auth::peer::Peer;
use crate::auth::{Caller, Identities};
use crate::surface::status;

/// How long an answer goes on without asking again whether its caller may be answered.
const ASKED_AGAIN: Duration = Duration::from_secs(1);

/// How long a call that may last goes on once the server drains: what is under way in it is answered by then.
const DRAINED: Duration = Duration::from_millis(500);

/// What a call ends with; until then it waits.
pub(super) type Ends = BoxFuture<'static, Status>;

/// Who called, and what it showed.
pub(super) struct Asked {
    pub(super) identities: Identities,
    pub(super) caller: Arc<Caller>,
    pub(super) peer: Option<Peer>,
    /// The authorization of the call.
    pub(super) shown: HeaderMap,
}

impl Asked {
    /// Waits until there is no more for the caller.
    pub(super) async fn refused(self) -> Status {
        loop {
            tokio::time::sleep(ASKED_AGAIN).await;
            if let Some(refusal) = self.refusal() {
                return refusal;
            }
        }
    }

    /// Why there is no more for the caller, if that is so.
    fn refusal(&self) -> Option<Status> {
        if self.identities.is_dev() {
            return None;
        }
        match self.identities.caller(&self.shown, self.peer.as_ref(), Instant::now()) {
            Ok(caller) if caller == self.caller => None,
            Ok(_) => Some(status::permission_denied("the caller has another role than when the call began")),
            Err(nobody) => Some(status::unauthenticated(nobody.to_string())),
        }
    }
}

/// Waits until the server has been draining for a while.
pub(super) async fn drained(mut draining: watch::Receiver<bool>) -> Status {
    // A sender that is gone has nothing left to serve either.
    drop(draining.wait_for(|draining| *draining).await);
    tokio::time::sleep(DRAINED).await;
    status::draining()
}
