//! Lists as they are: tables as spreadsheets and payroll systems write them.
//!
//! A list is a CSV table (with `,`, `;`, tab or `|`; in UTF-8, UTF-16 or Windows-1252) or an `.xlsx` workbook. A
//! command says which columns it understands ([`Columns`]); the list may call them otherwise, have more of them, and
//! have a title above them. [`List::open`] reads the list once to understand it. [`List::rows`] reads it again, row by
//! row and in steady memory. [`List::answers`] writes the rows with answers behind them; everything else comes back as
//! it was written.

mod answers;
pub mod columns;
pub mod date;
mod encoding;
mod error;
mod headings;
mod number_column;
mod record;
mod row;
mod survey;
mod text;
mod understood;
mod workbook;
#[cfg_attr(not(feature = "workbooks"), path = "no_xlsx.rs")]
mod xlsx;

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::Path;
use std::sync::Arc;

use self::answers::Head;
pub use self::answers::{AnswerWriter, cell_text, unguarded};
pub use self::columns::{Columns, Known};
use self::encoding::Bytes;
pub use self::encoding::{Encoding, text_of};
pub use self::error::{Fault, ListError};
use self::headings::{Given, Headings, check_given};
use self::row::is_like_totals;
pub use self::row::{LeftOut, Row};
use self::survey::{Survey, Table};
pub use self::understood::Understood;
pub use self::workbook::MOST_BYTES;
use self::workbook::Sheet;

/// The flags of every command that reads a list.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ListArgs {
    /// The heading of a known column, such as number="Cert #", or its position, such as number=#3, if it is not
    /// recognized; may be repeated
    #[arg(long, value_name = "NAME=HEADING")]
    column: Vec<Given>,
    /// The sheet of a workbook, if several have a list
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
}

/// A list that was understood.
#[derive(Debug)]
pub struct List {
    table: Table,
    headings: Arc<Headings>,
    columns: &'static Columns,
    survey: Survey,
    understood: Understood,
}

impl List {
    /// Opens a file and understands it.
    pub fn open(path: &Path, columns: &'static Columns, args: &ListArgs) -> Result<List, ListError> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        if !is_workbook(&Bytes::File(Arc::new(file.try_clone()?)).beginning()?) {
            return List::of(&Bytes::File(Arc::new(file)), columns, args);
        }
        if size > MOST_BYTES {
            return Err(ListError::TooLarge { bytes: size, most: MOST_BYTES });
        }
        let mut bytes = Vec::new();
        (&mut file).take(MOST_BYTES).read_to_end(&mut bytes)?;
        List::of_sheets(xlsx::sheets(&bytes)?, columns, args)
    }

    /// Understands the content of a file.
    pub fn of_bytes(bytes: &[u8], columns: &'static Columns, args: &ListArgs) -> Result<List, ListError> {
        if is_workbook(bytes) {
            List::of_sheets(xlsx::sheets(bytes)?, columns, args)
        } else {
            List::of(&Bytes::Held(bytes.into()), columns, args)
        }
    }

    fn of(bytes: &Bytes, columns: &'static Columns, args: &ListArgs) -> Result<List, ListError> {
        check_given(columns, &args.column)?;
        if args.sheet.is_some() {
            return Err(ListError::Workbook("--sheet is for .xlsx workbooks, and this is a CSV table".to_owned()));
        }
        if let Some((kind, remedy)) = other_kind(&bytes.beginning()?) {
            return Err(ListError::OtherKind { kind, remedy });
        }
        let (table, headings) = survey::find_headings(bytes, columns, &args.column)?;
        List::surveyed(table, headings, columns, Vec::new())
    }

    fn of_sheets(sheets: Vec<Sheet>, columns: &'static Columns, args: &ListArgs) -> Result<List, ListError> {
        check_given(columns, &args.column)?;
        let (sheet, headings, others) = survey::find_sheet(sheets, columns, &args.column, args.sheet.as_deref())?;
        List::surveyed(Table::Sheet(Arc::new(sheet)), headings, columns, others)
    }

    fn surveyed(
        table: Table,
        mut headings: Headings,
        columns: &'static Columns,
        other_sheets: Vec<String>,
    ) -> Result<List, ListError> {
        number_column::settle(&table, &mut headings)?;
        let survey = Survey::of(&table, &headings)?;
        let understood = Understood::of(&table, &headings, &survey, other_sheets);
        Ok(List { table, headings: Arc::new(headings), columns, survey, understood })
    }

    /// How the list was understood, and what is left out.
    pub fn understood(&self) -> &Understood {
        &self.understood
    }

    /// The number of rows that are asked about, with those that cannot be asked.
    pub fn size(&self) -> u64 {
        self.survey.rows
    }

    /// A digest of the cells in the columns that are part of it ([`Known::is_digested`]), as they are written.
    pub fn digest(&self) -> [u8; 32] {
        self.survey.digest
    }

    /// Whether the list has a known column.
    pub fn has(&self, key: &str) -> bool {
        self.headings.place(key).is_some()
    }

    /// The heading that a known column has in the list.
    pub fn heading(&self, key: &str) -> Option<&str> {
        self.headings.cells.get(self.headings.place(key)?).map(String::as_str)
    }

    /// The headings of all columns. A nameless column has an empty one.
    pub fn headings(&self) -> impl Iterator<Item = &str> {
        self.headings.cells.iter().map(String::as_str)
    }

    /// Whether who reads the list can give flags ([`Columns::has_flags`]).
    pub fn has_flags(&self) -> bool {
        self.columns.has_flags
    }

    /// The headings of the columns that are not understood.
    pub fn other_headings(&self) -> impl Iterator<Item = &str> {
        let headings = self.headings.cells.iter().enumerate();
        let others = headings.filter(|(place, _)| self.headings.known_at(*place).is_none());
        others.map(|(_, heading)| heading.as_str()).filter(|heading| !record::is_blank(heading))
    }

    /// The headings of the columns that are not understood, and have one of these columns in their names.
    pub fn other_headings_of(&self, columns: &[Known]) -> Vec<&str> {
        self.other_headings().filter(|heading| columns.iter().any(|column| column.is_in(heading))).collect()
    }

    /// The rows, in order, with those that are left out.
    pub fn rows(&self) -> Rows<'_> {
        Rows { records: self.table.records(), list: self, asked: 0, is_over: false }
    }

    /// The encoding of the list. Of a workbook: of the CSV in which it comes back.
    pub fn encoding(&self) -> Encoding {
        self.table.encoding()
    }

    /// The encoding in which the list comes back: its own, or UTF-8 with a byte order mark if that cannot say an
    /// answer. A workbook comes back as CSV in UTF-8.
    pub fn encoding_for<'a>(&self, mut answers: impl Iterator<Item = &'a str>) -> Encoding {
        let own = self.table.encoding();
        if answers.all(|answer| own.can_say(answer)) { own } else { Encoding::MARKED_UTF_8 }
    }

    /// Begins to write the list with answers, in an encoding of [`List::encoding_for`].
    pub fn answers<W: Write>(&self, out: W, encoding: Encoding) -> io::Result<AnswerWriter<W>> {
        let Survey { above, head, head_end, width, .. } = &self.survey;
        let head = Head { above, headings: head, end: head_end, columns: self.headings.cells.len() };
        AnswerWriter::begin(out, encoding, self.table.separator(), *width, &head, self.columns.answers)
    }
}

