//! Encryption of archives with age (age-encryption.org): for the holders of keys that are not on the server.

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::str::FromStr;

use age::stream::StreamWriter;
use age::x25519::{Identity, Recipient};
use age::{DecryptError, Decryptor, Encryptor};

/// The first bytes of an encrypted archive.
pub const MAGIC: &[u8] = b"age-encryption.org/v1\n";

/// The public keys that archives are encrypted to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipients(Vec<Recipient>);

/// A text is not a public key of age.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a public key of age, which begins with age1: `age-keygen` prints one")]
pub struct NotARecipient(String);

impl FromStr for Recipients {
    type Err = NotARecipient;

    /// Parses public keys, separated by white space or commas.
    fn from_str(text: &str) -> Result<Recipients, NotARecipient> {
        let words = text.split(|at: char| at.is_whitespace() || at == ',').filter(|word| !word.is_empty());
        // A private key in the place of a public one is not repeated in a message.
        let shown = |word: &str| word.chars().take(8).chain("...".chars()).collect::<String>();
        words.map(|word| word.parse().map_err(|_| NotARecipient(shown(word)))).collect::<Result<_, _>>().map(Recipients)
    }
}

impl fmt::Display for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&keys.join(" "))
    }
}

impl Recipients {
    /// True if there is nobody to encrypt to.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Encrypts what is written. [`StreamWriter::finish`] writes the end, without which nothing of it counts as whole.
    pub fn encrypt<W: Write>(&self, out: W) -> io::Result<StreamWriter<W>> {
        let recipients = self.0.iter().map(|recipient| recipient as &dyn age::Recipient);
        Encryptor::with_recipients(recipients).map_err(io::Error::other)?.wrap_output(out)
    }
}

/// The private keys that can decrypt an archive.
pub struct Identities(Vec<Identity>);

impl Identities {
    /// Parses a key file, as `age-keygen` writes it. `None` if a line is neither a key nor a comment, or there is no
    /// key.
    pub fn parse(text: &str) -> Option<Identities> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys = lines.map(str::parse).collect::<Result<Vec<_>, _>>().ok()?;
        if keys.is_empty() { None } else { Some(Identities(keys)) }
    }

    /// Decrypts an archive. A reader gets an error where the bytes were changed or end too early.
    pub fn decrypt(&self, archive: Box<dyn BufRead>) -> io::Result<Box<dyn Read>> {
        let decryptor = Decryptor::new_buffered(archive).map_err(unreadable)?;
        let identities = self.0.iter().map(|identity| identity as &dyn age::Identity);
        Ok(Box::new(decryptor.decrypt(identities).map_err(unreadable)?))
    }
}

fn unreadable(error: DecryptError) -> io::Error {
    match error {
        DecryptError::Io(source) => source,
        DecryptError::NoMatchingKeys => io::Error::other("it is encrypted to other keys than this one"),
        other => io::Error::other(other.to_string()),
    }
}
