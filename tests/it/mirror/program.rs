//! Running `mirror` as a process.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The maximum time for the process to end by itself.
const PATIENCE: Duration = Duration::from_secs(60);

fn command(file: &Path, registry: SocketAddr, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cpss-registry"));
    command.arg("mirror").arg(file).args(["--endpoint", &format!("http://{registry}")]).args(flags);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Copies everything up to now.
pub fn copy_once(file: &Path, registry: SocketAddr) -> String {
    let output = run(file, registry, &["--once"]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs it to its end.
pub fn run(file: &Path, registry: SocketAddr, flags: &[&str]) -> Output {
    let mut child = command(file, registry, flags).spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().unwrap()
}

/// A running mirror. It is killed when this is dropped.
pub struct Running(Child);

impl Running {
    /// Starts it.
    pub fn start(file: &Path, registry: SocketAddr) -> Running {
        Running(command(file, registry, &[]).stdout(Stdio::null()).spawn().unwrap())
    }

    /// Kills it with SIGKILL and waits for its end.
    pub fn kill(mut self) {
        assert!(self.0.try_wait().unwrap().is_none(), "it goes on until it is killed");
        self.end();
    }

    fn end(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}
