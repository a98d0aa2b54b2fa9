//! Files of answers that were saved by a spreadsheet before they are reviewed: what it may change, and what it must
//! not.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{program, summary};
use crate::harness::requests::end_job;
use crate::harness::scenes::Credentialed;
use crate::harness::{Client, NOT_ON_FILE, Process, TODAY};
use crate::lists::workbook::{Put, workbook};

/// The rows of a file, the headings first.
type Cells = Vec<Vec<String>>;

/// The answers to five claims, of which one cannot be asked.
struct Answered {
    scratch: tempfile::TempDir,
    process: Process,
    registry: Client,
    late: Credentialed,
    cells: Cells,
}

impl Answered {
    async fn begin() -> Answered {
        let scratch = tempfile::tempdir().unwrap();
        let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
        let employer = registry.qualified_provider("Pascagoula Example Center").await;
        let other = registry.qualified_provider("Moss Point Example Center").await;
        let here = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;
        let late = registry.credentialed("Lucinda", "Bledsoe-Example", &[&employer, &other]).await;
        let (good, second) = (&here.number, &late.number);
        let [provider, other] = [&employer.provider_id, &other.provider_id];
        let list = format!(
            "Claim #,Cert #,Last Name,DOS,provider_id,Specialty,Units,units_billed_that_day,units_billed_that_year,Note\n\
             1,{good},Abernathy-Example,2026-02-20,{provider},,4,0,0,a\n\
             0002,{second},Bledsoe-Example,2026-02-19,{provider},Parent/Caregiver,,,,b\n\
             3,{NOT_ON_FILE},,2026-02-18,{provider},,,,,c\n\
             4,{good},,yesterday,{provider},,,,,d\n\
             5,{second},,2026-02-17,{other},,1,,,e\n"
        );
        let file = scratch.path().join("claims.csv");
        fs::write(&file, list).unwrap();
        let endpoint = format!("http://{}", process.listening());
        let (code, printed) = summary(&program("claims", &file, &endpoint, &["--json"]));
        assert_eq!((code, &printed["not_asked"]), (Some(2), &1.into()), "{printed}");
        let answers = scratch.path().join("claims.answers.csv");
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(answers).unwrap();
        let cells = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
        Answered { scratch, process, registry, late, cells }
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.process.listening())
    }

    fn out(&self) -> PathBuf {
        let name = fs::read_dir(self.scratch.path()).unwrap().count();
        self.scratch.path().join(format!("{name}.out"))
    }

    fn review(&self, file: &Path) -> (Option<i32>, Value) {
        summary(&program("review", file, &self.endpoint(), &["--json", "--out", self.out().to_str().unwrap()]))
    }

    /// Reviews a file with these bytes.
    fn review_bytes(&self, bytes: &[u8]) -> (Option<i32>, Value) {
        let file = self.scratch.path().join("saved");
        fs::write(&file, bytes).unwrap();
        self.review(&file)
    }

    /// Reviews the answers after an edit.
    fn edited(&self, edit: impl FnOnce(&mut Cells)) -> (Option<i32>, Value) {
        let mut cells = self.cells.clone();
        edit(&mut cells);
        self.review_bytes(text(&cells, ",", "\n").as_bytes())
    }

    /// What the program says to the answers after an edit.
    fn said(&self, edit: impl FnOnce(&mut Cells)) -> String {
        let mut cells = self.cells.clone();
        edit(&mut cells);
        let file = self.scratch.path().join("saved");
        fs::write(&file, text(&cells, ",", "\n")).unwrap();
        let ended = program("review", &file, &self.endpoint(), &["--out", self.out().to_str().unwrap()]);
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        [ended.stdout, ended.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat()
    }
}

fn text(cells: &Cells, separator: &str, end: &str) -> String {
    let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
    cells.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(separator) + end).collect()
}

fn place(cells: &Cells, heading: &str) -> usize {
    cells[0].iter().position(|cell| cell == heading).unwrap_or_else(|| panic!("{heading}: {:?}", cells[0]))
}

/// Replaces a cell.
fn set(cells: &mut Cells, row: usize, heading: &str, to: &str) {
    let at = place(cells, heading);
    to.clone_into(&mut cells[row][at]);
}

/// Turns a column around, as if it had been sorted alone.
fn turn(cells: &mut Cells, heading: &str) {
    let at = place(cells, heading);
    let mut column: Vec<_> = cells[1..].iter().map(|row| row[at].clone()).collect();
    column.reverse();
    cells[1..].iter_mut().zip(column).for_each(|(row, cell)| row[at] = cell);
}

fn without(cells: &mut Cells, heading: &str) {
    let at = place(cells, heading);
    cells.iter_mut().for_each(|row| drop(row.remove(at)));
}

