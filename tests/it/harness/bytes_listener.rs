//! A listener for a protocol other than gRPC: it takes a method name and bytes, and returns bytes.

use cpss_registry::surface::{Call, Surface};
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::{HeaderMap, HeaderValue};
use prost::bytes::Bytes;
use tonic::Status;

/// The listener, and the headers of its calls.
#[derive(Clone)]
pub struct BytesListener {
    pub surface: Surface,
    pub headers: HeaderMap,
}

impl BytesListener {
    /// Adds a header to every call.
    pub fn with(mut self, name: &'static str, value: &str) -> BytesListener {
        self.headers.insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    /// Calls a method with some messages. Returns its first responses, at most as many as there were messages.
    pub async fn answer(&self, method: &str, messages: Vec<Bytes>) -> Result<Vec<Bytes>, Status> {
        let most = messages.len();
        let call = Call { method, headers: &self.headers, peer: None, deadline: None };
        self.surface.call(call, tokio_stream::iter(messages.into_iter().map(Ok))).await?.take(most).try_collect().await
    }
}
