//! Limits on the size of a request, checked on its bytes before it is decoded.
//!
//! A message of 1 MiB has room for half a million empty messages. Decoding them would occupy a worker thread for a
//! second and allocate hundreds of megabytes. The codec of every service therefore first walks over the bytes, without
//! allocating, and refuses a request that no honest client sends. The limits of single fields are checked where the
//! fields are decoded.

use std::marker::PhantomData;

use prost::Message;
use prost::bytes::Buf as _;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::{ProstCodec, ProstEncoder};

/// The maximum number of entries in a top-level list of a request (items, numbers).
pub const MOST_ENTRIES: usize = 1000;

/// The maximum number of values in a batch request: fields at any depth, known or unknown. A batch of a thousand
/// questions by name uses two thirds of it. Eight elements of a packed list count as one value, because they are
/// decoded faster.
pub const MOST_VALUES: usize = 24 * MOST_ENTRIES;

/// The maximum number of values in a request that is not a batch. An application with a hundred trainings and a hundred
/// attempts uses a third of it.
pub const MOST_VALUES_OF_ONE: usize = 4 * MOST_ENTRIES;
const PACKED: usize = 8;

/// The maximum length of a text in a request, in bytes.
pub const LONGEST_TEXT: usize = 16 * 1024;

/// A request of at most this many bytes is within all limits, because a list entry takes at least two bytes.
const ALWAYS_WITHIN: usize = 2 * MOST_ENTRIES;

/// The fields of a message that are lists or messages. Every other field holds one value.
#[derive(Debug)]
pub struct Shape(pub(super) &'static [Field]);

/// A field that is a list, a message, or a list of messages.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u64,
    pub(super) name: &'static str,
    pub(super) is_list: bool,
    pub(super) holds: Holds,
}

/// The type of a field's elements.
#[derive(Debug)]
pub(super) enum Holds {
    /// Messages.
    Message(&'static Shape),
    /// Numbers, which may be packed.
    Numbers,
    /// Strings or bytes.
    Texts,
}

/// A message of the contract that the codec can check.
pub trait Bounded: Message + Default + 'static {
    /// The shape of the message if it is a request; otherwise `None`.
    const SHAPE: Option<&'static Shape>;
}

/// Why a request is refused because of its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum TooMuch {
    #[error("{0} has more than {MOST_ENTRIES} entries: send the others in another request")]
    Entries(&'static str),
    #[error("the request holds more than {0} values: send fewer")]
    Values(usize),
    #[error("the request has a text of more than {LONGEST_TEXT} bytes: send a shorter one")]
    Text,
}

/// Why a walk ends before the end of the message.
enum Stop {
    TooMuch(TooMuch),
    /// The message is malformed. The decoder fails at the same place and reports the error.
    Malformed,
}

/// The state of a walk over the bytes of a message.
struct Walk {
    values: usize,
    most: usize,
}

/// Checks the bytes of a message against the limits.
fn check(shape: &Shape, message: &[u8]) -> Result<(), TooMuch> {
    if message.len() <= ALWAYS_WITHIN {
        return Ok(());
    }
    let mut entries = vec![0; shape.0.len()];
    let is_batch = shape.0.iter().any(|field| field.is_list && matches!(field.holds, Holds::Message(_)));
    let most = if is_batch { MOST_VALUES } else { MOST_VALUES_OF_ONE };
    let walked = Walk { values: 0, most }.message(shape, message, &mut |at, field| {
        if field.is_list && !matches!(field.holds, Holds::Numbers) {
            entries[at] += 1;
            if entries[at] > MOST_ENTRIES {
                return Err(TooMuch::Entries(field.name));
            }
        }
        Ok(())
    });
    match walked {
        Err(Stop::TooMuch(refused)) => Err(refused),
        Ok(()) | Err(Stop::Malformed) => Ok(()),
    }
}

