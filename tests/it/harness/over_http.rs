//! The HTTP port as a transport of the generated clients: each call is translated to the Connect protocol and back, so
//! that what a test asks over gRPC can be asked as JSON, or encoded, over HTTP.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cpss_registry::proto::DESCRIPTORS;
use cpss_registry::proto::google::rpc;
use futures_util::{StreamExt as _, stream};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use prost::Message as _;
use prost::bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor};
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// How messages are written over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    Json,
    Proto,
}

/// A message with its prefix of five bytes, as the Connect protocol has it.
#[derive(Debug, PartialEq, Eq)]
pub enum Envelope {
    Message(Bytes),
    /// The last of an answer.
    End(Bytes),
}

/// The way of a call to the registry.
#[derive(Clone)]
pub enum Transport {
    Grpc(Channel),
    Http(Box<OverHttp>),
}

/// The HTTP port of a registry.
#[derive(Clone)]
pub struct OverHttp {
    address: SocketAddr,
    codec: Codec,
    /// For single calls and for streams.
    http1: HttpClient<HttpConnector, Body>,
    http2: HttpClient<HttpConnector, Body>,
}

type Failed = Box<dyn std::error::Error + Send + Sync>;
type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Failed>> + Send>>;

impl tower::Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = Failed;
    type Future = Answering;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        match self {
            Transport::Grpc(channel) => tower::Service::poll_ready(channel, cx).map_err(Failed::from),
            Transport::Http(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, request: Request<Body>) -> Answering {
        match self {
            Transport::Grpc(channel) => {
                let answering = tower::Service::call(channel, request);
                Box::pin(async move { Ok(answering.await?) })
            }
            Transport::Http(http) => {
                let http = http.clone();
                Box::pin(async move { Ok(http.answer(request).await.unwrap_or_else(Status::into_http)) })
            }
        }
    }
}

/// The descriptors of the contract.
pub fn pool() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| DescriptorPool::decode(DESCRIPTORS).unwrap())
}

/// The method with this path.
pub fn method(path: &str) -> MethodDescriptor {
    let name = path.trim_start_matches('/').replace('/', ".");
    let mut methods = pool().services().flat_map(|service| service.methods().collect::<Vec<_>>());
    methods.find(|method| method.full_name() == name).unwrap_or_else(|| panic!("the contract has no {name}"))
}

impl OverHttp {
    pub fn new(address: SocketAddr, codec: Codec) -> OverHttp {
        let client = || HttpClient::builder(TokioExecutor::new());
        let (http1, http2) = (client().build_http(), client().http2_only(true).build_http());
        OverHttp { address, codec, http1, http2 }
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let (head, body) = request.into_parts();
        let method = method(head.uri.path());
        let is_stream = method.is_client_streaming() || method.is_server_streaming();
        let mut sent = Request::post(format!("http://{}{}", self.address, head.uri.path()));
        for name in ["x-dev-caller", "x-dev-today", "authorization", "x-request-id", "user-agent", "traceparent"] {
            for value in head.headers.get_all(name) {
                sent = sent.header(name, value);
            }
        }
        if let Some(timeout) = head.headers.get("grpc-timeout").and_then(|value| value.to_str().ok()) {
            sent = sent.header("connect-timeout-ms", millis(timeout).to_string());
        }
        let sent = sent.header(CONTENT_TYPE, self.codec.media(is_stream));
        if is_stream { self.stream(&method, sent, body).await } else { self.unary(&method, sent, body).await }
    }

    async fn unary(
        &self,
        method: &MethodDescriptor,
        sent: http::request::Builder,
        body: Body,
    ) -> Result<Response<Body>, Status> {
        let framed = body.collect().await?.to_bytes();
        let message = self.codec.written(framed.get(5..).unwrap_or_default(), &method.input());
        let response = self.http1.request(sent.body(Body::new(Full::new(message))).unwrap()).await;
        let response = response.map_err(|error| Status::unavailable(error.to_string()))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| Status::unavailable(error.to_string()))?.to_bytes();
        if head.status != http::StatusCode::OK {
            let error = serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{}: {body:?}", head.status));
            return Err(with_id(status(&error), &head.headers));
        }
        let message = self.codec.read(&body, &method.output());
        let frames: Vec<Result<_, Status>> =
            vec![Ok(Frame::data(frame(&message))), Ok(Frame::trailers(ended(&Status::ok(""))))];
        Ok(answered(&head.headers, Body::new(StreamBody::new(stream::iter(frames)))))
    }

    async fn stream(
        &self,
        method: &MethodDescriptor,
        sent: http::request::Builder,
        body: Body,
    ) -> Result<Response<Body>, Status> {
        let (codec, input, output) = (self.codec, method.input(), method.output());
        // The prefix of a message is the same in both protocols.
        let messages = envelopes(body).map(move |envelope| match envelope? {
            Envelope::Message(message) => Ok(Frame::data(frame(&codec.written(&message, &input)))),
            Envelope::End(end) => panic!("a request has no end in an envelope: {end:?}"),
        });
        let messages = messages.map(|frame: Result<_, Status>| frame);
        let request = sent.body(Body::new(StreamBody::new(messages))).unwrap();
        let response = self.http2.request(request).await.map_err(|error| Status::unavailable(error.to_string()))?;
        let (head, body) = response.into_parts();
        if head.status != http::StatusCode::OK {
            return Err(Status::internal(format!("a stream was answered with {}", head.status)));
        }
        let answers = envelopes(Body::new(body)).map(move |envelope| match envelope? {
            Envelope::Message(message) => Ok(Frame::data(frame(&codec.read(&message, &output)))),
            Envelope::End(end) => {
                let end: serde_json::Value = serde_json::from_slice(&end).unwrap();
                Ok(Frame::trailers(ended(&end.get("error").map_or(Status::ok(""), status))))
            }
        });
        Ok(answered(&head.headers, Body::new(StreamBody::new(answers.map(|frame: Result<_, Status>| frame)))))
    }
}

