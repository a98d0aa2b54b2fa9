//! The CPU time of threads of this process, by the clock of each thread.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

/// The directories of the threads whose names begin so.
fn threads(name: &str) -> impl Iterator<Item = PathBuf> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().filter_map(|task| Some(task.ok()?.path()));
    tasks.filter(move |task| fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.starts_with(name)))
}

/// The CPU time that those threads have taken.
fn cpu(name: &str) -> Duration {
    let nanos = |task: PathBuf| -> Option<u64> {
        fs::read_to_string(task.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    Duration::from_nanos(threads(name).filter_map(nanos).sum())
}

/// The CPU time that the threads of a registry have taken.
#[derive(Clone, Copy)]
pub struct Cpu {
    pub writer: Duration,
    /// The index thread, and those of sled.
    pub index: Duration,
}

impl Cpu {
    pub fn now() -> Cpu {
        Cpu { writer: cpu("writer"), index: cpu("index") + cpu("sled") }
    }

    /// Microseconds since an earlier measurement for each of some commands: of the writer, and of the index.
    pub fn since(self, earlier: Cpu, commands: usize) -> (f64, f64) {
        let each = |time: Duration| time.as_secs_f64() * 1e6 / commands.max(1) as f64;
        (each(self.writer - earlier.writer), each(self.index - earlier.index))
    }
}

/// Waits until those threads have nothing to do, or have ended.
pub fn until_idle(name: &str) {
    let sleeps = |task: PathBuf| {
        let state = fs::read_to_string(task.join("stat")).unwrap_or_default();
        state.rsplit(") ").next().is_none_or(|rest| rest.starts_with('S'))
    };
    let mut before = None;
    loop {
        let now = cpu(name);
        if before == Some(now) && threads(name).all(sleeps) {
            return;
        }
        before = Some(now);
        sleep(Duration::from_millis(100));
    }
}
