//! The documents: every Markdown file of the project, its code blocks, and the text between backticks.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{files_below, read, root};

/// Where the documents are. The top-level one is `README.md`.
const DIRECTORIES: [&str; 4] = ["deploy", "proto", "src", "tests"];

/// A Markdown file.
pub struct Document {
    /// Its path from the top level.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// A block of code.
pub struct Block<'a> {
    /// The word behind the opening backticks. Empty: none.
    pub kind: &'a str,
    /// The lines, each with its number in the document.
    pub lines: Vec<(usize, &'a str)>,
}

/// Every document, in the order of their names.
pub fn all() -> Vec<Document> {
    let mut paths = vec![root().join("README.md")];
    let below = DIRECTORIES.iter().flat_map(|directory| files_below(&root().join(directory)));
    let is_installed = |path: &PathBuf| {
        path.components().any(|part| ["node_modules", ".venv"].iter().any(|it| part.as_os_str() == *it))
    };
    paths.extend(
        below.filter(|path| path.extension().is_some_and(|extension| extension == "md") && !is_installed(path)),
    );
    paths.sort();
    let name = |path: &Path| path.strip_prefix(root()).unwrap().display().to_string();
    paths.iter().map(|path| Document { name: name(path), text: fs::read_to_string(path).unwrap() }).collect()
}

impl Document {
    /// The document of this path from the top level.
    pub fn named(name: &str) -> Document {
        Document { name: name.to_owned(), text: read(name) }
    }

    /// What is below a heading of the second level or lower, up to the next one of the second level.
    pub fn section(&self, heading: &str) -> &str {
        let section = self.text.split(&format!("\n{heading}\n")).nth(1);
        section.unwrap_or_else(|| panic!("{} has no {heading}", self.name)).split("\n## ").next().unwrap()
    }

    /// The first text between backticks of each row, in the tables of a section.
    pub fn first_cells(&self, heading: &str) -> BTreeSet<String> {
        let rows = self.section(heading).lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        rows.map(str::to_owned).collect()
    }

    /// The blocks of code.
    pub fn blocks(&self) -> Vec<Block<'_>> {
        let mut lines = self.text.lines().enumerate().map(|(at, line)| (at + 1, line));
        let mut found = Vec::new();
        while let Some((_, line)) = lines.next() {
            let Some(kind) = line.strip_prefix("```") else { continue };
            let lines = lines.by_ref().take_while(|(_, line)| *line != "```").collect();
            found.push(Block { kind, lines });
        }
        found
    }

    /// Everything but the blocks of code.
    pub fn prose(&self) -> String {
        self.text.split("\n```").step_by(2).collect()
    }

    /// What is between backticks outside the blocks, with single blanks.
    pub fn spans(&self) -> Vec<String> {
        let prose = self.prose();
        let spans = prose.split('`').skip(1).step_by(2);
        spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    /// The anchors of the headings, as GitHub makes them.
    pub fn anchors(&self) -> Vec<String> {
        let prose = self.prose();
        let headings = prose.lines().filter(|line| line.starts_with('#'));
        headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
    }
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.flat_map(char::to_lowercase).map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}
