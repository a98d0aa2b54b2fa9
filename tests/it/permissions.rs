//! Who may read what the program writes: its owner alone, whatever umask it was started with and whichever library made
//! the file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::harness::{Client, Process, TODAY};

/// What runs a program under the widest umask.
const WIDE: [&str; 3] = ["/bin/sh", "-c", "umask 0; exec \"$0\" \"$@\""];

fn run(arguments: &[&str]) {
    let mut command = Command::new(WIDE[0]);
    command.args(&WIDE[1..]).arg(env!("CARGO_BIN_EXE_cpss-registry")).args(arguments);
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

/// Every file and directory below one, with what its group and others may do.
fn open_to_others(root: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    let mut seen = 0;
    while let Some(path) = waiting.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let mode = metadata.permissions().mode() & 0o777;
        found.extend((mode & 0o077 != 0).then(|| (path.clone(), mode)));
        seen += 1;
        if metadata.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    assert!(seen > 1, "{}", root.display());
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_may_read_what_is_written() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    let text = |name: &str| at(name).to_str().unwrap().to_owned();
    let process = Process::spawn_under(&WIDE.map(str::to_owned), &at("data"), TODAY, &[]);
    let address = process.listening();
    let registry = Client::connect(address);
    let employer = registry.qualified_provider("Pascagoula Example Center").await;
    registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;
    fs::create_dir(at("copy")).unwrap();
    fs::set_permissions(at("copy"), fs::Permissions::from_mode(0o700)).unwrap();
    run(&["mirror", &text("copy/answers.db"), "--endpoint", &format!("http://{address}"), "--once"]);
    process.stop();
    run(&["backup", &text("backup"), "--data-dir", &text("data")]);
    run(&["restore", &text("backup"), "--data-dir", &text("restored")]);
    run(&["rebuild", "--data-dir", &text("restored")]);
    run(&["generate", "--data-dir", &text("generated"), "--specialists", "5", "--years", "1", "--through", TODAY]);
    for written in ["data", "copy", "backup", "restored", "generated"] {
        assert_eq!(open_to_others(&at(written)), [], "{written}");
    }
}