impl Codec {
    /// Its name in a URL.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Json => "json",
            Codec::Proto => "proto",
        }
    }

    /// The content type of calls, and of those with streams.
    pub fn media(self, is_stream: bool) -> &'static str {
        match (is_stream, self) {
            (false, Codec::Json) => "application/json",
            (false, Codec::Proto) => "application/proto",
            (true, Codec::Json) => "application/connect+json",
            (true, Codec::Proto) => "application/connect+proto",
        }
    }

    fn written(self, encoded: &[u8], of: &MessageDescriptor) -> Bytes {
        match self {
            Codec::Proto => Bytes::copy_from_slice(encoded),
            Codec::Json => match DynamicMessage::decode(of.clone(), encoded) {
                Ok(message) => serde_json::to_vec(&message).unwrap().into(),
                // A test that sends anything at all sends it as it is.
                Err(_) => Bytes::copy_from_slice(encoded),
            },
        }
    }

    fn read(self, received: &[u8], of: &MessageDescriptor) -> Bytes {
        match self {
            Codec::Proto => Bytes::copy_from_slice(received),
            Codec::Json => {
                let mut json = serde_json::Deserializer::from_slice(received);
                DynamicMessage::deserialize(of.clone(), &mut json).unwrap().encode_to_vec().into()
            }
        }
    }
}

impl Envelope {
    /// Takes the first envelope, if it is complete. The registry compresses nothing, so there are no other flags.
    pub fn take(read: &mut BytesMut) -> Option<Envelope> {
        let [flags, length @ ..] = *read.first_chunk::<5>()?;
        let length = u32::from_be_bytes(length) as usize;
        if read.len() < 5 + length {
            return None;
        }
        read.advance(5);
        let message = read.split_to(length).freeze();
        match flags {
            0 => Some(Envelope::Message(message)),
            2 => Some(Envelope::End(message)),
            _ => panic!("an envelope with flags {flags}"),
        }
    }
}

/// The envelopes of a body.
fn envelopes(body: Body) -> impl futures_util::Stream<Item = Result<Envelope, Status>> + Send {
    stream::try_unfold((body, BytesMut::new()), |(mut body, mut read)| async move {
        loop {
            if let Some(envelope) = Envelope::take(&mut read) {
                return Ok(Some((envelope, (body, read))));
            }
            match body.frame().await {
                None => return Ok(None),
                Some(frame) => read.extend_from_slice(&frame?.into_data().unwrap_or_default()),
            }
        }
    })
}

/// A message with the prefix that both protocols have.
pub fn frame(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap());
    frame.put_slice(message);
    frame.freeze()
}

fn ended(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers).unwrap();
    trailers
}

/// A gRPC response with the id of the call.
fn answered(headers: &HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response.headers_mut().extend(id(headers));
    response
}

fn id(headers: &HeaderMap) -> Option<(HeaderName, HeaderValue)> {
    headers.get("x-request-id").map(|id| (HeaderName::from_static("x-request-id"), id.clone()))
}

fn with_id(mut status: Status, headers: &HeaderMap) -> Status {
    if let Some((_, id)) = id(headers) {
        status.metadata_mut().insert("x-request-id", id.to_str().unwrap().parse().unwrap());
    }
    status
}

/// The status in an error of the Connect protocol.
pub fn status(error: &serde_json::Value) -> Status {
    let text = |of: &serde_json::Value, name: &str| of[name].as_str().unwrap_or_default().to_owned();
    let name = text(error, "code");
    let codes = (1..=16).map(Code::from_i32);
    let code = codes.into_iter().find(|code| connect_name(*code) == name).unwrap_or_else(|| panic!("{error}"));
    let details = error["details"].as_array().cloned().unwrap_or_default();
    let details = details.iter().map(|detail| prost_types::Any {
        type_url: format!("type.googleapis.com/{}", text(detail, "type")),
        value: STANDARD_NO_PAD.decode(text(detail, "value")).unwrap(),
    });
    let whole = rpc::Status { code: code.into(), message: text(error, "message"), details: details.collect() };
    Status::with_details(code, whole.message.clone(), whole.encode_to_vec().into())
}

/// The name of a code in the Connect protocol: the one of gRPC in lower case, but for one letter.
fn connect_name(code: Code) -> String {
    let name = rpc::Code::try_from(i32::from(code)).unwrap().as_str_name().to_lowercase();
    if name == "cancelled" { "canceled".to_owned() } else { name }
}

/// The milliseconds of a deadline of gRPC.
fn millis(text: &str) -> u64 {
    let (digits, unit) = text.split_at(text.len() - 1);
    let amount: u64 = digits.parse().unwrap();
    match unit {
        "H" => amount * 3_600_000,
        "M" => amount * 60_000,
        "S" => amount * 1000,
        "m" => amount,
        "u" => amount / 1000,
        _ => amount / 1_000_000,
    }
}

#[test]
#[should_panic(expected = "an envelope with flags 1")]
fn an_envelope_that_is_neither_a_message_nor_the_end_is_no_answer() {
    let mut read = BytesMut::from(&b"\0\0\0\0\x01a\x02\0\0\0\x02{}\x01\0\0\0\x01b"[..]);
    assert_eq!(Envelope::take(&mut read), Some(Envelope::Message(Bytes::from_static(b"a"))));
    assert_eq!(Envelope::take(&mut read), Some(Envelope::End(Bytes::from_static(b"{}"))));
    Envelope::take(&mut read);
}
