//! A client of the Connect protocol, one request at a time.

use std::net::SocketAddr;

use futures_util::StreamExt as _;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use prost::Message as _;
use prost::bytes::Bytes;
use prost_reflect::DynamicMessage;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;

use super::answer::{Answer, Form, Raw, Receiving};
use crate::harness::over_http::{Codec, frame, method};
use crate::harness::raw::path;
use crate::harness::soon;

/// How a server is called: by which version of HTTP, and in which form of messages.
#[derive(Clone)]
pub struct Wire {
    pub version: u8,
    pub codec: Codec,
    address: SocketAddr,
    http: HttpClient<HttpConnector, Body>,
}

impl Wire {
    /// All ways to call a server.
    pub fn all(address: SocketAddr) -> Vec<Wire> {
        let of = |version, codec| {
            let http = HttpClient::builder(TokioExecutor::new()).http2_only(version == 2).build_http();
            Wire { version, codec, address, http }
        };
        [1, 2].into_iter().flat_map(|version| [Codec::Json, Codec::Proto].map(|codec| of(version, codec))).collect()
    }

    /// A call of a method of the contract, with a header of which the server knows nothing, twice.
    pub fn call(&self, name: &str) -> Sending {
        let path = path(name);
        let form = Form { method: method(&path), codec: self.codec };
        let media = form.media();
        let sending = Sending { wire: self.clone(), form, path, verb: Method::POST, headers: Vec::new() };
        let sending = sending.with("x-conformance-test", "Value1").with("x-conformance-test", "Value2");
        sending.with("content-type", media).with("connect-protocol-version", "1")
    }
}

/// A request that is made ready.
pub struct Sending {
    wire: Wire,
    form: Form,
    path: String,
    verb: Method,
    headers: Vec<(String, String)>,
}

impl Sending {
    /// With one more header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a header.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(header, _)| header != name);
        self
    }

    /// With another HTTP method.
    pub fn by(mut self, verb: Method) -> Self {
        self.verb = verb;
        self
    }

    /// With another path, or with a query.
    pub fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// The message in the form in which it is sent.
    pub fn written(&self, message: &Value) -> Bytes {
        self.form.written(message)
    }

    /// Sends one message and waits for the answer.
    pub async fn message(self, message: Value) -> Answer {
        self.messages(&[message]).await
    }

    /// Sends messages and the end, and waits for the answer.
    pub async fn messages(self, messages: &[Value]) -> Answer {
        let written = messages.iter().map(|message| self.written(message));
        let written = written.map(|message| if self.form.is_stream() { frame(&message) } else { message });
        let body = written.collect::<Vec<_>>().concat();
        self.bytes(body).await
    }

    /// Sends a whole body as it is.
    pub async fn bytes(self, body: impl Into<Bytes>) -> Answer {
        let form = self.form.clone();
        form.answer(self.raw(body).await)
    }

    /// Sends a whole body as it is, and returns the answer as it is.
    pub async fn raw(self, body: impl Into<Bytes>) -> Raw {
        let request = self.request(Body::new(Full::new(body.into())));
        let response = soon("an answer", self.wire.http.request(request)).await.unwrap();
        let (head, body) = response.into_parts();
        let body = soon("the body of an answer", body.collect()).await.unwrap();
        assert!(body.trailers().is_none(), "the protocol has no trailers");
        Raw { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() }
    }

    /// Begins a call whose messages are sent one by one.
    pub fn open(self) -> Open {
        let (sender, receiver) = mpsc::channel::<Bytes>(4);
        let frames = ReceiverStream::new(receiver).map(|bytes| Ok::<_, tonic::Status>(Frame::data(bytes)));
        let request = self.request(Body::new(StreamBody::new(frames)));
        let http = self.wire.http.clone();
        let answering = tokio::spawn(async move { http.request(request).await.unwrap() });
        Open { form: self.form, sender: Some(sender), answering }
    }

    fn request(&self, body: Body) -> Request<Body> {
        let uri = format!("http://{}{}", self.wire.address, self.path);
        let mut request = Request::builder().method(self.verb.clone()).uri(uri);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(body).unwrap()
    }
}

impl Form {
    fn written(&self, message: &Value) -> Bytes {
        match self.codec {
            Codec::Json => message.to_string().into(),
            Codec::Proto => {
                let message = DynamicMessage::deserialize(self.method.input(), message.clone()).unwrap();
                message.encode_to_vec().into()
            }
        }
    }
}

/// A call whose messages are sent one by one.
pub struct Open {
    form: Form,
    sender: Option<mpsc::Sender<Bytes>>,
    answering: JoinHandle<Response<Incoming>>,
}

impl Open {
    /// Sends a message.
    pub async fn send(&self, message: Value) {
        self.send_bytes(frame(&self.form.written(&message))).await;
    }

    /// Sends bytes. What a server does not want any more is dropped.
    pub async fn send_bytes(&self, bytes: impl Into<Bytes>) {
        let sender = self.sender.as_ref().expect("a call that is not closed");
        drop(soon("room for a message", sender.send(bytes.into())).await);
    }

    /// Ends what is sent.
    pub fn close(&mut self) {
        self.sender = None;
    }

    /// Waits for the head of a streaming answer.
    pub async fn receiving(&mut self) -> Receiving {
        let response = soon("the head of an answer", &mut self.answering).await.unwrap();
        self.form.receiving(response)
    }

    /// Waits for the whole answer.
    pub async fn answer(mut self) -> Answer {
        if self.form.is_stream() {
            return self.receiving().await.rest().await;
        }
        let (head, body) = soon("the head of an answer", &mut self.answering).await.unwrap().into_parts();
        let body = soon("the body of an answer", body.collect()).await.unwrap().to_bytes();
        self.form.answer(Raw { status: head.status.as_u16(), headers: head.headers, body })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.answering.abort();
    }
}
