//! Values that are not objects: numbers, texts, bytes, enums, times and dates.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use jiff::civil::Date;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::{EnumDescriptor, Kind, MessageDescriptor};

use super::reading::Reading;

/// Senders may pad base 64 or not, and may use the alphabet for URLs.
const PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PADDING);
pub(in crate::http) const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PADDING);

const DATE: &str = "google.type.Date";
const TIMESTAMP: &str = "google.protobuf.Timestamp";

/// A value of the text.
pub(super) enum Given<'t> {
    Truth(bool),
    Whole(i128),
    Number(f64),
    Text(&'t str),
}

/// Why a value does not fit its field.
pub(super) enum Unfit {
    /// It is of another type, or out of range.
    Type,
    /// For this reason.
    Because(String),
}

/// True for messages that JSON writes as a text, and never as an object.
pub(super) fn is_only_text(message: &MessageDescriptor) -> bool {
    message.full_name() == TIMESTAMP
}

/// Writes a value as the field with this number.
pub(super) fn write(reading: &mut Reading, number: u32, kind: &Kind, value: Given<'_>) -> Result<(), Unfit> {
    Scalar { reading, number, kind }.write(value)
}

struct Scalar<'r> {
    reading: &'r mut Reading,
    number: u32,
    kind: &'r Kind,
}

impl Scalar<'_> {
    fn write(mut self, value: Given<'_>) -> Result<(), Unfit> {
        let is_written = match (value, self.kind) {
            (Given::Truth(value), Kind::Bool) => {
                self.varint(value.into());
                true
            }
            (Given::Truth(_), _) => false,
            #[allow(clippy::cast_precision_loss, reason = "a double is what the contract has")]
            (Given::Whole(value), Kind::Double) => self.number(value as f64),
            (Given::Whole(value), _) => self.whole(value),
            (Given::Number(value), _) => self.number(value),
            (Given::Text(text), Kind::Enum(values)) => match value_named(values, text) {
                Some(value) => self.whole(value.into()),
                None => return Err(Unfit::Because(not_a_value(values))),
            },
            (Given::Text(text), _) => self.text(text),
        };
        is_written.then_some(()).ok_or(Unfit::Type)
    }

    fn varint(&mut self, value: u64) {
        encode_key(self.number, WireType::Varint, &mut self.reading.out);
        encode_varint(value, &mut self.reading.out);
    }

    fn fixed(&mut self, wire: WireType, bytes: &[u8]) {
        encode_key(self.number, wire, &mut self.reading.out);
        self.reading.out.extend_from_slice(bytes);
    }

    /// Writes a whole number. False if the kind is another, or does not have this number.
    fn whole(&mut self, value: i128) -> bool {
        let (small, large) = (i32::try_from(value).ok(), i64::try_from(value).ok());
        let (count, many) = (u32::try_from(value).ok(), u64::try_from(value).ok());
        let written = match self.kind {
            Kind::Int32 | Kind::Enum(_) => small.map(|value| self.varint(i64::from(value).cast_unsigned())),
            Kind::Int64 => large.map(|value| self.varint(value.cast_unsigned())),
            Kind::Uint32 => count.map(|value| self.varint(value.into())),
            Kind::Uint64 => many.map(|value| self.varint(value)),
            _ => None,
        };
        written.is_some()
    }

    fn number(&mut self, value: f64) -> bool {
        match self.kind {
            Kind::Double => {
                self.fixed(WireType::SixtyFourBit, &value.to_le_bytes());
                true
            }
            // 1.0 and 1e3 are whole numbers. Above 2^53 a double does not say which.
            #[allow(clippy::cast_possible_truncation, reason = "checked")]
            _ if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 => self.whole(value as i128),
            _ => false,
        }
    }

    fn text(&mut self, text: &str) -> bool {
        match self.kind {
            Kind::String => {
                self.reading.bytes(self.number, text.as_bytes());
                true
            }
            Kind::Bytes => {
                let bytes = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text));
                bytes.map(|bytes| self.reading.bytes(self.number, &bytes)).is_ok()
            }
            Kind::Message(message) => self.message(message.full_name(), text),
            Kind::Double => text.parse().is_ok_and(|value| self.number(value)),
            Kind::Bool => false,
            _ => text.parse().is_ok_and(|value| self.whole(value)),
        }
    }

    /// Writes a message that JSON writes as a text.
    fn message(&mut self, name: &str, text: &str) -> bool {
        let parts = match name {
            DATE => date(text),
            TIMESTAMP => time(text),
            _ => None,
        };
        let Some(parts) = parts else { return false };
        let mut encoded = Vec::new();
        for (number, part) in (1..).zip(parts).filter(|(_, part)| *part != 0) {
            encode_key(number, WireType::Varint, &mut encoded);
            encode_varint(part.cast_unsigned(), &mut encoded);
        }
        self.reading.bytes(self.number, &encoded);
        true
    }
}

/// The year, the month and the day of a date of the form 2026-03-01.
fn date(text: &str) -> Option<Vec<i64>> {
    let is_plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let date: Date = text.parse().ok().filter(|_| is_plain)?;
    Some(vec![date.year().into(), date.month().into(), date.day().into()])
}

/// The seconds since 1970 and the nanoseconds of a time with its offset from UTC.
fn time(text: &str) -> Option<Vec<i64>> {
    let time: Timestamp = text.parse().ok()?;
    // Nanoseconds count forward, also before 1970.
    let nanos = time.as_nanosecond();
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?;
    let rest = i64::try_from(nanos.rem_euclid(1_000_000_000)).ok()?;
    Some(vec![seconds, rest])
}

/// The value with this name, with or without the prefix that all values of its enum share.
fn value_named(values: &EnumDescriptor, name: &str) -> Option<i32> {
    let value = values.get_value_by_name(name);
    let value = value.or_else(|| values.values().find(|value| short(values, value.name()) == name));
    value.map(|value| value.number())
}

/// The name of a value without the prefix of its enum: `CURRENT` for `STANDING_CURRENT`.
fn short<'a>(values: &EnumDescriptor, name: &'a str) -> &'a str {
    let mut rest = name;
    for (at, letter) in values.name().chars().enumerate() {
        if letter.is_ascii_uppercase() && at > 0 {
            rest = rest.strip_prefix('_').unwrap_or(rest);
        }
        match rest.strip_prefix(letter.to_ascii_uppercase()) {
            Some(after) => rest = after,
            None => return name,
        }
    }
    rest.strip_prefix('_').unwrap_or(name)
}

/// The maximum number of values that an error lists.
const MOST_LISTED: usize = 12;

fn not_a_value(values: &EnumDescriptor) -> String {
    let names: Vec<_> = values.values().filter(|value| value.number() != 0).collect();
    let listed: Vec<_> = names.iter().take(MOST_LISTED).map(|value| short(values, value.name())).collect();
    let more = if names.len() > MOST_LISTED { ", …" } else { "" };
    format!("not a value of {}: {}{more}", values.name(), listed.join(", "))
}
