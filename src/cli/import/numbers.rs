//! The list of the numbers that an import gave: from each credential of the old system to its number of today.

use std::collections::BTreeMap;
use std::io::Write as _;
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
    /// Begins the list.
    pub fn begin(path: &Path) -> Result<Numbers, Failure> {
        let file = NewFile::begin(path).map_err(|error| cannot_write(path, &error))?;
        let headings = format!("{BYTE_ORDER_MARK}{}", csv_line(&COLUMNS.map(str::to_owned)));
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
