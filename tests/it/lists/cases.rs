//! Quotes, separators, headings, and blank cells.

use super::Content::{Bytes, Utf16Le};
use super::{Case, case, of};

/// The cases of these kinds.
pub const ALL: &[&[Case]] = &[QUOTES, SEPARATORS, HEADINGS, BLANKS];

const NEVER_CLOSED: &str = "a quote is never closed";
const FOLLOWS: &str = "text follows a closed quote";
const LIKE_ROWS: &str = "the cell holds lines that look like rows";

const QUOTES: &[Case] = {
    let handed = Bytes(include_bytes!("handed/unclosed-quote.csv"));
    let utf_16 = Utf16Le("\u{feff}Cert #\tnotes\nCPS-DTMK-QJA9-B\t\"a\n");
    &[
        of("quotes: handed", handed, 2, "", &["line 2: a quote is never closed"]),
        case(
            "quotes: in the last row",
            "credential_number,n\nCPS-DTMK-QJA9-B,\nCPS-28MS-MN2K-Z,\"",
            2,
            "",
            &["line 3", NEVER_CLOSED],
        ),
        case(
            "quotes: in the column names",
            "credential_number,\"n\nCPS-DTMK-QJA9-B,\n",
            2,
            "",
            &["line 1", NEVER_CLOSED],
        ),
        case(
            "quotes: closed by the next one",
            "credential_number,n\nCPS-DTMK-QJA9-B,\"a\nCPS-28MS-MN2K-Z,\"b\"\n",
            2,
            "",
            &["line 2", FOLLOWS],
        ),
        case(
            "quotes: closed too late",
            "credential_number,family_name,n\nCPS-DTMK-QJA9-B,Merriweather,\"a\nCPS-28MS-MN2K-Z,O'Neal,b\"\n",
            2,
            "",
            &["line 2, column `n`", LIKE_ROWS],
        ),
        case(
            "quotes: closed too late, bare numbers",
            "credential_number,n\nCPS-DTMK-QJA9-B,\"a\n28ms-mn2k-z\"\n",
            2,
            "",
            &["line 2, column `n`", LIKE_ROWS],
        ),
        case(
            "quotes: closed too late, mistyped number",
            "credential_number,family_name,n\nCPS-DTMK-QJA9-B,Merriweather,\"a\nCPS-28MS,O'Neal,\"\n",
            2,
            "",
            &[LIKE_ROWS],
        ),
        case(
            "quotes: over two numbers",
            "credential_number,n\n\"CPS-DTMK-QJA9-B\nCPS-28MS-MN2K-Z\",a\n",
            2,
            "",
            &["line 2, column `credential_number`"],
        ),
        case(
            "quotes: single inside a cell",
            "credential_number,n\nCPS-DTMK-QJA9-B,\"6\" tall\"\n",
            2,
            "",
            &["line 2", FOLLOWS],
        ),
        case(
            "quotes: with semicolons",
            "credential_number;n\nCPS-DTMK-QJA9-B;a\nCPS-28MS-MN2K-Z;\"b\n",
            2,
            "",
            &["line 3", NEVER_CLOSED],
        ),
        of("quotes: with tabs in UTF-16", utf_16, 2, "", &["line 2", NEVER_CLOSED]),
        case(
            "quotes: behind carriage returns",
            "credential_number,n\rCPS-DTMK-QJA9-B,\"a\rCPS-28MS-MN2K-Z,b\r",
            2,
            "",
            &["line 2", NEVER_CLOSED],
        ),
        case(
            "quotes: doubled, with a line break, are no fault",
            "credential_number,n\nCPS-DTMK-QJA9-B,\"two\nlines, \"\"quoted\"\"\"\nCPS-28MS-MN2K-Z,6\" tall\n",
            0,
            "2 CONFIRMED",
            &[],
        ),
    ]
};

