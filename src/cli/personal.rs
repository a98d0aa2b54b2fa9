//! Names, birth dates and other texts about a person: from a prompt, a file or standard input. As arguments they would
//! be in the list of processes and in the history of the shell.

use std::collections::HashMap;
use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::PathBuf;

use super::dates::read_date;
use super::failure::Failure;
use super::list::{columns, text_of};
use super::print_aside;
use crate::proto::google::r#type::Date;
use crate::proto::v1::PersonName;

/// Where names, birth dates and texts come from.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PersonalInput {
    /// Read names, birth dates and texts from this file, one `field: value` a line, such as `family_name: …` or `Last
    /// Name: …`; - for standard input [default: ask for them on the terminal]
    #[arg(long, value_name = "FILE")]
    person: Option<PathBuf>,
}

/// A field that a command needs.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The contract's name.
    pub name: &'static str,
    /// What a person is asked for.
    pub prompt: &'static str,
    /// Whether it may be left empty.
    pub is_optional: bool,
}

impl Field {
    /// Whether a text names the field: its name, or a heading by which lists name it.
    fn is_called(&self, text: &str) -> bool {
        let known = [columns::FAMILY_NAME, columns::GIVEN_NAME, columns::BIRTH_DATE];
        let is_heading = known.iter().any(|column| column.key == self.name && column.is_called(text));
        text == self.name || is_heading
    }
}

/// The family name of a person.
pub const FAMILY_NAME: Field = Field { name: "family_name", prompt: "Family name", is_optional: false };
/// The given name of a person.
pub const GIVEN_NAME: Field = Field { name: "given_name", prompt: "Given name", is_optional: true };
/// The suffix of a name.
pub const SUFFIX: Field = Field { name: "suffix", prompt: "Suffix, such as Jr (empty: none)", is_optional: true };
/// The birth date of a person.
pub const BIRTH_DATE: Field = Field { name: "birth_date", prompt: "Birth date", is_optional: false };

/// The fields that were given.
#[derive(Debug, Default)]
pub struct Given(HashMap<&'static str, String>);

impl Given {
    /// Takes the text of a field. Empty: not given.
    pub fn text(&mut self, field: Field) -> String {
        self.0.remove(field.name).unwrap_or_default()
    }

    /// Takes the text of a field, if it was given, also as an empty one.
    pub fn text_if_given(&mut self, field: Field) -> Option<String> {
        self.0.remove(field.name)
    }

    /// Takes the date of a field.
    pub fn date(&mut self, field: Field) -> Result<Option<Date>, Failure> {
        let text = self.text(field);
        let date = Some(text.as_str()).filter(|text| !text.is_empty()).map(read_date).transpose();
        date.map_err(|wrong| Failure::usage(vec![format!("{}: {wrong}", field.name)]))
    }

    /// Takes a name.
    pub fn name(&mut self) -> PersonName {
        PersonName { given_name: self.text(GIVEN_NAME), family_name: self.text(FAMILY_NAME), suffix: self.text(SUFFIX) }
    }
}

impl PersonalInput {
    /// Whether the fields come from a file or from standard input, rather than from prompts.
    pub fn is_given(&self) -> bool {
        self.person.is_some()
    }

    /// Reads these fields.
    pub fn read(&self, fields: &[Field]) -> Result<Given, Failure> {
        let Some(path) = &self.person else { return prompted(fields) };
        let cannot = |error| Failure::usage(vec![format!("--person: cannot read {}: {error}", path.display())]);
        let mut bytes = Vec::new();
        if path.as_os_str() == "-" {
            std::io::stdin().read_to_end(&mut bytes).map_err(cannot)?;
        } else {
            bytes = std::fs::read(path).map_err(cannot)?;
        }
        let not_text = || cannot(std::io::Error::other("it is neither UTF-8, UTF-16 nor Windows-1252"));
        let text = text_of(&bytes).ok_or_else(not_text)?;
        parse(&text, fields).map_err(|wrong| {
            let place = if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() };
            let lines = std::iter::once(format!("--person: {place} does not have the fields of this command"));
            Failure::usage(lines.chain(wrong).collect())
        })
    }
}

