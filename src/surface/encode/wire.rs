//! Writes messages directly in their encoded form, without building the generated types.
//!
//! This is the hot path: the answers of VerificationService are written this way; everything else uses the generated
//! messages. Both produce the same bytes: fields in the order of their numbers, without fields that have their default
//! value. All field numbers are below 16 here, so that the key of each field is one byte.

use prost::Message;
use prost::encoding::{WireType, encode_varint};

use crate::domain::day::Day;
use crate::proto::google::r#type::Date;

/// A message that is being written.
#[derive(Clone, Debug, Default)]
pub struct Wire {
    bytes: Vec<u8>,
}

/// The start of a nested message that is being written.
#[derive(Debug)]
#[must_use = "the length of a nested message is missing until it is ended"]
pub struct Begun(usize);

impl Wire {
    /// Returns an empty message with room for `bytes` bytes.
    pub fn with_capacity(bytes: usize) -> Wire {
        Wire { bytes: Vec::with_capacity(bytes) }
    }

    /// Returns the encoded message.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Returns the number of bytes written so far.
    pub fn written(&self) -> usize {
        self.bytes.len()
    }

    /// Removes everything after the first `bytes` bytes.
    pub fn truncate(&mut self, bytes: usize) {
        self.bytes.truncate(bytes);
    }

    fn key(&mut self, field: u8, kind: WireType) {
        self.bytes.push(key(field, kind));
    }

    fn varint(&mut self, number: u64) {
        match u8::try_from(number) {
            Ok(small @ 0..=127) => self.bytes.push(small),
            _ => encode_varint(number, &mut self.bytes),
        }
    }

    /// Writes a number, even if it is 0, for a field with explicit presence.
    pub fn present(&mut self, field: u8, number: u64) {
        self.key(field, WireType::Varint);
        self.varint(number);
    }

    /// Writes a number.
    pub fn number(&mut self, field: u8, number: u64) {
        if number != 0 {
            self.present(field, number);
        }
    }

    /// Writes an enum value or a signed 32-bit number.
    pub fn word(&mut self, field: u8, number: i32) {
        self.number(field, i64::from(number).cast_unsigned());
    }

    /// Writes a packed list of enum values.
    pub fn words(&mut self, field: u8, numbers: impl Iterator<Item = i32>) {
        let begun = self.begin(field);
        let from = self.bytes.len();
        numbers.for_each(|number| self.varint(i64::from(number).cast_unsigned()));
        if self.bytes.len() == from {
            self.bytes.truncate(from - EMPTY_MESSAGE);
        } else {
            self.end(begun);
        }
    }

    /// Writes a text.
    pub fn text(&mut self, field: u8, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        if !text.is_empty() {
            self.key(field, WireType::LengthDelimited);
            self.varint(text.len() as u64);
            self.bytes.extend_from_slice(text);
        }
    }

    /// Writes a date.
    pub fn date(&mut self, field: u8, day: Day) {
        let (year, month, day) = day.ymd();
        if let (Ok(years @ 128..16_384), Ok(month), Ok(day)) =
            (u16::try_from(year), u8::try_from(month), u8::try_from(day))
        {
            // Fast path for every date that a fact may have.
            let [high, low] = (years << 1).to_be_bytes();
            let length = key(field, WireType::LengthDelimited);
            let [of_year, of_month, of_day] = [1, 2, 3].map(|field| key(field, WireType::Varint));
            self.bytes.extend_from_slice(&[length, 7, of_year, low >> 1 | 128, high, of_month, month, of_day, day]);
            return;
        }
        self.built(field, &Date { year, month, day });
    }

    /// Writes a generated message.
    pub fn built(&mut self, field: u8, message: &impl Message) {
        self.key(field, WireType::LengthDelimited);
        encode_varint(message.encoded_len() as u64, &mut self.bytes);
        message.encode_raw(&mut self.bytes);
    }

    /// Starts a nested message. Everything written until [`Wire::end`] belongs to it.
    pub fn begin(&mut self, field: u8) -> Begun {
        self.key(field, WireType::LengthDelimited);
        self.bytes.push(0);
        Begun(self.bytes.len())
    }

    /// Ends the nested message that was started last.
    pub fn end(&mut self, Begun(from): Begun) {
        let length = self.bytes.len() - from;
        // One byte is reserved for the length, which is usually enough. For a longer length, the content is moved.
        let more = prost::encoding::encoded_len_varint(length as u64) - 1;
        if more > 0 {
            self.bytes.resize(from + length + more, 0);
            self.bytes.copy_within(from..from + length, from + more);
        }
        if let Some(mut kept) = self.bytes.get_mut(from - 1..from + more) {
            encode_varint(length as u64, &mut kept);
        }
    }
}

const fn key(field: u8, kind: WireType) -> u8 {
    field << 3 | kind as u8
}

/// The size of the key and length of an empty message.
const EMPTY_MESSAGE: usize = 2;

#[cfg(test)]
mod tests {
    use super::super::{date, timestamp};
    use super::*;
    use crate::proto::v1;

    #[test]
    fn what_is_written_is_what_prost_would_write() {
        let days =
            [i32::MIN / 2, -719_163, -672_412, -672_411, -25_567, 20_000, 84_370, i32::MAX / 2].into_iter().cycle();
        for (length, day) in [0, 1, 59, 60, 100, 127, 128, 300, 16_383, 16_384, 70_000].into_iter().zip(days) {
            let (text, day) = ("x".repeat(length), Day::from_number(day));
            let answer = v1::Answer {
                as_of: Some(date(day)),
                epoch: text.clone(),
                known_at_revision: u64::MAX,
                known_at_time: Some(timestamp(jiff::Timestamp::MIN)),
                ..v1::Answer::default()
            };
            let verification = v1::Verification {
                verdict: 3,
                holds_credential: Some(false),
                reasons: vec![1, 200, 70_000],
                answer: Some(answer.clone()),
                ..v1::Verification::default()
            };
            let mut wire = Wire::default();
            wire.word(1, 3);
            wire.present(2, 0);
            wire.words(6, [1, 200, 70_000].into_iter());
            wire.words(7, std::iter::empty());
            let begun = wire.begin(9);
            wire.date(1, day);
            wire.text(2, &text);
            wire.number(3, u64::MAX);
            wire.built(4, &timestamp(jiff::Timestamp::MIN));
            wire.number(6, 0);
            wire.end(begun);
            assert_eq!(wire.into_bytes(), verification.encode_to_vec(), "{length}");
        }
    }
}
