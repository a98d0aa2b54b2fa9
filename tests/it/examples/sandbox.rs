//! A scratch machine for the examples of one page.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::pages::{Example, Page, help};
use crate::harness::keys::{IDENTITY, RECIPIENT};
use crate::harness::{files_below, read, root};

/// How long an example may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program's own directories, which lie in the scratch directory.
const DIRECTORIES: [&str; 3] = ["/etc/cpss-registry", "/var/lib/cpss-registry", "/mnt/backup"];

/// Commands of the administrator that need a machine of their own.
const CHANGE_THE_MACHINE: [&str; 3] = ["install -m ", "systemd-sysusers", "systemctl daemon-reload"];

/// Stands where the program is installed: servers get free ports, and clients ask the one that was started last.
const WRAPPER: &str = r#"#!/bin/sh
case " $* " in *" --endpoint "* | *" --help "*) exec "$PROGRAM" "$@" ;; esac
if [ "$1" = serve ]; then
    case " $* " in *" --listen "*) ;; *) set -- "$@" --listen 127.0.0.1:0 ;; esac
    exec "$PROGRAM" "$@" --ops-listen 127.0.0.1:0 --http-listen 127.0.0.1:0
fi
case $1 in backup | restore-drill) exec "$PROGRAM" "$@" ;; esac
if "$PROGRAM" "$@" --help | grep -q -- --endpoint; then set -- "$@" --endpoint "http://127.0.0.1:$PORT"; fi
exec "$PROGRAM" "$@"
"#;

/// A list of two people of the sample.
const STAFF: &str = "credential_number,family_name\nCPS-DTMK-QJA9-B,Merriweather\nCPS-28MS-MN2K-Z,O'Neal\n";

/// The civil day in Mississippi.
fn today() -> jiff::civil::Date {
    cpss_registry::registry::clock::now().in_tz("America/Chicago").unwrap().date()
}

/// A list of claims for two people of the sample, of last week.
fn claims() -> String {
    let day = today().checked_sub(jiff::Span::new().days(7)).unwrap();
    let row = |number: &str| format!("{number},region-1-cmhc,{day},4\n");
    let rows = ["CPS-DTMK-QJA9-B", "CPS-28MS-MN2K-Z"].map(row).concat();
    format!("credential_number,provider_id,date_of_service,units\n{rows}")
}

/// The program.
pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_cpss-registry"))
}

/// A scratch machine.
pub struct Sandbox {
    scratch: TempDir,
    port: u16,
    http_port: u16,
    /// What was defined by the examples so far.
    definitions: String,
    running: Vec<Running>,
    is_help: bool,
    /// The revision that an answer showed first.
    revision: Option<String>,
    /// The fact that was recorded last.
    fact: Option<String>,
    steps: usize,
}

