//! Decodes requests for backups.

use super::fields::Fields;
use crate::domain::decide::Rejection;
use crate::proto::v1;
use crate::registry::backup::{Listed, Sha256Text};

/// The maximum number of files that a caller may have. A segment has up to 64 MiB, so these are half a TiB.
const MOST_FILES: usize = 8192;

/// The maximum length of a path.
const LONGEST_PATH: usize = 100;

/// Decodes the files of an earlier backup that a caller has.
pub fn kept_files(request: &v1::StreamBackupRequest) -> Result<Vec<Listed>, Rejection> {
    let mut fields = Fields::default();
    if !fields.check_count("kept", request.kept.len(), MOST_FILES) {
        return fields.finish(None);
    }
    let files = request.kept.iter().enumerate();
    let kept = files.filter_map(|(at, file)| fields.within(format!("kept[{at}]"), |fields| listed(fields, file)));
    let kept = kept.collect();
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
