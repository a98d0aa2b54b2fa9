//! How a connection ends while the server drains.

use std::time::Duration;

use crate::auth::peer::Peer;

/// During a drain, how long a connection stays open whose peer awaits no answer but does not close it, and how often
/// that is checked.
const DRAIN_GRACE: Duration = Duration::from_secs(1);
const DRAIN_CHECK_PERIOD: Duration = Duration::from_millis(100);

/// Waits until the peer of a draining connection has had its time, and awaits no answer.
pub(super) async fn drained(peer: &Peer) {
    tokio::time::sleep(DRAIN_GRACE).await;
    loop {
        let awaited = peer.awaits_answers();
        // A response that was just given must still be sent.
        tokio::time::sleep(DRAIN_CHECK_PERIOD).await;
        if !awaited && !peer.awaits_answers() {
            return;
        }
    }
}
