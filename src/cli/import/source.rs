//! The directory that is imported: its manifest and its files.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::value::Datetime;

use super::kind::{EXTENSIONS, Kind, SOURCE_ID};
use crate::cli::failure::Failure;
use crate::cli::list::{List, ListArgs, ListError};
use crate::domain::text::is_hidden;
use crate::proto::google::r#type::Date;

/// The name of the manifest.
pub const MANIFEST: &str = "manifest.toml";

/// The longest name of a source, in characters.
const LONGEST_SOURCE: usize = 100;

/// The directory that is imported.
#[derive(Debug)]
pub struct Source {
    /// The name of the old system.
    pub name: String,
    /// The first day of complete records, if the manifest names it.
    pub records_begin: Option<Date>,
    /// The files, in the order of loading.
    pub files: Vec<File>,
    /// The files of column names alone.
    pub without_rows: Vec<Kind>,
}

/// A file of the directory.
#[derive(Debug)]
pub struct File {
    /// What it holds.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its rows.
    pub list: List,
}

/// The manifest as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    source: String,
    records_begin: Option<Datetime>,
}

impl Source {
    /// Reads the manifest, and opens all files. Nothing is loaded unless every file can be understood.
    pub fn open(directory: &Path) -> Result<Source, Failure> {
        let mut found = Vec::new();
        let manifest = manifest(directory, &mut found);
        let (mut files, mut without_rows) = (Vec::new(), Vec::new());
        for (kind, path) in paths(directory, &mut found)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match List::open(&path, kind.columns(), &ListArgs::default()) {
                Ok(list) => {
                    found.extend(unknown_columns(kind, &name, &list));
                    files.push(File { kind, name, list });
                }
                // A file of column names alone has nothing to load.
                Err(ListError::NoRows) => without_rows.push(kind),
                Err(ListError::Blank) => found.push(format!(
                    "{name}: the file is empty, without column names; an export may have failed: export it again, or \
                     remove it"
                )),
                Err(error @ (ListError::File(_) | ListError::Changed)) => return Err(error.failure(&path)),
                Err(error) => found.push(format!("{name}: {}", of_file(kind, &error))),
            }
        }
        files.sort_by_key(|file| file.kind);
        match manifest {
            Some((name, records_begin)) if found.is_empty() => Ok(Source { name, records_begin, files, without_rows }),
            _ => {
                found.insert(0, format!("{} cannot be imported; nothing was loaded", directory.display()));
                Err(Failure::usage(found))
            }
        }
    }

    /// How the files were understood, as far as they are not in the simplest form, and what is left out.
    pub fn understood(&self) -> String {
        let lines = self.files.iter().flat_map(|file| {
            let lines = file.list.understood().lines().into_iter();
            lines.map(|line| format!("{}: {line}\n", file.name))
        });
        lines.collect()
    }

    /// The number of rows of a group of files.
    pub fn rows(&self, kinds: &[Kind]) -> u64 {
        self.files.iter().filter(|file| kinds.contains(&file.kind)).map(|file| file.list.size()).sum()
    }
}

/// Reads the manifest. Notes what is wrong with it.
fn manifest(directory: &Path, found: &mut Vec<String>) -> Option<(String, Option<Date>)> {
    let path = directory.join(MANIFEST);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            let example = "source = \"the name of the old system\"";
            found.push(format!("{MANIFEST}: cannot be read: {error}. It needs the line  {example}"));
            return None;
        }
    };
    let manifest: Manifest = match toml::from_str(&text) {
        Ok(manifest) => manifest,
        Err(error) => {
            let line =
                error.span().map_or(1, |span| 1 + text.get(..span.start).unwrap_or_default().matches('\n').count());
            found.push(format!("{MANIFEST}: line {line}: {}", error.message()));
            return None;
        }
    };
    let source = manifest.source.trim();
    if source.is_empty() || source.chars().count() > LONGEST_SOURCE || source.chars().any(is_hidden) {
        let form = format!("1 to {LONGEST_SOURCE} visible characters");
        found.push(format!(
            "{MANIFEST}: source: found `{}`: write the name of the old system, {form}",
            source.escape_debug()
        ));
        return None;
    }
    let day = manifest.records_begin.map(|written| match written {
        Datetime { date: Some(date), time: None, offset: None } => {
            Some(Date { year: date.year.into(), month: date.month.into(), day: date.day.into() })
        }
        _ => None,
    });
    if let Some(None) = day {
        found.push(format!("{MANIFEST}: records_begin: write a day without quotes, such as 2020-07-01"));
        return None;
    }
    Some((source.to_owned(), day.flatten()))
}

/// The files of the directory. Notes those that no one would read.
fn paths(directory: &Path, found: &mut Vec<String>) -> Result<Vec<(Kind, PathBuf)>, Failure> {
    let cannot_read = |error: &std::io::Error| Failure::of(format!("cannot read {}", directory.display()), error);
    let mut paths: Vec<(Kind, PathBuf)> = Vec::new();
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(|error| cannot_read(&error))? {
        entries.push(entry.map_err(|error| cannot_read(&error))?.path());
    }
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let is_list = EXTENSIONS.contains(&extension.as_str());
        let kind = Kind::all().find(|kind| is_list && kind.name() == stem);
        let is_other = name == MANIFEST || name.starts_with(['.', '~']) || extension == "md";
        match kind {
            Some(kind) if paths.iter().any(|(other, _)| *other == kind) => {
                found.push(format!("{name}: there are two files of {}: remove one", kind.name()));
            }
            Some(kind) => paths.push((kind, path)),
            None if is_other => {}
            None => {
                let names: Vec<_> = Kind::all().map(|kind| format!("{}.csv", kind.name())).collect();
                found.push(format!(
                    "{name}: not a file of an import: remove or rename it; the files are {}",
                    names.join(", ")
                ));
            }
        }
    }
    if paths.is_empty() {
        found.push("there is no file to import, such as providers.csv or specialists.csv".to_owned());
    }
    Ok(paths)
}

/// What is wrong with a file, without the flags of other commands.
fn of_file(kind: Kind, error: &ListError) -> String {
    match error {
        ListError::NoHeadings { found, .. } => {
            let needs =
                kind.columns().needs.iter().flat_map(|group| group.iter().copied()).collect::<Vec<_>>().join(", ");
            format!("the first row must have the columns {needs}; {found}")
        }
        ListError::Ambiguous { line, first, second, name, .. } => {
            format!("line {line}: the columns `{first}` and `{second}` are both {name}: remove one")
        }
        other => other.to_string(),
    }
}

/// The columns that would not be loaded.
fn unknown_columns(kind: Kind, name: &str, list: &List) -> Option<String> {
    let unknown: Vec<_> = list.other_headings().filter(|heading| !heading.starts_with('#')).collect();
    let known: Vec<_> = kind.columns().known.iter().map(|known| known.key).filter(|key| *key != SOURCE_ID).collect();
    (!unknown.is_empty()).then(|| {
        format!(
            "{name}: the column `{}` is not known: rename or remove it, or begin its name with # to leave it out; the \
             columns are {SOURCE_ID}, {}",
            unknown.join("`, `"),
            known.join(", ")
        )
    })
}
