//! What changed since an earlier file of answers.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::Serialize;

use super::question::{Answered, bad_rows, person};
use crate::cli::display_text::{code, day, sentence};
use crate::cli::failure::Failure;
use crate::cli::list::columns::{BIRTH_DATE, FAMILY_NAME, GIVEN_NAME, NUMBER, PRIOR_NUMBER};
use crate::cli::list::{Columns, Known, ListArgs, Row};
use crate::domain::name::fold;
use crate::proto::v1::verification_result::Outcome as Fared;
use crate::proto::v1::{Verdict, VerificationResult};

/// The columns of a file of answers.
const COLUMNS: Columns = Columns {
    known: &[
        NUMBER,
        PRIOR_NUMBER,
        FAMILY_NAME,
        GIVEN_NAME,
        BIRTH_DATE,
        Known::plain("verdict"),
        Known::plain("number_on_record"),
        Known::plain("as_of"),
        Known::plain("refused"),
    ],
    needs: &[&["number", "prior_number", "birth_date"], &["verdict", "refused"]],
    answers: &[],
    has_flags: true,
};

/// The maximum number of changes that are printed.
const MOST_PRINTED: usize = 100;

/// An earlier file of answers.
#[derive(Debug)]
pub struct LastAnswers {
    people: Vec<(String, LastAnswer)>,
}

/// An earlier answer.
#[derive(Clone, Debug)]
struct LastAnswer {
    person: String,
    name: Option<String>,
    verdict: String,
    as_of: String,
}

/// What changed since an earlier list.
#[derive(Debug, Default, Serialize)]
pub struct Changes {
    /// People whose verdict is another one.
    changed: Vec<Change>,
    /// People who are in both lists, with another number.
    renumbered: Vec<Renumbered>,
    /// People who are new in the list.
    new: Vec<String>,
    /// People who are no longer in the list.
    gone: Vec<String>,
}

/// Somebody whose number is another one.
#[derive(Debug, Serialize)]
struct Renumbered {
    line: u64,
    person: String,
    was: String,
}

/// A verdict that is another one.
#[derive(Debug, Serialize)]
struct Change {
    line: u64,
    person: String,
    was: String,
    was_as_of: String,
    is: String,
    sentence: String,
}

impl LastAnswers {
    /// Reads a file that `roster` wrote.
    pub fn read(path: &Path) -> Result<LastAnswers, Failure> {
        let list = super::open(path, &COLUMNS, &ListArgs::default())
            .map_err(|failure| failure.with_remedy("--compare takes a file of answers that roster wrote"))?;
        let (mut people, mut faults) = (Vec::new(), Vec::new());
        for row in list.rows() {
            let row = row.map_err(|error| error.failure(path))?;
            faults.extend_from_slice(row.faults());
            if row.left_out().is_some() {
                continue;
            }
            let verdict = Some(row.text("verdict")).filter(|verdict| !verdict.is_empty()).unwrap_or("REFUSED");
            let (verdict, as_of) = (verdict.to_owned(), row.text("as_of").to_owned());
            let answer = LastAnswer { person: person(&row), name: name(&row), verdict, as_of };
            people.push((identity(&row, row.text("number_on_record")), answer));
        }
        if faults.is_empty() { Ok(LastAnswers { people }) } else { Err(bad_rows(path, &list, &faults)) }
    }

    /// Compares earlier answers with those of today. Somebody who is in a list several times is compared in order.
    pub fn compared(self, answered: &Answered<'_>) -> Changes {
        let mut earlier: HashMap<&str, Vec<&LastAnswer>> = HashMap::new();
        for (identity, answer) in self.people.iter().rev() {
            earlier.entry(identity.as_str()).or_default().push(answer);
        }
        let (mut changes, mut met, mut new) = (Changes::default(), HashSet::new(), Vec::new());
        for (row, result) in answered.pairs() {
            let identity = identity(row, today(result).0);
            let last = earlier.get_mut(identity.as_str()).and_then(|answers| match answers.len() {
                0 | 1 => answers.first().copied(),
                _ => answers.pop(),
            });
            match last {
                None => new.push((row, result)),
                Some(last) => changes.changed.extend(change(row, last, result)),
            }
            met.insert(identity);
        }
        let gone = self.people.iter().filter(|(identity, _)| !met.contains(identity));
        let gone: Vec<&LastAnswer> = gone.map(|(_, answer)| answer).collect();
        let names: Vec<Option<String>> = new.iter().map(|(row, _)| name(row)).collect();
        let paired = paired(&names, &gone);
        for (at, (row, result)) in new.into_iter().enumerate() {
            match paired.get(&at).map(|last| gone[*last]) {
                None => changes.new.push(person(row)),
                Some(last) => {
                    let was = last.person.clone();
                    changes.renumbered.push(Renumbered { line: row.line(), person: person(row), was });
                    changes.changed.extend(change(row, last, result));
                }
            }
        }
        let is_paired: HashSet<usize> = paired.into_values().collect();
        let gone = gone.into_iter().enumerate().filter(|(at, _)| !is_paired.contains(at));
        changes.gone = gone.map(|(_, answer)| answer.person.clone()).collect();
        changes
    }
}

