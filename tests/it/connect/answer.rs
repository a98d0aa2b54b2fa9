//! Answers of the Connect protocol. Reading one checks its form: content types, HTTP statuses, envelopes, and errors.

use http::Response;
use http::header::{CONTENT_TYPE, HeaderMap};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use prost::bytes::{Bytes, BytesMut};
use prost_reflect::{DynamicMessage, MethodDescriptor};
use serde_json::Value;
use tonic::{Code, Status};

use crate::harness::over_http::{Codec, Envelope, status};
use crate::harness::{Refusal as _, soon};

/// What messages look like.
#[derive(Clone)]
pub struct Form {
    pub method: MethodDescriptor,
    pub codec: Codec,
}

/// An answer as it came.
pub struct Raw {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub messages: Vec<Value>,
    /// The error at its end.
    pub error: Option<Status>,
}

impl Answer {
    /// The messages of an answer without an error.
    pub fn all(&self) -> &[Value] {
        assert!(self.error.is_none(), "{:?}", self.error);
        &self.messages
    }

    /// The code and the reason of the error.
    pub fn refusal(&self) -> (Code, String) {
        self.error.as_ref().unwrap_or_else(|| panic!("no error: {:?}", self.messages)).code_and_reason()
    }

    /// The code of the error.
    pub fn code(&self) -> Code {
        self.refusal().0
    }

    /// A header, once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} is given twice");
        value
    }
}

impl Form {
    /// True if messages are in envelopes.
    pub fn is_stream(&self) -> bool {
        self.method.is_client_streaming() || self.method.is_server_streaming()
    }

    /// The content type.
    pub fn media(&self) -> &'static str {
        self.codec.media(self.is_stream())
    }

    /// Reads an answer.
    pub fn answer(&self, raw: Raw) -> Answer {
        self.check_headers(&raw.headers);
        if !self.is_stream() {
            return self.unary(raw);
        }
        assert_eq!((raw.status, content_type(&raw.headers)), (200, self.media()), "an answer of a stream");
        let mut answer = Answer { status: 200, headers: raw.headers, messages: Vec::new(), error: None };
        let (mut read, mut is_over) = (BytesMut::from(&raw.body[..]), false);
        while let Some(envelope) = Envelope::take(&mut read) {
            assert!(!is_over, "an envelope after the end: {envelope:?}");
            match envelope {
                Envelope::Message(message) => answer.messages.push(self.read(&message)),
                Envelope::End(message) => (is_over, answer.error) = (true, end(&message)),
            }
        }
        assert!(is_over && read.is_empty(), "an answer without its end: {read:?}");
        answer
    }

    fn unary(&self, raw: Raw) -> Answer {
        let Raw { status, headers, body } = raw;
        if status == 200 {
            assert_eq!(content_type(&headers), self.media());
            return Answer { status, headers, messages: vec![self.read(&body)], error: None };
        }
        assert_eq!(content_type(&headers), "application/json");
        let error: Value = serde_json::from_slice(&body).unwrap();
        Answer { status, headers, messages: Vec::new(), error: Some(error_of(&error)) }
    }

    fn check_headers(&self, headers: &HeaderMap) {
        for name in ["content-encoding", "connect-content-encoding", "trailer", "x-conformance-test"] {
            assert!(!headers.contains_key(name), "{}: the server sends no {name}", self.method.full_name());
        }
    }

    fn read(&self, message: &[u8]) -> Value {
        match self.codec {
            Codec::Json => serde_json::from_slice(message).unwrap(),
            Codec::Proto => {
                serde_json::to_value(DynamicMessage::decode(self.method.output(), message).unwrap()).unwrap()
            }
        }
    }

    /// Reads an answer as it comes.
    pub fn receiving(&self, response: Response<Incoming>) -> Receiving {
        let (head, body) = response.into_parts();
        self.check_headers(&head.headers);
        assert_eq!((head.status.as_u16(), content_type(&head.headers)), (200, self.media()));
        Receiving { form: self.clone(), headers: head.headers, body, read: BytesMut::new() }
    }
}

/// An answer that is read as it comes.
pub struct Receiving {
    form: Form,
    headers: HeaderMap,
    body: Incoming,
    read: BytesMut,
}

impl Receiving {
    /// The next message, or the error at the end, or `None` at the end without an error.
    pub async fn next(&mut self) -> Option<Result<Value, Status>> {
        loop {
            match Envelope::take(&mut self.read) {
                Some(Envelope::Message(message)) => return Some(Ok(self.form.read(&message))),
                Some(Envelope::End(message)) => return end(&message).map(Err),
                None => {}
            }
            let frame = soon("more of an answer", self.body.frame()).await.expect("an end in an envelope").unwrap();
            self.read.extend_from_slice(&frame.into_data().expect("no trailers"));
        }
    }

    /// Waits for the rest of the answer.
    pub async fn rest(mut self) -> Answer {
        let (mut messages, mut error) = (Vec::new(), None);
        while let Some(next) = self.next().await {
            match next {
                Ok(message) => messages.push(message),
                Err(refusal) => {
                    error = Some(refusal);
                    break;
                }
            }
        }
        assert!(self.read.is_empty(), "something after the end: {:?}", self.read);
        // HTTP/2 may end a body with an empty frame.
        while let Some(frame) = soon("the end of the body", self.body.frame()).await {
            let data = frame.unwrap().into_data().expect("no trailers");
            assert!(data.is_empty(), "something after the end: {data:?}");
        }
        Answer { status: 200, headers: self.headers, messages, error }
    }
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

/// The error in the last envelope. The server has no metadata to send there.
fn end(message: &[u8]) -> Option<Status> {
    let end: Value = serde_json::from_slice(message).unwrap();
    let fields: Vec<_> = end.as_object().unwrap().keys().collect();
    assert!(fields.is_empty() || fields == ["error"], "{end}");
    end.get("error").map(error_of)
}

/// An error, whose details are there twice: encoded in base 64 without padding, and for people as JSON.
fn error_of(error: &Value) -> Status {
    for detail in error["details"].as_array().unwrap() {
        let text = |name: &str| detail[name].as_str().unwrap_or_else(|| panic!("no {name}: {error}"));
        assert!(!text("type").contains('/') && !text("value").contains('='), "{detail}");
        assert!(detail["debug"].is_object(), "{detail}");
    }
    status(error)
}
