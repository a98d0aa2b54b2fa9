//! `completions`: the definitions that let a shell complete commands and flags.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::failure::Failure;
use super::{Arguments, Outcome, print_raw};

/// Print the completions of commands and flags for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

const EXAMPLE: &str = "\
Examples:
  mkdir -p ~/.local/share/bash-completion/completions
  cpss-registry completions bash >~/.local/share/bash-completion/completions/cpss-registry
  cpss-registry completions zsh >_cpss-registry      # then move it to a directory of $fpath
  cpss-registry completions fish >cpss-registry.fish # then move it to ~/.config/fish/completions";

impl Completions {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "cpss-registry", &mut script);
        print_raw(&String::from_utf8_lossy(&script))?;
        Ok(Outcome::Done)
    }
}
