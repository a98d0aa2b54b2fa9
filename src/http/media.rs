//! Media types: in which form a message is sent, and in which one the caller wants the answer.

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};

use super::codec::Codec;
use super::contract::Method;

/// A content type of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// One message as JSON.
    Json,
    /// One encoded message.
    Proto,
    /// A stream of messages as JSON, in envelopes.
    ConnectJson,
    /// A stream of encoded messages, in envelopes.
    ConnectProto,
    /// A stream of messages as JSON, one in a line.
    JsonLines,
}

pub(super) const JSON: &str = "application/json";
pub(super) const PROTO: &str = "application/proto";
pub(super) const CONNECT_JSON: &str = "application/connect+json";
pub(super) const CONNECT_PROTO: &str = "application/connect+proto";
pub(super) const JSON_LINES: &str = "application/x-ndjson";
pub(super) const EVENTS: &str = "text/event-stream";

impl Media {
    /// The content type of a request, if it is one of the protocol's.
    pub(super) fn of(headers: &HeaderMap) -> Option<Media> {
        let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next()?;
        // The only parameter that JSON may have, and the only value that it may have.
        let is_plain = parts.all(|parameter| parameter.eq_ignore_ascii_case("charset=utf-8"));
        let known = [
            (JSON, Media::Json),
            (PROTO, Media::Proto),
            (CONNECT_JSON, Media::ConnectJson),
            (CONNECT_PROTO, Media::ConnectProto),
            (JSON_LINES, Media::JsonLines),
        ];
        known.into_iter().find(|(name, _)| is_plain && media.eq_ignore_ascii_case(name)).map(|(_, known)| known)
    }

    /// How its messages are written.
    pub(super) fn codec(self) -> Codec {
        match self {
            Media::Json | Media::ConnectJson | Media::JsonLines => Codec::Json,
            Media::Proto | Media::ConnectProto => Codec::Proto,
        }
    }

    /// The content type of the answer.
    pub(super) fn name(self) -> &'static str {
        match self {
            Media::Json => JSON,
            Media::Proto => PROTO,
            Media::ConnectJson => CONNECT_JSON,
            Media::ConnectProto => CONNECT_PROTO,
            Media::JsonLines => JSON_LINES,
        }
    }
}

/// The content types with which a method may be called.
pub(super) fn right_for(method: &Method) -> &'static str {
    if method.is_unary() {
        "application/json, application/proto"
    } else {
        "application/connect+json, application/connect+proto, application/json, application/x-ndjson"
    }
}

/// A form of the answer that the caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accepted {
    /// The same as that of the request.
    Same,
    /// A message in a line.
    JsonLines,
    /// Server-sent events.
    Events,
}

impl Accepted {
    /// Reads the header `accept`.
    pub(super) fn of(headers: &HeaderMap) -> Accepted {
        let named = |media: &str| {
            let mut texts =
                headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
            texts.any(|text| text.split(';').next().is_some_and(|text| text.trim().eq_ignore_ascii_case(media)))
        };
        if named(JSON_LINES) {
            Accepted::JsonLines
        } else if named(EVENTS) {
            Accepted::Events
        } else {
            Accepted::Same
        }
    }
}
