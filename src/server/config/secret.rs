//! Reads the files of secrets.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::server::file_modes::others_may_use;

/// Reads a secret of at most this many bytes. Refuses one that everyone on the machine can read.
pub(super) fn secret(path: &Path, most: usize) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let unreadable = |error| format!("cannot read {shown}: {error}");
    if others_may_use(path).map_err(unreadable)? {
        return Err(format!(
            "{shown} is a secret that everyone on this machine can read: run chmod 600 {shown}, and replace the secret, \
             since somebody may have a copy of it"
        ));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).map_err(unreadable)?.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > most { Err(format!("{shown} is larger than {most} bytes")) } else { Ok(bytes) }
}
