//! The data directory of commands that work without a server.

use std::path::PathBuf;

use super::config;
use super::failure::Failure;
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
    /// The data directory.
    pub fn data_dir(&self) -> Result<PathBuf, Failure> {
        let flags = Flags { data_dir: self.data_dir.clone(), config: self.config.clone(), ..Flags::default() };
        Config::read_data_dir(&flags).map_err(|mistakes| config::refused(&mistakes))
    }
}