impl Walk {
    /// Walks over a message. Calls `count` for each of the message's own lists and messages.
    fn message(
        &mut self,
        shape: &Shape,
        mut bytes: &[u8],
        count: &mut dyn FnMut(usize, &Field) -> Result<(), TooMuch>,
    ) -> Result<(), Stop> {
        // Fields within a group are not part of the contract.
        let mut groups = 0_usize;
        while !bytes.is_empty() {
            let key = varint(&mut bytes)?;
            let known = if groups > 0 { None } else { shape.0.iter().position(|field| field.number == key >> 3) };
            let known = known.map(|at| (at, &shape.0[at]));
            self.add(1)?;
            if let Some((at, field)) = known {
                count(at, field).map_err(Stop::TooMuch)?;
            }
            match key & 7 {
                0 => drop(varint(&mut bytes)?),
                1 => drop(take(&mut bytes, 8)?),
                2 => {
                    let length = varint(&mut bytes)?;
                    let value = take(&mut bytes, usize::try_from(length).map_err(|_| Stop::Malformed)?)?;
                    self.value(known.map(|(_, field)| &field.holds), value)?;
                }
                3 => groups += 1,
                4 => groups = groups.checked_sub(1).ok_or(Stop::Malformed)?,
                5 => drop(take(&mut bytes, 4)?),
                _ => return Err(Stop::Malformed),
            }
        }
        Ok(())
    }

    /// Walks over a length-delimited value.
    fn value(&mut self, holds: Option<&Holds>, value: &[u8]) -> Result<(), Stop> {
        match holds {
            Some(Holds::Message(shape)) => self.message(shape, value, &mut |_, _| Ok(())),
            // Only the last byte of each packed number is below 0x80.
            Some(Holds::Numbers) => self.add(value.iter().filter(|byte| **byte < 0x80).count() / PACKED),
            Some(Holds::Texts) | None if value.len() > LONGEST_TEXT => Err(Stop::TooMuch(TooMuch::Text)),
            Some(Holds::Texts) | None => Ok(()),
        }
    }

    fn add(&mut self, values: usize) -> Result<(), Stop> {
        self.values += values;
        if self.values > self.most { Err(Stop::TooMuch(TooMuch::Values(self.most))) } else { Ok(()) }
    }
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Stop> {
    let mut number = 0;
    for at in 0..10 {
        let (byte, rest) = bytes.split_first().ok_or(Stop::Malformed)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Stop::Malformed)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], Stop> {
    let (value, rest) = bytes.split_at_checked(length).ok_or(Stop::Malformed)?;
    *bytes = rest;
    Ok(value)
}

/// The codec of the contract: prost's codec with the limits of this module.
#[derive(Debug)]
pub struct BoundedCodec<T, U>(PhantomData<fn() -> (T, U)>);

impl<T, U> Default for BoundedCodec<T, U> {
    fn default() -> Self {
        BoundedCodec(PhantomData)
    }
}

impl<T: Message + 'static, U: Bounded> Codec for BoundedCodec<T, U> {
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = BoundedDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        BoundedDecoder::default()
    }
}

/// Decodes messages that are within the limits.
#[derive(Debug)]
pub struct BoundedDecoder<U>(PhantomData<fn() -> U>);

impl<U: Bounded> Default for BoundedDecoder<U> {
    fn default() -> Self {
        BoundedDecoder(PhantomData)
    }
}

impl<U: Bounded> Decoder for BoundedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        // The buffer is one contiguous slice. Decoding a slice is faster than decoding a buffer that may have several
        // chunks.
        let message = buffer.chunk();
        if let Some(shape) = U::SHAPE {
            check(shape, message).map_err(|refused| Status::resource_exhausted(refused.to_string()))?;
        }
        let decoded = U::decode(message).map_err(|malformed| Status::internal(malformed.to_string()))?;
        buffer.advance(buffer.remaining());
        Ok(Some(decoded))
    }
}

#[allow(clippy::all, clippy::pedantic, reason = "generated")]
mod shapes {
    use super::{Bounded, Field, Holds, Shape};
    use crate::proto::v1;