/// The change of a verdict, if it is another one.
fn change(row: &Row, last: &LastAnswer, result: &VerificationResult) -> Option<Change> {
    let (_, is, sentence) = today(result);
    (last.verdict != is).then(|| Change {
        line: row.line(),
        person: person(row),
        was: last.verdict.clone(),
        was_as_of: last.as_of.clone(),
        is,
        sentence,
    })
}

/// Who is new by number, by who is gone by number, where one of each alone has a name and birth date.
fn paired(new: &[Option<String>], gone: &[&LastAnswer]) -> HashMap<usize, usize> {
    let mut places: HashMap<&str, (Vec<usize>, Vec<usize>)> = HashMap::new();
    for (at, name) in new.iter().enumerate().filter_map(|(at, name)| Some((at, name.as_deref()?))) {
        places.entry(name).or_default().0.push(at);
    }
    for (at, name) in gone.iter().enumerate().filter_map(|(at, last)| Some((at, last.name.as_deref()?))) {
        places.entry(name).or_default().1.push(at);
    }
    let pairs = places.into_values().filter_map(|(new, gone)| match (&new[..], &gone[..]) {
        ([new], [gone]) => Some((*new, *gone)),
        _ => None,
    });
    pairs.collect()
}

/// The number on record, the verdict, and the sentence of a result.
fn today(result: &VerificationResult) -> (&str, String, String) {
    match &result.outcome {
        Some(Fared::Verification(verification)) => (
            verification.credential_number.as_str(),
            code(verification.verdict, Verdict::as_str_name, "VERDICT_"),
            sentence(verification.verdict(), &verification.reasons),
        ),
        _ => ("", "REFUSED".to_owned(), super::answer::why_refused(result).unwrap_or_default().to_owned()),
    }
}

/// What identifies the person of a row: the number on record, else what the list says, without case and punctuation.
fn identity(row: &Row, number_on_record: &str) -> String {
    let [number, prior] = ["number", "prior_number"].map(|key| row.text(key));
    let number = [number_on_record, number, prior].into_iter().find(|number| !number.is_empty());
    match number {
        Some(number) => fold(number),
        None => [fold(row.text("family_name")), fold(row.text("given_name")), born(row)].join(" "),
    }
}

/// The name of a row, with the birth date. `None`: too little is known to tell people apart.
fn name(row: &Row) -> Option<String> {
    let [family, given] = ["family_name", "given_name"].map(|key| fold(row.text(key)));
    let born = born(row);
    let is_too_little = family.is_empty() || given.is_empty() && born.is_empty();
    (!is_too_little).then(|| [family, given, born].join(" "))
}

/// The birth date of a row, however it is written.
fn born(row: &Row) -> String {
    row.date("birth_date").map_or_else(|_| fold(row.text("birth_date")), |date| date.map(day).unwrap_or_default())
}

impl Changes {
    /// Adds the changes to a summary.
    pub fn add_to(&self, text: &mut String) {
        let Changes { changed, renumbered, new, gone } = self;
        if changed.is_empty() && renumbered.is_empty() && new.is_empty() && gone.is_empty() {
            text.push_str("\n  nothing changed since the earlier answers\n");
            return;
        }
        let changed = changed.iter().map(|Change { line, person, was, was_as_of, is, sentence }| {
            let (was, is) = (was.replace('_', " "), is.replace('_', " "));
            format!("changed: line {line}: {person}: was {was} on {was_as_of}, is {is}: {sentence}")
        });
        let renumbered = renumbered
            .iter()
            .map(|Renumbered { line, person, was }| format!("another number: line {line}: {person}: was {was}"));
        let new = new.iter().map(|person| format!("new in the list: {person}"));
        let gone = gone.iter().map(|person| format!("no longer in the list: {person}"));
        let lines: Vec<String> = changed.chain(renumbered).chain(new).chain(gone).collect();
        for line in lines.iter().take(MOST_PRINTED) {
            text.push_str(&format!("\n  {line}"));
        }
        if let Some(more) = lines.len().checked_sub(MOST_PRINTED).filter(|more| *more > 0) {
            text.push_str(&format!("\n  changes not shown: {more}; --json has them all"));
        }
        text.push('\n');
    }
}
