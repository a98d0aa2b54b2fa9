//! A call in bytes, for listeners whose protocol is not gRPC.
//!
//! The services exchange messages in gRPC frames: one byte that says whether the message is compressed (never, here),
//! four bytes of length, and the message. Listeners do not see the frames.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body::{Body as _, Frame};
use pin_project_lite::pin_project;
use prost::bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio_stream::Stream;
use tonic::body::Body;
use tonic::{Code, Status};

use super::admission::{DEV_TODAY, TRACEPARENT};
use super::request_id::REQUEST_ID;
use super::status;
use crate::auth::peer::Peer;
use crate::auth::{DEV_CALLER, PACKAGE};

/// The number of bytes before each message: its flags and its length.
pub(crate) const PREFIX: usize = 5;

/// A call as a listener received it.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// `Service/Method`.
    pub method: &'a str,
    /// The headers of the call. Only those that identify the caller, the request and the client program are used.
    pub headers: &'a HeaderMap,
    /// The peer of the connection, with its certificate; `None` if there is no connection.
    pub peer: Option<&'a Peer>,
    /// How long the caller waits for an answer.
    pub deadline: Option<Duration>,
}

impl Call<'_> {
    /// Converts the call into a request to the services.
    pub(super) fn request<M>(&self, messages: M) -> Request<Body>
    where
        M: Stream<Item = Result<Bytes, Status>> + Send + 'static,
    {
        let mut request = Request::new(Body::new(Framed { messages }));
        *request.method_mut() = Method::POST;
        // A method name that is not a valid path matches no method.
        *request.uri_mut() = format!("/{PACKAGE}.{}", self.method).parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        for name in [&AUTHORIZATION, &REQUEST_ID, &TRACEPARENT, &USER_AGENT, &DEV_CALLER, &DEV_TODAY] {
            for value in self.headers.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(peer.clone());
        }
        request
    }
}

pin_project! {
    /// The body of a request: messages in frames.
    struct Framed<M> {
        #[pin]
        messages: M,
    }
}

impl<M: Stream<Item = Result<Bytes, Status>>> http_body::Body for Framed<M> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let message = ready!(self.project().messages.poll_next(cx));
        Poll::Ready(message.map(|message| message.map(|message| Frame::data(envelope(0, &message)))))
    }
}

/// A message with its flags and its length before it, as gRPC and Connect send it.
pub(crate) fn envelope(flags: u8, message: &[u8]) -> Bytes {
    // Nobody accepts a message of 4 GiB, so a truncated length does no harm.
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut envelope = BytesMut::with_capacity(PREFIX + message.len());
    envelope.put_u8(flags);
    envelope.put_u32(length);
    envelope.put_slice(message);
    envelope.freeze()
}

/// The response messages of a call. Dropping them early cancels the call. A message counts against the client's quota
/// until it is dropped.
#[derive(Debug)]
pub struct Answers {
    body: Body,
    /// Bytes that were received but not returned yet.
    received: Bytes,
    is_over: bool,
    request_id: Option<HeaderValue>,
}

impl Answers {
    /// Returns the answers in a response, or its refusal.
    pub(super) fn of(response: Response<Body>) -> Result<Answers, Status> {
        let refused = Status::from_header_map(response.headers());
        let is_over = refused.is_some();
        match refused.filter(|status| status.code() != Code::Ok) {
            Some(refusal) => Err(refusal),
            None => {
                let request_id = response.headers().get(&REQUEST_ID).cloned();
                Ok(Answers { body: response.into_body(), received: Bytes::new(), is_over, request_id })
            }
        }
    }

    /// The id of the request: the value of the header `x-request-id`.
    pub fn request_id(&self) -> Option<&HeaderValue> {
        self.request_id.as_ref()
    }

    /// Processes the next frame.
    fn take(&mut self, next: Option<Result<Frame<Bytes>, Status>>) -> Result<(), Status> {
        // Every complete answer ends with trailers, so an answer without them was cut off.
        let frame = next.unwrap_or_else(|| Err(status::internal()))?;
        let frame = match frame.into_trailers() {
            Ok(trailers) => {
                self.is_over = true;
                let status = Status::from_header_map(&trailers).unwrap_or_else(status::internal);
                return if status.code() == Code::Ok { Ok(()) } else { Err(status) };
            }
            Err(frame) => frame,
        };
        let data = frame.into_data().unwrap_or_default();
        self.received = if self.received.is_empty() { data } else { Bytes::from([&self.received[..], &data].concat()) };
        Ok(())
    }
}

