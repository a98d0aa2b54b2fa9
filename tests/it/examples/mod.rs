//! Every example of every `--help`, of the README and of the documents in `deploy`, run as it stands.
//!
//! What differs from the text: directories of the machine lie in a scratch directory and are this user's, servers listen on
//! free ports, and 10,000 invented people are 100. Examples that use more than the program itself need buf, jq and sqlite3: they are in a
//! test of their own, which `.ci/run` runs.

mod invited;
mod pages;
mod sandbox;

use std::collections::BTreeSet;

use self::pages::{Example, Page, documents, help_pages, spans_of_commands};
use self::sandbox::{Sandbox, program};

/// What an example may use beside the program and a shell.
const OTHER_PROGRAMS: [&str; 4] = ["buf", "call", "jq", "sqlite3"];

/// Examples that cannot be run here, and why.
const NOT_RUN: &[(&str, &str)] = &[("cargo test --locked", "this test is a part of it")];

fn needs_other_programs(example: &Example) -> bool {
    let words = example.command.split(|letter: char| !letter.is_alphanumeric());
    OTHER_PROGRAMS.iter().any(|program| words.clone().any(|word| word == *program)) && !example.is_definition()
}

/// Runs the examples of a page, in order, up to the first that is not wanted.
fn run(page: &Page, is_wanted: impl Fn(&Example) -> bool) -> usize {
    let mut sandbox = Sandbox::of(page);
    let wanted = page.examples.iter().take_while(|example| is_wanted(example));
    let wanted = wanted.filter(|example| !NOT_RUN.iter().any(|(command, _)| example.command.contains(command)));
    wanted.map(|example| sandbox.run(example)).count()
}

fn all_pages() -> Vec<Page> {
    let pages: Vec<Page> = help_pages().into_iter().chain(documents()).collect();
    assert!(pages.len() > 14, "{} pages", pages.len());
    pages
}

#[test]
fn every_example_of_help_and_documents_works() {
    let counts: Vec<(String, usize)> = all_pages()
        .iter()
        .map(|page| (page.name.clone(), run(page, |example| !needs_other_programs(example))))
        .collect();
    println!("{counts:?}");
    assert!(counts.iter().map(|(_, count)| count).sum::<usize>() > 25, "{counts:?}");
}

#[test]
#[ignore = "needs buf, jq and sqlite3: .ci/run has them"]
fn every_example_that_needs_other_programs_works() {
    let mut needed = BTreeSet::new();
    for page in all_pages().iter().filter(|page| page.examples.iter().any(needs_other_programs)) {
        run(page, |_| true);
        needed.insert(page.name.clone());
    }
    assert!(needed.len() >= 3, "{needed:?}");
}

/// Commands in running text are not run, since they say DIR and NUMBER; but there are such commands, with such flags.
#[test]
fn every_command_in_running_text_is_one_that_the_program_takes() {
    let spans = spans_of_commands();
    assert!(spans.len() > 12, "{spans:?}");
    for span in spans {
        let words: Vec<&str> = span.split_whitespace().collect();
        let taken = program().args(&words).arg("--help").output().unwrap();
        assert!(taken.status.success(), "`{span}`: {}", String::from_utf8_lossy(&taken.stderr));
    }
}
