//! A build without encryption: it has no keys, so it neither encrypts an archive nor decrypts one.

use std::convert::Infallible;
use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::marker::PhantomData;
use std::str::FromStr;

/// The first bytes of an encrypted archive.
pub const MAGIC: &[u8] = b"age-encryption.org/v1\n";

/// What such a build says.
const REMEDY: &str =
    "this build has no encryption: build the program with `--features full`, or `--features encryption`";

/// The public keys that archives are encrypted to: none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipients(());

/// Public keys were named.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{REMEDY}")]
pub struct NotARecipient;

impl FromStr for Recipients {
    type Err = NotARecipient;

    /// Refuses keys.
    fn from_str(text: &str) -> Result<Recipients, NotARecipient> {
        if text.trim().is_empty() { Ok(Recipients(())) } else { Err(NotARecipient) }
    }
}

impl fmt::Display for Recipients {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// An archive that is encrypted: there is none.
pub struct StreamWriter<W> {
    never: Infallible,
    _out: PhantomData<W>,
}

impl Recipients {
    /// True: there is nobody to encrypt to.
    pub fn is_empty(&self) -> bool {
        true
    }

    /// Refuses to encrypt.
    pub fn encrypt<W: Write>(&self, _: W) -> io::Result<StreamWriter<W>> {
        Err(io::Error::other(REMEDY))
    }
}

impl<W> StreamWriter<W> {
    /// Writes the end.
    pub fn finish(self) -> io::Result<W> {
        match self.never {}
    }
}

impl<W> Write for StreamWriter<W> {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match self.never {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.never {}
    }
}

/// The private keys that can decrypt an archive.
pub struct Identities(());

impl Identities {
    /// Takes any key file: what it would decrypt is refused.
    pub fn parse(_: &str) -> Option<Identities> {
        Some(Identities(()))
    }

    /// Refuses to decrypt an archive.
    pub fn decrypt(&self, _: Box<dyn BufRead>) -> io::Result<Box<dyn Read>> {
        Err(io::Error::other(REMEDY))
    }
}