    include!(concat!(env!("OUT_DIR"), "/v1_shapes.rs"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1;

    fn checked<M: Bounded>(message: &M) -> Result<(), TooMuch> {
        check(M::SHAPE.unwrap(), &message.encode_to_vec())
    }

    fn item() -> v1::VerificationItem {
        v1::VerificationItem { provider_id: "north".to_owned(), ..v1::VerificationItem::default() }
    }

    fn batch(items: Vec<v1::VerificationItem>) -> v1::BatchVerifyCredentialsRequest {
        v1::BatchVerifyCredentialsRequest { items, ..v1::BatchVerifyCredentialsRequest::default() }
    }

    #[test]
    fn a_list_has_a_maximum_number_of_entries() {
        let numbers = |count| v1::WatchChangesRequest {
            credential_numbers: vec!["CPS-0000-0000-0".to_owned(); count],
            ..v1::WatchChangesRequest::default()
        };
        assert_eq!(checked(&batch(vec![item(); MOST_ENTRIES])), Ok(()));
        assert_eq!(checked(&batch(vec![item(); MOST_ENTRIES + 1])), Err(TooMuch::Entries("items")));
        assert_eq!(checked(&numbers(MOST_ENTRIES)), Ok(()));
        assert_eq!(checked(&numbers(MOST_ENTRIES + 1)), Err(TooMuch::Entries("credential_numbers")));
        // The shortest message with one entry too many is long enough to be checked.
        let empty = batch(vec![v1::VerificationItem::default(); MOST_ENTRIES + 1]);
        assert_eq!(checked(&empty), Err(TooMuch::Entries("items")));
    }

    #[test]
    fn values_are_counted_however_deep_packed_or_unknown() {
        let packed = |count| batch(vec![v1::VerificationItem { designations: vec![1; count], ..item() }]);
        assert_eq!(checked(&packed(PACKED * (MOST_VALUES - 10))), Ok(()));
        assert_eq!(checked(&packed(PACKED * MOST_VALUES)), Err(TooMuch::Values(MOST_VALUES)));
        let shape = v1::BatchVerifyCredentialsRequest::SHAPE.unwrap();
        let checked = |field: &[u8], count| check(shape, &field.repeat(count));
        for field in [b"\xf8\x01\x00".as_slice(), b"\xfa\x01\x00", b"\xfb\x01\xfc\x01", b"\x0a\x02\x32\x00"] {
            let most = MOST_VALUES / if field.len() == 3 { 1 } else { 2 };
            let expected = if field[0] == 0x0a { TooMuch::Entries("items") } else { TooMuch::Values(MOST_VALUES) };
            assert_eq!(checked(field, most + 1), Err(expected), "{field:x?}");
        }
        let trainings = vec![v1::Training::default(); MOST_VALUES_OF_ONE];
        let application = Some(v1::Application { trainings, ..v1::Application::default() });
        let nested = v1::EvaluateApplicationRequest { application, ..v1::EvaluateApplicationRequest::default() };
        assert_eq!(self::checked(&nested), Err(TooMuch::Values(MOST_VALUES_OF_ONE)));
    }

    #[test]
    fn a_text_has_a_maximum_length() {
        let item = |bytes| v1::VerificationItem { correlation_id: "c".repeat(bytes), ..item() };
        assert_eq!(checked(&batch(vec![item(LONGEST_TEXT)])), Ok(()));
        assert_eq!(checked(&batch(vec![item(LONGEST_TEXT + 1)])), Err(TooMuch::Text));
    }

    #[test]
    fn a_malformed_message_is_left_to_the_decoder() {
        let shape = v1::BatchVerifyCredentialsRequest::SHAPE.unwrap();
        let whole = batch(vec![item(); 500]).encode_to_vec();
        for bytes in
            [&whole[..whole.len() - 1], &[b"\x0a\xff".as_slice(), &whole].concat(), &[0xff; 4000], &[0x0c; 4000]]
        {
            assert_eq!(check(shape, bytes), Ok(()));
            assert!(v1::BatchVerifyCredentialsRequest::decode(bytes).is_err());
        }
    }
}
