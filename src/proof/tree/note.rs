//! Signed notes (C2SP signed-note): a text with signatures by named keys.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

/// The longest note that is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// The most signatures that are read.
const MOST_SIGNATURES: usize = 100;

/// The type of Ed25519 keys.
const ED25519_TYPE: u8 = 1;

/// The length of a key id in bytes.
const ID_BYTES: usize = 4;

/// A text and its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The text. It ends with a line break.
    pub text: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Signature {
    name: String,
    id: [u8; ID_BYTES],
    bytes: Vec<u8>,
}

/// An Ed25519 key that verifies notes, with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    /// The name. That of a log is its origin.
    pub name: String,
    /// The public key.
    pub key: [u8; 32],
}

/// The reasons why a text is not a signed note, or its signature is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The text is not a note.
    #[error("it is not a signed note: text, an empty line, and signatures")]
    Form,
    /// The text is not a verifier key.
    #[error("it is not a verifier key: NAME+ID+KEY, where ID is 8 hexadecimal digits and KEY an Ed25519 key in base64")]
    Key,
    /// No signature is by the key.
    #[error("it is not signed by the key")]
    NotSigned,
    /// The signature is wrong.
    #[error("its signature is wrong: it was changed, or it is forged")]
    Signature,
}

impl Note {
    /// The note of a text, which ends with a line break, with the signature by a key.
    pub fn signed(text: String, key: &VerifierKey, signature: &[u8]) -> Note {
        let signature = Signature { name: key.name.clone(), id: key.id(), bytes: signature.to_vec() };
        Note { text, signatures: vec![signature] }
    }

    /// Reads a note. Verifies nothing.
    pub fn read(note: &str) -> Result<Note, NoteError> {
        let is_plain = |text: &str| text.chars().all(|character| character == '\n' || !character.is_control());
        if note.len() > LONGEST || !is_plain(note) {
            return Err(NoteError::Form);
        }
        // The text may have empty lines itself, so the last one counts.
        let split = note.rfind("\n\n").ok_or(NoteError::Form)?;
        let (text, signatures) = (&note[..=split], &note[split + 2..]);
        let lines = signatures.strip_suffix('\n').ok_or(NoteError::Form)?.split('\n');
        let signatures: Vec<_> =
            lines.map(|line| Signature::read(line).ok_or(NoteError::Form)).collect::<Result<_, _>>()?;
        if signatures.len() > MOST_SIGNATURES {
            return Err(NoteError::Form);
        }
        Ok(Note { text: text.to_owned(), signatures })
    }

    /// Verifies the signature by a key. Signatures by other keys are ignored.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let id = key.id();
        let mut by_key = self.signatures.iter().filter(|found| found.name == key.name && found.id == id).peekable();
        if by_key.peek().is_none() {
            return Err(NoteError::NotSigned);
        }
        let public = UnparsedPublicKey::new(&ED25519, &key.key);
        let is_right = by_key.all(|found| public.verify(self.text.as_bytes(), &found.bytes).is_ok());
        if is_right { Ok(()) } else { Err(NoteError::Signature) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| {
            let bytes = STANDARD.encode([&signature.id[..], &signature.bytes].concat());
            writeln!(formatter, "\u{2014} {} {bytes}", signature.name)
        })
    }
}

impl Signature {
    fn read(line: &str) -> Option<Signature> {
        let (name, bytes) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        let bytes = STANDARD.decode(bytes).ok()?;
        let (id, bytes) = bytes.split_first_chunk()?;
        let is_complete = is_name(name) && !bytes.is_empty();
        is_complete.then(|| Signature { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
    }
}

impl VerifierKey {
    /// The id of the key: the first four bytes of a hash of its name, its type and itself.
    pub fn id(&self) -> [u8; ID_BYTES] {
        let hashed = Sha256::new().chain_update(&self.name).chain_update([b'\n', ED25519_TYPE]).chain_update(self.key);
        let hashed: [u8; 32] = hashed.finalize().into();
        hashed.first_chunk().copied().unwrap_or_default()
    }

    /// Reads a key from its text form, `NAME+ID+KEY`.
    pub fn read(text: &str) -> Result<VerifierKey, NoteError> {
        let (name, rest) = text.split_once('+').ok_or(NoteError::Key)?;
        let (id, key) = rest.split_once('+').ok_or(NoteError::Key)?;
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let Some((&ED25519_TYPE, key)) = bytes.split_first() else { return Err(NoteError::Key) };
        let key = VerifierKey { name: name.to_owned(), key: key.try_into().map_err(|_| NoteError::Key)? };
        if is_name(name) && hexadecimal(&key.id()) == id { Ok(key) } else { Err(NoteError::Key) }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[ED25519_TYPE], &self.key[..]].concat());
        write!(formatter, "{}+{}+{key}", self.name, hexadecimal(&self.id()))
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|character: char| character.is_whitespace() || character == '+')
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
