//! Calls with a path and raw bytes, for tests that go through all methods of the descriptor set.

use std::time::Duration;

use cpss_registry::proto;
use prost::Message as _;
use prost::bytes::{Buf as _, BufMut as _, Bytes};
use prost_types::{DescriptorProto, FileDescriptorSet, MethodDescriptorProto};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status};

use super::Client;

/// The package of the contract.
pub const PACKAGE: &str = "ms.dmh.credential.v1";

/// The path of a method (`Service/Method`) of the contract.
pub fn path(method: &str) -> String {
    format!("/{PACKAGE}.{method}")
}

/// A codec that passes bytes through.
#[derive(Clone, Copy, Default)]
struct Bare;

impl Codec for Bare {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Bare;
    type Decoder = Bare;

    fn encoder(&mut self) -> Bare {
        Bare
    }

    fn decoder(&mut self) -> Bare {
        Bare
    }
}

impl Encoder for Bare {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Bare {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

impl Client {
    /// Calls a method (`Service/Method`) with one empty message. Returns its first response, if any.
    pub async fn call_empty(&self, method: &str) -> Result<Option<Bytes>, Status> {
        self.call_bytes(method, Bytes::new()).await
    }

    /// Calls a method with one message of raw bytes. Returns its first response, if any.
    pub async fn call_bytes(&self, method: &str, message: Bytes) -> Result<Option<Bytes>, Status> {
        Ok(self.call_messages(method, vec![message]).await?.pop())
    }

    /// Calls a method with some messages. Returns its first responses, at most as many as there were messages.
    pub async fn call_messages(&self, method: &str, messages: Vec<Bytes>) -> Result<Vec<Bytes>, Status> {
        self.call_path(&path(method), messages).await
    }

    /// Like [`Client::call_messages`], with the full path of a method of any service.
    pub async fn call_path(&self, path: &str, messages: Vec<Bytes>) -> Result<Vec<Bytes>, Status> {
        let most = messages.len();
        let parsed = path.parse().unwrap();
        let mut grpc = tonic::client::Grpc::new(self.service());
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        // On the wire a single message is a stream of one.
        let request = Request::new(tokio_stream::iter(messages));
        let mut answers = grpc.streaming(request, parsed, Bare).await?.into_inner();
        let mut received = Vec::new();
        while received.len() < most {
            match tokio::time::timeout(Duration::from_secs(20), answers.message()).await {
                Ok(Ok(Some(answer))) => received.push(answer),
                Ok(Ok(None)) => break,
                Ok(Err(status)) => return Err(status),
                Err(_) => panic!("{path} neither answers nor refuses"),
            }
        }
        Ok(received)
    }
}

/// The descriptor set that reflection returns.
pub fn descriptors() -> FileDescriptorSet {
    FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap()
}

/// Every method of the contract, as `Service/Method`.
pub fn methods() -> Vec<(String, MethodDescriptorProto)> {
    let mut methods = Vec::new();
    for file in descriptors().file.iter().filter(|file| file.package() == PACKAGE) {
        for service in &file.service {
            let named = |method: &MethodDescriptorProto| format!("{}/{}", service.name(), method.name());
            methods.extend(service.method.iter().map(|method| (named(method), method.clone())));
        }
    }
    methods
}

/// A message of the contract, by its full name with a leading dot.
pub fn message(full_name: &str) -> DescriptorProto {
    let name = full_name.strip_prefix(&format!(".{PACKAGE}.")).expect("a message of the contract");
    let files = descriptors().file.into_iter().filter(|file| file.package() == PACKAGE);
    files.flat_map(|file| file.message_type).find(|message| message.name() == name).expect("a message")
}
