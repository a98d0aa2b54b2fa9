//! The files of the keys that sign answers, receipts, and checkpoints.
//!
//! A key has a number. `answers-1.jwk` is the public half, which is kept for ever; `answers-1.p8` the private half; and
//! `answers-1.retired` says from when on its signatures are not accepted. No file is ever changed. The key that signs
//! is the first one that is not retired and has its private half, so a key that was made later waits until then.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::data_dir::{DataDirError, disk, make_directory, remove, write_durably};
use crate::proof::jwk::Jwks;
use crate::proof::key_ring::{KeyRing, RegistryKeys, SigningKeys};
use crate::proof::keys::{PrivateKey, PublicKey, Purpose};

/// How long signatures by a retired key are accepted: every server must sign with the next one by then.
pub const RETIRES_AFTER: SignedDuration = SignedDuration::from_hours(24);

const PUBLIC: &str = "jwk";
const PRIVATE: &str = "p8";
const RETIRED: &str = "retired";

/// A step of a rotation cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The files cannot be read or written.
    #[error(transparent)]
    Files(#[from] DataDirError),
    /// A second key is there already.
    #[error("a rotation of the keys of {0} has begun: finish it, and begin again")]
    Begun(&'static str),
    /// There is no second key.
    #[error("no rotation of the keys of {0} has begun: begin one")]
    NotBegun(&'static str),
}

/// The files of one key.
struct KeyFiles {
    number: u32,
    public: PublicKey,
    private: Option<PrivateKey>,
}

impl KeyFiles {
    fn can_sign(&self) -> bool {
        self.private.is_some() && self.public.retired_at.is_none()
    }
}

/// Reads the keys in a directory.
pub fn read(directory: &Path) -> Result<RegistryKeys, DataDirError> {
    let (answers, mut public) = keys_of(keys_for(directory, Purpose::Answers)?);
    let (checkpoints, of_checkpoints) = keys_of(keys_for(directory, Purpose::Checkpoints)?);
    public.extend(of_checkpoints);
    let signing = answers.zip(checkpoints).map(|(answers, checkpoints)| Arc::new(SigningKeys { answers, checkpoints }));
    Ok(RegistryKeys { signing, public: Jwks::of(public) })
}

/// Reads the keys in a directory. Fails if none can sign for one of the purposes.
pub fn read_complete(directory: &Path) -> Result<RegistryKeys, DataDirError> {
    let keys = read(directory)?;
    if keys.signing.is_some() { Ok(keys) } else { Err(DataDirError::NoSigningKeys(directory.to_owned())) }
}

/// Makes a key for each purpose for which none can sign. Returns the purposes.
pub fn make_missing(directory: &Path, now: Timestamp) -> Result<Vec<Purpose>, DataDirError> {
    let mut made = Vec::new();
    for purpose in Purpose::ALL {
        let keys = keys_for(directory, purpose)?;
        if !keys.iter().any(KeyFiles::can_sign) {
            make(directory, purpose, next_number(&keys), now)?;
            made.push(purpose);
        }
    }
    Ok(made)
}

/// Makes the key that signs next. Until [`finish_rotation`] it is only published.
pub fn begin_rotation(directory: &Path, purpose: Purpose, now: Timestamp) -> Result<PublicKey, RotationError> {
    let keys = keys_for(directory, purpose)?;
    if keys.iter().filter(|key| key.can_sign()).count() > 1 {
        return Err(RotationError::Begun(purpose.name()));
    }
    Ok(make(directory, purpose, next_number(&keys), now)?)
}

/// Retires the key that signs, and removes its private half. Returns its public half, and that of the key that signs
/// from now on.
pub fn finish_rotation(
    directory: &Path,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(PublicKey, PublicKey), RotationError> {
    let keys = keys_for(directory, purpose)?;
    let mut signing = keys.iter().filter(|key| key.can_sign());
    let (Some(retires), Some(next)) = (signing.next(), signing.next()) else {
        return Err(RotationError::NotBegun(purpose.name()));
    };
    let end = now + RETIRES_AFTER;
    let path = file(directory, purpose, retires.number, RETIRED);
    write_durably(&path, format!("{}\n", end.as_second()).as_bytes(), 0o600).map_err(disk("written", &path))?;
    let private = file(directory, purpose, retires.number, PRIVATE);
    remove(&private).map_err(disk("removed", &private))?;
    let mut retired = retires.public.clone();
    retired.retired_at = Some(end.as_second());
    Ok((retired, next.public.clone()))
}

/// Makes the keys of a data directory those of another directory, which several replicas have. Public halves that the
/// other directory lacks are kept.
pub fn copy(from: &Path, to: &Path) -> Result<(), DataDirError> {
    make_directory(to).map_err(disk("made", to))?;
    let (theirs, ours) = (names_in(from)?, names_in(to)?);
    for name in &theirs {
        let (source, target) = (from.join(name), to.join(name));
        let bytes = fs::read(&source).map_err(disk("read", &source))?;
        if !fs::read(&target).is_ok_and(|found| found == bytes) {
            write_durably(&target, &bytes, 0o600).map_err(disk("written", &target))?;
        }
    }
    for name in ours.iter().filter(|name| name.ends_with(PRIVATE) && !theirs.contains(name)) {
        let path = to.join(name);
        remove(&path).map_err(disk("removed", &path))?;
    }
    Ok(())
}

/// The private halves in a directory.
pub fn private_files(directory: &Path) -> Result<Vec<PathBuf>, DataDirError> {
    let names = names_in(directory)?.into_iter().filter(|name| name.ends_with(PRIVATE));
    Ok(names.map(|name| directory.join(name)).collect())
}

/// True for the path of a file of this kind in a data directory.
pub(super) fn is_signing_key(path: &str) -> bool {
    path.strip_prefix("keys/").and_then(parse_name).is_some()
}

/// True for the path of a private half, which is the one file that may go.
pub(super) fn is_private(path: &str) -> bool {
    path.strip_prefix("keys/").and_then(parse_name).is_some_and(|(_, _, part)| part == PRIVATE)
}

/// The keys that sign, and every public one: the one that signs first, then those that were made later, and then the
/// earlier ones, the latest first.
fn keys_of(mut earlier: Vec<KeyFiles>) -> (Option<KeyRing>, Vec<PublicKey>) {
    let signs = earlier.iter().position(KeyFiles::can_sign).unwrap_or(earlier.len());
    let later = earlier.split_off(signs);
    let next = later.iter().skip(1).find(|key| key.can_sign()).map(|key| key.public.clone());
    let (mut current, mut public) = (None, Vec::new());
    for key in later.into_iter().chain(earlier.into_iter().rev()) {
        public.push(key.public);
        current = current.or(key.private);
    }
    (current.map(|current| KeyRing { current, next }), public)
}

fn next_number(keys: &[KeyFiles]) -> u32 {
    keys.last().map_or(1, |last| last.number.saturating_add(1))
}

/// Makes a key. The public half is first: one that is left alone never signed anything.
fn make(directory: &Path, purpose: Purpose, number: u32, now: Timestamp) -> Result<PublicKey, DataDirError> {
    make_directory(directory).map_err(disk("made", directory))?;
    let pkcs8 = PrivateKey::generate(purpose);
    let made =
        pkcs8.and_then(|pkcs8| Ok((PrivateKey::read(purpose, &pkcs8, now.as_second())?.public().clone(), pkcs8)));
    let (public, pkcs8) = made.map_err(|error| DataDirError::BadSigningKey {
        path: file(directory, purpose, number, PRIVATE),
        fault: error.to_string(),
    })?;
    for (part, bytes) in [(PUBLIC, format!("{}\n", public.to_jwk()).as_bytes()), (PRIVATE, &pkcs8)] {
        let path = file(directory, purpose, number, part);
        write_durably(&path, bytes, 0o600).map_err(disk("written", &path))?;
    }
    Ok(public)
}

/// The keys for a purpose, by their numbers.
fn keys_for(directory: &Path, purpose: Purpose) -> Result<Vec<KeyFiles>, DataDirError> {
    let mut parts: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for (of, number, part) in names_in(directory)?.iter().filter_map(|name| parse_name(name)) {
        if of == purpose {
            parts.entry(number).or_default().push(part.to_owned());
        }
    }
    let has_public = |parts: &[String]| parts.iter().any(|part| part == PUBLIC);
    let numbers = parts.iter().filter(|(_, parts)| has_public(parts));
    numbers.map(|(number, parts)| read_key(directory, purpose, *number, parts)).collect()
}

fn read_key(directory: &Path, purpose: Purpose, number: u32, parts: &[String]) -> Result<KeyFiles, DataDirError> {
    let path_of = |part| file(directory, purpose, number, part);
    let read = |path: &Path| fs::read(path).map_err(disk("read", path));
    let bad = |path: PathBuf, fault: String| DataDirError::BadSigningKey { path, fault };
    let has = |part: &str| parts.iter().any(|found| found == part);
    let path = path_of(PUBLIC);
    let text = String::from_utf8_lossy(&read(&path)?).into_owned();
    let mut public = PublicKey::from_jwk(&text).map_err(|error| bad(path.clone(), error.to_string()))?;
    if public.purpose() != purpose {
        return Err(bad(path, format!("it is not a key for {}", purpose.algorithm())));
    }
    if has(RETIRED) {
        let path = path_of(RETIRED);
        let text = String::from_utf8_lossy(&read(&path)?).into_owned();
        let end = text.trim().parse().map_err(|_| bad(path, "it is not a number of seconds since 1970".to_owned()))?;
        public.retired_at = Some(end);
    }
    let private = (has(PRIVATE) && public.retired_at.is_none()).then(|| {
        let path = path_of(PRIVATE);
        let key = PrivateKey::read(purpose, &read(&path)?, public.made_at);
        let key = key.map_err(|error| bad(path.clone(), error.to_string()))?;
        let is_pair = *key.public() == public;
        if is_pair { Ok(key) } else { Err(bad(path, "it is not the private half of the .jwk beside it".to_owned())) }
    });
    Ok(KeyFiles { number, public, private: private.transpose()? })
}

fn names_in(directory: &Path) -> Result<Vec<String>, DataDirError> {
    let found = match fs::read_dir(directory) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(disk("read", directory))?,
    };
    let names = found.iter().filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.filter(|name| parse_name(name).is_some()).collect())
}

fn parse_name(name: &str) -> Option<(Purpose, u32, &str)> {
    let (stem, part) = name.split_once('.')?;
    let (of, number) = stem.split_once('-')?;
    let purpose = Purpose::ALL.into_iter().find(|purpose| purpose.name() == of)?;
    let is_part = [PUBLIC, PRIVATE, RETIRED].contains(&part);
    let number: u32 = number.parse().ok()?;
    is_part.then_some((purpose, number, part))
}

fn file(directory: &Path, purpose: Purpose, number: u32, part: &str) -> PathBuf {
    directory.join(format!("{}-{number}.{part}", purpose.name()))
}
