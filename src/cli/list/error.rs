//! What can be wrong with a list, and with a row of it.

use std::fmt;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::cli::failure::Failure;

/// Why a list cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] io::Error),
    /// The file is too large.
    #[error("it has {bytes} bytes; the maximum is {most}: split the list")]
    TooLarge {
        /// The size of the file.
        bytes: u64,
        /// The maximum.
        most: u64,
    },
    /// The file has another format.
    #[error("it is {kind}, not a list: {remedy}")]
    OtherKind {
        /// What the file is.
        kind: &'static str,
        /// How to get a list from it.
        remedy: &'static str,
    },
    /// The text cannot be divided into rows.
    #[error("line {line}: {what}")]
    NotATable {
        /// The line, starting at 1.
        line: u64,
        /// What is wrong there, and the remedy.
        what: String,
    },
    /// The workbook cannot be used.
    #[error("{0}")]
    Workbook(String),
    /// No row has the columns that the command needs.
    #[error("no column for {names}; {found}. {remedy}")]
    NoHeadings {
        /// The names of the columns that are needed.
        names: String,
        /// The headings that are there.
        found: String,
        /// How many there are.
        cells: usize,
        /// How the list can be read.
        remedy: String,
    },
    /// Two columns look like the same known one.
    #[error("line {line}: the columns `{first}` and `{second}` both look like {name}: {remedy}")]
    Ambiguous {
        /// The line of the column names.
        line: u64,
        /// The name of the known column.
        name: &'static str,
        /// The first such heading.
        first: String,
        /// The second.
        second: String,
        /// How one of them is chosen.
        remedy: String,
    },
    /// A column that is not read has the credential numbers.
    #[error("line {line}: {column} has credential numbers and is not read: {remedy}")]
    UnreadNumbers {
        /// The line of the column names.
        line: u64,
        /// The column.
        column: String,
        /// How it is read.
        remedy: String,
    },
    /// Columns have the names of those that the answers add.
    #[error("line {line}: {}", reserved(headings))]
    Reserved {
        /// The line of the column names.
        line: u64,
        /// All such headings.
        headings: Vec<&'static str>,
    },
    /// `--column` names a column that the command does not understand.
    #[error("--column: `{key}` is not one of {keys}")]
    UnknownKey {
        /// The key as given.
        key: String,
        /// The known keys.
        keys: String,
    },
    /// The list has nothing at all, not even column names.
    #[error("the list has no rows")]
    Blank,
    /// The list has column names alone.
    #[error("the list has no rows")]
    NoRows,
    /// The file was changed between two readings.
    #[error("the file was changed while it was read: run the command again")]
    Changed,
}

impl ListError {
    /// Whether the content or the command is wrong, as opposed to a disk error.
    fn is_of_content(&self) -> bool {
        !matches!(self, ListError::File(_) | ListError::Changed)
    }

    /// The failure of a command that reads the list at a path.
    pub fn failure(&self, path: &Path) -> Failure {
        let what = format!("cannot read {}", path.display());
        if self.is_of_content() { Failure::usage(vec![format!("{what}: {self}")]) } else { Failure::of(what, self) }
    }

    pub(super) fn not_a_table(line: u64, what: impl Into<String>) -> ListError {
        ListError::NotATable { line, what: what.into() }
    }
}

fn reserved(headings: &[&str]) -> String {
    let names = headings.join("`, `");
    match headings.len() {
        1 => format!("the column `{names}` is reserved for the answers: rename or remove it"),
        _ => format!("the columns `{names}` are reserved for the answers: rename or remove them"),
    }
}

/// Why a row cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The line of the row, starting at 1.
    pub line: u64,
    /// The column: its heading, or its number if it has none.
    pub column: String,
    /// What the cell holds. Empty: nothing.
    pub found: String,
    /// What to do.
    pub remedy: String,
}

/// The maximum length of a cell as it is shown.
const SHOWN: usize = 60;

impl Fault {
    pub(super) fn of(line: u64, column: String, found: &str, remedy: impl Into<String>) -> Fault {
        let mut shown: String = found.trim().chars().take(SHOWN).collect();
        if found.trim().chars().nth(SHOWN).is_some() {
            shown.push('…');
        }
        Fault { line, column, found: shown, remedy: remedy.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { line, column, found, remedy } = self;
        let found = if found.is_empty() { "nothing".to_owned() } else { format!("`{}`", found.escape_debug()) };
        write!(f, "line {line}, column {column}: found {found}: {remedy}")
    }
}
