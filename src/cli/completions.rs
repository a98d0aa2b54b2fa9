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

/// The first state of the script for bash, and its name where the generator takes the hyphen for a blank.
const STATE: &str = "cpss__registry";
const STATE_OF_TWO: &str = "cpss__subcmd__registry";

impl Completions {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "cpss-registry", &mut script);
        let script = String::from_utf8_lossy(&script);
        // The generator names the states of bash in two ways, because the name of the program has a hyphen.
        let script = if self.shell == Shell::Bash { script.replace(STATE_OF_TWO, STATE) } else { script.into_owned() };
        print_raw(&script)?;
        Ok(Outcome::Done)
    }
}
