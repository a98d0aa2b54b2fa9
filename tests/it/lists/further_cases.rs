//! Encodings, numbers as people write them, empty lists, sums, and columns that come back.

use super::Content::{Bytes, CutUtf16, Utf16Be, Utf16Le};
use super::{Case, case, of};

/// The cases of these kinds.
pub const ALL: &[&[Case]] = &[ENCODINGS, NUMBERS, EMPTY, TOTALS, KEPT];

const ENCODINGS: &[Case] = {
    let handed = Bytes(include_bytes!("handed/windows-1252.csv"));
    let table = "\u{feff}Cert #\tLast Name\tOrt\r\nCPS-DTMK-QJA9-B\tMerriweather\tCañon\r\n";
    let bare = "Cert #,Last Name,Ort\nCPS-DTMK-QJA9-B,Merriweather,Cañon\n";
    const READ_AS_1252: &str = "the list is read as Windows-1252";
    const READ_AS_UTF_16: &str = "the list is read as UTF-16";
    &[
        of("encodings: handed", handed, 0, "1 CONFIRMED", &[READ_AS_1252]),
        of(
            "encodings: UTF-16 from a spreadsheet",
            Utf16Le(table),
            0,
            "1 CONFIRMED",
            &[READ_AS_UTF_16, "separated by tabs"],
        ),
        of("encodings: UTF-16, the high byte first", Utf16Be(table), 0, "1 CONFIRMED", &[READ_AS_UTF_16]),
        of("encodings: UTF-16 without its mark", Utf16Le(bare), 0, "1 CONFIRMED", &[READ_AS_UTF_16]),
        of("encodings: UTF-16, high byte first, without its mark", Utf16Be(bare), 0, "1 CONFIRMED", &[READ_AS_UTF_16]),
        case(
            "encodings: UTF-8 with its mark",
            "\u{feff}Cert #,Last Name,Ort\nCPS-DTMK-QJA9-B,Merriweather,Cañon\n",
            0,
            "1 CONFIRMED",
            &[],
        ),
        case("encodings: UTF-8", bare, 0, "1 CONFIRMED", &[]),
        of(
            "encodings: Windows-1252 quotation marks",
            Bytes(b"credential_number,n\nCPS-28MS-MN2K-Z,\x93yes\x94 \x96 caf\xe9\n"),
            0,
            "1 CONFIRMED",
            &[READ_AS_1252],
        ),
        of(
            "encodings: a name in Windows-1252",
            Bytes(b"credential_number,family_name\nCPS-28MS-MN2K-Z,O\x92Neal\n"),
            0,
            "1 CONFIRMED",
            &[READ_AS_1252],
        ),
        of(
            "encodings: a dash of Windows-1252 in a number",
            Bytes(b"credential_number\nCPS\x9628MS\x97MN2K\x96Z\n"),
            0,
            "1 CONFIRMED",
            &[READ_AS_1252],
        ),
        of(
            "encodings: two in one list",
            Bytes(b"credential_number,n\nCPS-28MS-MN2K-Z,Ca\xc3\xb1on\nCPS-DTMK-QJA9-B,Ca\xf1on\n"),
            2,
            "",
            &["line 3: a letter is not in UTF-8, and others of the list are"],
        ),
        of(
            "encodings: none of them",
            Bytes(b"credential_number,n\nCPS-28MS-MN2K-Z,Ca\x8don\n"),
            2,
            "",
            &["line 2: a letter is neither in UTF-8 nor in Windows-1252"],
        ),
        of("encodings: UTF-16 that is cut", CutUtf16(table), 2, "", &["it is not UTF-16"]),
        of("encodings: a PDF", Bytes(b"%PDF-1.7\n"), 2, "", &["it is a PDF, not a list"]),
    ]
};

