//! The program `cpss-registry`: parses its command line, runs the command, and exits.

use std::process::ExitCode;

/// A command is allocated on one thread and freed on another. The system's allocator makes such threads contend.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cpss_registry::cli::run(std::env::args_os())
}