/// The rows of a list.
#[derive(Debug)]
pub struct Rows<'a> {
    records: survey::Records<'a>,
    list: &'a List,
    asked: u64,
    is_over: bool,
}

impl Rows<'_> {
    fn read(&mut self) -> Result<Option<Row>, ListError> {
        let List { headings, survey, table, .. } = self.list;
        loop {
            let Some(record) = self.records.next()? else {
                return if self.asked == survey.rows { Ok(None) } else { Err(ListError::Changed) };
            };
            if record.line > headings.line {
                let is_behind_the_last = record.line > survey.last_line && !record.is_blank();
                if is_behind_the_last && !is_like_totals(&record, headings) {
                    return Err(ListError::Changed);
                }
                let row = Row::of(record, headings, survey.last_line, table.splits_by());
                self.asked += u64::from(row.left_out().is_none());
                return Ok(Some(row));
            }
        }
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, ListError>;

    fn next(&mut self) -> Option<Result<Row, ListError>> {
        if self.is_over {
            return None;
        }
        let row = self.read().transpose();
        self.is_over = !matches!(row, Some(Ok(_)));
        row
    }
}

fn is_workbook(beginning: &[u8]) -> bool {
    beginning.starts_with(b"PK\x03\x04")
}

/// The format of a file that is recognized as no list, and the remedy.
fn other_kind(beginning: &[u8]) -> Option<(&'static str, &'static str)> {
    const SAVE: &str = "open it, and save it as .xlsx or CSV";
    let begins: [(&[u8], &str, &str); 6] = [
        (b"MZ\x90\0", "a program", "choose the list"),
        (b"\x7fELF", "a program", "choose the list"),
        (b"\xd0\xcf\x11\xe0", "a workbook in an old format, or with a password", SAVE),
        (b"%PDF", "a PDF", "ask for the list as .xlsx or CSV"),
        (b"{", "JSON", "a list has one row for each person"),
        (b"<", "a web page or XML", SAVE),
    ];
    let begins = begins.into_iter().find(|(begin, ..)| beginning.trim_ascii_start().starts_with(begin));
    begins.map(|(_, kind, remedy)| (kind, remedy))
}
