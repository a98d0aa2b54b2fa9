//! A registry in this process for a rehearsal or a drill, in a directory that is removed afterwards.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use uuid::Uuid;

use super::config;
use super::failure::Failure;
use super::progress::Progress;
use crate::server::config::{Config, Flags};
use crate::server::scratch::{Scratch, restored};

/// A directory that is removed with all that is in it when this is dropped.
#[derive(Debug)]
pub struct ScratchDir(PathBuf);

impl ScratchDir {
    /// Makes a directory that only its owner can read.
    pub fn make(within: &Path) -> Result<ScratchDir, Failure> {
        let path = within.join(format!("cpss-registry-scratch-{}", Uuid::new_v4().simple()));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| Failure::of(format!("cannot make {}", path.display()), &error))?;
        Ok(ScratchDir(path))
    }

    /// The data directory of the registry.
    pub fn data_dir(&self) -> PathBuf {
        self.0.join("data")
    }

    /// Fills the data directory from a backup.
    pub fn restore(&self, backup: &Path, progress: &mut Progress) -> Result<(), Failure> {
        let restored = restored(backup, &self.data_dir(), &mut |step| progress.show(step));
        restored.map_err(|error| Failure::of("cannot rehearse onto the backup", &error).with_usage(error.is_usage()))
    }

    /// Opens the registry in the directory, empty unless it was restored.
    pub async fn open(&self, today: Option<Date>) -> Result<Scratch, Failure> {
        let flags = Flags {
            data_dir: Some(self.data_dir().to_string_lossy().into_owned()),
            dev: true,
            no_sample: true,
            today: today.map(|today| today.to_string()),
            ..Flags::default()
        };
        let config = Config::read(&flags).map_err(|mistakes| config::refused(&mistakes))?;
        let opened = Scratch::begin(&config).await;
        opened.map_err(|error| {
            Failure::of("cannot open the registry in the scratch directory", &error).with_usage(error.is_wrong_place())
        })
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        // What cannot be removed is in a directory that only its owner can read.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
