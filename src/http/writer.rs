//! Responses as they are sent: written, and charged to the client until it has read them.

use prost::bytes::Bytes;
use prost_reflect::MessageDescriptor;
use tonic::Status;

use super::codec::Codec;
use super::json::{WriteError, to_json, to_json_lines};
use crate::auth::memory::Held;
use crate::auth::peer::Peer;
use crate::surface::status;

/// Writes the responses of a call.
pub(super) struct Writer {
    codec: Codec,
    output: MessageDescriptor,
    peer: Option<Peer>,
}

impl Writer {
    /// Writes responses of this type to this peer.
    pub(super) fn new(codec: Codec, output: MessageDescriptor, peer: Option<Peer>) -> Writer {
        Writer { codec, output, peer }
    }

    /// The only response of a call. The call is under way until it is sent.
    pub(super) fn whole(&self, response: Bytes) -> Result<Bytes, Status> {
        match self.codec {
            // It is charged already.
            Codec::Proto => Ok(response),
            Codec::Json => Ok(self.charged(self.json(to_json(&response, &self.output))?.into(), Some(response))),
        }
    }

    /// The elements of the list in the only response of a call, in a line of JSON each. The call is under way until
    /// they are sent.
    pub(super) fn lines(&self, response: Bytes) -> Result<Bytes, Status> {
        Ok(self.charged(self.json(to_json_lines(&response, &self.output))?.into(), Some(response)))
    }

    /// One of several responses, as `form` puts it into the body. The call is under way until the last one is sent.
    pub(super) fn part(&self, response: &Bytes, form: impl FnOnce(&[u8]) -> Bytes) -> Result<Bytes, Status> {
        let part = match self.codec {
            Codec::Proto => form(response),
            Codec::Json => form(&self.json(to_json(response, &self.output))?),
        };
        Ok(self.charged(part, None))
    }

    fn json(&self, written: Result<Vec<u8>, WriteError>) -> Result<Vec<u8>, Status> {
        written.map_err(|error| {
            tracing::error!(
                event = "json_not_written",
                message = self.output.full_name(),
                error = &error as &dyn std::error::Error,
                "an answer cannot be written as JSON"
            );
            status::internal()
        })
    }

    /// Charges bytes to the client until they are sent, and keeps the response until then, which keeps its call. The
    /// client has room for them or not: they are in memory.
    fn charged(&self, bytes: Bytes, response: Option<Bytes>) -> Bytes {
        // Without a share, the connection is limited to few bytes, or memory is not counted.
        let held = self.peer.as_ref().and_then(Peer::memory).map(|share| share.hold_anyway(bytes.len()));
        Bytes::from_owner(Sending { bytes, _held: held, _response: response })
    }
}

/// Bytes that are sent.
struct Sending {
    bytes: Bytes,
    _held: Option<Held>,
    _response: Option<Bytes>,
}

impl AsRef<[u8]> for Sending {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prost::Message as _;

    use super::*;
    use crate::auth::memory::CALLS_BYTES;
    use crate::auth::quotas::Quotas;
    use crate::http::contract::Contract;
    use crate::proto::v1::{ListProvidersResponse, Provider};

    #[test]
    fn what_is_written_is_charged_to_the_client_until_it_is_sent() {
        let quotas = Quotas::default();
        let peer = Peer::new("127.0.0.1:1".parse().unwrap(), None);
        peer.admit(&quotas, "slow").unwrap();
        let output = Contract::new().unwrap().pool().get_message_by_name("ms.dmh.credential.v1.ListProvidersResponse");
        let output = output.unwrap();
        // JSON names the fields of each, so it is several times as large.
        let providers = vec![Provider { provider_id: "a".to_owned(), ..Provider::default() }; CALLS_BYTES / 256];
        let response = Bytes::from(ListProvidersResponse { providers, ..Default::default() }.encode_to_vec());
        let has_room = |bytes| peer.memory().unwrap().hold(bytes).is_some();
        // A client may hold a third. What is free is halved for the next.
        let writer = |codec| Writer::new(codec, output.clone(), Some(peer.clone()));
        let (json, proto) = (writer(Codec::Json), writer(Codec::Proto));
        let written: [&dyn Fn() -> Bytes; 4] = [
            &|| json.whole(response.clone()).unwrap(),
            &|| json.lines(response.clone()).unwrap(),
            &|| json.part(&response, Bytes::copy_from_slice).unwrap(),
            &|| proto.part(&response, Bytes::copy_from_slice).unwrap(),
        ];
        for write in written {
            let sent = write();
            // Holding `sent` and this much is exactly as much as the client may.
            let room = (CALLS_BYTES - sent.len()) / 2 - sent.len();
            assert!(has_room(room) && !has_room(room + 1), "{}", sent.len());
            drop(sent);
            assert!(has_room(room + 1));
        }
        assert!(json.whole(response.clone()).unwrap().len() > 3 * response.len());
    }

    #[test]
    fn a_call_is_under_way_until_its_only_response_is_sent() {
        struct Response(Arc<[u8; 0]>);
        impl AsRef<[u8]> for Response {
            fn as_ref(&self) -> &[u8] {
                self.0.as_slice()
            }
        }
        let output = Contract::new().unwrap().pool().get_message_by_name("ms.dmh.credential.v1.ListProvidersResponse");
        let writer = |codec| Writer::new(codec, output.clone().unwrap(), None);
        let call = Arc::new([]);
        let response = || Bytes::from_owner(Response(Arc::clone(&call)));
        let written: [&dyn Fn() -> Bytes; 3] = [
            &|| writer(Codec::Json).whole(response()).unwrap(),
            &|| writer(Codec::Json).lines(response()).unwrap(),
            &|| writer(Codec::Proto).whole(response()).unwrap(),
        ];
        for write in written {
            let sent = write();
            assert_eq!(Arc::strong_count(&call), 2);
            drop(sent);
            assert_eq!(Arc::strong_count(&call), 1);
        }
    }
}
