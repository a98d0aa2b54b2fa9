//! Workbooks.

use super::Content::{Made, Workbook};
use super::workbook::Put::{Blank, Day, Error, Formula, Number, Text, WithoutValue};
use super::workbook::{Put, Sheet, with_part, workbook};
use super::{Case, of};
use cpss_registry::cli::list::columns::{FIRST_DAY, NUMBER};
use cpss_registry::cli::list::{Columns, List, ListArgs};

const NAMES: &[Put] = &[Text("Cert #"), Text("Last Name"), Text("Hired")];
const MERRIWEATHER: &[Put] = &[Text("CPS-DTMK-QJA9-B"), Text("Merriweather"), Day(45718.0)];
const ONEAL: &[Put] = &[Text("CPS-28MS-MN2K-Z"), Text("O'Neal"), Day(45600.5)];

const TITLE: &[Put] = &[Text("Region 1 CMHC")];
const PLAIN: &[Sheet] = &[("Staff", &[NAMES, MERRIWEATHER])];
const NOTES: &[&[Put]] = &[&[Text("Notes")], &[Text("all & sundry")]];

/// A workbook with one sheet.
macro_rules! one {
    ($($row:expr),* $(,)?) => { Workbook(&[("Staff", &[$($row),*])]) };
}

/// A workbook with a plain sheet and another.
macro_rules! two {
    ($rows:expr) => {
        Workbook(&[("Staff", &[NAMES, MERRIWEATHER]), ("Other", $rows)])
    };
}

/// The cases.
pub const ALL: &[Case] = {
    &[
        of(
            "workbooks: plain",
            one!(NAMES, MERRIWEATHER, ONEAL),
            0,
            "2 CONFIRMED",
            &["sheet `Staff` is read", "`Cert #` is read as credential_number"],
        ),
        of(
            "workbooks: with a title and blank rows",
            one!(TITLE, &[], NAMES, MERRIWEATHER, &[Blank, Text(" ")], ONEAL),
            0,
            "2 CONFIRMED",
            &["the column names are in line 3", "left out: line 5, blank"],
        ),
        of(
            "workbooks: with a sum",
            one!(NAMES, MERRIWEATHER, &[Text("Total: 1"), Blank, Number(1.0)]),
            0,
            "1 CONFIRMED",
            &["left out: line 3, a sum: Total: 1"],
        ),
        of(
            "workbooks: formulas by their stored value",
            one!(NAMES, &[Formula("CPS-DTMK-QJA9-B"), Formula("Merriweather")]),
            0,
            "1 CONFIRMED",
            &[],
        ),
        of(
            "workbooks: a formula without its value",
            one!(NAMES, &[WithoutValue, Text("Merriweather")]),
            2,
            "",
            &["line 2, column `Cert #`: found nothing: the formula was saved without its value"],
        ),
        of(
            "workbooks: a row of formulas without values",
            one!(NAMES, MERRIWEATHER, &[WithoutValue, WithoutValue]),
            2,
            "",
            &["line 3, column `Cert #`", "line 3, column `Last Name`"],
        ),
        of(
            "workbooks: an error",
            one!(NAMES, &[Error, Text("Merriweather")]),
            2,
            "",
            &["line 2, column `Cert #`: found `#N/A`: the workbook has an error there"],
        ),
        of(
            "workbooks: an error in another column",
            one!(NAMES, &[Text("CPS-DTMK-QJA9-B"), Text("Merriweather"), Error]),
            0,
            "1 CONFIRMED",
            &[],
        ),
        of(
            "workbooks: a blank number",
            one!(NAMES, MERRIWEATHER, &[Blank, Text("O'Neal")]),
            2,
            "",
            &["line 3, column `Cert #`: found nothing"],
        ),
        of(
            "workbooks: a number that is no text",
            one!(NAMES, &[Number(12345.0), Text("Merriweather")]),
            3,
            "1 NOT CONFIRMED",
            &["1 of the numbers cannot exist"],
        ),
        of(
            "workbooks: another sheet without numbers",
            two!(NOTES),
            0,
            "1 CONFIRMED",
            &["left out: the sheets `Other`"],
        ),
        of(
            "workbooks: two sheets with lists",
            two!(&[NAMES, ONEAL]),
            2,
            "",
            &["the sheets `Staff` and `Other` both have credential numbers: choose one with --sheet"],
        ),
        of(
            "workbooks: another sheet with a number",
            two!(&[&[Text("also")], ONEAL]),
            2,
            "",
            &["choose one with --sheet"],
        ),
        of("workbooks: no list", Workbook(&[("Notes", NOTES)]), 2, "", &["sheet `Notes`, line 1 has `Notes`"]),
        of("workbooks: cut", Made(|| workbook(PLAIN)[..900].to_vec()), 2, "", &["it is not a whole .xlsx workbook"]),
        of(
            "workbooks: too large inflated",
            Made(|| with_part(PLAIN, "xl/media/image1.bmp", &vec![0; 129 * 1024 * 1024])),
            2,
            "",
            &["its parts have more than 128 MiB"],
        ),
        of(
            "workbooks: a lie about its texts",
            Made(|| with_part(PLAIN, "xl/sharedStrings.xml", b"<sst uniqueCount=\"999999999999\"></sst>")),
            2,
            "",
            &["it is not a whole .xlsx workbook"],
        ),
    ]
};

const DATES: &[Sheet] = &[(
    "Staff",
    &[
        &[Text("Cert #"), Text("Hired"), Text("Note")],
        &[Text("CPS-DTMK-QJA9-B"), Day(45718.0), Text("=1+1")],
        &[Text("CPS-28MS-MN2K-Z"), Day(45600.5), Text("a, \"b\"")],
        &[Text("CPS-28MS-MN2K-Z"), Number(45718.0), Number(-1.5)],
        &[Text("CPS-28MS-MN2K-Z"), Text("3/2/2025"), Blank],
    ],
)];

#[test]
fn a_workbook_is_written_as_csv_without_new_formulas() {
    const COLUMNS: Columns =
        Columns { known: &[NUMBER, FIRST_DAY], needs: &[&["number"]], answers: &["verdict"], has_flags: true };
    let list = List::of_bytes(&workbook(DATES), &COLUMNS, &ListArgs::default()).unwrap();
    let rows: Vec<_> = list.rows().map(Result::unwrap).collect();
    let dates: Vec<_> = rows
        .iter()
        .map(|row| row.date("first_day").map(|date| date.map(|date| (date.year, date.month, date.day))))
        .collect();
    assert_eq!(dates[0], Ok(Some((2025, 3, 2))));
    assert_eq!(dates[1], Ok(Some((2024, 11, 4))));
    let fault = dates[2].as_ref().unwrap_err().to_string();
    assert_eq!(fault, "line 4, column `Hired`: found `45718`: the cell is a number: format it as a date");
    assert_eq!(dates[3], Ok(Some((2025, 3, 2))));
    let mut writer = list.answers(Vec::new(), list.encoding()).unwrap();
    rows.iter().for_each(|row| writer.write(row, ["=no"]).unwrap());
    let expected = "\u{feff}Cert #,Hired,Note,verdict\r\n\
        CPS-DTMK-QJA9-B,2025-03-02,'=1+1,'=no\r\n\
        CPS-28MS-MN2K-Z,2024-11-04 12:00:00,\"a, \"\"b\"\"\",'=no\r\n\
        CPS-28MS-MN2K-Z,45718,-1.5,'=no\r\n\
        CPS-28MS-MN2K-Z,3/2/2025,,'=no\r\n";
    assert_eq!(String::from_utf8(writer.finish().unwrap()).unwrap(), expected);
}
