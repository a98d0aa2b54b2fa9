//! Commands that build or test the project. They take too long to run again here. These checks hold that the tests,
//! files and settings in them exist, and that `.ci/run` uses the scripts.

use std::collections::BTreeSet;
use std::process::Command;

use crate::harness::{read, root};
use crate::source_tree::settings::{PREFIX, read_by_the_code, settings_in};

/// What the commands are compared with.
pub struct Project {
    manifest: String,
    ci: String,
    tests: Vec<String>,
    settings: BTreeSet<String>,
}

/// The words of a command behind its settings, without `bash`.
fn words(command: &str) -> Vec<&str> {
    let words = command.split_whitespace().skip_while(|word| is_setting(word));
    let mut words: Vec<&str> = words.take_while(|word| *word != "#").collect();
    if words.first() == Some(&"bash") {
        words.remove(0);
    }
    words
}

fn is_setting(word: &str) -> bool {
    let name = word.split_once('=').map(|(name, _)| name);
    name.is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
}

/// Whether a command builds or tests the project. `cargo run` does not: it runs the program.
pub fn is_one(command: &str) -> bool {
    let words = words(command);
    match words.first() {
        Some(&"cargo") => words.get(1).is_some_and(|word| *word != "run"),
        Some(first) => is_script(first) || command.starts_with(PREFIX),
        None => false,
    }
}

fn is_script(word: &str) -> bool {
    let is_below = word.starts_with(".ci/") || word.starts_with("tests/");
    is_below && root().join(word).is_file() && (word.ends_with(".sh") || word.ends_with("/run"))
}

impl Project {
    /// The project as it is.
    pub fn read() -> Project {
        let listed = Command::new(std::env::current_exe().unwrap()).args(["--list", "--format=terse"]).output();
        let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
        let tests = listed.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect();
        Project { manifest: read("Cargo.toml"), ci: read(".ci/run"), tests, settings: read_by_the_code() }
    }

    /// Fails if a command names what is not there.
    pub fn check(&self, place: &str, command: &str) {
        for setting in settings_in(command) {
            assert!(self.settings.contains(&setting), "{place}: `{command}`: nothing reads {setting}");
        }
        let words = words(command);
        match words.first() {
            Some(&"cargo") => self.check_cargo(place, command, &words[1..]),
            Some(script) if is_script(script) => {
                let is_in_ci = *script == ".ci/run" || self.ci.contains(script);
                assert!(is_in_ci, "{place}: `{command}`: .ci/run does not run {script}");
            }
            _ => {}
        }
    }

    fn check_cargo(&self, place: &str, command: &str, words: &[&str]) {
        let after = |flag: &str| words.iter().position(|word| *word == flag).and_then(|at| words.get(at + 1)).copied();
        let is_listed = |kind: &str, name: &str| self.manifest.contains(&format!("[[{kind}]]\nname = \"{name}\"\n"));
        let (test, bench) = (after("--test"), after("--bench"));
        for (kind, name) in [("test", test), ("bench", bench)] {
            let exists = name.is_none_or(|name| is_listed(kind, name));
            assert!(exists, "{place}: `{command}`: Cargo.toml has no {kind} {name:?}");
        }
        if let Some(profile) = after("--profile") {
            let is_built_in = ["dev", "release", "test", "bench"].contains(&profile);
            let exists = is_built_in || self.manifest.contains(&format!("[profile.{profile}]\n"));
            assert!(exists, "{place}: `{command}`: no such profile");
        }
        if bench.is_none() {
            let subcommand = words.first().copied().unwrap_or_default();
            let is_in_ci = ["cargo ", "cargo-"].iter().any(|cargo| self.ci.contains(&format!("{cargo}{subcommand}")));
            assert!(is_in_ci, "{place}: `{command}`: .ci/run runs no cargo {subcommand}");
        }
        if words.first() == Some(&"test")
            && let Some(filter) = filter(words)
        {
            let exists = match test {
                // Other builds have more tests.
                Some("it") if after("--features").is_none() || cfg!(feature = "full") => {
                    self.tests.iter().any(|name| name.contains(filter))
                }
                Some(_) => true,
                None => is_module(filter),
            };
            assert!(exists, "{place}: `{command}`: no test has {filter} in its name");
        }
    }
}

/// The part of the names of tests that a `cargo test` runs.
fn filter<'a>(words: &[&'a str]) -> Option<&'a str> {
    let with_value = ["--test", "--bench", "--profile", "--features", "--test-threads", "--config"];
    let is_value = |at: usize| at > 0 && with_value.contains(&words[at - 1]);
    let rest = words.iter().enumerate().skip(1);
    rest.filter(|(at, word)| !word.starts_with('-') && !is_value(*at)).map(|(_, word)| *word).next_back()
}

/// Whether a path is that of a module in `src`, or of a function in one.
fn is_module(path: &str) -> bool {
    let place = |path: &str| root().join("src").join(path.replace("::", "/"));
    let files = |path: &str| [place(path).with_extension("rs"), place(path).join("mod.rs")];
    let has = |path: &str, name: &str| {
        let texts = files(path).map(|file| std::fs::read_to_string(file).unwrap_or_default());
        texts.iter().any(|text| text.contains(&format!("fn {name}")))
    };
    place(path).is_dir()
        || place(path).with_extension("rs").is_file()
        || path.rsplit_once("::").is_some_and(|(parent, name)| has(parent, name))
}
