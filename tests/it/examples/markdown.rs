//! The documents: every Markdown file of the project, its code blocks, and the text between backticks.

use std::fs;
use std::path::{Path, PathBuf};

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

/// The top level of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the project.
pub fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every document, in the order of their names.
pub fn all() -> Vec<Document> {
    let mut paths = vec![root().join("README.md")];
    DIRECTORIES.iter().for_each(|directory| collect(&root().join(directory), &mut paths));
    paths.sort();
    let name = |path: &Path| path.strip_prefix(root()).unwrap().display().to_string();
    paths.iter().map(|path| Document { name: name(path), text: fs::read_to_string(path).unwrap() }).collect()
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

impl Document {
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
