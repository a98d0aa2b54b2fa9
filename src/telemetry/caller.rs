//! What callers say of themselves, as the access log has it. All of it is bounded, because anyone can send it.

use std::fmt;

/// The maximum number of bytes of a user agent that are logged.
const MAX_AGENT_BYTES: usize = 100;

/// The maximum number of characters of a name in a certificate that are logged.
const MAX_CERTIFICATE_CHARACTERS: usize = 128;

/// The beginning of the name in a certificate that belongs to no client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateName(Box<str>);

impl CertificateName {
    /// Truncates a name.
    pub fn of(name: &str) -> CertificateName {
        CertificateName(name.chars().take(MAX_CERTIFICATE_CHARACTERS).collect())
    }

    /// The text, not escaped.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id of a trace: 16 bytes, not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(pub(super) u128);

/// The span of the caller that a call belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace_id: TraceId,
    /// The span of the caller, not zero.
    pub(super) span_id: u64,
    /// True if the caller records the trace.
    pub(super) is_sampled: bool,
}

impl TraceParent {
    /// Reads a `traceparent` header as the W3C recommendation Trace Context defines it. None if the header is invalid.
    pub fn of_header(header: &str) -> Option<TraceParent> {
        let mut parts = header.split('-');
        let mut part = |length: usize| {
            let part = parts.next().filter(|part| part.len() == length)?;
            let is_hex = part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            if is_hex { u128::from_str_radix(part, 16).ok() } else { None }
        };
        let (version, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        // A later version may have more parts.
        let is_known = version != 0xff && (version > 0 || parts.next().is_none());
        let span_id = u64::try_from(span).ok()?;
        let parent = TraceParent { trace_id: TraceId(trace), span_id, is_sampled: flags & 1 == 1 };
        (is_known && trace != 0 && span_id != 0).then_some(parent)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The beginning of a user agent.
#[derive(Clone, Copy, Debug)]
pub struct UserAgent {
    bytes: [u8; MAX_AGENT_BYTES],
    length: usize,
}

impl UserAgent {
    /// Truncates the user agent of a request, if it has one.
    pub fn of(agent: Option<&[u8]>) -> UserAgent {
        let agent = agent.unwrap_or_default();
        let (mut bytes, length) = ([0; MAX_AGENT_BYTES], agent.len().min(MAX_AGENT_BYTES));
        bytes[..length].copy_from_slice(&agent[..length]);
        UserAgent { bytes, length }
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Display for UserAgent {
    /// Formats the user agent in quotes. Escapes characters that could end the line or be taken for another field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_is_logged_if_the_header_is_valid() {
        let of = |header: &str| TraceParent::of_header(header).map(|parent| parent.trace_id.to_string());
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(of(&format!("00-{id}-00f067aa0ba902b7-01")).as_deref(), Some(id));
        assert_eq!(of(&format!("01-{id}-00f067aa0ba902b7-01-more")).as_deref(), Some(id));
        for wrong in [
            "",
            "Rosalind",
            &format!("00-{id}-00f067aa0ba902b7"),
            &format!("00-{id}-00f067aa0ba902b7-01-more"),
            &format!("ff-{id}-00f067aa0ba902b7-01"),
            &format!("00-{id}-0000000000000000-01"),
            &format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()),
            &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            &format!("00-+{}-00f067aa0ba902b7-01", &id[1..]),
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        let parent = |flags: &str| TraceParent::of_header(&format!("00-{id}-00f067aa0ba902b7-{flags}")).unwrap();
        assert_eq!(parent("01").span_id, 0x00f0_67aa_0ba9_02b7);
        assert_eq!(["00", "01", "02", "03"].map(|flags| parent(flags).is_sampled), [false, true, false, true]);
    }
}
