//! A small disk for the files of one server, which a test can fill.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::programs::NOBODY;

/// The size of a disk in bytes.
const SIZE: u64 = 1 << 30;

/// What is left free when a disk is filled, in bytes.
const SLACK: u64 = 16 << 10;

/// Unmounts a disk when the input ends: at the latest with the process of the test, even if that is killed.
const UNTIL_THE_INPUT_ENDS: &str = r#"read -r _; umount --lazy "$1""#;

/// A file system in memory. It is unmounted when this is dropped.
pub struct Disk {
    place: PathBuf,
    unmounting: Child,
}

impl Disk {
    /// Mounts a disk on an empty directory. `None` if this system does not let the test do that.
    pub fn mount(place: &Path) -> Option<Disk> {
        let options = format!("size={SIZE},mode=700,uid={NOBODY},gid={NOBODY}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "cpss-test"]).arg(place).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| {
            let mut command = Command::new("sh");
            let unmounting = command.args(["-c", UNTIL_THE_INPUT_ENDS, "sh"]).arg(place).stdin(Stdio::piped()).spawn();
            Disk { place: place.to_owned(), unmounting: unmounting.unwrap() }
        })
    }

    /// Makes the disk as small as its contents.
    pub fn fill(&self) {
        let fits = |_| {
            let found = rustix::fs::statvfs(&self.place).unwrap();
            self.resize((found.f_blocks - found.f_bfree) * found.f_frsize + SLACK)
        };
        // The contents may grow meanwhile.
        assert!((0..100).any(fits), "{} was not filled", self.place.display());
    }

    /// Gives the disk its room back.
    pub fn make_room(&self) {
        assert!(self.resize(SIZE), "{} was not enlarged", self.place.display());
    }

    fn resize(&self, size: u64) -> bool {
        let options = format!("remount,size={size}");
        Command::new("mount").args(["-o", &options]).arg(&self.place).output().unwrap().status.success()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.unmounting.stdin.take());
        drop(self.unmounting.wait());
    }
}
