//! Lists that are asked by name and birth date, and numbers in columns that are not read.

use super::{Case, case};

/// The cases of this kind.
pub const ALL: &[Case] = &[
    case(
        "by name: a number under Cert",
        "Cert,Last Name,First Name,DOB\nCPS-DTMK-QJA9-B,Merriweather,A.,3/12/1984\n",
        0,
        "1 CONFIRMED",
        &["`Cert` is read as credential_number", "not compared in rows with a number: `First Name`, `DOB`"],
    ),
    case(
        "by name: numbers under another heading",
        "License #,Last Name,First Name,DOB\nCPS-DTMK-QJA9-B,Merriweather,A.,3/12/1984\n",
        2,
        "",
        &[
            "line 1: column `License #` has credential numbers and is not read: read it with --column number=\"License #\"",
        ],
    ),
    case(
        "by name: numbers without dashes under another heading",
        "License #,Last Name,First Name,DOB\nDTMKQJA9B,Merriweather,Ada,3/12/1984\n,O'Neal,Bernice,11/2/1971\n",
        2,
        "",
        &["--column number=\"License #\""],
    ),
    case(
        "by name: numbers beside the column for them",
        "Cert #,License #,Last Name,First Name,DOB\n,DTMKQJA9B,Merriweather,Ada,3/12/1984\n",
        2,
        "",
        &["column `License #` has credential numbers", "--column number=\"License #\""],
    ),
    case(
        "by name: numbers under one of two equal headings",
        "ID,ID,Last Name,First Name,DOB\n1,28MS-MN2K-Z,O'Neal,Bernice,11/2/1971\n",
        2,
        "",
        &["column `ID` has credential numbers", "--column number=#2"],
    ),
    case(
        "by name: numbers without a heading",
        ",Last Name,First Name,DOB\nCPS-28MS-MN2K-Z,O'Neal,Bernice,11/2/1971\n",
        2,
        "",
        &["column 1 has credential numbers and is not read: call it Cert #"],
    ),
    case(
        "by name: a number in a remark",
        "Last Name,First Name,DOB,Notes\nMerriweather,Ada,3/12/1984,ok\nO'Neal,Bernice,11/2/1971,was CPS-28MS-MN2K-Z\n",
        2,
        "",
        &["line 3, column `Notes`", "a credential number in a column that is not read"],
    ),
    case(
        "by name: credentials that are no numbers",
        "Credentials,Last Name,First Name,DOB\nLPC,Merriweather,Ada,3/12/1984\nCPSS,O'Neal,Bernice,11/2/1971\n",
        0,
        "2 CONFIRMED",
        &[],
    ),
    case(
        "by name: under a title that may be a heading",
        "Certification\nLast Name,First Name,DOB\nMerriweather,Ada,3/12/1984\n",
        0,
        "1 CONFIRMED",
        &["the column names are in line 2"],
    ),
    case(
        "by name: the number of somebody else, and no own one",
        "Cert #,Last Name,First Name,DOB,Supervisor Cert #\nCPS-28MS-MN2K-Z,O'Neal,Bernice,,\n\
         ,Merriweather,Ada,3/12/1984,CPS-28MS-MN2K-Z\n",
        2,
        "",
        &["line 3, column `Supervisor Cert #`", "and none in `Cert #`: enter it there"],
    ),
    case(
        "by name: the number of somebody else beside the own one",
        "Cert #,Last Name,Supervisor Cert #\nCPS-DTMK-QJA9-B,Merriweather,CPS-28MS-MN2K-Z\n",
        0,
        "1 CONFIRMED",
        &[],
    ),
    case(
        "by name: no given names",
        "Last Name,DOB\nMerriweather,3/12/1984\nO'Neal,11/2/1971\n",
        2,
        "",
        &[
            "line 2, 3: no number, so asked by name, and there is no column given_name",
            "--column given_name=\"HEADING\"",
        ],
    ),
    case(
        "by name: given names under another heading",
        "Cert #,Last Name,Legal Name,DOB\nCPS-DTMK-QJA9-B,Merriweather,Ada,3/12/1984\n,O'Neal,Bernice,11/2/1971\n",
        2,
        "",
        &["line 3: no number, so asked by name", "--column given_name=\"Legal Name\""],
    ),
    case(
        "by name: no given names, and a number in every row",
        "Cert #,Last Name,DOB\nCPS-DTMK-QJA9-B,Merriweather,3/12/1984\n",
        0,
        "1 CONFIRMED",
        &[],
    ),
    case(
        "by name: an empty given name",
        "Last Name,First Name,DOB\nMerriweather,,3/12/1984\nO'Neal,Bernice,11/2/1971\n",
        3,
        "1 CONFIRMED, 1 NOT CONFIRMED",
        &["line 2: no given name: only somebody who has none on record is found"],
    ),
    case(
        "by name: a word for the number",
        "Cert #,Last Name,First Name,DOB\npending,Merriweather,Ada,3/12/1984\n",
        2,
        "",
        &["a word is not a number", "or leave the cell empty: then the name and birth date are asked"],
    ),
    case(
        "by name: neither number nor birth date",
        "Cert #,Last Name,First Name,DOB\n,Merriweather,Ada,\n",
        2,
        "",
        &["or add the birth date (column `DOB`): then the name and birth date are asked"],
    ),
    case(
        "by name: no number, and no column of birth dates",
        "Cert #,Last Name\nCPS-DTMK-QJA9-B,Merriweather\n,O'Neal\n",
        2,
        "",
        &["line 3, column `Cert #`", "or add the birth date (column birth_date)"],
    ),
];
