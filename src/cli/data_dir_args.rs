//! The data directory of commands that work without a server.

use std::path::PathBuf;

use super::failure::Failure;
use super::{config, personal};
use crate::server::config::{Config, Flags};

/// The flags for the data directory.
#[derive(Debug, clap::Args)]
pub struct DataDirArgs {
    /// The data directory [default: the one in the configuration, or /var/lib/cpss-registry]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Read the data directory from this configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
}

impl DataDirArgs {
    /// The flags of the configuration.
    pub fn flags(&self) -> Flags {
        Flags { data_dir: self.data_dir.clone(), config: self.config.clone(), ..Flags::default() }
    }

    /// True if a flag names the directory or the configuration.
    pub fn is_given(&self) -> bool {
        self.data_dir.is_some() || self.config.is_some()
    }

    /// The data directory.
    pub fn data_dir(&self) -> Result<PathBuf, Failure> {
        Config::read_data_dir(&self.flags()).map_err(|mistakes| config::refused(&mistakes))
    }
}

/// The flags of commands that change the database of a shared log, from the data directory of a replica.
#[derive(Debug, clap::Args)]
pub struct SharedLogArgs {
    /// The configuration of the replica
    #[arg(long, value_name = "FILE")]
    config: String,
    /// Take the records from this data directory [default: the one in the configuration]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

impl SharedLogArgs {
    /// The flags of the configuration.
    pub fn flags(&self) -> Flags {
        Flags { data_dir: self.data_dir.clone(), config: Some(self.config.clone()), ..Flags::default() }
    }

    /// Asks whether to go on, unless that was said. A failure if not.
    pub fn require_confirmed(&self, question: &str) -> Result<(), Failure> {
        if self.yes { Ok(()) } else { ask_whether(question) }
    }
}

/// Asks whether to do what cannot be undone. A failure if not, or if nobody answers.
pub fn ask_whether(question: &str) -> Result<(), Failure> {
    match personal::confirmed(question)? {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::interrupted("nothing was done")),
        None => Err(Failure::usage(vec!["nothing was done: confirm with --yes".to_owned()])),
    }
}
