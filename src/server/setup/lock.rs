//! The lock of a configuration directory. A change reads the list of clients and replaces it, so that of two at a time
//! one would be lost.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::SetupError;

/// How long a change waits for another one. A change takes a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a change waits before it tries the lock again.
const PAUSE: Duration = Duration::from_millis(10);

/// The right to change a directory. It ends when this value is dropped.
pub(super) struct Lock {
    /// Held, not read.
    _directory: File,
}

/// Locks a directory against other changes. The lock is on the directory itself: a file for it could belong to a user
/// who ran a command once, and another user could not open it.
pub(super) fn take(directory: &Path) -> Result<Lock, SetupError> {
    take_within(directory, PATIENCE)
}

fn take_within(directory: &Path, patience: Duration) -> Result<Lock, SetupError> {
    let disk = |source| SetupError::Disk { path: directory.to_owned(), source };
    let file = File::open(directory).map_err(disk)?;
    let until = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _directory: file }),
            Err(TryLockError::WouldBlock) if Instant::now() < until => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(SetupError::Busy { directory: directory.to_owned(), patience });
            }
            Err(TryLockError::Error(source)) => return Err(disk(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_waits_for_another_one_and_not_forever() {
        let directory = tempfile::tempdir().unwrap();
        let held = take(directory.path()).unwrap();
        let refused = take_within(directory.path(), Duration::from_millis(50));
        assert!(matches!(refused, Err(SetupError::Busy { directory: busy, .. }) if busy == directory.path()));
        thread::scope(|scope| {
            let waits = scope.spawn(|| take(directory.path()).map(drop));
            thread::sleep(Duration::from_millis(50));
            drop(held);
            waits.join().unwrap().unwrap();
        });
    }
}
