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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_leads_to_two_replicas() {
    let server = Server::start();
    let _standby = server.start_synchronous_standby("standby1").await;
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    prepare(first.path(), &server);
    let nodes = format!("{HOST}:{}", server.port());
    let here = |command: &str, machine: &Path| {
        let etc = machine.join("etc").display().to_string();
        let data = machine.join("data").display().to_string();
        let command = command.replace("db1.example.org,db2.example.org", &nodes);
        command.replace("/etc/cpss-registry", &etc).replace("/var/lib/cpss-registry", &data)
    };
    let document = Document::named("deploy/docs/postgresql.md");
    let (mut machines, mut running) = ([first.path(), second.path()].into_iter(), Vec::new());
    for block in document.blocks() {
        match block.kind {
            "sql" => {
                let text: String = commands(&block.lines).join("\n");
                let text = PASSWORDS.iter().fold(text, |text, placeholder| text.replace(placeholder, PASSWORD));
                let client = server.superuser().await;
                for statement in text.split_inclusive(';').filter(|statement| !statement.trim().is_empty()) {
                    client.batch_execute(statement).await.unwrap();
                }
            }
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
    fs::create_dir(machine.join("etc")).unwrap();
    for entry in fs::read_dir(first.join("etc")).unwrap().map(Result::unwrap) {
        if !["ca.key", "install.password"].iter().any(|name| entry.file_name() == *name) {
            fs::copy(entry.path(), machine.join("etc").join(entry.file_name())).unwrap();
        }
    }
    let config = machine.join("etc/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let (from, to) = (first.display().to_string(), machine.display().to_string());
    fs::write(&config, text.replace(&from, &to)).unwrap();
}
