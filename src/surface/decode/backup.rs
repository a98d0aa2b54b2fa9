//! Decodes requests for backups.

use super::fields::Fields;
use crate::domain::decide::Rejection;
use crate::proto::bounds::MOST_ENTRIES;
use crate::proto::v1;
use crate::registry::backup::{Listed, Sha256Text};

/// The maximum length of a path, in bytes.
const LONGEST_PATH: usize = 100;

/// Decodes the files of an earlier backup that a caller has.
pub fn kept_files(request: &v1::StreamBackupRequest) -> Result<Vec<Listed>, Rejection> {
    let mut fields = Fields::default();
    let kept = fields.listed("kept", &request.kept, MOST_ENTRIES, listed);
    fields.finish(Some(kept))
}

fn listed(fields: &mut Fields, file: &v1::BackupFile) -> Option<Listed> {
    let path = path(fields, &file.path);
    let sha256 = Sha256Text::parse(&file.sha256);
    if sha256.is_none() {
        fields.refuse("sha256", "not 64 hexadecimal digits in lower case");
    }
    Some(Listed { path: path?, bytes: file.bytes, sha256: sha256? })
}

/// Reads a path. Those of backups are in ASCII: the length of other texts takes longer to check.
fn path(fields: &mut Fields, text: &str) -> Option<String> {
    let is_path = (1..=LONGEST_PATH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_path {
        fields.refuse("path", format!("not 1 to {LONGEST_PATH} ASCII characters without spaces"));
    }
    is_path.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_short_and_in_ascii() {
        let kept = |path: &str| {
            let file = v1::BackupFile { path: path.to_owned(), bytes: 1, sha256: "0".repeat(64) };
            kept_files(&v1::StreamBackupRequest { kept: vec![file] })
        };
        assert_eq!(kept("log/00000000000000000001.log").unwrap().len(), 1);
        assert_eq!(kept(&"a".repeat(LONGEST_PATH)).unwrap().len(), 1);
        for wrong in ["", "log/ 1.log", "log/\n", "log/\u{fdfa}", &"a".repeat(LONGEST_PATH + 1)] {
            let refused = format!("{:?}", kept(wrong).unwrap_err());
            assert!(refused.contains("kept[0].path"), "{refused}");
        }
    }
}
