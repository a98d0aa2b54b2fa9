//! Tokens: a state of knowledge as opaque text. A question with a token must be answered from at least that state.
//!
//! A token holds the epoch, the revision and the first bytes of the hash chain at that revision. It has no MAC, because
//! everything that it claims is compared with the history on record.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::domain::id::Revision;
use crate::store::record::Tip;

/// The number of bytes of the hash chain in a token.
pub const CHAIN_BYTES: usize = 8;

/// The first byte of a token.
const VERSION: u8 = 1;

/// The length of a token in bytes: version, epoch, revision, chain.
const BYTES: usize = 1 + size_of::<Uuid>() + size_of::<Revision>() + CHAIN_BYTES;

/// The length of a token's text: URL-safe base64 without padding.
const CHARACTERS: usize = BYTES / 3 * 4;

/// A state of knowledge. It contains its text, which is encoded once and sent many times.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// The epoch of the revision.
    pub epoch: Uuid,
    /// The last record that is included.
    pub revision: Revision,
    /// The first bytes of the hash chain up to that record.
    pub chain: [u8; CHAIN_BYTES],
    text: [u8; CHARACTERS],
}

impl Token {
    /// Returns the token of a revision.
    pub fn new(epoch: Uuid, revision: Revision, chain: [u8; CHAIN_BYTES]) -> Token {
        let bytes = [&[VERSION], epoch.as_bytes().as_slice(), &revision.0.to_be_bytes(), &chain].concat();
        let mut text = [0; CHARACTERS];
        text.copy_from_slice(URL_SAFE_NO_PAD.encode(bytes).as_bytes());
        Token { epoch, revision, chain, text }
    }

    /// Returns the token of a tip.
    pub(super) fn of_tip(epoch: Uuid, tip: &Tip) -> Token {
        let mut chain = [0; CHAIN_BYTES];
        chain.copy_from_slice(&tip.chain[..CHAIN_BYTES]);
        Token::new(epoch, tip.revision, chain)
    }

    /// Parses a token; `None` if the text is not one.
    pub fn read(text: &str) -> Option<Token> {
        let bytes: [u8; BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (version, rest) = bytes.split_first()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let (revision, chain) = rest.split_first_chunk()?;
        let token =
            Token::new(Uuid::from_bytes(*epoch), Revision(u64::from_be_bytes(*revision)), chain.try_into().ok()?);
        (*version == VERSION).then_some(token)
    }

    /// Returns the text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.escape_ascii().fmt(f)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_from_its_text() {
        let token = Token::new(Uuid::from_u128(7), Revision(u64::MAX - 1), [1, 2, 3, 4, 5, 6, 7, 8]);
        let text = token.to_string();
        assert_eq!((text.len(), text.as_bytes()), (CHARACTERS, token.text()));
        assert_eq!(Token::read(&text), Some(token));
        let mut tip = Tip { revision: token.revision, chain: [9; 32] };
        tip.chain[..CHAIN_BYTES].copy_from_slice(&token.chain);
        assert_eq!(Token::of_tip(token.epoch, &tip), token, "the chain's first bytes");
    }

    #[test]
    fn malformed_tokens_are_not_parsed() {
        let text = Token::new(Uuid::from_u128(7), Revision(9), [8; 8]).to_string();
        let other_version = URL_SAFE_NO_PAD.encode([2; BYTES]);
        let padded = format!("{text}=");
        for bad in ["", "x", &text[1..], &padded, &format!("{text}AAAA"), &other_version, &text.replace('A', "+")] {
            assert_eq!(Token::read(bad), None, "{bad}");
        }
    }
}
