//! The bytes of a request that have been received and are not read as a message yet. They count against the memory of
//! the client, as messages of gRPC do.

use http_body_util::BodyExt as _;
use prost::bytes::BytesMut;
use tonic::Status;
use tonic::body::Body;

use crate::auth::memory::Held;
use crate::auth::peer::Peer;
use crate::auth::quotas::Exhausted;
use crate::surface::status;

/// The bytes of a body.
pub(super) struct Received {
    body: Body,
    /// What has been received and not taken.
    pub(super) bytes: BytesMut,
    /// How many of these bytes are known to hold no end of a line.
    pub(super) searched: usize,
    /// True if nothing more comes.
    pub(super) is_over: bool,
    peer: Option<Peer>,
    held: Option<Held>,
}

impl Received {
    /// Nothing has been received yet.
    pub(super) fn new(body: Body, peer: Option<Peer>) -> Received {
        Received { body, bytes: BytesMut::new(), searched: 0, is_over: false, peer, held: None }
    }

    /// Waits for more bytes, or for the end.
    pub(super) async fn more(&mut self) -> Result<(), Status> {
        match self.body.frame().await {
            None => self.is_over = true,
            Some(frame) => {
                self.bytes.extend_from_slice(&frame?.into_data().unwrap_or_default());
                self.count()?;
            }
        }
        Ok(())
    }

    /// Charges the bytes to the client.
    fn count(&mut self) -> Result<(), Status> {
        let has_room = match (&self.held, self.peer.as_ref().and_then(Peer::memory)) {
            (Some(held), _) => held.set(self.bytes.len()),
            (None, Some(share)) => {
                self.held = share.hold(self.bytes.len());
                self.held.is_some()
            }
            // The connection is limited to few bytes, or memory is not counted.
            (None, None) => true,
        };
        if has_room { Ok(()) } else { Err(status::too_many(Exhausted::Memory.to_string())) }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use prost::bytes::Bytes;

    use super::*;
    use crate::auth::memory::CALLS_BYTES;
    use crate::auth::quotas::Quotas;

    #[tokio::test]
    async fn what_is_received_counts_against_the_memory_of_the_client() {
        let quotas = Quotas::default();
        let peer = Peer::new("127.0.0.1:1".parse().unwrap(), None);
        peer.admit(&quotas, "greedy").unwrap();
        let body = |bytes| Body::new(Full::new(Bytes::from(vec![b' '; bytes])));
        let mut half = Received::new(body(CALLS_BYTES / 4), Some(peer.clone()));
        half.more().await.unwrap();
        let mut more = Received::new(body(CALLS_BYTES / 4), Some(peer.clone()));
        assert_eq!(more.more().await.unwrap_err().code(), tonic::Code::ResourceExhausted);
        drop((half, more));
        Received::new(body(CALLS_BYTES / 4), Some(peer)).more().await.unwrap();
    }
}
