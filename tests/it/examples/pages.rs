//! Where examples stand: the pages, and the commands on them.

use std::collections::BTreeSet;
use std::process::Command;

use super::sandbox::program;
use crate::harness::markdown::{self, Document};

/// Programs that documents call with flags of their own.
const OTHER_PROGRAMS: [&str; 3] = ["cargo", "curl", "sha256sum"];

/// A page with examples.
#[derive(Debug)]
pub struct Page {
    /// The command whose help it is, such as `report start`, or the file; of the whole program it is empty.
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

/// The help of the program, of each of its commands, and of the commands of these.
pub fn help_pages() -> Vec<Page> {
    names_below("").iter().map(|name| help_page(name)).collect()
}

/// A command, and the commands that its help lists.
fn names_below(name: &str) -> Vec<String> {
    let help = help(name);
    let listed = help.split_once("Commands:\n").map_or("", |(_, rest)| rest.split("\n\n").next().unwrap());
    let commands = listed.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next());
    let below = commands
        .filter(|command| *command != "help")
        .flat_map(|command| names_below(format!("{name} {command}").trim_start()));
    std::iter::once(name.to_owned()).chain(below).collect()
}

/// The help of a command.
pub fn help(name: &str) -> String {
    let mut command = program();
    command.args(name.split_whitespace()).arg("--help");
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

/// The options that a text of `--help` lists.
pub fn options(help: &str) -> BTreeSet<String> {
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    lines.filter_map(|line| flags(line.split("  ").next()?).pop()).collect()
}

/// The flags in a text.
pub fn flags(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_ascii_lowercase() && !letter.is_ascii_digit() && letter != '-');
    let is_flag = |word: &&str| word.strip_prefix("--").is_some_and(|name| name.starts_with(char::is_alphabetic));
    words.filter(is_flag).map(|word| word.trim_end_matches('-').to_owned()).collect()
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

/// The documents, with the commands of their blocks.
pub fn documents() -> Vec<Page> {
    markdown::all().iter().map(page).filter(|page| !page.examples.is_empty()).collect()
}

fn page(document: &Document) -> Page {
    let mut examples = Vec::new();
    for block in document.blocks() {
        match block.kind {
            "sh" => examples.extend(commands(&document.name, block.lines.into_iter())),
            "console" => examples.extend(conversation(&document.name, &block.lines)),
            // Diagrams, code that another test runs or finds in a file, and settings of other programs.
            "" | "text" | "python" | "java" | "go" | "js" | "json" | "sql" | "toml" | "yaml" => {}
            other => panic!("{}: a block of {other} is neither run nor known to be none", document.name),
        }
    }
    Page { name: document.name.clone(), examples, is_help: false }
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

/// The commands in the running text of the documents, without the name of the program.
pub fn spans_of_commands() -> Vec<String> {
    let names: Vec<String> = help_pages().into_iter().map(|page| page.name).filter(|name| !name.is_empty()).collect();
    let spans = markdown::all().into_iter().flat_map(|document| document.spans());
    spans.filter_map(|span| command_of(&span, &names)).collect()
}

/// The arguments, if a span is a command of the program and nothing in it stands for several commands. A span with the
/// name of the program or with flags is one even if there is no such command: it may have been removed.
fn command_of(span: &str, names: &[String]) -> Option<String> {
    let named = ["cpss-registry ", "cpss ", "cargo run -- "].iter().find_map(|name| span.strip_prefix(name));
    let said = named.unwrap_or(span).split(" > ").next()?;
    let first = said.split(' ').next()?;
    let may_be_one = first.bytes().all(|byte| byte.is_ascii_lowercase()) && !OTHER_PROGRAMS.contains(&first);
    let is_named =
        named.is_some() || said.contains(" --") || (said.contains(' ') && names.iter().any(|it| it == first));
    let is_command = may_be_one && is_named;
    let is_several = said.contains(['[', '|', '…', '=', '/']) || said.split(' ').any(|word| word == "N" || word == "T");
    (is_command && !is_several).then(|| said.to_owned())
}
