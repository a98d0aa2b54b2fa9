//! Where examples stand: the pages, and the commands on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::sandbox::program;

/// A page with examples.
#[derive(Debug)]
pub struct Page {
    /// The command whose help it is, or the file; of the whole program it is empty.
    pub name: String,
    /// The examples, in order.
    pub examples: Vec<Example>,
    /// Whether it is the help of a command.
    pub is_help: bool,
}

/// A command that the page shows.
#[derive(Debug)]
pub struct Example {
    /// The page, and there the line or the number.
    pub place: String,
    /// As it stands there.
    pub command: String,
    /// What it prints, as far as the page shows it.
    pub output: Vec<String>,
}

impl Example {
    /// Whether it defines something for the examples behind it.
    pub fn is_definition(&self) -> bool {
        self.command.starts_with("alias ") || self.command.contains("() {")
    }
}

/// The help of the program and of each of its commands.
pub fn help_pages() -> Vec<Page> {
    let whole = help("");
    let listed = whole.split_once("Commands:\n").unwrap().1.split("\n\n").next().unwrap();
    let commands = listed.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next());
    let names = std::iter::once("").chain(commands.filter(|name| *name != "help"));
    names.map(help_page).collect()
}

/// The help of a command.
pub fn help(name: &str) -> String {
    let mut command = program();
    command.args(Some(name).filter(|name| !name.is_empty())).arg("--help");
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

fn help_page(name: &str) -> Page {
    let text = help(name);
    let (_, behind) = text.split_once("\nExample").unwrap_or_else(|| panic!("{name} --help has no example"));
    let (_, examples) = behind.split_once('\n').unwrap();
    let lines: Vec<&str> = examples.lines().take_while(|line| !line.is_empty()).collect();
    let numbered = lines.iter().map(|line| line.trim_start()).enumerate().map(|(at, line)| (at + 1, line));
    Page { name: name.to_owned(), examples: commands(&format!("{name} --help"), numbered), is_help: true }
}

/// Joins the lines of each command: as many as the shell takes for a whole one.
fn commands<'a>(page: &str, lines: impl Iterator<Item = (usize, &'a str)>) -> Vec<Example> {
    let mut found = Vec::new();
    let mut open = String::new();
    for (number, line) in lines {
        open.push_str(line);
        open.push('\n');
        if line.trim().is_empty() || line.ends_with('\\') || !is_whole(&open) {
            continue;
        }
        let command = std::mem::take(&mut open).trim().to_owned();
        found.push(Example { place: format!("{page}:{number}"), command, output: Vec::new() });
    }
    assert!(open.trim().is_empty(), "{page}: a command that does not end: {open}");
    found
}

fn is_whole(command: &str) -> bool {
    Command::new("bash").args(["-n", "-c", command]).output().unwrap().status.success()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The README, and the documents of `deploy`.
fn document_files() -> Vec<PathBuf> {
    let deploy = fs::read_dir(root().join("deploy")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = deploy.filter(|path| path.extension().is_some_and(|kind| kind == "md")).collect();
    files.push(root().join("README.md"));
    files.sort();
    assert!(files.len() >= 3);
    files
}

/// The documents, with the commands of their blocks.
pub fn documents() -> Vec<Page> {
    document_files().iter().map(|file| document(file)).filter(|page| !page.examples.is_empty()).collect()
}

fn document(file: &Path) -> Page {
    let name = file.strip_prefix(root()).unwrap().display().to_string();
    let text = fs::read_to_string(file).unwrap();
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let mut examples = Vec::new();
    while let Some((_, line)) = lines.next() {
        let Some(kind) = line.strip_prefix("```").filter(|kind| !kind.is_empty()) else { continue };
        let block: Vec<(usize, &str)> = lines.by_ref().take_while(|(_, line)| *line != "```").collect();
        match kind {
            "sh" => examples.extend(commands(&name, block.into_iter())),
            "console" => examples.extend(conversation(&name, &block)),
            other => panic!("{name}: a block of {other} is neither run nor known to be none"),
        }
    }
    Page { name, examples, is_help: false }
}

/// Commands behind a `$`, each with what it prints.
fn conversation(page: &str, block: &[(usize, &str)]) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    for (number, line) in block {
        match line.strip_prefix("$ ") {
            Some(command) => found.extend(commands(page, std::iter::once((*number, command)))),
            None => found.last_mut().unwrap().output.push((*line).to_owned()),
        }
    }
    found
}

/// The commands in the running text of the documents, and in the comments of the other files of `deploy`, without the name
/// of the program.
pub fn spans_of_commands() -> Vec<String> {
    let names: Vec<String> = help_pages().into_iter().map(|page| page.name).filter(|name| !name.is_empty()).collect();
    let mut found = Vec::new();
    for file in document_files() {
        let text = fs::read_to_string(file).unwrap();
        // Without the blocks, what stands between backticks alternates with what does not.
        let outside: String = text.split("\n```").step_by(2).collect();
        found.extend(outside.split('`').skip(1).step_by(2).filter_map(|span| command_of(span, &names)));
    }
    found
}

/// The arguments, if a span is a command of the program and nothing in it stands for several commands.
fn command_of(span: &str, names: &[String]) -> Option<String> {
    let span = span.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = span.strip_prefix("cpss-registry ").or(span.strip_prefix("cpss ")).unwrap_or(&span);
    let first = said.split(' ').next()?;
    let is_command = said.contains(' ') && names.iter().any(|name| name == first);
    let is_several = said.contains(['[', '|', '…', '=', '/']) || said.split(' ').any(|word| word == "N" || word == "T");
    (is_command && !is_several).then(|| said.to_owned())
}
