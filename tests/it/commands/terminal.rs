//! Commands on a terminal: what they ask is answered, refused, and interrupted. An interruption leaves nothing half.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use super::{Desk, PROGRAM};
use crate::harness::block_until;
use crate::harness::proxy::{At, Proxy, Then};
use crate::harness::requests::facts_of_specialist;

/// The exit code that a shell shows for an interrupted command.
const INTERRUPTED: i32 = 130;

/// The key for an interruption: Ctrl-C.
const CTRL_C: &str = "\u{3}";

/// A command on a terminal of its own.
struct Terminal {
    keys: File,
    /// The side of the command, whose settings it could change.
    line: File,
    screen: Arc<Mutex<String>>,
    /// How much of the screen was looked at.
    seen: usize,
    child: Child,
}

impl Terminal {
    fn start(desk: &Desk, arguments: &[&str]) -> Terminal {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keys).unwrap();
        unlockpt(&keys).unwrap();
        let name = ptsname(&keys, Vec::new()).unwrap();
        let line = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let (keys, line) = (File::from(keys), File::from(line));
        let end = || Stdio::from(line.try_clone().unwrap());
        // setsid makes it the terminal of the command, so that Ctrl-C reaches the command. env undoes what the shell of
        // a job in the background does: it lets the job ignore Ctrl-C.
        let mut command = desk.at_home(Command::new("setsid"));
        let command = command
            .args(["--ctty", "env", "--default-signal=INT", PROGRAM])
            .args(arguments)
            .stdin(end())
            .stdout(end())
            .stderr(end());
        let child = command.spawn().unwrap();
        let screen = Arc::new(Mutex::new(String::new()));
        let (mut shown, written) = (keys.try_clone().unwrap(), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = shown.read(&mut bytes) {
                written.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Terminal { keys, line, screen, seen: 0, child }
    }

    /// Waits until the screen shows a text, behind what was looked at before.
    fn shows(&mut self, text: &str) -> &mut Terminal {
        let mut seen = None;
        block_until(text, || {
            let screen = self.screen.lock().unwrap();
            seen = screen[self.seen..].find(text).map(|at| self.seen + at + text.len());
            seen.is_some()
        });
        self.seen = seen.unwrap();
        self
    }

    fn types(&mut self, keys: &str) -> &mut Terminal {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self
    }

    /// Sends the command SIGTERM.
    fn terminate(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits for the end of the command. The exit code is as a shell shows it, and the terminal is as it was.
    fn ends(&mut self) -> i32 {
        let mut ended = None;
        block_until("the end of the command", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        let modes = tcgetattr(&self.line).unwrap().local_modes;
        let usual = LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        assert!(modes.contains(usual), "{modes:?}");
        let status = ended.unwrap();
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What `act register` asks, and the answers.
const REGISTER: [(&str, &str); 5] = [
    ("Given name: ", "Lucinda\n"),
    ("Family name: ", "Bledsoe-Example\n"),
    ("Suffix, such as Jr (empty: none): ", "\n"),
    ("Birth date: ", "2/29/1980\n"),
    ("Record this? [y/N] ", "y\n"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prompt_is_repeated_until_it_is_answered_and_only_a_yes_records() {
    let (desk, registry) = Desk::new();
    desk.profile("registrar", "");
    let before = registry.head().await;
    for answer in ["\n", "no\n", "yess\n"] {
        let mut terminal = Terminal::start(&desk, &["act", "register"]);
        for (prompt, keys) in &REGISTER[..4] {
            terminal.shows(prompt);
            match *prompt {
                "Family name: " => terminal.types("\n").shows(prompt),
                "Birth date: " => terminal.types("2/30/1980\n").shows("there is no such day").shows(prompt),
                _ => &mut terminal,
            };
            terminal.types(keys);
        }
        terminal.shows("Lucinda Bledsoe-Example").shows(REGISTER[4].0).types(answer).shows("Nothing was recorded.");
        assert_eq!((terminal.ends(), registry.head().await), (1, before), "{answer:?}");
    }
    let mut terminal = Terminal::start(&desk, &["act", "register"]);
    for (prompt, keys) in REGISTER {
        terminal.shows(prompt).types(keys);
    }
    terminal.shows("Recorded as revision ");
    assert_eq!((terminal.ends(), registry.head().await), (0, before + 1));

    let mut terminal = Terminal::start(&desk, &["find"]);
    terminal.shows("(empty: any): ").types("bledsoe\n").shows("(empty: any): ").types("\n").shows("(empty: any): ");
    terminal.types("\n").shows("1 person matches.");
    assert_eq!(terminal.ends(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interruption_at_any_prompt_ends_the_command_and_nothing_is_recorded() {
    let (desk, registry) = Desk::new();
    desk.profile("registrar", "");
    let before = registry.head().await;
    for stop in 0..REGISTER.len() {
        let mut terminal = Terminal::start(&desk, &["act", "register"]);
        for (prompt, keys) in &REGISTER[..stop] {
            terminal.shows(prompt).types(keys);
        }
        terminal.shows(REGISTER[stop].0).types("half").types(CTRL_C);
        assert_eq!(terminal.ends(), INTERRUPTED, "{}", REGISTER[stop].0);
    }
    assert_eq!(registry.head().await, before);
    assert!(!desk.configuration("requests.jsonl").exists(), "no request is noted before it is confirmed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_family_name_that_a_question_must_have_is_asked_for() {
    let (desk, registry) = Desk::new();
    let [employer, other] =
        [registry.qualified_provider("Calhoun Center").await, registry.qualified_provider("Lamar Center").await];
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    desk.profile("registrar", "");
    desk.run(&["act", "prior-number", &number, "MS-417", "--yes"]).exits(0);
    desk.profile(&format!("provider:{}", other.provider_id), "");
    for (name, shown, code) in [("Abernathy-Example\n", "CONFIRMED", 0), ("Bledsoe-Example\n", "NOT CONFIRMED", 3)] {
        let mut terminal = Terminal::start(&desk, &["verify", "--prior-number", "MS-417"]);
        terminal.shows("required beside prior_number").shows("Family name: ").types(name).shows(shown);
        assert_eq!(terminal.ends(), code, "{name}");
    }
}

/// The files in the user's home.
fn files(desk: &Desk) -> BTreeSet<String> {
    let entries = fs::read_dir(desk.home("")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Interrupts a command while the registry answers it, through a proxy that holds the answers back.
fn interrupted(desk: &Desk, proxy: &Proxy, arguments: &[&str], says: &str) {
    let interrupt = |terminal: &mut Terminal| {
        terminal.types(CTRL_C);
    };
    assert_eq!(stopped(desk, proxy, arguments, interrupt, says), INTERRUPTED, "{arguments:?}");
}

/// Like [`interrupted`], with any way to stop the command. Returns its exit code.
fn stopped(desk: &Desk, proxy: &Proxy, arguments: &[&str], stop: fn(&mut Terminal), says: &str) -> i32 {
    let before = files(desk);
    let mut terminal = Terminal::start(desk, arguments);
    proxy.wait_for_the_stop();
    stop(&mut terminal);
    let code = terminal.shows(says).ends();
    assert_eq!(files(desk), before, "{arguments:?}");
    code
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_interrupted_leaves_no_file_and_can_be_asked_again() {
    const ROWS: usize = 10_000;
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Center").await;
    let number = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await.number;
    let row = format!("{number},2026-02-20,{}\n", employer.provider_id);
    let list = format!("credential_number,date_of_service,provider_id\n{}", row.repeat(ROWS));
    fs::write(desk.home("claims.csv"), list).unwrap();
    let staff = format!("{number},2024-01-08\n");
    fs::write(desk.home("staff.csv"), format!("credential_number,first_day\n{}", staff.repeat(ROWS))).unwrap();
    let runs = [
        (&["claims", "claims.csv"][..], "claims.answers.csv"),
        (&["review", "claims.answers.csv"], "claims.answers.review.csv"),
        (&["roster", "staff.csv"], "staff.answers.csv"),
    ];
    for (arguments, written) in runs {
        // Rows are written by then, and others are asked.
        let held_back = || {
            let proxy = Proxy::before(desk.address(), At::Bytes(200_000), Then::Hold);
            desk.profile_at(&proxy.endpoint(), "registrar", "");
            proxy
        };
        let says = "interrupted: nothing was written";
        let code = stopped(&desk, &held_back(), arguments, Terminal::terminate, says);
        assert_eq!(code, INTERRUPTED, "{arguments:?}");
        let proxy = held_back();
        interrupted(&desk, &proxy, arguments, says);
        desk.run(arguments).exits(0);
        let lines = fs::read_to_string(desk.home(written)).unwrap().lines().count();
        assert_eq!(lines, 1 + ROWS, "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_interrupted_goes_on_where_it_ended() {
    const ROWS: usize = 2000;
    let (desk, _registry) = Desk::new();
    fs::create_dir(desk.home("old")).unwrap();
    fs::write(desk.home("old/manifest.toml"), "source = \"an old system\"\n").unwrap();
    let row = |id: usize| format!("{id},Odalys,Example-{id},,1980-02-29\n");
    let rows: String = (0..ROWS).map(row).collect();
    fs::write(desk.home("old/specialists.csv"), format!("source_id,given_name,family_name,suffix,birth_date\n{rows}"))
        .unwrap();
    let proxy = Proxy::before(desk.address(), At::Bytes(20_000), Then::Hold);
    desk.profile_at(&proxy.endpoint(), "registrar", "");
    interrupted(&desk, &proxy, &["import", "old"], "run the same line again");
    let again = desk.run(&["import", "old", "--json"]).exits(0).json();
    let counts = ["loaded", "done_already", "bad"].map(|count| again[0][count].as_u64().unwrap());
    assert!(counts[1] > 0 && counts[0] + counts[1] == ROWS as u64 && counts[2] == 0, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_is_interrupted_before_its_answer_is_recorded_once_when_it_is_run_again() {
    let (desk, registry) = Desk::new();
    let employer = registry.qualified_provider("Calhoun Center").await;
    let member = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;
    let facts = async || registry.ask(facts_of_specialist(&member.specialist_id)).await.facts.len();
    let before = facts().await;
    let proxy = Proxy::before(desk.address(), At::Response, Then::Hold);
    desk.profile_at(&proxy.endpoint(), "registrar", "");
    let report = ["report", "end", &member.number, "--last-day", "2/25/2026", "--reason", "resigned"];
    interrupted(&desk, &proxy, &report, "whether it was recorded is not known: run the same line again");
    assert_eq!(facts().await, before + 1);
    desk.run(&report).exits(0).prints("Recorded as revision ");
    assert_eq!(facts().await, before + 1);
}
