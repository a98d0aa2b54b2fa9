//! Every example of every `--help` and of every document runs as it stands.
//!
//! What differs from the text: directories of the machine are in a scratch directory and belong to this user, servers
//! listen on free ports, and 10,000 invented people are 100. Examples that use more than the program itself need buf,
//! curl, jq, protoc, python3 and sqlite3: a test of their own runs them in `.ci/run`. Commands that build or test the
//! project are not run, but what they name must exist.

mod commands_of_the_project;
mod documents;
mod invited;
mod pages;
mod sandbox;

use std::collections::BTreeSet;
use std::fs;

use self::commands_of_the_project::{Project, is_one};
use self::pages::{Example, Page, documents, flags, help, help_pages, options, spans_of_commands};
use self::sandbox::{Sandbox, program};
use crate::harness::{files_below, markdown, read, root};

/// What an example may use beside the program and a shell.
const OTHER_PROGRAMS: [&str; 7] = ["buf", "call", "curl", "jq", "protoc", "python3", "sqlite3"];

/// The pages whose examples need a database: tests/postgresql runs them.
const NEED_A_DATABASE: [&str; 13] = [
    "join",
    "replica",
    "replica list",
    "replica forget",
    "log",
    "log push",
    "log move",
    "log pull",
    "adopt-semantics",
    "upgrade",
    "accept-loss",
    "deploy/docs/postgresql.md",
    "deploy/docs/postgresql-restore.md",
];

/// Flags of cargo and of test programs in running text.
const OTHER_FLAGS: [&str; 11] = [
    "--cacert",
    "--data-binary",
    "--features",
    "--header",
    "--ignored",
    "--lib",
    "--nocapture",
    "--profile",
    "--protocol",
    "--reflect-header",
    "--release",
];

/// The commands and options of released versions: one command a line, first the options of the program itself. Scripts
/// use them, so they may be added to but not removed.
const RELEASED: &str = include_str!("released_options.txt");

fn needs_other_programs(example: &Example) -> bool {
    let words = example.command.split(|letter: char| !letter.is_alphanumeric());
    OTHER_PROGRAMS.iter().any(|program| words.clone().any(|word| word == *program)) && !example.is_definition()
}

/// Runs the examples of a page, in order, up to the first that is not wanted.
fn run(page: &Page, is_wanted: impl Fn(&Example) -> bool) -> usize {
    let mut sandbox = Sandbox::of(page);
    let wanted = page.examples.iter().take_while(|example| is_wanted(example));
    wanted.filter(|example| !is_one(&example.command)).map(|example| sandbox.run(example)).count()
}

/// The pages whose commands need a machine with the service: tests/install runs them.
fn need_an_installation() -> Vec<String> {
    let story = read("tests/install/story.py");
    let followed = story.lines().find_map(|line| line.strip_prefix("PAGES = [")).unwrap();
    followed.split('"').skip(1).step_by(2).map(|page| format!("deploy/{page}")).collect()
}

/// Whether `tests/clients/first_day.sh`, or a script of its own, follows a page.
fn is_of_a_client(name: &str) -> bool {
    name.starts_with("tests/clients/")
}

fn all_pages() -> Vec<Page> {
    let pages = help_pages().into_iter().chain(documents());
    let installed = need_an_installation();
    let is_elsewhere =
        |name: &String| NEED_A_DATABASE.contains(&name.as_str()) || installed.contains(name) || is_of_a_client(name);
    let pages: Vec<Page> = pages.filter(|page| !is_elsewhere(&page.name)).collect();
    assert!(pages.len() > 14, "{} pages", pages.len());
    pages
}

#[test]
#[cfg_attr(not(feature = "full"), ignore = "the examples use all features: cargo test --features full")]
fn every_example_of_help_and_documents_works() {
    let counts: Vec<(String, usize)> = all_pages()
        .iter()
        .map(|page| (page.name.clone(), run(page, |example| !needs_other_programs(example))))
        .collect();
    println!("{counts:?}");
    assert!(counts.iter().map(|(_, count)| count).sum::<usize>() > 25, "{counts:?}");
}