const SEPARATORS: &[Case] = {
    let handed = Bytes(include_bytes!("handed/semicolon.csv"));
    &[
        of(
            "separators: handed",
            handed,
            3,
            "1 CONFIRMED, 1 NOT CONFIRMED",
            &["separated by `;`", "line 3: Tate, CPS-F1VP-N7DH-M: NOT CONFIRMED: Revoked"],
        ),
        case(
            "separators: tab",
            "credential_number\tfamily_name\nCPS-DTMK-QJA9-B\tMerriweather\n",
            0,
            "1 CONFIRMED",
            &["separated by tabs"],
        ),
        case(
            "separators: bar",
            "credential_number|family_name\nCPS-DTMK-QJA9-B|Merriweather\n",
            0,
            "1 CONFIRMED",
            &["separated by `|`"],
        ),
        case(
            "separators: named by the first line",
            "sep=;\ncredential_number;a,b,c\nCPS-DTMK-QJA9-B;x\n",
            0,
            "1 CONFIRMED",
            &["separated by `;`", "the column names are in line 2"],
        ),
        case(
            "separators: commas within cells of semicolons",
            "a;credential_number;b\n1,5;CPS-DTMK-QJA9-B;2,5\n",
            0,
            "1 CONFIRMED",
            &["separated by `;`"],
        ),
        case(
            "separators: semicolons within cells of commas",
            "a,credential_number\nx;y;z,CPS-DTMK-QJA9-B\n",
            0,
            "1 CONFIRMED",
            &[],
        ),
        case(
            "separators: one column needs none",
            "credential_number\nCPS-DTMK-QJA9-B\nCPS-28MS-MN2K-Z\n",
            0,
            "2 CONFIRMED",
            &[],
        ),
        case(
            "separators: in quotes",
            "credential_number;family_name;n\n\"CPS-DTMK-QJA9-B\";\"Merriweather\";\"a;b\"\n",
            0,
            "1 CONFIRMED",
            &[],
        ),
        case(
            "separators: another one in a row",
            "credential_number,family_name\nCPS-DTMK-QJA9-B;Merriweather\n",
            3,
            "1 NOT CONFIRMED",
            &["1 of the numbers cannot exist"],
        ),
        case(
            "separators: too many",
            "credential_number;family_name\nCPS-DTMK-QJA9-B;Merriweather;Jr\n",
            2,
            "",
            &["line 2, column 3: found `Jr`", "more cells than there are column names"],
        ),
        case(
            "separators: two rows in one line",
            "credential_number,family_name\nCPS-DTMK-QJA9-B,Merriweather,CPS-F1VP-N7DH-M,Tate\n",
            2,
            "",
            &["line 2, column 3", "each person in a line of its own"],
        ),
        case(
            "separators: none that fits",
            "credential_number:family_name\nCPS-DTMK-QJA9-B:Merriweather\n",
            2,
            "",
            &["no column for credential_number", "line 1 has `credential_number:family_name`", "--column number="],
        ),
    ]
};

const HEADINGS: &[Case] = {
    let handed = Bytes(include_bytes!("handed/other-headers.csv"));
    &[
        of(
            "headings: handed",
            handed,
            0,
            "2 CONFIRMED",
            &["`Cert #` is read as credential_number", "`Last Name` is read as family_name"],
        ),
        case(
            "headings: in capitals",
            "CERT NO.,LAST NAME\nCPS-DTMK-QJA9-B,Merriweather\n",
            0,
            "1 CONFIRMED",
            &["`CERT NO.` is read as credential_number"],
        ),
        case(
            "headings: in one word",
            "CredentialNumber,LastName\nCPS-DTMK-QJA9-B,Merriweather\n",
            0,
            "1 CONFIRMED",
            &[],
        ),
        case(
            "headings: certificate",
            "Certificate Number,Surname\nCPS-DTMK-QJA9-B,Merriweather\n",
            0,
            "1 CONFIRMED",
            &["`Surname` is read as family_name"],
        ),
        case("headings: CPSS", "Name,CPSS #\nOdalys,CPS-DTMK-QJA9-B\n", 0, "1 CONFIRMED", &[]),
        case(
            "headings: under a title",
            "Region 1 CMHC,\nStaff as of March,\n\nCert #,Last Name\nCPS-DTMK-QJA9-B,Merriweather\n",
            0,
            "1 CONFIRMED",
            &["the column names are in line 4"],
        ),
        case(
            "headings: a name that does not match",
            "Cert #,Last Name\nCPS-DTMK-QJA9-B,O'Neal\n",
            3,
            "1 NOT CONFIRMED",
            &["The family name is not, and never was, the holder's."],
        ),
        case(
            "headings: with quotes and blanks",
            "\" Cert # \", \"Last Name\"\nCPS-DTMK-QJA9-B, \"Merriweather\"\n",
            0,
            "1 CONFIRMED",
            &[],
        ),
        case(
            "headings: of two numbers",
            "Cert #,CPSS #\nCPS-DTMK-QJA9-B,7\n",
            2,
            "",
            &["`Cert #` and `CPSS #` both look like credential_number"],
        ),
        case(
            "headings: of another number",
            "Employee #,Last Name\n7,Merriweather\n",
            2,
            "",
            &["line 1 has `Employee #`, `Last Name`"],
        ),
        case(
            "headings: none",
            "CPS-DTMK-QJA9-B,Merriweather\nCPS-28MS-MN2K-Z,O'Neal\n",
            2,
            "",
            &["no column for credential_number"],
        ),
        case(
            "headings: below a number",
            "CPS-DTMK-QJA9-B,Merriweather\nCert #,Last Name\nCPS-28MS-MN2K-Z,O'Neal\n",
            2,
            "",
            &["line 1: a credential number stands above or among the column names"],
        ),
        case(
            "headings: of the answers",
            "Cert #,verdict\nCPS-DTMK-QJA9-B,\n",
            2,
            "",
            &["the column `verdict` is reserved for the answers: rename or remove it"],
        ),
        case(
            "headings: several of the answers",
            "verdict,Cert #,sentence\n,CPS-DTMK-QJA9-B,\n",
            2,
            "",
            &["the columns `verdict`, `sentence` are reserved for the answers: rename or remove them"],
        ),
        case(
            "headings: again in the middle",
            "Cert #,Last Name\nCPS-DTMK-QJA9-B,Merriweather\nCert #,Last Name\nCPS-28MS-MN2K-Z,O'Neal\n",
            2,
            "",
            &["line 3, column `Cert #`", "a word is not a number"],
        ),
    ]
};