/// Parses lines of a field and its value. The mistakes name fields and lines, not their contents.
fn parse(text: &str, fields: &[Field]) -> Result<Given, Vec<String>> {
    let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
    let (mut given, mut wrong) = (Given::default(), Vec::new());
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty() && !line.starts_with('#'));
    for (line, number) in lines {
        let Some((name, value)) = line.split_once(':') else {
            wrong.push(format!("line {number}: not a field and its value, such as `{}: …`", names.join(", ")));
            continue;
        };
        let Some(field) = fields.iter().find(|field| field.is_called(name.trim())) else {
            wrong.push(format!("line {number}: not one of the fields {}", names.join(", ")));
            continue;
        };
        if given.0.insert(field.name, value.trim().to_owned()).is_some() {
            wrong.push(format!("line {number}: {} is given twice", field.name));
        }
    }
    let is_missing = |field: &&Field| !field.is_optional && given.0.get(field.name).is_none_or(String::is_empty);
    wrong.extend(fields.iter().filter(is_missing).map(|field| format!("{}: required", field.name)));
    if wrong.is_empty() { Ok(given) } else { Err(wrong) }
}

/// Asks for each field on the terminal, until it is given.
fn prompted(fields: &[Field]) -> Result<Given, Failure> {
    if !can_ask() {
        if fields.iter().all(|field| field.is_optional) {
            return Ok(Given::default());
        }
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        let needs = format!("{}: give them in a file with --person FILE, or - for standard input", names.join(", "));
        return Err(Failure::usage(vec![
            needs,
            "each line is a field and its value, such as `family_name: …`".to_owned(),
        ]));
    }
    let mut given = Given::default();
    for field in fields {
        let answer = loop {
            let answer = ask(&format!("{}: ", field.prompt))?;
            match answer {
                None => return Err(Failure::usage(vec![format!("{}: not given", field.name)])),
                Some(text) if text.is_empty() && !field.is_optional => {
                    print_aside("it may not be left empty; to stop, press Ctrl-C\n");
                }
                Some(text) => match mistake(field, &text) {
                    Some(remedy) => print_aside(&format!("{remedy}\n")),
                    None => break text,
                },
            }
        };
        if !answer.is_empty() {
            given.0.insert(field.name, answer);
        }
    }
    Ok(given)
}

/// What is wrong with a date.
fn mistake(field: &Field, text: &str) -> Option<&'static str> {
    let is_date = field.name.ends_with("_date") && !text.is_empty();
    if is_date { read_date(text).err() } else { None }
}

/// Whether somebody can be asked.
pub fn can_ask() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks on standard error, and reads a line from standard input. `None`: there is no further line.
pub fn ask(prompt: &str) -> Result<Option<String>, Failure> {
    print_aside(prompt);
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    let bytes = read.map_err(|error| Failure::of("cannot read the answer", &error))?;
    Ok((bytes > 0).then(|| line.trim().to_owned()))
}

/// Asks whether to go on. `None`: there is no further line.
pub fn confirmed(question: &str) -> Result<Option<bool>, Failure> {
    let answer = ask(&format!("{question} [y/N] "))?;
    if answer.is_none() {
        print_aside("\n");
    }
    Ok(answer.map(|answer| ["y", "yes"].contains(&answer.to_lowercase().as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_fields_and_values() {
        let text = "# from the personnel file\nfamily_name: O'Neal\n\nbirth_date:  11/2/1971 \r\n";
        let mut given = parse(text, &[FAMILY_NAME, BIRTH_DATE]).unwrap();
        assert_eq!(given.text(FAMILY_NAME), "O'Neal");
        assert_eq!(given.date(BIRTH_DATE).unwrap(), Some(Date { year: 1971, month: 11, day: 2 }));
    }

    #[test]
    fn a_field_may_be_called_as_in_a_list() {
        let mut given = parse("Last Name: O'Neal\nDOB: 11/2/1971\n", &[FAMILY_NAME, BIRTH_DATE]).unwrap();
        assert_eq!(given.text(FAMILY_NAME), "O'Neal");
        assert_eq!(given.date(BIRTH_DATE).unwrap(), Some(Date { year: 1971, month: 11, day: 2 }));
        let twice = parse("Last Name: O'Neal\nfamily_name: O'Neal\n", &[FAMILY_NAME]).unwrap_err();
        assert_eq!(twice, ["line 2: family_name is given twice"]);
    }

    #[test]
    fn a_mistake_does_not_repeat_what_was_written() {
        let text = "O'Neal\nname: O'Neal\nbirth_date: 1971-11-02\nbirth_date: 1971-11-02\n";
        let wrong = parse(text, &[FAMILY_NAME, BIRTH_DATE]).unwrap_err().join("\n");
        let expected = "\
line 1: not a field and its value, such as `family_name, birth_date: …`
line 2: not one of the fields family_name, birth_date
line 4: birth_date is given twice
family_name: required";
        assert_eq!(wrong, expected);
        assert!(!wrong.contains("O'Neal") && !wrong.contains("1971"));
    }
}