impl Stream for Answers {
    type Item = Result<Bytes, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        let answers = self.get_mut();
        loop {
            if let Some(message) = first_message(&mut answers.received) {
                return Poll::Ready(Some(Ok(message)));
            }
            if answers.is_over {
                return Poll::Ready(None);
            }
            let next = ready!(Pin::new(&mut answers.body).poll_frame(cx));
            if let Err(status) = answers.take(next) {
                answers.is_over = true;
                return Poll::Ready(Some(Err(status)));
            }
        }
    }
}

/// Removes and returns the first message, if it is complete.
fn first_message(received: &mut Bytes) -> Option<Bytes> {
    let length = received.get(1..PREFIX)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    let mut message = (received.len() >= PREFIX + length).then(|| received.split_to(PREFIX + length))?;
    message.advance(PREFIX);
    Some(message)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::StreamExt as _;

    use super::*;

    /// A response body with the given frames.
    struct Given(Vec<Frame<Bytes>>);

    impl http_body::Body for Given {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready((!self.0.is_empty()).then(|| Ok(self.0.remove(0))))
        }
    }

    fn trailers(code: &'static str) -> Frame<Bytes> {
        Frame::trailers(HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static(code))]))
    }

    async fn answers(frames: Vec<Frame<Bytes>>) -> (Vec<Bytes>, Option<Code>) {
        let answers = Answers::of(Response::new(Body::new(Given(frames)))).unwrap();
        let (mut given, mut refused) = (Vec::new(), None);
        for answer in answers.collect::<Vec<_>>().await {
            match answer {
                Ok(message) => given.push(message),
                Err(status) => refused = Some(status.code()),
            }
        }
        (given, refused)
    }

    #[tokio::test]
    async fn messages_are_complete_however_their_bytes_are_split() {
        let messages = [vec![], vec![1], vec![7; 300], vec![], vec![9; 70_000]].map(Bytes::from);
        let bytes: Vec<u8> = messages.iter().flat_map(|message| envelope(0, message)).collect();
        for cut in [1, 4, 5, 6, 1000, bytes.len()] {
            let frames = bytes.chunks(cut).map(|piece| Frame::data(Bytes::copy_from_slice(piece)));
            let (given, refused) = answers(frames.chain([trailers("0")]).collect()).await;
            assert!(given == messages && refused.is_none(), "cut into {cut}: {refused:?}");
        }
    }

    #[tokio::test]
    async fn an_answer_ends_with_its_status_and_without_one_it_was_cut_off() {
        let message = || Frame::data(envelope(0, b"a"));
        assert_eq!(answers(vec![message(), trailers("14")]).await, (vec!["a".into()], Some(Code::Unavailable)));
        assert_eq!(answers(vec![message()]).await, (vec!["a".into()], Some(Code::Internal)));
    }

    #[test]
    fn only_the_headers_that_identify_are_passed_on() {
        let mut headers = HeaderMap::new();
        for name in
            ["authorization", "x-request-id", "traceparent", "user-agent", "grpc-timeout", "cookie", "grpc-encoding"]
        {
            headers.append(http::HeaderName::from_static(name), HeaderValue::from_static("a"));
        }
        headers.append(AUTHORIZATION, HeaderValue::from_static("b"));
        let call =
            Call { method: "VerificationService/Verify Credential", headers: &headers, peer: None, deadline: None };
        let request = call.request(tokio_stream::empty());
        assert_eq!(request.uri().path(), "/", "not a valid path, and therefore no method");
        let mut passed: Vec<_> = request.headers().keys().map(http::HeaderName::as_str).collect();
        passed.sort_unstable();
        assert_eq!(passed, ["authorization", "content-type", "traceparent", "user-agent", "x-request-id"]);
        assert_eq!(
            request.headers().get_all(AUTHORIZATION).iter().count(),
            2,
            "both are passed on, so that the call is refused"
        );
    }
}