fn counts(printed: &Value) -> [u64; 4] {
    ["unchanged", "not_answered", "not_asked", "missing"].map(|count| printed[count].as_u64().unwrap())
}

/// The answers as a workbook, with dates and numbers as a spreadsheet keeps them.
fn as_workbook(cells: &Cells) -> Vec<u8> {
    let put = |text: &String| match text.strip_prefix("2026-02-").map(str::parse::<u32>) {
        // 2026-02-01 is day 46054 of spreadsheets.
        Some(Ok(day)) => Put::Day(f64::from(46_053 + day)),
        _ if text.is_empty() => Put::Blank,
        _ => text.parse().map_or_else(|_| Put::Text(text.clone().leak()), Put::Number),
    };
    let row = |row: &Vec<String>| -> &'static [Put] { row.iter().map(put).collect::<Vec<_>>().leak() };
    let rows: &'static [&'static [Put]] = cells.iter().map(row).collect::<Vec<_>>().leak();
    workbook(&[("Answers", rows)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_answers_may_be_sorted_and_saved_in_another_form() {
    let answered = Answered::begin().await;
    let fine = |what: &str, (code, printed): (Option<i32>, Value)| {
        assert_eq!((code, counts(&printed)), (Some(4), [4, 1, 0, 0]), "{what}: {printed}");
    };
    let cells = &answered.cells;
    fine("as it was", answered.edited(|_| ()));
    fine("rows", answered.edited(|cells| cells[1..].reverse()));
    fine("columns", answered.edited(|cells| cells.iter_mut().for_each(|row| row.reverse())));
    fine("another column", answered.edited(|cells| cells.iter_mut().for_each(|row| row.insert(3, "x".to_owned()))));
    fine("no other column", answered.edited(|cells| without(cells, "Note")));
    fine("another column sorted alone", answered.edited(|cells| turn(cells, "Note")));
    fine("no texts", answered.edited(|cells| ["sentence", "reasons"].iter().for_each(|text| without(cells, text))));
    fine("semicolons", answered.review_bytes(text(cells, ";", "\r\n").as_bytes()));
    let utf_16 = format!("\u{feff}{}", text(cells, "\t", "\r\n"));
    fine("UTF-16", answered.review_bytes(&utf_16.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()));
    fine("a workbook", answered.review_bytes(&as_workbook(cells)));
    fine(
        "dates and numbers",
        answered.edited(|cells| {
            set(cells, 1, "DOS", "2/20/2026");
            set(cells, 1, "Units", "4.00");
            set(cells, 1, "Claim #", "1.00");
            set(cells, 1, "payable_units", "4.0");
            set(cells, 1, "eligible", "YES");
            set(cells, 2, "Claim #", "2");
            set(cells, 2, "DOS", "02/19/2026 0:00");
            set(cells, 2, "Specialty", "PARENT_CAREGIVER");
            let number = cells[2][place(cells, "Cert #")].to_lowercase().replace('-', "");
            set(cells, 2, "Cert #", &number);
        }),
    );
    answered.process.stop();
}

/// What is done, how many rows are then changed, and the edit.
type Edit<'a> = (&'a str, u64, &'a dyn Fn(&mut Cells));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_whose_question_was_changed_is_not_reviewed() {
    let answered = Answered::begin().await;
    let number = answered.cells[1][place(&answered.cells, "Cert #")].clone();
    let other = answered.cells[5][place(&answered.cells, "asked_provider")].clone();
    let edits: [Edit<'_>; 30] = [
        ("claim numbers sorted alone", 4, &|cells| turn(cells, "Claim #")),
        ("no claim numbers", 5, &|cells| without(cells, "Claim #")),
        ("a claim number", 1, &|cells| set(cells, 1, "Claim #", "7")),
        ("the claim number of what was not asked", 1, &|cells| set(cells, 4, "Claim #", "7")),
        ("eligible sorted alone", 2, &|cells| turn(cells, "eligible")),
        ("eligible", 1, &|cells| set(cells, 3, "eligible", "yes")),
        ("the units to pay", 1, &|cells| set(cells, 1, "payable_units", "40")),
        ("units to pay that were not checked", 1, &|cells| set(cells, 2, "payable_units", "40")),
        ("the number on record", 1, &|cells| set(cells, 2, "number_on_record", &number)),
        ("no number on record", 1, &|cells| set(cells, 2, "number_on_record", "")),
        ("eligible, of what was not asked", 1, &|cells| set(cells, 4, "eligible", "yes")),
        ("numbers sorted alone", 3, &|cells| turn(cells, "Cert #")),
        ("dates sorted alone", 3, &|cells| turn(cells, "DOS")),
        ("checks sorted alone", 4, &|cells| turn(cells, "row_check")),
        ("names sorted alone", 3, &|cells| turn(cells, "Last Name")),
        ("no designations", 1, &|cells| without(cells, "Specialty")),
        ("no names", 2, &|cells| without(cells, "Last Name")),
        ("no units", 2, &|cells| without(cells, "Units")),
        ("a number", 1, &|cells| set(cells, 2, "Cert #", &number)),
        ("a date", 1, &|cells| set(cells, 1, "DOS", "2026-02-21")),
        ("no date", 1, &|cells| set(cells, 1, "DOS", "")),
        ("units", 1, &|cells| set(cells, 1, "Units", "5")),
        ("the provider asked", 1, &|cells| set(cells, 1, "asked_provider", &other)),
        ("the provider named", 1, &|cells| set(cells, 1, "provider_id", &other)),
        ("the revision", 1, &|cells| set(cells, 1, "known_at_revision", "3")),
        ("the epoch", 1, &|cells| set(cells, 1, "epoch", "5f0c4a51-3a0e-4c5b-9d0e-2f6f7a1f0001")),
        ("the verdict", 1, &|cells| set(cells, 1, "verdict", "UNDETERMINED")),
        ("no verdict", 1, &|cells| set(cells, 1, "verdict", "")),
        ("an answer to what was not asked", 1, &|cells| set(cells, 4, "verdict", "CONFIRMED")),
        ("no check", 1, &|cells| set(cells, 1, "row_check", "")),
    ];
    for (what, rows, edit) in edits {
        let (code, printed) = answered.edited(edit);
        assert_eq!((code, printed["not_asked"].as_u64()), (Some(2), Some(rows)), "{what}: {printed}");
        let why = printed["rows_not_reviewed"][0]["what"].as_str().unwrap();
        assert!(
            why.starts_with("line ") && why.contains("changed after it was answered: take the file"),
            "{what}: {why}"
        );
    }
    answered.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_rows_and_columns_are_noticed() {
    let answered = Answered::begin().await;
    for (what, missing, edit) in [
        ("cut", 2, (|cells: &mut Cells| cells.truncate(4)) as fn(&mut Cells)),
        ("a row", 1, |cells| drop(cells.remove(2))),
        ("the row that was not asked", 1, |cells| drop(cells.remove(4))),
    ] {
        let (code, printed) = answered.edited(edit);
        assert_eq!((code, printed["missing"].as_u64()), (Some(2), Some(missing)), "{what}: {printed}");
    }
    let said = answered.said(|cells| cells.truncate(4));
    assert!(said.contains("LOST: rows 4 to 5 of the 5 that `claims` wrote: take that file"), "{said}");

    for (column, expected) in [
        ("epoch", "there is no column `epoch`: take the file that `claims` wrote"),
        ("verdict", "there is no column `verdict`: take the file that `claims` wrote"),
        ("DOS", "no column for date_of_service; "),
        ("row_check", "ask the list again with `claims --known-at REVISION`"),
    ] {
        let said = answered.said(|cells| without(cells, column));
        assert!(said.contains(expected) && said.contains("take the file that `claims` wrote"), "{column}: {said}");
        assert!(!said.contains("enter the"), "{said}");
    }
    answered.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_was_never_answered_does_not_hide_a_flip() {
    let answered = Answered::begin().await;
    answered.registry.report(end_job(&answered.late.jobs[1], "2026-02-10")).await;
    let (code, printed) = answered.edited(|_| ());
    assert_eq!(code, Some(3), "{printed}");
    assert_eq!((&printed["flipped"], counts(&printed)), (&1.into(), [3, 1, 0, 0]), "{printed}");
    let transition = serde_json::json!([{"was": "CONFIRMED", "now": "NOT_CONFIRMED", "claims": 1}]);
    assert_eq!(printed["transitions"], transition);
    let fault = "line 5, column `DOS`: found `yesterday`: write the date as `2026-03-01` or `3/1/2026`";
    assert_eq!(printed["rows_not_answered"], serde_json::json!([{"line": 5, "what": fault}]));
    let (code, printed) = answered.edited(|cells| set(cells, 1, "Units", "5"));
    assert_eq!((code, &printed["flipped"], &printed["not_asked"]), (Some(2), &1.into(), &1.into()), "{printed}");
    let said = answered.said(|cells| set(cells, 1, "Units", "5"));
    assert!(said.contains("CONFIRMED became NOT_CONFIRMED  1") && said.contains("without an answer"), "{said}");
    assert!(said.contains("line 5: column `DOS`: found `yesterday`"), "{said}");
    answered.process.stop();
}
