//! The time for which a certificate is valid.

use jiff::Timestamp;
use x509_parser::prelude::X509Certificate;

/// The time from which a certificate is valid, and the time at which it expires.
pub(in crate::server) fn of(certificate: &X509Certificate<'_>) -> (Timestamp, Timestamp) {
    let validity = certificate.validity();
    (timestamp(validity.not_before.timestamp()), timestamp(validity.not_after.timestamp()))
}

/// Converts seconds since 1970. A time that does not fit becomes the first or the last that does: a certificate that
/// never expires ends with the year 9999 (RFC 5280, 4.1.2.5), a day after the last timestamp.
pub(super) fn timestamp(seconds: i64) -> Timestamp {
    let bound = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(seconds).unwrap_or(bound)
}
