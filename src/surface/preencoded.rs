//! Responses of VerificationService that are already encoded.
//!
//! This is the hot path. Its answers are written once, directly into the bytes that are sent, without building
//! generated messages. Requests, paths and bytes are the same as with generated code.

use std::marker::PhantomData;
use std::pin::Pin;

use prost::Message;
use prost::bytes::BufMut as _;
use tokio_stream::Stream;
use tonic::Status;
use tonic::codec::{Codec, EncodeBuf, Encoder};

use super::encode::Wire;
use crate::proto::bounds::{Bounded, BoundedDecoder};

#[allow(
    missing_docs,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
mod generated {
    tonic::include_proto!("ms.dmh.credential.v1.VerificationService");
}
pub(super) use self::generated::verification_service_server as service;

/// The approximate size of an answer in bytes.
pub(super) const USUAL_ANSWER: usize = 400;

/// The responses of a stream.
pub(super) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// An encoded message of type `M`.
#[derive(Debug)]
pub struct Preencoded<M> {
    bytes: Vec<u8>,
    of: PhantomData<fn() -> M>,
}

impl<M> Preencoded<M> {
    /// Wraps a written message, which must be an `M`.
    pub(super) fn written(wire: Wire) -> Preencoded<M> {
        Preencoded { bytes: wire.into_bytes(), of: PhantomData }
    }
}

impl<M: Message + Default> Preencoded<M> {
    /// Decodes the message again. `None` only if it is no `M`.
    pub(super) fn decoded(&self) -> Option<M> {
        M::decode(self.bytes.as_slice()).ok()
    }
}

impl<M> Preencoded<M> {
    /// Appends a text, as the field with the greatest number.
    pub(super) fn with_text(mut self, field: u32, text: &str) -> Preencoded<M> {
        prost::encoding::string::encode(field, &text.to_owned(), &mut self.bytes);
        self
    }

    /// The length of the message.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl<M: Message> Preencoded<M> {
    /// Encodes a generated message.
    pub(super) fn built(message: &M) -> Preencoded<M> {
        Preencoded { bytes: message.encode_to_vec(), of: PhantomData }
    }
}

/// Decodes requests as usual, and sends responses that are already encoded.
#[derive(Debug)]
pub struct PreencodedCodec<M, Q>(PhantomData<fn() -> (M, Q)>);

impl<M, Q> Default for PreencodedCodec<M, Q> {
    fn default() -> Self {
        PreencodedCodec(PhantomData)
    }
}

impl<M: 'static, Q: Bounded> Codec for PreencodedCodec<Preencoded<M>, Q> {
    type Encode = Preencoded<M>;
    type Decode = Q;
    type Encoder = PreencodedCodec<Preencoded<M>, Q>;
    type Decoder = BoundedDecoder<Q>;

    fn encoder(&mut self) -> Self::Encoder {
        PreencodedCodec::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        BoundedDecoder::default()
    }
}

impl<M, Q> Encoder for PreencodedCodec<Preencoded<M>, Q> {
    type Item = Preencoded<M>;
    type Error = Status;

    fn encode(&mut self, answer: Preencoded<M>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(answer.bytes.len());
        buffer.put_slice(&answer.bytes);
        Ok(())
    }
}
