//! A listener of another protocol than gRPC: it takes a method's name and bytes, and answers bytes.

use cpss_registry::surface::{Call, Surface};
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::{HeaderMap, HeaderValue};
use prost::bytes::Bytes;
use tonic::Status;

/// The listener, and the headers that its calls come with.
#[derive(Clone)]
pub struct BytesListener {
    pub surface: Surface,
    pub headers: HeaderMap,
}

impl BytesListener {
    /// The same, called with one more header.
    pub fn with(mut self, name: &'static str, value: &str) -> BytesListener {
        self.headers.insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    /// Calls a method with some messages, and gives its first answers, as many as there were messages or fewer.
    pub async fn answer(&self, method: &str, messages: Vec<Bytes>) -> Result<Vec<Bytes>, Status> {
        let most = messages.len();
        let call = Call { method, headers: &self.headers, peer: None, deadline: None };
        self.surface.call(call, tokio_stream::iter(messages)).await?.take(most).try_collect().await
    }
}
