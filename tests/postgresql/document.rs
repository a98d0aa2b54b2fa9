//! The commands of `deploy/docs/postgresql.md`, and of the help of `join` and `replica`, as an administrator runs them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::fleet::{done, run, said};
use crate::harness::Process;
use crate::harness::markdown::Document;
use crate::server::{HOST, PASSWORD, Server};

/// The passwords that the document leaves to the administrator.
const PASSWORDS: [&str; 2] = ["INSTALL-PASSWORD", "REPLICA-PASSWORD"];

/// The commands of a block, each on one line.
fn commands(lines: &[(usize, &str)]) -> Vec<String> {
    let text: Vec<_> = lines.iter().map(|(_, line)| *line).collect();
    text.join("\n").replace("\\\n", " ").lines().map(str::to_owned).collect()
}

/// A machine with the files that the document asks for.
fn prepare(directory: &Path, server: &Server) {
    fs::create_dir_all(directory.join("etc")).unwrap();
    for name in ["log.password", "install.password"] {
        let path = directory.join("etc").join(name);
        fs::write(&path, PASSWORD).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }
    fs::copy(server.authority(), directory.join("etc/log-ca.crt")).unwrap();
}

/// These sections of a document alone.
fn part(document: &Document, headings: &[&str]) -> Document {
    let sections: Vec<_> = headings.iter().map(|heading| document.section(heading)).collect();
    Document { name: document.name.clone(), text: sections.join("\n") }
}

/// A command with the directories of a machine, and the address of the database.
fn here(command: &str, machine: &Path, server: &Server) -> String {
    let [etc, data] = ["etc", "data"].map(|name| machine.join(name).display().to_string());
    let command = command.replace("db1.example.org,db2.example.org", &format!("{HOST}:{}", server.port()));
    command.replace("/etc/cpss-registry", &etc).replace("/var/lib/cpss-registry", &data)
}

/// Runs the statements of a block as the administrator of the database.
async fn administer(server: &Server, lines: &[(usize, &str)]) {
    let text: String = commands(lines).join("\n");
    let text = PASSWORDS.iter().fold(text, |text, placeholder| text.replace(placeholder, PASSWORD));
    let client = server.superuser().await;
    for statement in text.split_inclusive(';').filter(|statement| !statement.trim().is_empty()) {
        client.batch_execute(statement).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_leads_to_two_replicas() {
    let server = Server::start();
    let _standby = server.start_synchronous_standby("standby1").await;
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    prepare(first.path(), &server);
    let here = |command: &str, machine: &Path| here(command, machine, &server);
    let document = Document::named("deploy/docs/postgresql.md");
    let document = part(&document, &["## The roles", "## The first replica", "## Each further replica"]);
    let (mut machines, mut running) = ([first.path(), second.path()].into_iter(), Vec::new());
    for block in document.blocks() {
        match block.kind {
            "sql" => administer(&server, &block.lines).await,
            "sh" => {
                let machine = machines.next().unwrap();
                if !running.is_empty() {
                    move_to(first.path(), machine);
                }
                for command in commands(&block.lines) {
                    let command = here(&command, machine);
                    let words: Vec<_> = command.split_whitespace().skip(1).collect();
                    match words[..] {
                        ["serve", ref arguments @ ..] => running.push(Process::serve(arguments)),
                        ["join", ..] => drop(done(&[&words[..], &["--replica-id", "second"]].concat())),
                        _ => drop(done(&words)),
                    }
                }
                running.last().unwrap().listening();
            }
            _ => {}
        }
    }
    assert_eq!((running.len(), machines.count()), (2, 0), "both machines were set up");
    for process in running {
        process.stop();
    }
    let block =
        document.blocks().into_iter().find(|block| block.lines.iter().any(|(_, line)| line.contains(" replica ")));
    for command in commands(&block.unwrap().lines) {
        let command = here(&command, first.path()).replace("registry-2", "second");
        let password = format!(" {}", first.path().join("etc/install.password").display());
        let command = command.replace(" install.password", &password);
        let words: Vec<_> = command.split_whitespace().skip(1).collect();
        let text = done(&words);
        assert!(text.contains("second"), "{command}: {text}");
    }
    done(&["join", "--config", &second.path().join("etc/config.toml").display().to_string()]);
    // The example of `join --help`: it has joined before.
    let example = done(&["join", "--help"]);
    let example = example.lines().find_map(|line| line.strip_prefix("  cpss-registry join ")).unwrap();
    let example = here(example, second.path());
    let joined = run(&[&["join"], &example.split_whitespace().collect::<Vec<_>>()[..]].concat());
    assert!(joined.status.success() && said(&joined).contains("had joined before"), "{}", said(&joined));
}

/// Copies the files of the first machine to another one, and leaves out what the document says.
fn move_to(first: &Path, machine: &Path) {
    for part in ["etc", "etc/signing-keys"] {
        fs::create_dir(machine.join(part)).unwrap();
        for entry in fs::read_dir(first.join(part)).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file())
        {
            if !["ca.key", "install.password"].iter().any(|name| entry.file_name() == *name) {
                fs::copy(entry.path(), machine.join(part).join(entry.file_name())).unwrap();
            }
        }
    }
    let config = machine.join("etc/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let (from, to) = (first.display().to_string(), machine.display().to_string());
    fs::write(&config, text.replace(&from, &to)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_leads_from_one_machine_to_several_and_back() {
    let server = Server::start();
    let _standby = server.start_synchronous_standby("standby1").await;
    let machine = tempfile::tempdir().unwrap();
    prepare(machine.path(), &server);
    let words = |command: &str| here(command, machine.path(), &server);
    let document = Document::named("deploy/docs/postgresql.md");
    for block in part(&document, &["## The roles"]).blocks().iter().filter(|block| block.kind == "sql") {
        administer(&server, &block.lines).await;
    }
    let init = words("init /etc/cpss-registry --data-dir /var/lib/cpss-registry");
    done(&init.split_whitespace().collect::<Vec<_>>());
    let serve = |arguments: &[&str]| {
        let process = Process::serve(arguments);
        process.listening();
        process
    };
    // The example of a page of the help, with the configuration for the time after the move.
    let example = |page: &[&str]| {
        let help = done(&[page, &["--help"]].concat());
        let example = help.lines().find_map(|line| line.strip_prefix("  cpss-registry ")).unwrap();
        let example = words(&example.replace("config.toml", "replica.toml"));
        let yes: &[_] = if page.len() > 1 { &["--yes"] } else { &[] };
        done(&[&example.split_whitespace().collect::<Vec<_>>()[..], yes].concat())
    };
    let mut running = Some(serve(&["--config", &words("/etc/cpss-registry/config.toml")]));
    let section = part(&document, &["## From one machine to several, and back"]);
    let blocks: Vec<_> = section.blocks().into_iter().filter(|block| block.kind == "sh").collect();
    assert_eq!(blocks.len(), 3);
    for (step, block) in blocks.iter().enumerate() {
        // Before each block but the first, the text says to stop the service.
        if step > 0 {
            running.take().unwrap().stop();
        }
        for command in commands(&block.lines) {
            let command = words(&command);
            match command.split_whitespace().skip(1).collect::<Vec<_>>()[..] {
                ["serve", ref arguments @ ..] => running = Some(serve(arguments)),
                ref arguments => drop(done(arguments)),
            }
        }
        if step == 1 {
            assert!(example(&["log", "move"]).contains("it had moved before"));
            example(&["adopt-semantics"]);
            example(&["upgrade"]);
        }
    }
    assert!(example(&["log", "pull"]).contains("nothing to do"));
    running.unwrap().stop();
}
