//! Makes `.xlsx` workbooks, with the parts that a spreadsheet writes.

use std::io::{Cursor, Write as _};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A cell.
#[derive(Clone, Copy)]
pub enum Put {
    /// Nothing.
    Blank,
    /// Text.
    Text(&'static str),
    /// A number.
    Number(f64),
    /// A day, as its serial number with the format of a date.
    Day(f64),
    /// A formula with its stored value.
    Formula(&'static str),
    /// A formula that was saved without its value.
    WithoutValue,
    /// An error.
    Error,
}

/// A sheet: its name, and the cells of its rows.
pub type Sheet = (&'static str, &'static [&'static [Put]]);

const HEADER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";

fn cell(at: (usize, usize), put: Put) -> String {
    let name = format!("{}{}", char::from(b'A' + u8::try_from(at.1).unwrap()), at.0 + 1);
    match put {
        Put::Blank => format!("<c r=\"{name}\"/>"),
        Put::Text(text) => {
            let text = text.replace('&', "&amp;").replace('<', "&lt;");
            format!("<c r=\"{name}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c>")
        }
        Put::Number(number) => format!("<c r=\"{name}\"><v>{number}</v></c>"),
        Put::Day(serial) => format!("<c r=\"{name}\" s=\"1\"><v>{serial}</v></c>"),
        Put::Formula(value) => format!("<c r=\"{name}\" t=\"str\"><f>A1&amp;\"\"</f><v>{value}</v></c>"),
        Put::WithoutValue => format!("<c r=\"{name}\"><f>A1</f></c>"),
        Put::Error => format!("<c r=\"{name}\" t=\"e\"><v>#N/A</v></c>"),
    }
}

fn sheet(rows: &[&[Put]]) -> String {
    let row = |(line, cells): (usize, &&[Put])| {
        let cells: String = cells.iter().enumerate().map(|(place, put)| cell((line, place), *put)).collect();
        format!("<row r=\"{}\">{cells}</row>", line + 1)
    };
    let rows: String = rows.iter().enumerate().map(row).collect();
    format!("{HEADER}<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>")
}

/// The parts of a workbook with these sheets, each with its name.
pub fn parts(sheets: &[Sheet]) -> Vec<(String, String)> {
    let numbered = || sheets.iter().enumerate().map(|(at, (name, _))| (at + 1, *name));
    let listed: String =
        numbered().map(|(id, name)| format!("<sheet name=\"{name}\" sheetId=\"{id}\" r:id=\"rId{id}\"/>")).collect();
    let related: String = numbered()
        .map(|(id, _)| {
            format!(
                "<Relationship Id=\"rId{id}\" Type=\"{RELATIONSHIPS}/worksheet\" Target=\"worksheets/sheet{id}.xml\"/>"
            )
        })
        .collect();
    let part = |name: &str, content: String| (name.to_owned(), format!("{HEADER}{content}"));
    let office = format!("Id=\"rId1\" Type=\"{RELATIONSHIPS}/officeDocument\" Target=\"xl/workbook.xml\"");
    let mut parts = vec![
        part("[Content_Types].xml", format!("<Types xmlns=\"{PACKAGE}/content-types\"/>")),
        part(
            "_rels/.rels",
            format!("<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship {office}/></Relationships>"),
        ),
        part(
            "xl/workbook.xml",
            format!("<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONSHIPS}\"><sheets>{listed}</sheets></workbook>"),
        ),
        part(
            "xl/_rels/workbook.xml.rels",
            format!("<Relationships xmlns=\"{PACKAGE}/relationships\">{related}</Relationships>"),
        ),
        part(
            "xl/styles.xml",
            format!(
                "<styleSheet xmlns=\"{MAIN}\"><cellXfs count=\"2\"><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>"
            ),
        ),
    ];
    parts.extend(
        sheets.iter().enumerate().map(|(at, (_, rows))| (format!("xl/worksheets/sheet{}.xml", at + 1), sheet(rows))),
    );
    parts
}

/// The parts as an archive.
pub fn packed(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        archive.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A workbook with these sheets.
pub fn workbook(sheets: &[Sheet]) -> Vec<u8> {
    with_part(sheets, "", &[])
}

/// A workbook with these sheets, and one more part if it has a name.
pub fn with_part(sheets: &[Sheet], name: &str, content: &[u8]) -> Vec<u8> {
    let mut parts: Vec<_> = parts(sheets).into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    if !name.is_empty() {
        parts.push((name.to_owned(), content.to_vec()));
    }
    packed(&parts)
}