#[test]
fn pages_that_the_install_test_follows_have_examples() {
    let pages = need_an_installation();
    assert!(!pages.is_empty());
    let documents = documents();
    for name in pages {
        assert!(documents.iter().any(|page| page.name == name && !page.examples.is_empty()), "{name}");
    }
    assert!(read(".ci/run").contains("tests/install/run.sh"));
}

#[test]
fn ci_follows_the_page_of_every_client() {
    let pages = documents().into_iter().filter(|page| is_of_a_client(&page.name)).collect::<Vec<_>>();
    assert!(pages.len() >= 5, "{pages:?}");
    assert!(
        pages.iter().all(|page| page.name.split('/').count() == 4 && page.name.ends_with("/README.md")),
        "{pages:?}"
    );
    let ci = read(".ci/run");
    let (before, _) = ci.split_once("; do\n    tests/clients/first_day.sh ").unwrap();
    let (_, followed) = before.rsplit_once("for client in ").unwrap();
    // The page about Connect has a script of its own.
    assert!(ci.contains("tests/clients/connect/run.sh \"$binary\" \"$client\""));
    let followed = followed.split(' ').chain(["connect"]).map(|client| format!("tests/clients/{client}/README.md"));
    let pages = pages.into_iter().map(|page| page.name).collect::<BTreeSet<_>>();
    assert_eq!(pages, followed.collect::<BTreeSet<_>>());
}

#[test]
#[ignore = "needs buf, curl, jq, protoc, python3 and sqlite3: .ci/run has them"]
fn every_example_that_needs_other_programs_works() {
    let mut needed = BTreeSet::new();
    for page in all_pages().iter().filter(|page| page.examples.iter().any(needs_other_programs)) {
        run(page, |_| true);
        needed.insert(page.name.clone());
    }
    assert!(needed.len() >= 3, "{needed:?}");
}

#[test]
fn every_example_that_builds_or_tests_the_project_names_what_exists() {
    let project = Project::read();
    let pages = documents();
    let examples = pages.iter().flat_map(|page| &page.examples).filter(|example| is_one(&example.command));
    let examples: Vec<_> = examples.collect();
    assert!(!examples.is_empty());
    examples.iter().for_each(|example| project.check(&example.place, &example.command));
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

/// A remedy that names a flag of no command is none. So the code is searched, too, without its comments.
#[test]
fn every_flag_in_running_text_is_an_option_of_a_command() {
    let known: BTreeSet<String> = help_pages().iter().flat_map(|page| options(&help(&page.name))).collect();
    let is_unknown = |flag: &String| !known.contains(flag) && !OTHER_FLAGS.contains(&flag.as_str());
    let mut count = 0;
    let texts = help_pages().into_iter().map(|page| (format!("{} --help", page.name), help(&page.name)));
    let spans = markdown::all().into_iter().flat_map(|document| {
        let spans = document.spans().into_iter().filter(|span| span.starts_with("--"));
        spans.map(|span| (document.name.clone(), span)).collect::<Vec<_>>()
    });
    let sources =
        files_below(&root().join("src")).into_iter().filter(|path| path.extension().is_some_and(|it| it == "rs"));
    let lines_of_code = sources.flat_map(|path| {
        let place = path.display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.map(|line| (place.clone(), line.to_owned())).collect::<Vec<_>>()
    });
    for (place, text) in texts.chain(spans).chain(lines_of_code) {
        let named = flags(&text);
        count += named.len();
        let unknown: Vec<_> = named.into_iter().filter(is_unknown).collect();
        assert!(unknown.is_empty(), "{place}: no command has {unknown:?}");
    }
    assert!(count > 300, "{count} flags");
}

#[test]
fn every_released_command_and_option_is_still_there() {
    for line in RELEASED.lines() {
        let (name, released) = line.split_once(':').unwrap();
        let shown = help(name);
        assert!(!shown.is_empty(), "there is no command {name}");
        let options = options(&shown);
        let removed: Vec<_> = released.split_whitespace().filter(|option| !options.contains(*option)).collect();
        assert!(removed.is_empty(), "{name} has no {removed:?}");
    }
}
