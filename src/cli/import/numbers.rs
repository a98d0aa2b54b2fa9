//! The list of the numbers that an import gave: from each credential of the old system to its number of today.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::ids::Ids;
use super::kind::{Kind, SOURCE_ID};
use super::source::File;
use crate::cli::failure::Failure;
use crate::cli::list::Row;
use crate::cli::listing::{BYTE_ORDER_MARK, csv_line};
use crate::cli::new_file::{NewFile, cannot_write};

/// The columns of the list. The first five are the row as written.
const COLUMNS: [&str; 7] =
    ["file", "line", "source_id", "specialist", "prior_numbers", "credential_number", "specialist_id"];

/// The list, which is there whole or not at all. Rows are answered in another order than that of the file.
pub struct Numbers {
    file: NewFile,
    path: PathBuf,
    lines: BTreeMap<u64, String>,
}

impl Numbers {
    /// Begins the list. It takes the place of such a list: the same line is run again after a correction.
    pub fn begin(path: &Path) -> Result<Numbers, Failure> {
        let headings = format!("{BYTE_ORDER_MARK}{}", csv_line(&COLUMNS.map(str::to_owned)));
        let file = if is_such_a_list(path, &headings) { NewFile::replacing(path) } else { NewFile::begin(path) };
        let file = file.map_err(|error| cannot_write(path, &error))?;
        Ok(Numbers { file, path: path.to_owned(), lines: BTreeMap::from([(0, headings)]) })
    }

    /// Adds a row of credentials that is on record.
    pub fn add(&mut self, file: &File, row: &Row, number: &str, ids: &Ids) {
        let specialist = row.text("specialist");
        let cells = [
            &file.name,
            &row.line().to_string(),
            row.text(SOURCE_ID),
            specialist,
            row.text("prior_numbers"),
            number,
            ids.of(Kind::Specialists, specialist).unwrap_or_default(),
        ];
        self.lines.insert(row.line(), csv_line(&cells.map(str::to_owned)));
    }

    /// Gives the list its name, once it is on disk.
    pub fn keep(self) -> Result<(), Failure> {
        let Numbers { mut file, path, lines } = self;
        let written = lines.values().try_for_each(|line| file.write_all(line.as_bytes()));
        written.and_then(|()| file.keep()).map_err(|error| cannot_write(&path, &error))
    }
}

/// Whether there is a list with these headings at a path.
fn is_such_a_list(path: &Path, headings: &str) -> bool {
    let mut begins = vec![0; headings.len()];
    fs::File::open(path).is_ok_and(|mut file| file.read_exact(&mut begins).is_ok() && begins == headings.as_bytes())
}
