//! A generated registry with many people, kept for the next run of any benchmark.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;

/// The last day of the generated history, on which the registry stands still.
pub const THROUGH: &str = "2026-11-20";

/// The data directory of a generated registry, and the list of its credentials.
pub struct Made {
    pub data: PathBuf,
    pub numbers: PathBuf,
}

/// Generates the registry, unless it is there.
pub fn made(specialists: u64) -> io::Result<Made> {
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("registry-{specialists}"));
    let made = Made { data: root.join("data"), numbers: root.join("numbers.csv") };
    if !made.numbers.exists() {
        drop(fs::remove_dir_all(&root));
        fs::create_dir_all(&root)?;
        let draft = root.join("numbers.draft");
        println!("generating {specialists} specialists");
        let status = Command::new(env!("CARGO_BIN_EXE_cpss-registry"))
            .args(["generate", "--seed", "1", "--through", THROUGH, "--specialists", &specialists.to_string()])
            .arg("--data-dir")
            .arg(&made.data)
            .arg("--numbers")
            .arg(&draft)
            .status()?;
        if !status.success() {
            return Err(io::Error::other("the registry could not be generated"));
        }
        fs::rename(draft, &made.numbers)?;
    }
    Ok(made)
}