/// A command that goes on until it is ended.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Sandbox {
    /// A machine on which the examples of a page can begin.
    pub fn of(page: &Page) -> Sandbox {
        let scratch = tempfile::tempdir().unwrap();
        let (is_help, running) = (page.is_help, Vec::new());
        let (definitions, revision, fact) = (String::new(), None, None);
        let (port, http_port) = (0, 0);
        let mut sandbox = Sandbox { scratch, port, http_port, definitions, running, is_help, revision, fact, steps: 0 };
        for directory in ["bin", "etc", "var/lib", "mnt/backup", "work", "home"] {
            fs::create_dir_all(sandbox.root().join(directory)).unwrap();
        }
        for directory in ["proto", "deploy/import-example"] {
            if page.examples.iter().any(|example| example.command.contains(directory)) {
                sandbox.copy(directory);
            }
        }
        let wrapper = sandbox.root().join("bin/cpss-registry");
        fs::write(&wrapper, WRAPPER).unwrap();
        fs::set_permissions(&wrapper, Permissions::from_mode(0o755)).unwrap();
        if page.is_help {
            sandbox.prepare(&page.name);
        }
        sandbox
    }

    /// Copies a directory of the project to where the examples run.
    fn copy(&self, directory: &str) {
        for file in files_below(&root().join(directory)) {
            let copy = self.root().join("work").join(file.strip_prefix(root()).unwrap());
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::copy(&file, copy).unwrap();
        }
    }

    /// Makes what the examples of a command begin with.
    fn prepare(&mut self, name: &str) {
        fs::write(self.root().join("work/staff.csv"), STAFF).unwrap();
        fs::write(self.root().join("work/claims.csv"), claims()).unwrap();
        let application = help("evaluate").split_once("\n  {\n").map(|(_, json)| format!("{{\n{json}")).unwrap();
        let today = today().to_string();
        fs::write(self.root().join("work/application.json"), application.replace("2026-04-01", &today)).unwrap();
        fs::write(self.root().join("work/birth-date.txt"), "birth_date: 3/27/1999\n").unwrap();
        let begins_with_a_registry = !["init", "create", "serve", "restore", "generate"].contains(&name)
            && !name.contains(' ')
            || ["clients list", "log ship"].contains(&name);
        if begins_with_a_registry {
            self.prepared("cpss-registry init /etc/cpss-registry --data-dir /var/lib/cpss-registry");
            self.prepared("cpss-registry serve --config /etc/cpss-registry/config.toml");
            self.running.clear();
        }
        if name == "import" {
            self.copy("deploy/import-example");
            fs::rename(self.root().join("work/deploy/import-example"), self.root().join("work/old-records")).unwrap();
        }
        if name == "import" {
            // Of a registry without credentials: the import's first day of complete records would change those.
            self.prepared("cpss-registry backup /mnt/backup/cpss-2026-03-02 --data-dir /var/lib/cpss-registry");
        }
        if ["check", "export", "restore", "restore-drill"].contains(&name) {
            let generated = "cpss-registry generate --data-dir ./generated --specialists 20 --through 2026-03-01";
            self.prepared(generated);
            self.prepared("cpss-registry backup /mnt/backup/cpss-2026-03-02 --data-dir ./generated");
        }
        let text = help(name);
        if ["backup", "restore"].contains(&name) {
            let serve = format!("cpss-registry serve --dev --data-dir ./encrypted --backup-recipients {RECIPIENT}");
            self.prepared(&serve);
            let profiles = self.root().join("home/.config/cpss-registry");
            fs::create_dir_all(&profiles).unwrap();
            let profile = format!("endpoint = \"http://127.0.0.1:{}\"\nas = \"operator\"\n", self.port);
            fs::write(profiles.join("operator.toml"), profile).unwrap();
            fs::write(self.root().join("work/key.txt"), IDENTITY).unwrap();
            self.prepared("cpss-registry backup cpss-20260302T050000Z.tar.age --profile operator");
        } else if text.contains("--endpoint") || text.contains("\nCommands:\n") || name == "witness" {
            self.prepared("cpss-registry serve --dev --data-dir ./sample");
        }
        if name == "redact" {
            self.prepared("cpss-registry serve --dev --data-dir ./sample");
            self.running.clear();
        }
        if name == "claims" {
            let profiles = self.root().join("home/.config/cpss-registry");
            fs::create_dir_all(&profiles).unwrap();
            fs::write(profiles.join("medicaid.toml"), "provider = \"region-1-cmhc\"\n").unwrap();
        }
        if name == "review" {
            self.prepared("cpss-registry claims claims.csv --provider region-1-cmhc");
        }
    }

    fn prepared(&mut self, command: &str) {
        let command = command.to_owned();
        self.run(&Example { place: "preparation".to_owned(), command, output: Vec::new() });
    }

    fn root(&self) -> &Path {
        self.scratch.path()
    }

    /// Runs an example, and checks that it does what the page says.
    pub fn run(&mut self, example: &Example) {
        // tests/install runs these, where they change only the machine of the test.
        if CHANGE_THE_MACHINE.iter().any(|command| example.command.starts_with(command)) {
            return;
        }
        let command = self.here(&example.command);
        if example.is_definition() {
            self.definitions.push_str(&command);
            self.definitions.push('\n');
            return;
        }
        self.steps += 1;
        let script = self.root().join(format!("{}.sh", self.steps));
        let is_endless = is_endless(&command);
        let command = if is_endless { format!("exec {command}") } else { command };
        fs::write(&script, format!("shopt -s expand_aliases\n{}{command}\n", self.definitions)).unwrap();
        let said = |stream: &str| self.root().join(format!("{}.{stream}", self.steps));
        let (out, err) = (said("out"), said("err"));
        let mut child = self.start(&script, &out, &err);
        let content = |path: &PathBuf| fs::read_to_string(path).unwrap();
        let failed = |why: &str| -> ! {
            panic!("{}: {why}\n{}\n{}{}", example.place, example.command, content(&out), content(&err))
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.0.try_wait().unwrap() {
                if is_endless {
                    failed("it ended");
                }
                match status.code() {
                    Some(0) => break,
                    // The answer is no, or not known.
                    Some(3 | 4) if is_question(&example.command) => break,
                    code => failed(&format!("exit code {code:?}")),
                }
            }
            let begun = content(&out);
            if is_endless && let Some(ports) = ports(&begun) {
                (self.port, self.http_port) = ports;
                // A server goes on for the examples that follow.
                self.running.push(child);
                return;
            }
            // A mirror ends here, so that the examples that follow can use its file.
            if is_endless && begun.lines().any(|line| line.contains("up to date")) {
                return;
            }
            if Instant::now() > deadline {
                failed("it takes too long");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let printed = content(&out);
        if printed.starts_with("{\"code\":") {
            failed("it is refused");
        }
        if self.is_help && printed.contains("NOT_ON_FILE") {
            failed("it asks about what is not in the sample");
        }
        if example.command.starts_with("sqlite3")
            && !["CONFIRMED", "UNDETERMINED"].iter().any(|it| printed.contains(it))
        {
            failed("the copy does not answer");
        }
        let revision =
            printed.lines().find_map(|line| line.split_once("known at      revision ")?.1.split([',', ' ']).next());
        self.revision = self.revision.take().or(revision.map(str::to_owned));
        let fact = printed.lines().find_map(|line| Some(line.strip_prefix("  fact  ")?.trim().to_owned()));
        self.fact = fact.or(self.fact.take());
        if let Some(missing) = missing(&example.output, &printed) {
            failed(&format!("it does not print: {missing}"));
        }
    }

    /// Starts a script, with what it prints in two files.
    fn start(&self, script: &Path, out: &Path, err: &Path) -> Running {
        let path = format!("{}:{}", self.root().join("bin").display(), std::env::var("PATH").unwrap());
        Running(
            Command::new("bash")
                .arg(script)
                .current_dir(self.root().join("work"))
                .env("PATH", path)
                .env("PROGRAM", env!("CARGO_BIN_EXE_cpss-registry"))
                .env("PORT", self.port.to_string())
                .env("HOME", self.root().join("home"))
                .env_remove("XDG_CONFIG_HOME")
                .stdin(Stdio::null())
                .stdout(File::create(out).unwrap())
                .stderr(File::create(err).unwrap())
                .spawn()
                .unwrap(),
        )
    }

    /// A command, with the directories and ports of this machine.
    fn here(&self, command: &str) -> String {
        // systemd is not on this machine: what its unit starts is run.
        let mut here = command.replace("systemctl enable --now cpss-registry", &unit_starts());
        for directory in DIRECTORIES {
            here = here.replace(directory, &format!("{}{directory}", self.root().display()));
        }
        if self.port != 0 {
            here = here.replace(":50051", &format!(":{}", self.port)).replace(":8080", &format!(":{}", self.http_port));
        }
        if let Some(revision) = &self.revision {
            here = here.replace("--known-at 104", &format!("--known-at {revision}"));
        }
        if let Some(fact) = &self.fact {
            here = here.replace("1f0c93a2-141-0", fact);
        }
        here.replace("cargo run --locked --", "cpss-registry")
            .replace("target/debug/cpss-registry", "cpss-registry")
            .replace("--specialists 10000", "--specialists 100")
            // The user of the service is not one of this machine.
            .replace("-o cpss-registry -g cpss-registry ", "")
            .replace("runuser -u cpss-registry -- ", "")
    }
}

/// The command that the unit of systemd starts.
fn unit_starts() -> String {
    let unit = read("deploy/cpss-registry.service");
    unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/")).unwrap().to_owned()
}

/// Whether a command goes on until it is ended.
fn is_endless(command: &str) -> bool {
    let mut words = command.split_whitespace().skip_while(|word| *word != "cpss-registry").skip(1);
    match words.next() {
        Some("serve") => true,
        Some("mirror") => !words.any(|word| word == "--once" || word == "--query"),
        _ => false,
    }
}

/// The ports of a server that has begun: of gRPC, and of HTTP.
fn ports(printed: &str) -> Option<(u16, u16)> {
    let mut addresses = printed.lines().filter_map(|line| line.strip_prefix("listening on "));
    let grpc = addresses.next()?;
    let http = addresses.next()?.strip_suffix(" (HTTP)")?;
    let port = |address: &str| address.rsplit_once(':')?.1.parse().ok();
    Some((port(grpc)?, port(http)?))
}

/// Whether a command may answer no.
fn is_question(command: &str) -> bool {
    ["verify", "roster", "evaluate", "audit"].iter().any(|name| command.contains(&format!(" {name} ")))
}

/// The first line of what a page shows that was not printed, in order. Numbers are those of another day.
fn missing<'a>(shown: &'a [String], printed: &str) -> Option<&'a String> {
    let without_numbers = |line: &str| {
        let mut shape: Vec<char> =
            line.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
        shape.dedup_by(|next, last| *next == '0' && *last == '0');
        shape.into_iter().collect::<String>()
    };
    let mut printed = printed.lines().map(without_numbers);
    shown.iter().filter(|line| line.trim() != "...").find(|line| {
        let expected = without_numbers(line);
        !printed.by_ref().any(|line| line == expected)
    })
}
