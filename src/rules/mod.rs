//! Rule sets as data: one TOML file per rule set, with the citation of every rule.
//!
//! Two rule sets are built in. A directory can add more. When the registry adopts a rule set, it records the content of
//! the file. From then on it uses the record, so a later change of the file has no effect on an adopted rule set.

mod file;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use self::file::RuleFile;
use crate::domain::rule_sets::RuleSet;

/// The built-in rule sets, in the order of adoption.
const BUILT_IN: [(&str, &str); 2] =
    [("cpss-guide.toml", include_str!("cpss-guide.toml")), ("cpssp-2025.toml", include_str!("cpssp-2025.toml"))];

/// A rule set with its file.
#[derive(Clone, Debug)]
pub struct RuleText {
    /// The rule set.
    pub set: RuleSet,
    /// The file's name.
    pub file: String,
    /// The content of the file, unchanged.
    pub content: String,
    /// SHA-256 of the content, in hexadecimal.
    pub digest: String,
}

/// A rule file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// The directory or a file in it cannot be read.
    #[error("cannot read rules at {path}")]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file is not a valid rule file.
    #[error("{file}:{line}: {message}")]
    Malformed {
        /// The file.
        file: String,
        /// The line, starting at 1.
        line: usize,
        /// The mistake.
        message: String,
    },
}

/// Reads a rule file. `file` is its name in errors.
pub fn read(file: &str, content: &str) -> Result<RuleText, RuleError> {
    let parsed: RuleFile = toml::from_str(content).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = content.get(..start).map_or(0, |before| before.matches('\n').count());
        let what = error.message().trim();
        let place = content.lines().nth(line).and_then(|text| place(text, what));
        let message = place.map_or(what.to_owned(), |place| format!("{place}: {what}"));
        RuleError::Malformed { file: file.to_owned(), line: line + 1, message }
    })?;
    let digest = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(RuleText { set: parsed.into_rule_set(), file: file.to_owned(), content: content.to_owned(), digest })
}

/// Returns the section or key to name in an error. A missing field is reported for its section.
fn place<'a>(line: &'a str, what: &str) -> Option<&'a str> {
    let line = line.trim();
    if line.starts_with('[') {
        return Some(line.trim_matches(['[', ']']));
    }
    let key = line.split_once('=').map(|(key, _)| key.trim()).filter(|key| !key.starts_with('#'));
    key.filter(|_| !what.starts_with("missing field"))
}

/// Loads the rule sets to start with: the built-in ones, then those of a directory.
pub fn load(directory: Option<&Path>) -> Result<Vec<RuleText>, RuleError> {
    let mut texts = shipped()?;
    texts.extend(directory.map(in_directory).transpose()?.unwrap_or_default());
    each_once(texts)
}

/// Removes duplicates. A rule set with the same id but other content is an error.
fn each_once(texts: Vec<RuleText>) -> Result<Vec<RuleText>, RuleError> {
    let mut kept: Vec<RuleText> = Vec::with_capacity(texts.len());
    for text in texts {
        match kept.iter().find(|known| known.set.id == text.set.id) {
            None => kept.push(text),
            Some(known) if known.digest == text.digest => {}
            Some(known) => {
                let line = text.content.lines().position(|line| line.trim_start().starts_with("id"));
                let message =
                    format!("the id {} is already used by {}: give these rules another id", known.set.id, known.file);
                return Err(RuleError::Malformed { file: text.file, line: line.unwrap_or(0) + 1, message });
            }
        }
    }
    Ok(kept)
}

/// The built-in rule sets.
pub fn shipped() -> Result<Vec<RuleText>, RuleError> {
    BUILT_IN.iter().map(|(file, content)| read(file, content)).collect()
}

/// Reads the rule sets of a directory's `*.toml` files, in the order of the file names.
pub fn in_directory(directory: &Path) -> Result<Vec<RuleText>, RuleError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| RuleError::Unreadable { path, source }
    };
    let entries = std::fs::read_dir(directory).map_err(unreadable(directory))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<PathBuf>, std::io::Error>>()
        .map_err(unreadable(directory))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let texts = paths.iter().map(|path| {
        let content = std::fs::read_to_string(path).map_err(unreadable(path))?;
        read(&path.display().to_string(), &content)
    });
    each_once(texts.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::day::Day;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn the_built_in_rule_sets_are_valid_and_have_no_grace_days() {
        let sets = shipped().unwrap();
        assert_eq!(sets.iter().map(|text| text.set.id.as_str()).collect::<Vec<_>>(), ["cpss-guide", "cpssp-2025"]);
        assert!(sets.iter().all(|text| text.set.grace_days == 0 && text.set.holidays.len() == 290));
    }

    #[test]
    fn fourteen_working_days_leave_out_weekends_and_observed_holidays() {
        let rules = shipped().unwrap().remove(1).set;
        // Independence Day 2021 fell on a Sunday and was observed on Monday the 5th.
        assert_eq!(rules.settles_on(day("2021-06-30")), Some(day("2021-07-21")));
        assert_eq!(rules.settles_on(day("2026-03-06")), Some(day("2026-03-26")));
        assert_eq!(rules.settles_on(day("2041-01-02")), None);
        assert_eq!(rules.settles_on(day("2040-12-28")), None);
    }

    #[test]
    fn terms_end_on_the_cohort_date() {
        let rules = shipped().unwrap().remove(1).set;
        for (from, ends) in [
            ("2012-02-01", "2015-09-30"),
            ("2015-09-30", "2015-09-30"),
            ("2015-10-01", "2019-09-30"),
            ("2026-01-01", "2027-09-30"),
        ] {
            assert_eq!(rules.cohort_date_on_or_after(day(from)), day(ends), "{from}");
        }
    }

    #[test]
    fn a_mistake_is_reported_with_file_and_line() {
        let content = BUILT_IN[1].1.replace("grace_days = 0", "grace_days = \"none\"");
        let line = content.lines().position(|line| line.starts_with("grace_days")).unwrap() + 1;
        let error = read("third.toml", &content).unwrap_err().to_string();
        assert!(error.starts_with(&format!("third.toml:{line}: ")), "{error}");
    }
}
