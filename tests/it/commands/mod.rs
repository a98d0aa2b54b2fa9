//! The commands of every day, as a user runs them: the program against a registry of its own, with a home of its own.

mod acts;
mod completions;
mod journal;
mod listed;
mod prior_numbers;
mod profiles;
mod providers;
mod redaction;
mod reports;
mod said;
mod shown;
mod terminal;

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::harness::{Client, Process, TODAY};

/// The program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_cpss-registry");

/// A registry, and a user with a home directory.
pub struct Desk {
    scratch: TempDir,
    process: Process,
}

/// What a command printed.
#[derive(Debug)]
pub struct Said {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Desk {
    /// An empty registry on [`TODAY`], and a client that is registrar and certifier.
    pub fn new() -> (Desk, Client) {
        let scratch = tempfile::tempdir().unwrap();
        let (process, registry) = Process::start(&scratch.path().join("data"), TODAY);
        fs::create_dir(scratch.path().join("home")).unwrap();
        (Desk { scratch, process }, registry)
    }

    /// The address of the registry.
    pub fn address(&self) -> SocketAddr {
        self.process.listening()
    }

    /// The URL of the registry.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// A file in the user's home.
    pub fn home(&self, name: &str) -> PathBuf {
        self.scratch.path().join("home").join(name)
    }

    /// A file in the user's directory of configurations.
    pub fn configuration(&self, name: &str) -> PathBuf {
        self.home(".config/cpss-registry").join(name)
    }

    /// Writes a profile, or another file of the configuration.
    pub fn configure(&self, name: &str, text: &str) {
        fs::create_dir_all(self.configuration("")).unwrap();
        fs::write(self.configuration(name), text).unwrap();
    }

    /// Writes the default profile: this registry, as a caller, with more lines.
    pub fn profile(&self, caller: &str, more: &str) {
        self.profile_at(&self.endpoint(), caller, more);
    }

    /// Like [`Desk::profile`], with another address of the registry.
    pub fn profile_at(&self, endpoint: &str, caller: &str, more: &str) {
        self.configure("profile.toml", &format!("endpoint = {endpoint:?}\nas = {caller:?}\n{more}"));
    }

    /// Runs a command with a text as standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Said {
        tokio::task::block_in_place(|| {
            let mut command = self.command();
            let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            // A command that refuses its arguments does not read its input.
            drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
            Said::of(&child.wait_with_output().unwrap())
        })
    }

    /// Runs a command.
    pub fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, "")
    }

    /// The program, with the user's home.
    pub fn command(&self) -> Command {
        self.at_home(Command::new(PROGRAM))
    }

    /// A command, with the user's home.
    pub fn at_home(&self, mut command: Command) -> Command {
        command.env("HOME", self.home("")).env_remove("XDG_CONFIG_HOME").current_dir(self.home(""));
        command
    }
}

impl Said {
    fn of(output: &Output) -> Said {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Said { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Expects an exit code, and returns what was printed.
    #[track_caller]
    pub fn exits(self, code: i32) -> Said {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// Expects a text on standard output.
    #[track_caller]
    pub fn prints(self, text: &str) -> Said {
        assert!(self.out.contains(text), "{text}: {self:?}");
        self
    }

    /// Expects a text on standard error.
    #[track_caller]
    pub fn warns(self, text: &str) -> Said {
        assert!(self.err.contains(text), "{text}: {self:?}");
        self
    }

    /// Standard output as one JSON object.
    #[track_caller]
    pub fn json_object(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The lines of standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Vec<serde_json::Value> {
        let parsed = self.out.lines().map(serde_json::from_str);
        parsed.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Everything in the files of a directory, as one text.
pub fn all_text_below(directory: &Path) -> String {
    let files = super::harness::files_below(directory);
    files.iter().map(|file| String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned()).collect()
}
