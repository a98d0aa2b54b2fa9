//! Limits of lists, workbooks that say what is not so, and files that change while they are read.

use std::fs;

use cpss_registry::cli::list::columns::{FAMILY_NAME, NUMBER};
use cpss_registry::cli::list::{Columns, List, ListArgs};

use super::workbook::{Put, Sheet, packed, parts, with_part};

const COLUMNS: Columns =
    Columns { known: &[NUMBER, FAMILY_NAME], needs: &[&["number"]], answers: &["verdict"], has_flags: true };

const PLAIN: &[Sheet] = &[("Staff", &[&[Put::Text("Cert #")], &[Put::Text("CPS-DTMK-QJA9-B")]])];

fn read(bytes: &[u8]) -> Result<List, String> {
    List::of_bytes(bytes, &COLUMNS, &ListArgs::default()).map_err(|error| error.to_string())
}

/// A workbook with these rows, as XML.
fn with_rows(rows: &str) -> Vec<u8> {
    let changed = parts(PLAIN).into_iter().map(|(name, text)| {
        let sheet = text.split_once("<sheetData>").zip(text.split_once("</sheetData>"));
        let text = match sheet {
            Some(((before, _), (_, behind))) => format!("{before}<sheetData>{rows}</sheetData>{behind}"),
            None => text,
        };
        (name, text.into_bytes())
    });
    packed(&changed.collect::<Vec<_>>())
}

fn cell(place: &str, text: &str) -> String {
    format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
}

#[test]
fn a_workbook_has_at_most_16_mib() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("staff.xlsx");
    let mut bytes = super::workbook::workbook(PLAIN);
    bytes.resize(16 * 1024 * 1024 + 1, 0);
    fs::write(&path, &bytes).unwrap();
    let refused = List::open(&path, &COLUMNS, &ListArgs::default()).unwrap_err().to_string();
    assert_eq!(refused, "it has 16777217 bytes; the maximum is 16777216: split the list");
}

/// What a workbook says about the size of its parts does not count: they are inflated before they are read.
#[test]
fn a_workbook_that_is_larger_than_it_says_is_refused() {
    let mut bytes = with_part(PLAIN, "xl/media/image1.bmp", &vec![0; 129 * 1024 * 1024]);
    let large = (129_u32 * 1024 * 1024).to_le_bytes();
    // The size stands before the part, and in the list of parts.
    for _ in 0..2 {
        let place = bytes.windows(4).position(|window| window == large).unwrap();
        bytes[place..place + 4].copy_from_slice(&1000_u32.to_le_bytes());
    }
    assert!(!bytes.windows(4).any(|window| window == large));
    let refused = read(&bytes).unwrap_err();
    assert!(refused.contains("it is not a whole .xlsx workbook"), "{refused}");
}

#[test]
fn cells_where_no_spreadsheet_has_any_are_refused() {
    let head = format!("<row r=\"1\">{}</row>", cell("A1", "Cert #"));
    let row = |line: u64, cells: &str| format!("<row r=\"{line}\">{cells}</row>");
    let number = |place: &str| cell(place, "CPS-DTMK-QJA9-B");
    assert_eq!(read(&with_rows(&format!("{head}{}", row(2, &number("A2"))))).unwrap().size(), 1);
    for (rows, expected) in [
        (row(2, &(number("A2") + &cell("ALL2", "x"))), ""),
        (row(2, &(number("A2") + &cell("ALM2", "x"))), "row 2: it has content beyond column 1000: delete it"),
        (row(1_048_577, &number("A1048577")), "it says that it has a row 1048577"),
        (row(3, &number("A3")) + &row(2, &number("A2")), "its rows are not in order"),
        (row(2, &(number("A2") + &number("A2"))), "a cell is there twice"),
    ] {
        let refused = read(&with_rows(&format!("{head}{rows}"))).err().unwrap_or_default();
        assert!(refused.contains(expected) && refused.is_empty() == expected.is_empty(), "{expected}: {refused}");
    }
}

#[test]
fn the_column_names_are_in_one_of_the_first_thirty_rows() {
    let list = |titles: usize| format!("{}\n\nCert #\nCPS-DTMK-QJA9-B\n", "Region 1\n".repeat(titles));
    assert_eq!(read(list(29).as_bytes()).unwrap().size(), 1);
    let refused = read(list(30).as_bytes()).unwrap_err();
    assert!(refused.contains("no column for credential_number; line 1 has `Region 1`"), "{refused}");
}

#[test]
fn a_file_that_changes_between_two_readings_is_an_error() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("staff.csv");
    let text = "Cert #\nCPS-DTMK-QJA9-B\nCPS-28MS-MN2K-Z\n";
    for changed in ["Cert #\nCPS-DTMK-QJA9-B\n".to_owned(), format!("{text}CPS-28MS-MN2K-Z\n")] {
        fs::write(&path, text).unwrap();
        let list = List::open(&path, &COLUMNS, &ListArgs::default()).unwrap();
        fs::write(&path, changed).unwrap();
        let last = list.rows().last().unwrap().map(|row| row.line()).map_err(|error| error.to_string());
        assert_eq!(last, Err("the file was changed while it was read: run the command again".to_owned()));
    }
}

#[test]
fn a_cell_is_shown_short_and_without_control_characters() {
    let fault = |cell: &str| {
        let list = read(format!("Cert #,Last Name\n{cell},Roe\n").as_bytes()).unwrap();
        let row = list.rows().next().unwrap().unwrap();
        row.faults()[0].to_string()
    };
    let shown = fault("pend\u{1b}[Jing");
    assert!(shown.contains("found `pend\\u{1b}[Jing`"), "{shown}");
    let shown = fault(&"x".repeat(61));
    assert!(shown.contains(&format!("found `{}…`", "x".repeat(60))), "{shown}");
}

/// A list with very many blank rows or sums takes no more memory than another one.
#[test]
fn at_most_a_thousand_rows_that_are_left_out_are_kept() {
    let row = "CPS-DTMK-QJA9-B\n";
    let blanks = format!("Cert #\n{}", format!("{row}\n").repeat(1100));
    let sums = format!("Cert #\n{row}{}", "Total: 1\n".repeat(1100));
    for list in [blanks, sums] {
        let list = read(list.as_bytes()).unwrap();
        let understood = list.understood();
        assert_eq!((understood.left_out.len(), understood.left_out_not_shown), (1000, 100));
        let said = understood.lines();
        assert!(said.iter().any(|line| line == "left out: 1080 more places with blank rows or sums"), "{said:?}");
    }
}
