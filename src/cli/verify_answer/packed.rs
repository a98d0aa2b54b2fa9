//! A statement as the code of a letter has it. A QR code has no room for a whole JWS, so its parts are deflated
//! together: `cpss1.` and, in base64url, the raw deflation of `HEADER\nPAYLOAD\nSIGNATURE`, each part as bytes.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::read::DeflateDecoder;

/// How a packed statement begins.
const BEGINS: &str = "cpss1.";

/// The maximum size of the parts together, in bytes.
const LARGEST: u64 = 64 * 1024;

/// The statement in a text, if it is packed. Returns what is wrong with it.
pub fn unpacked(text: &str) -> Option<Result<String, String>> {
    let packed = text.strip_prefix(BEGINS)?;
    Some(parts(packed).ok_or_else(|| "the text of the code is not whole: scan it again".to_owned()))
}

fn parts(packed: &str) -> Option<String> {
    let deflated = URL_SAFE_NO_PAD.decode(packed).ok()?;
    let mut whole = Vec::new();
    DeflateDecoder::new(&*deflated).take(LARGEST + 1).read_to_end(&mut whole).ok()?;
    let parts: Vec<_> = whole.splitn(3, |byte| *byte == b'\n').map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
    (parts.len() == 3 && whole.len() as u64 <= LARGEST).then(|| parts.join("."))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> String {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        format!("{BEGINS}{}", URL_SAFE_NO_PAD.encode(encoder.finish().unwrap()))
    }

    #[test]
    fn a_packed_statement_is_the_same_again_and_a_damaged_one_is_refused() {
        let code = packed(b"{\"alg\":\"ES256\"}\n{}\na\nsignature\x00\xff");
        let signature = URL_SAFE_NO_PAD.encode(b"a\nsignature\x00\xff");
        assert_eq!(unpacked(&code), Some(Ok(format!("eyJhbGciOiJFUzI1NiJ9.e30.{signature}"))));
        assert_eq!(unpacked("eyJhbGciOiJFUzI1NiJ9.e30.AAAA"), None);
        for damaged in [&code[..code.len() - 6], BEGINS, "cpss1.!", &packed(b"{}\n{}")] {
            assert!(unpacked(damaged).unwrap().is_err(), "{damaged}");
        }
        let bomb = packed(&vec![b'\n'; 1024 * 1024]);
        assert!(unpacked(&bomb).unwrap().is_err(), "{} bytes", bomb.len());
    }
}
