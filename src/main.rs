//! The program `cpss-registry`: parses, runs, exits.

use std::process::ExitCode;

fn main() -> ExitCode {
    cpss_registry::cli::run(std::env::args_os())
}