const BLANKS: &[Case] = {
    let handed = Bytes(include_bytes!("handed/blank-cells.csv"));
    &[
        of("blanks: handed", handed, 0, "2 CONFIRMED", &["left out: lines 4 to 5, blank"]),
        case(
            "blanks: empty lines",
            "credential_number\n\nCPS-DTMK-QJA9-B\n\n\n",
            0,
            "1 CONFIRMED",
            &["left out: line 2, blank", "left out: lines 4 to 5, blank"],
        ),
        case(
            "blanks: in the middle",
            "credential_number,a\nCPS-DTMK-QJA9-B,\n,\nCPS-28MS-MN2K-Z,\n",
            0,
            "2 CONFIRMED",
            &["left out: line 3, blank"],
        ),
        case("blanks: first column", ",credential_number\n,CPS-DTMK-QJA9-B\n,\n", 0, "1 CONFIRMED", &[]),
        case(
            "blanks: spaces and invisible letters",
            "credential_number,a\nCPS-DTMK-QJA9-B,\n \u{a0},\u{200b}\t\n",
            0,
            "1 CONFIRMED",
            &["left out: line 3, blank"],
        ),
        case(
            "blanks: fewer cells",
            "credential_number,family_name,a,b\nCPS-DTMK-QJA9-B\nCPS-28MS-MN2K-Z,O'Neal\n",
            0,
            "2 CONFIRMED",
            &[],
        ),
        case(
            "blanks: more cells",
            "credential_number,family_name\nCPS-DTMK-QJA9-B,Merriweather,,,\n",
            0,
            "1 CONFIRMED",
            &[],
        ),
        case(
            "blanks: a nameless column with notes",
            "credential_number,\nCPS-DTMK-QJA9-B,on leave\n",
            0,
            "1 CONFIRMED",
            &[],
        ),
        case(
            "blanks: a nameless column with a number",
            "credential_number,,\nCPS-DTMK-QJA9-B,,CPS-F1VP-N7DH-M\n",
            2,
            "",
            &["line 2, column 3: found `CPS-F1VP-N7DH-M`"],
        ),
        case(
            "blanks: a number",
            "credential_number,family_name\nCPS-DTMK-QJA9-B,Merriweather\n,O'Neal\n",
            2,
            "",
            &["line 3, column `credential_number`: found nothing: enter the `credential_number`, or remove the row"],
        ),
        case(
            "blanks: two numbers, both named",
            "credential_number,family_name\n,Merriweather\nCPS-28MS-MN2K-Z,O'Neal\n  ,Tate\n",
            2,
            "",
            &["line 2, column", "line 4, column"],
        ),
        case(
            "blanks: above the column names",
            "\n,\ncredential_number,\nCPS-DTMK-QJA9-B,\n",
            0,
            "1 CONFIRMED",
            &["the column names are in line 3"],
        ),
    ]
};
