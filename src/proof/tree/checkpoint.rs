//! Checkpoints (C2SP tlog-checkpoint): what a log says about its tree.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::tile::number;
use super::{Hash, Note, NoteError, VerifierKey};
use crate::proof::keys::{KeyError, PrivateKey, Purpose};

/// How every origin begins.
const SCHEMA: &str = "credential.dmh.ms.gov/registry/";

/// The origin of a log: which registry it is of, and which line of its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The id of the registry, a UUID in its text form. No restore changes it.
    pub registry: String,
    /// The epoch, a UUID in its text form.
    pub epoch: String,
}

/// Where an earlier epoch ended and the next one began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// The earlier epoch, a UUID in its text form.
    pub epoch: String,
    /// The last revision that both have. 0: none.
    pub revision: u64,
    /// The root of the tree up to that revision. Both trees have it.
    pub root: Hash,
}

/// A checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log it is of.
    pub origin: Origin,
    /// The size of the tree: the last revision in it.
    pub size: u64,
    /// The root of the tree.
    pub root: Hash,
    /// Where each earlier epoch ended, the first one first.
    pub forks: Vec<Fork>,
    /// The Ed25519 key that will sign after the present one, if a rotation has begun.
    pub next_key: Option<[u8; 32]>,
}

impl Checkpoint {
    /// Reads the text of a note.
    pub fn read(text: &str) -> Result<Checkpoint, NoteError> {
        Checkpoint::of_lines(text).ok_or(NoteError::Form)
    }

    /// Reads the checkpoint in a signed note, if one of these keys signed it.
    pub fn read_signed(note: &str, keys: impl IntoIterator<Item = [u8; 32]>) -> Result<Checkpoint, NoteError> {
        let note = Note::read(note)?;
        let checkpoint = Checkpoint::read(&note.text)?;
        let (name, mut refused) = (checkpoint.origin.to_string(), NoteError::NotSigned);
        for key in keys {
            match note.verify(&VerifierKey { name: name.clone(), key }) {
                Ok(()) => return Ok(checkpoint),
                Err(NoteError::Signature) => refused = NoteError::Signature,
                Err(_) => {}
            }
        }
        Err(refused)
    }

    /// The signed note of the checkpoint, by a key of checkpoints.
    pub fn signed(&self, key: &PrivateKey) -> Result<String, KeyError> {
        let (text, name) = (self.to_string(), self.origin.to_string());
        let public = key.public().bytes().try_into().map_err(|_| KeyError::NotPublic(Purpose::Checkpoints))?;
        let signature = key.sign(text.as_bytes())?;
        Ok(Note::signed(text, &VerifierKey { name, key: public }, &signature).to_string())
    }

    fn of_lines(text: &str) -> Option<Checkpoint> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let origin = Origin::read(lines.next()?)?;
        let (size, root) = (number(lines.next()?)?, hash(lines.next()?)?);
        let mut checkpoint = Checkpoint { origin, size, root, forks: Vec::new(), next_key: None };
        for line in lines {
            match line.split_once(' ')? {
                // The order is fixed, so that there is one text for a checkpoint.
                ("fork", fork) if checkpoint.next_key.is_none() => checkpoint.forks.push(Fork::read(fork)?),
                ("next-key", key) if checkpoint.next_key.is_none() => checkpoint.next_key = Some(hash(key)?),
                _ => return None,
            }
        }
        Some(checkpoint)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}\n{}\n{}", self.origin, self.size, STANDARD.encode(self.root))?;
        self.forks.iter().try_for_each(|fork| {
            writeln!(formatter, "fork {} {} {}", fork.epoch, fork.revision, STANDARD.encode(fork.root))
        })?;
        self.next_key.map_or(Ok(()), |key| writeln!(formatter, "next-key {}", STANDARD.encode(key)))
    }
}

impl Origin {
    fn read(line: &str) -> Option<Origin> {
        let (registry, epoch) = line.strip_prefix(SCHEMA)?.split_once("/epoch/")?;
        let origin = Origin { registry: registry.to_owned(), epoch: epoch.to_owned() };
        (is_id(registry) && is_id(epoch)).then_some(origin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{SCHEMA}{}/epoch/{}", self.registry, self.epoch)
    }
}

impl Fork {
    fn read(fork: &str) -> Option<Fork> {
        let mut words = fork.split(' ');
        let (epoch, revision, root) = (words.next()?, words.next()?, words.next()?);
        let fork = Fork { epoch: epoch.to_owned(), revision: number(revision)?, root: hash(root)? };
        (words.next().is_none() && is_id(epoch)).then_some(fork)
    }
}

/// Reads 32 bytes: a hash, or a key.
fn hash(text: &str) -> Option<[u8; 32]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// True for the form of a UUID.
fn is_id(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte) || byte == b'-';
    text.len() == 36 && text.bytes().all(is_digit)
}
