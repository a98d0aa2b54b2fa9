//! A disk that blocks: the small file system, frozen with `fsfreeze`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Process, TODAY, block_until};

/// A file system on which no write returns until this is dropped.
struct Frozen(PathBuf);

impl Frozen {
    fn freeze(disk: PathBuf) -> Frozen {
        assert!(Command::new("fsfreeze").arg("--freeze").arg(&disk).status().unwrap().success());
        Frozen(disk)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        Command::new("fsfreeze").arg("--unfreeze").arg(&self.0).status().unwrap();
    }
}

fn wait_for_log(file: &Path, text: &str) {
    block_until(&format!("the line `{text}`"), || fs::read_to_string(file).unwrap().contains(text));
}

#[test]
#[ignore = "needs a file system that can be frozen: tests/faults/run.sh"]
fn an_audit_on_a_disk_that_blocks_is_refused_at_start_and_by_a_check() {
    let disk = PathBuf::from(std::env::var("CPSS_SMALL_DISK").expect("CPSS_SMALL_DISK: a small file system"));
    let (scratch, audit) = (tempfile::tempdir().unwrap(), disk.join("audit/reads.jsonl"));
    let (data_dir, audit_file) = (scratch.path().join("data"), audit.to_str().unwrap());
    let arguments = ["--audit-file", audit_file];
    let process = Process::spawn_with(&data_dir, TODAY, &arguments);
    process.listening();
    process.stop();

    // A process can only end when its blocked call returns, so each must report the error before the disk is unfrozen.
    let expected = format!("{audit_file} could not be opened, written and synced within 10 s: its disk blocks");
    // Declared first and dropped last: neither ends before the disk is unfrozen.
    let (process, mut check);
    let frozen = Frozen::freeze(disk);
    process = Process::spawn_with(&data_dir, TODAY, &arguments);
    let said = scratch.path().join("said");
    let binary = std::env::var("CPSS_BINARY").unwrap_or(env!("CARGO_BIN_EXE_cpss-registry").to_owned());
    check = Command::new(binary)
        .args(["config", "--check", "--dev", "--data-dir", data_dir.to_str().unwrap()])
        .args(arguments)
        .stderr(File::create(&said).unwrap())
        .spawn()
        .unwrap();
    process.wait_for_log(&expected);
    wait_for_log(&said, &expected);
    drop(frozen);
    assert_eq!(process.wait().0.code(), Some(1));
    assert_eq!(check.wait().unwrap().code(), Some(2));
    fs::remove_dir_all(audit.parent().unwrap()).unwrap();
}