const NUMBERS: &[Case] = {
    let handed = Bytes(include_bytes!("handed/dashes.csv"));
    &[
        of("numbers: handed", handed, 0, "3 CONFIRMED", &[]),
        case("numbers: with em dashes", "credential_number\nCPS—DTMK—QJA9—B\n", 0, "1 CONFIRMED", &[]),
        case("numbers: with minus signs", "credential_number\nCPS−DTMK−QJA9−B\n", 0, "1 CONFIRMED", &[]),
        case(
            "numbers: with hyphens that do not break",
            "credential_number\nCPS\u{2011}DTMK\u{2011}QJA9\u{2011}B\n",
            0,
            "1 CONFIRMED",
            &[],
        ),
        case(
            "numbers: with spaces that do not break",
            "credential_number\nCPS\u{a0}DTMK\u{a0}QJA9\u{a0}B\n",
            0,
            "1 CONFIRMED",
            &[],
        ),
        case("numbers: without dashes", "credential_number\ncpsdtmkqja9b\nDTMKQJA9B\n", 0, "2 CONFIRMED", &[]),
        case(
            "numbers: with invisible letters",
            "credential_number\n\u{200e}CPS-DTMK-QJA9-B\u{200b}\n",
            0,
            "1 CONFIRMED",
            &[],
        ),
        case(
            "numbers: with a line break behind it",
            "credential_number,a\n\"CPS-DTMK-QJA9-B\n\",x\n",
            0,
            "1 CONFIRMED",
            &[],
        ),
        case(
            "numbers: mistyped",
            "credential_number\nCPS-DTMK-QJA9-C\n",
            3,
            "1 NOT CONFIRMED",
            &["The number cannot exist. Look for a typing error.", "line 2: CPS-DTMK-QJA9-C"],
        ),
        case(
            "numbers: too short",
            "credential_number\nCPS-DTMK-QJA9\n12345\n",
            3,
            "2 NOT CONFIRMED",
            &["2 of the numbers cannot exist"],
        ),
        case(
            "numbers: words",
            "credential_number,a\nCPS-DTMK-QJA9-B,\npending,\nN/A,\n-,\n",
            2,
            "",
            &["line 3, column `credential_number`: found `pending`: a word is not a number", "line 4", "line 5"],
        ),
        case("numbers: twice", "credential_number\nCPS-DTMK-QJA9-B\nCPS-DTMK-QJA9-B\n", 0, "2 CONFIRMED", &[]),
    ]
};

const EMPTY: &[Case] = {
    let handed = Bytes(include_bytes!("handed/header-only.csv"));
    const NO_ROWS: &str = "the list has no rows";
    &[
        of("empty: handed", handed, 2, "", &[NO_ROWS]),
        case("empty: nothing at all", "", 2, "", &[NO_ROWS]),
        case("empty: a mark alone", "\u{feff}", 2, "", &[NO_ROWS]),
        case("empty: line ends alone", "\r\n\r\n", 2, "", &[NO_ROWS]),
        case("empty: column names without line end", "credential_number", 2, "", &[NO_ROWS]),
        case("empty: blank rows", "credential_number,a\n,\n , \n", 2, "", &[NO_ROWS]),
        case("empty: a sum alone", "credential_number,a\nTotal: 0,\n", 2, "", &[NO_ROWS]),
        case("empty: sums and blank rows", "credential_number,a\n\nSubtotal,\n,\nGrand total,0\n", 2, "", &[NO_ROWS]),
        case("empty: a title and column names", "Staff\n\nCert #,Last Name\n", 2, "", &[NO_ROWS]),
        case(
            "empty: a title alone",
            "Staff of Region 1\n",
            2,
            "",
            &["no column for credential_number", "line 1 has `Staff of Region 1`"],
        ),
        case("empty: spaces", "   \n", 2, "", &[NO_ROWS]),
        of("empty: in UTF-16", Utf16Le("\u{feff}credential_number\r\n"), 2, "", &[NO_ROWS]),
    ]
};

