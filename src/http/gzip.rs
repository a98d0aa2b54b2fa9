//! Static bytes as gzip, for who takes it. Answers with data are never compressed: their length would show what they
//! have.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};

/// The name of the encoding.
pub(super) const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// The bytes as gzip. `None`: they cannot be packed.
pub(super) fn packed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

/// True if a caller says that it takes gzip.
pub(super) fn is_taken(headers: &HeaderMap) -> bool {
    let named = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    named.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !["q=0", "q=0.0"].contains(&weight.trim())
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn what_is_packed_is_the_same_again() {
        let mut text = String::new();
        GzDecoder::new(&*packed(b"a page").unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "a page");
    }

    #[test]
    fn gzip_is_taken_by_those_who_say_so() {
        let taken =
            |value: &'static str| is_taken(&HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]));
        assert!(taken("gzip") && taken("deflate, GZIP;q=0.5, br") && !taken("br, gzip;q=0") && !taken("identity"));
        assert!(!is_taken(&HeaderMap::new()));
    }
}
