//! Words that the sources and the documents avoid: a reader who does not know the project has to read them twice.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{files_below, root};

/// The words and phrases, in lower case. `_` counts as a letter, so a name of the contract may contain one.
const AVOIDED: &[&str] = &[
    "told",
    "whoever",
    "whomever",
    "whom nobody",
    "nobody waits",
    "nobody knows",
    "stands back",
    "stand back",
    "gives way",
    "give way",
    "lately",
    "anew",
    "stranger",
    "strangers",
    "lane",
    "lanes",
    "glance",
    "shown out",
    "to the letter",
    "as it were",
    "so far as",
    "so many",
];

/// The directories whose files are searched, and those of which only `README.md` files are.
const SEARCHED: [&str; 3] = ["src", "proto", "deploy"];
const READMES: [&str; 2] = ["README.md", "tests"];

/// Files of other publishers.
const FOREIGN: &str = "proto/google";

/// The avoided words in a text, each with the number of its line. Quotations in Markdown (text in backticks or double
/// quotes) are skipped.
fn avoided(text: &str, is_markdown: bool) -> Vec<(usize, &'static str)> {
    let lower = text.to_lowercase();
    let present: Vec<_> = AVOIDED.iter().filter(|word| lower.contains(**word)).collect();
    let mut found = Vec::new();
    for (at, line) in lower.lines().enumerate() {
        let unquoted = if is_markdown { line.split(['`', '"']).step_by(2).collect() } else { line.to_owned() };
        found.extend(present.iter().filter(|word| has_word(&unquoted, word)).map(|word| (at + 1, **word)));
    }
    found
}

/// Whether a line contains a whole word or phrase.
fn has_word(line: &str, word: &str) -> bool {
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(is_letter) && !line[at + word.len()..].starts_with(is_letter))
}

/// The text files to search, with their paths from the root of the repository.
fn searched_files(root: &Path) -> Vec<(PathBuf, String)> {
    let is_readme = |path: &PathBuf| path.file_name().is_some_and(|name| name == "README.md");
    let below = |name: &&str| {
        let path = root.join(name);
        if path.is_dir() { files_below(&path) } else { vec![path] }
    };
    let mut paths: Vec<_> = SEARCHED.iter().flat_map(below).collect();
    paths.extend(READMES.iter().flat_map(below).filter(is_readme));
    paths.retain(|path| !path.starts_with(root.join(FOREIGN)));
    let text = |path: PathBuf| Some((path.strip_prefix(root).ok()?.to_owned(), fs::read_to_string(&path).ok()?));
    paths.into_iter().filter_map(text).collect()
}

#[test]
fn sources_and_documents_use_plain_words() {
    let files = searched_files(root());
    assert!(files.len() > 300, "files were not found: {}", files.len());
    let hits = files.iter().flat_map(|(path, text)| {
        let is_markdown = path.extension().is_some_and(|extension| extension == "md");
        avoided(text, is_markdown).into_iter().map(move |(line, word)| format!("{}:{line}: {word}", path.display()))
    });
    let hits: Vec<_> = hits.collect();
    assert!(hits.is_empty(), "reword these lines:\n{}\n", hits.join("\n"));
}

#[test]
fn an_avoided_word_is_found_as_a_whole_word_outside_quotations() {
    let text = "/// Told apart.\nlet designations_told = untold;\n\"so MANY\"\n";
    assert_eq!(avoided(text, false), [(1, "told"), (3, "so many")]);
    let markdown = "The guide says \"told\" and `told`.\nThe log was told.\n";
    assert_eq!(avoided(markdown, true), [(2, "told")]);
}
