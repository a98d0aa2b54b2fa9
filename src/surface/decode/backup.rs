//! Decodes requests for backups.

use super::fields::Fields;
use crate::domain::decide::Rejection;
use crate::proto::bounds::MOST_ENTRIES;
use crate::proto::v1;
use crate::registry::backup::{Listed, Sha256Text};

/// The maximum length of a path.
const LONGEST_PATH: usize = 100;

/// Decodes the files of an earlier backup that a caller has.
pub fn kept_files(request: &v1::StreamBackupRequest) -> Result<Vec<Listed>, Rejection> {
    let mut fields = Fields::default();
    let kept = fields.listed("kept", &request.kept, MOST_ENTRIES, listed);
    fields.finish(Some(kept))
}

fn listed(fields: &mut Fields, file: &v1::BackupFile) -> Option<Listed> {
    let path = fields.text("path", &file.path, LONGEST_PATH);
    let sha256 = Sha256Text::parse(&file.sha256);
    if sha256.is_none() {
        fields.refuse("sha256", "not 64 hexadecimal digits in lower case");
    }
    Some(Listed { path: path?, bytes: file.bytes, sha256: sha256? })
}
