//! Staff lists as they come out of spreadsheets and payroll systems, asked by `roster` against the sample.

mod cases;
mod damaged;
mod further_cases;
mod limits;
mod named_cases;
mod reconciled;
pub mod workbook;
mod workbooks;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use self::workbook::Sheet;
use super::harness::Process;
use super::roster::roster;

/// The content of a list.
#[derive(Clone, Copy)]
pub enum Content {
    /// A text in UTF-8.
    Text(&'static str),
    /// Bytes.
    Bytes(&'static [u8]),
    /// A text in UTF-16, the low byte first.
    Utf16Le(&'static str),
    /// A text in UTF-16, the high byte first.
    Utf16Be(&'static str),
    /// A text in UTF-16, and half of a letter.
    CutUtf16(&'static str),
    /// A workbook.
    Workbook(&'static [Sheet]),
    /// Something else.
    Made(fn() -> Vec<u8>),
}

impl Content {
    fn bytes(self) -> Vec<u8> {
        let low_first = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        match self {
            Content::Text(text) => text.as_bytes().to_vec(),
            Content::Bytes(bytes) => bytes.to_vec(),
            Content::Utf16Le(text) => low_first(text),
            Content::Utf16Be(text) => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Content::CutUtf16(text) => [low_first(text), vec![b'x']].concat(),
            Content::Workbook(sheets) => workbook::workbook(sheets),
            Content::Made(make) => make(),
        }
    }
}

/// A list, and what `roster` must make of it.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its kind, as the kinds of the handed lists are called, and what is special about it.
    name: &'static str,
    list: Content,
    /// The exit code.
    exit: i32,
    /// How many rows have which verdict. Empty: nothing is asked.
    verdicts: &'static str,
    /// What the screen says.
    says: &'static [&'static str],
}

/// A case.
pub const fn of(
    name: &'static str,
    list: Content,
    exit: i32,
    verdicts: &'static str,
    says: &'static [&'static str],
) -> Case {
    Case { name, list, exit, verdicts, says }
}

/// A case whose list is a text in UTF-8.
pub const fn case(
    name: &'static str,
    list: &'static str,
    exit: i32,
    verdicts: &'static str,
    says: &'static [&'static str],
) -> Case {
    of(name, Content::Text(list), exit, verdicts, says)
}

/// The lines of the summary that count verdicts: `2 CONFIRMED, 1 NOT CONFIRMED`.
fn verdicts(printed: &str) -> String {
    let counted = printed.lines().filter_map(|line| {
        let (verdict, count) = line.trim().rsplit_once("  ")?;
        let is_verdict = verdict.trim().chars().all(|letter| letter.is_ascii_uppercase() || letter == ' ');
        (is_verdict && count.trim().parse::<u64>().is_ok()).then(|| format!("{} {}", count.trim(), verdict.trim()))
    });
    counted.collect::<Vec<_>>().join(", ")
}

/// Everything in the list comes back: each line as it was, with answers behind it or without.
fn comes_back(list: &[u8], answers: &[u8]) -> Result<(), String> {
    if list.starts_with(b"PK") {
        let has_mark = answers.starts_with(b"\xef\xbb\xbf");
        return has_mark.then_some(()).ok_or("a workbook comes back as CSV in UTF-8 with its mark".to_owned());
    }
    if list[..2].contains(&0) || list.starts_with(b"\xff\xfe") || list.starts_with(b"\xfe\xff") {
        return (list[..2] == answers[..2]).then_some(()).ok_or("the encoding is kept".to_owned());
    }
    let lines = |bytes: &[u8]| bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (listed, answered) = (lines(list), lines(answers));
    if listed.len() != answered.len() {
        return Err(format!("{} lines came back as {}", listed.len(), answered.len()));
    }
    let differs = |(listed, answered): &(&Vec<u8>, &Vec<u8>)| {
        let text = listed.strip_suffix(b"\n").map_or(&listed[..], |text| text.strip_suffix(b"\r").unwrap_or(text));
        !answered.starts_with(text) || !answered.ends_with(&listed[text.len()..])
    };
    match listed.iter().zip(&answered).find(differs) {
        Some((_, answered)) => Err(format!("it came back as {}", String::from_utf8_lossy(answered))),
        None => Ok(()),
    }
}

/// Runs a case. The error says what is not as the table says.
fn check(case: &Case, scratch: &Path, endpoint: &str) -> Result<(), String> {
    let content = case.list.bytes();
    let suffix = if content.starts_with(b"PK") { "xlsx" } else { "csv" };
    let (list, out) = (scratch.join(format!("list.{suffix}")), scratch.join("answers.csv"));
    fs::write(&list, &content).unwrap();
    let ended = roster(&list, endpoint, &["--provider", "region-1-cmhc", "--out", out.to_str().unwrap()]);
    let printed = [ended.stdout, ended.stderr].map(|printed| String::from_utf8(printed).unwrap()).concat();
    let answers = fs::read(&out).ok();
    drop(fs::remove_file(&out));
    let missing = case.says.iter().find(|said| !printed.contains(**said));
    let wrong = if ended.status.code() != Some(case.exit) {
        Err(format!("exit {:?}, not {}", ended.status.code(), case.exit))
    } else if verdicts(&printed) != case.verdicts {
        Err(format!("{}, not {}", verdicts(&printed), case.verdicts))
    } else if let Some(missing) = missing {
        Err(format!("it does not say: {missing}"))
    } else if answers.is_some() == (case.exit == 2) {
        Err("answers are written if and only if something was asked".to_owned())
    } else {
        answers.map_or(Ok(()), |answers| comes_back(&content, &answers))
    };
    wrong.map_err(|wrong| format!("{}: {wrong}\n{printed}", case.name))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_list_gives_what_its_table_says() {
    let scratch = tempfile::tempdir().unwrap();
    let process = Process::serve(&["--dev", "--data-dir", scratch.path().join("data").to_str().unwrap()]);
    let endpoint = format!("http://{}", process.listening());
    let cases: Vec<Case> = [cases::ALL, further_cases::ALL, &[workbooks::ALL, named_cases::ALL]].concat().concat();
    let wrong = cases.iter().filter_map(|case| check(case, scratch.path(), &endpoint).err()).collect::<Vec<_>>();
    assert!(wrong.is_empty(), "{} lists:\n{}", wrong.len(), wrong.join("\n"));
    let kind = |case: &Case| case.name.split_once(": ").unwrap().0.to_owned();
    for kind in cases.iter().map(kind).collect::<BTreeSet<_>>() {
        let count = cases.iter().filter(|case| case.name.starts_with(&format!("{kind}: "))).count();
        assert!(count > 10, "{kind} has {count} lists");
    }
    process.stop();
}
