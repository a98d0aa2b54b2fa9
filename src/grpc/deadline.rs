//! The deadline of a call: the header `grpc-timeout`, which has up to eight digits and a unit.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

static GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Parses the header. A malformed header counts as no deadline.
pub(super) fn deadline(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(&GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_has_up_to_eight_digits_and_a_unit() {
        let mut headers = HeaderMap::new();
        assert_eq!(deadline(&headers), None);
        for (text, millis) in [("1S", 1000), ("250m", 250), ("10m", 10), ("2M", 120_000)] {
            headers.insert("grpc-timeout", text.parse().unwrap());
            assert_eq!(deadline(&headers), Some(Duration::from_millis(millis)), "{text}");
        }
        for wrong in ["", "S", "1", "123456789S", "-1S", "1x"] {
            headers.insert("grpc-timeout", wrong.parse().unwrap());
            assert_eq!(deadline(&headers), None, "{wrong}");
        }
    }
}
