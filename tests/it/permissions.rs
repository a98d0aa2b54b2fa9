//! Access to the files that the program writes: only the owner has it, whatever the umask and whichever library created
//! the file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::harness::{Client, Process, TODAY};

/// Runs a program with the widest umask.
const WIDE: [&str; 3] = ["/bin/sh", "-c", "umask 0; exec \"$0\" \"$@\""];

fn run(arguments: &[&str]) {
    let mut command = Command::new(WIDE[0]);
    command.args(&WIDE[1..]).arg(env!("CARGO_BIN_EXE_cpss-registry")).args(arguments);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

/// The files and directories below a root that the group or others may access, with their modes.
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

/// Sets the mode of a file or directory.
fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A registry in its own directory, without a server.
fn registry() -> (tempfile::TempDir, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    run(&["create", "--data-dir", data.to_str().unwrap()]);
    (scratch, data)
}

#[test]
fn a_data_directory_writable_by_others_is_refused_and_not_changed() {
    let (scratch, data) = registry();
    chmod(&data, 0o707);
    let before = fs::read(data.join("LOCK")).unwrap();
    let (status, said) = Process::spawn_with(&data, TODAY, &[]).wait();
    let expected = format!("every user can write to the data directory {} (mode 0707)", data.display());
    assert!(status.code() == Some(2) && said.contains(&expected) && said.contains("chmod o-w"), "{status}: {said}");
    assert_eq!(fs::read(data.join("LOCK")).unwrap(), before);
    let empty = scratch.path().join("empty");
    fs::create_dir(&empty).unwrap();
    chmod(&empty, 0o777);
    let create = Command::new(env!("CARGO_BIN_EXE_cpss-registry"))
        .args(["create", "--data-dir", empty.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(String::from_utf8(create.stderr).unwrap().contains("every user can write to the data directory"));
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);
    // A directory below it is not affected.
    run(&["create", "--data-dir", empty.join("data").to_str().unwrap()]);

    chmod(&data, 0o700);
    let process = Process::spawn_with(&data, TODAY, &[]);
    process.listening();
    process.stop();
}

#[test]
fn files_of_an_earlier_release_are_narrowed_once_and_later_group_access_is_kept() {
    let (_scratch, data) = registry();
    let segment = data.join("log/00000000000000000001.log");
    for (path, mode) in [(&data, 0o755), (&data.join("log"), 0o755), (&segment, 0o644), (&data.join("FORMAT"), 0o644)] {
        chmod(path, mode);
    }
    let started = || {
        let process = Process::spawn_with(&data, TODAY, &[]);
        process.listening();
        let said = process.log();
        process.stop();
        said
    };
    let said = started();
    assert!(said.contains("data_dir_narrowed") && said.contains("removed the access of group and others"), "{said}");
    assert_eq!(open_to_others(&data), []);
    let log = data.join("log");
    chmod(&log, 0o750);
    let said = started();
    assert!(!said.contains("data_dir_narrowed"), "{said}");
    assert_eq!(open_to_others(&data), [(log, 0o750)]);
}

#[test]
fn a_group_other_than_the_services_own_causes_a_warning() {
    let (_scratch, data) = registry();
    chmod(&data, 0o750);
    let warned = || {
        let process = Process::spawn_with(&data, TODAY, &[]);
        process.listening();
        let said = process.log();
        process.stop();
        said.contains("data_dir_group_access")
    };
    assert!(!warned(), "the group of the process");
    // Only root may give a file to a group that it is not a member of.
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&data, None, Some(65_532)).unwrap();
        assert!(warned());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_owner_can_read_written_files() {
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
    if cfg!(feature = "mirror") {
        run(&["mirror", &text("copy/answers.db"), "--endpoint", &format!("http://{address}"), "--once"]);
    }
    process.stop();
    run(&["backup", &text("backup"), "--data-dir", &text("data")]);
    run(&["restore", &text("backup"), "--data-dir", &text("restored")]);
    run(&["rebuild", "--data-dir", &text("restored")]);
    run(&["generate", "--data-dir", &text("generated"), "--specialists", "5", "--years", "1", "--through", TODAY]);
    let copied = cfg!(feature = "mirror").then_some("copy");
    for written in ["data", "backup", "restored", "generated"].into_iter().chain(copied) {
        assert_eq!(open_to_others(&at(written)), [], "{written}");
    }
}