const TOTALS: &[Case] = {
    let handed = Bytes(include_bytes!("handed/totals.csv"));
    &[
        of("totals: handed", handed, 0, "2 CONFIRMED", &["left out: line 4, a sum: Total: 2 staff"]),
        case(
            "totals: several",
            "credential_number,hours\nCPS-DTMK-QJA9-B,5\nSubtotal,5\nGrand Total,5\n",
            0,
            "1 CONFIRMED",
            &["left out: line 3, a sum: Subtotal", "left out: line 4, a sum: Grand Total"],
        ),
        case(
            "totals: behind blank rows",
            "credential_number,hours\nCPS-DTMK-QJA9-B,5\n,\nTOTALS,5\n,\n",
            0,
            "1 CONFIRMED",
            &["left out: line 3, blank", "left out: line 4, a sum", "left out: line 5, blank"],
        ),
        case(
            "totals: count",
            "credential_number,family_name\nCPS-DTMK-QJA9-B,Merriweather\nCount: 1,\n",
            0,
            "1 CONFIRMED",
            &["a sum: Count: 1"],
        ),
        case(
            "totals: in a nameless column",
            ",credential_number\n1,CPS-DTMK-QJA9-B\nSum 1,\n",
            0,
            "1 CONFIRMED",
            &["a sum: Sum 1"],
        ),
        case(
            "totals: a number in a column that is not read",
            "credential_number,notes\nCPS-DTMK-QJA9-B,fine\nTotal,CPS-28MS-MN2K-Z\n",
            2,
            "",
            &["line 3, column `credential_number`: found `Total`"],
        ),
        case(
            "totals: with a second understood cell",
            "credential_number,family_name\nCPS-DTMK-QJA9-B,Merriweather\nTotal,O'Neal\n",
            2,
            "",
            &["line 3, column `credential_number`: found `Total`"],
        ),
        case(
            "totals: with a number",
            "dept,credential_number\nEast,CPS-DTMK-QJA9-B\nTotal,CPS-F1VP-N7DH-M\n",
            3,
            "1 CONFIRMED, 1 NOT CONFIRMED",
            &["CPS-F1VP-N7DH-M"],
        ),
        case(
            "totals: in the middle",
            "credential_number,hours\nCPS-DTMK-QJA9-B,5\nTotal: 1,5\nCPS-28MS-MN2K-Z,4\n",
            2,
            "",
            &["line 3, column `credential_number`: found `Total: 1`: a sum may stand at the end of the list only"],
        ),
        case(
            "totals: of a name that begins so",
            "family_name,credential_number\nMerriweather,CPS-DTMK-QJA9-B\nSumner,\n",
            2,
            "",
            &["line 3, column `credential_number`: found nothing"],
        ),
        case(
            "totals: another last line",
            "credential_number,a\nCPS-DTMK-QJA9-B,\nPrepared by HR,\n",
            2,
            "",
            &["line 3, column `credential_number`: found `Prepared by HR`"],
        ),
        case(
            "totals: without a word",
            "credential_number,hours\nCPS-DTMK-QJA9-B,5\n,5\n",
            2,
            "",
            &["line 3, column `credential_number`: found nothing"],
        ),
        case(
            "totals: below all, in small letters",
            "credential_number;hours\nCPS-28MS-MN2K-Z;5\nsum of hours;5\n",
            0,
            "1 CONFIRMED",
            &["a sum: sum of hours"],
        ),
    ]
};

const KEPT: &[Case] = {
    let handed = Bytes(include_bytes!("handed/keeps-columns.csv"));
    &[
        of("kept: handed", handed, 0, "1 CONFIRMED", &[]),
        case("kept: no line end at the end", "credential_number,a\nCPS-DTMK-QJA9-B,x", 0, "1 CONFIRMED", &[]),
        case(
            "kept: mixed line ends",
            "credential_number,a\r\nCPS-DTMK-QJA9-B,x\nCPS-28MS-MN2K-Z,y\r\n",
            0,
            "2 CONFIRMED",
            &[],
        ),
        case(
            "kept: needless quotes",
            "\"credential_number\",\"a\"\n\"CPS-DTMK-QJA9-B\",\"x\"\n",
            0,
            "1 CONFIRMED",
            &[],
        ),
        case(
            "kept: formulas that were there",
            "credential_number,a\nCPS-DTMK-QJA9-B,=1+1\nCPS-28MS-MN2K-Z,+1 601 555 0100\n",
            0,
            "2 CONFIRMED",
            &[],
        ),
        case("kept: leading zeros", "credential_number,badge\nCPS-DTMK-QJA9-B,00071\n", 0, "1 CONFIRMED", &[]),
        case(
            "kept: quotes within bare cells",
            "credential_number,a\nCPS-DTMK-QJA9-B,6\" tall\n",
            0,
            "1 CONFIRMED",
            &[],
        ),
        case("kept: spaces around cells", "credential_number , a\n CPS-DTMK-QJA9-B ,  x  \n", 0, "1 CONFIRMED", &[]),
        case("kept: two columns of one name", "credential_number,a,a\nCPS-DTMK-QJA9-B,1,2\n", 0, "1 CONFIRMED", &[]),
        case(
            "kept: letters of other scripts",
            "credential_number,a\nCPS-DTMK-QJA9-B,žluťoučký 日本 🙂\n",
            0,
            "1 CONFIRMED",
            &[],
        ),
        case(
            "kept: a title and a sum",
            "Staff,\ncredential_number,a\nCPS-DTMK-QJA9-B,1\nTotal,1\n",
            0,
            "1 CONFIRMED",
            &[],
        ),
        case("kept: a zero byte", "credential_number,a\nCPS-DTMK-QJA9-B,x\0y\n", 0, "1 CONFIRMED", &[]),
    ]
};
