//! The types of configuration values: how each is parsed and displayed.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

use crate::domain::day::Day;
use crate::domain::id::Revision;
use crate::store::backup::{NotARecipient, Recipients};

/// The TOML form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A string.
    Text,
    /// A whole number.
    Number,
    /// A date without quotes.
    Date,
    /// `true` or `false`, without quotes.
    Truth,
    /// Any other form. No value is written this way.
    Other,
}

/// A type of value.
pub(super) trait Value: Sized {
    /// The TOML forms that a file may use.
    const FORMS: &'static [Form] = &[Form::Text];

    /// Parses a text. Returns the error message if it is not a value of this type.
    fn read(text: &str) -> Result<Self, String>;
    /// The value as people write it. None if it is not set.
    fn show(&self) -> Option<String>;

    /// The address, if this is an address to listen on.
    fn address(&self) -> Option<SocketAddr> {
        None
    }
}

impl Value for SocketAddr {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{text}` is not an address with a port, such as 127.0.0.1:50051"))
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn address(&self) -> Option<SocketAddr> {
        Some(*self)
    }
}

impl Value for bool {
    const FORMS: &'static [Form] = &[Form::Truth];

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{text}` is neither true nor false"))
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for PathBuf {
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("the path is empty".into()) } else { Ok(text.into()) }
    }

    fn show(&self) -> Option<String> {
        Some(self.display().to_string())
    }
}

impl Value for Duration {
    const FORMS: &'static [Form] = &[Form::Number];

    fn read(text: &str) -> Result<Self, String> {
        let seconds = text.parse().ok().filter(|seconds| *seconds <= 3600);
        seconds.map(Duration::from_secs).ok_or_else(|| format!("`{text}` is not a number of seconds from 0 to 3600"))
    }

    fn show(&self) -> Option<String> {
        Some(self.as_secs().to_string())
    }
}

/// The maximum of every count.
const MAX: u32 = 10_000_000;

impl Value for NonZeroU32 {
    const FORMS: &'static [Form] = &[Form::Number];

    fn read(text: &str) -> Result<Self, String> {
        let count = text.parse().ok().filter(|count: &NonZeroU32| count.get() <= MAX);
        count.ok_or_else(|| format!("`{text}` is not a number from 1 to {MAX}"))
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// An amount of disk space, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

/// The minimum reserve in bytes. Opening copies the last segment of the log, and the index needs space of its own: it
/// breaks when it cannot write.
const MIN_RESERVE: u64 = 64 * 1024 * 1024;

impl Value for Bytes {
    const FORMS: &'static [Form] = &[Form::Number];

    fn read(text: &str) -> Result<Self, String> {
        let bytes = text.parse().ok().filter(|bytes| *bytes >= MIN_RESERVE);
        bytes.map(Bytes).ok_or_else(|| {
            format!("`{text}` is not a number of bytes from {MIN_RESERVE}: opening copies a segment of the log")
        })
    }

    fn show(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}

impl Value for Recipients {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: NotARecipient| error.to_string())
    }

    fn show(&self) -> Option<String> {
        (!self.is_empty()).then(|| self.to_string())
    }
}

/// Origins of web pages, such as `https://portal.example.gov`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpOrigins(pub Vec<String>);

impl Value for HttpOrigins {
    fn read(text: &str) -> Result<Self, String> {
        let origins = text.split_whitespace().map(|origin| match sent(origin) {
            Some(sent) if sent == origin => Ok(sent),
            Some(sent) => Err(format!("`{origin}` is not an origin as browsers send it: write {sent}")),
            None => Err(format!("`{origin}` is not an origin, such as https://portal.example.gov")),
        });
        origins.collect::<Result<_, _>>().map(HttpOrigins)
    }

    fn show(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.join(" "))
    }
}

/// The origin of a URL as browsers send it: in lower case, without a user, a path, or the default port. None if it is
/// no URL of a web page.
fn sent(url: &str) -> Option<String> {
    let url: http::Uri = url.parse().ok()?;
    let scheme = url.scheme_str().filter(|scheme| ["http", "https"].contains(scheme))?;
    let host = url.host().filter(|host| !host.is_empty())?.to_ascii_lowercase();
    let default = if scheme == "https" { 443 } else { 80 };
    let port = url.port_u16().filter(|port| *port != default);
    Some(port.map_or_else(|| format!("{scheme}://{host}"), |port| format!("{scheme}://{host}:{port}")))
}

/// A share of a disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(pub u64);

impl Value for Share {
    const FORMS: &'static [Form] = &[Form::Number];

    fn read(text: &str) -> Result<Self, String> {
        let bytes = text.parse().ok().filter(|bytes| *bytes > 0);
        bytes.map(Share).ok_or_else(|| format!("`{text}` is not a number of bytes, such as 50000000000"))
    }

    fn show(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}

/// A part of a disk, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent(pub u8);

impl Value for Percent {
    const FORMS: &'static [Form] = &[Form::Number];

    fn read(text: &str) -> Result<Self, String> {
        let percent = text.parse().ok().filter(|percent| *percent <= 90);
        percent.map(Percent).ok_or_else(|| format!("`{text}` is not a percentage from 0 to 90"))
    }

    fn show(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}

impl Value for Day {
    const FORMS: &'static [Form] = &[Form::Text, Form::Date];

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|reason| format!("`{text}` is {reason}"))
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for Revision {
    const FORMS: &'static [Form] = &[Form::Number];

    fn read(text: &str) -> Result<Self, String> {
        let revision = text.parse().ok().filter(|revision| *revision > 0);
        revision.map(Revision).ok_or_else(|| format!("`{text}` is not a revision, such as 1800"))
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for Uuid {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{text}` is not the id of a registry, as printed by `cpss-registry create`"))
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl<V: Value> Value for Option<V> {
    const FORMS: &'static [Form] = V::FORMS;

    fn read(text: &str) -> Result<Self, String> {
        V::read(text).map(Some)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(V::show)
    }

    fn address(&self) -> Option<SocketAddr> {
        self.as_ref().and_then(V::address)
    }
}

/// Describes how a value of these forms is written.
pub(super) fn wanted(forms: &[Form]) -> &'static str {
    match forms {
        [Form::Number, ..] => "a whole number",
        [Form::Truth] => "true or false",
        [Form::Text, Form::Date] => "a date",
        _ => "a text in quotes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_send_it() {
        let right = "https://portal.example.gov http://127.0.0.1:8080 https://[2001:db8::1]:8443 http://a.example:443";
        assert_eq!(HttpOrigins::read(right).unwrap().show().unwrap(), right);
        for (wrong, right) in [
            ("https://Portal.Example.gov", "https://portal.example.gov"),
            ("HTTPS://portal.example.gov", "https://portal.example.gov"),
            ("https://portal.example.gov:443", "https://portal.example.gov"),
            ("http://portal.example.gov:80", "http://portal.example.gov"),
            ("https://me@portal.example.gov:8443", "https://portal.example.gov:8443"),
            ("https://portal.example.gov/", "https://portal.example.gov"),
        ] {
            let said = HttpOrigins::read(&format!("https://a.example {wrong}")).unwrap_err();
            assert_eq!(said, format!("`{wrong}` is not an origin as browsers send it: write {right}"));
        }
        for wrong in ["portal.example.gov", "ftp://portal.example.gov", "null", "*", "https://"] {
            let said = HttpOrigins::read(wrong).unwrap_err();
            assert!(said.ends_with("is not an origin, such as https://portal.example.gov"), "{wrong}: {said}");
        }
    }
}
