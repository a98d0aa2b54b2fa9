//! Serial numbers of certificates. One of a client's certificates is revoked by its serial number.

use std::fmt;

use super::hex;

/// The maximum length of a serial number in bytes (RFC 5280, 4.1.2.2).
const MAX_BYTES: usize = 20;

/// The serial number of a certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Serial(Box<[u8]>);

impl Serial {
    /// Creates a serial number from big-endian bytes. Leading zeros are ignored.
    pub fn of_bytes(bytes: &[u8]) -> Serial {
        let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
        Serial(bytes.get(first..).unwrap_or_default().into())
    }

    /// Parses hexadecimal digits, in pairs with or without colons between them, as shown by `openssl x509 -serial` and
    /// browsers.
    pub fn from_hex(text: &str) -> Option<Serial> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        let bytes = hex::bytes(&digits)?;
        // A certificate may have a leading zero byte, to keep the number positive.
        (1..=MAX_BYTES + 1).contains(&bytes.len()).then(|| Serial::of_bytes(&bytes))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("00");
        }
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_read_as_it_is_written() {
        for (written, expected) in [
            ("3a2f", "3a2f"),
            ("3A:2F", "3a2f"),
            ("00ff01", "ff01"),
            ("00", "00"),
            ("00ffffffffffffffffffffffffffffffffffffffff", "ffffffffffffffffffffffffffffffffffffffff"),
        ] {
            let serial = Serial::from_hex(written).unwrap();
            assert_eq!(serial.to_string(), expected);
            assert_eq!(Serial::from_hex(&serial.to_string()), Some(serial));
        }
        for wrong in ["", "abc", "0x3a2f", "3a2g", &"ff".repeat(22)] {
            assert_eq!(Serial::from_hex(wrong), None, "{wrong}");
        }
    }
}
