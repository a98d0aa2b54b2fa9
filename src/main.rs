//! The program `cpss-registry`: parses, runs, exits.

use std::process::ExitCode;

/// A command is made on one thread and done with on another: the system's allocator has such threads wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cpss_registry::cli::run(std::env::args_os())
}
