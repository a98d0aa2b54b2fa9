//! A file of results: there whole or not at all, for its owner only, and in place of another only if that is asked for.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
use uuid::Uuid;

use super::failure::Failure;

/// Where the system shows the open files of a process.
const OPEN_FILES: &str = "/proc/self/fd";

/// A file that has no name until it is whole, so that a command that is interrupted leaves nothing.
#[derive(Debug)]
pub struct NewFile {
    out: BufWriter<File>,
    path: PathBuf,
    /// The name that it gets in the end, in place of another file.
    replaces: Option<PathBuf>,
    /// On file systems without nameless files, it has its name from the beginning and loses it if it is not kept.
    has_name: bool,
    is_whole: bool,
}

impl NewFile {
    /// Begins a file. Fails if there is one at the path.
    pub fn begin(path: &Path) -> io::Result<NewFile> {
        if path.try_exists()? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let nameless = open(parent, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR);
        let (file, has_name) = match nameless {
            Ok(file) if Path::new(OPEN_FILES).is_dir() => (File::from(file), false),
            _ => (OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?, true),
        };
        let (out, path) = (BufWriter::new(file), path.to_owned());
        Ok(NewFile { out, path, replaces: None, has_name, is_whole: false })
    }

    /// Begins a file that takes the place of the one at the path once it is whole.
    pub fn replacing(path: &Path) -> io::Result<NewFile> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}", Uuid::new_v4()));
        let mut file = NewFile::begin(Path::new(&beside))?;
        file.replaces = Some(path.to_owned());
        Ok(file)
    }

    /// Writes a whole file.
    pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = NewFile::begin(path)?;
        file.write_all(bytes)?;
        file.keep()
    }

    /// Gives the file its name, once it is on disk.
    pub fn keep(mut self) -> io::Result<()> {
        self.out.flush()?;
        let file = self.out.get_ref();
        file.sync_all()?;
        if !self.has_name {
            let nameless = format!("{OPEN_FILES}/{}", file.as_raw_fd());
            linkat(CWD, nameless, CWD, self.path.as_path(), AtFlags::SYMLINK_FOLLOW)?;
        }
        if let Some(replaced) = &self.replaces {
            std::fs::rename(&self.path, replaced)?;
        }
        self.is_whole = true;
        Ok(())
    }
}

/// The failure of a file of results that cannot be begun or written.
pub fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::usage(vec![format!("{} already exists: use another file with --out", path.display())])
        }
        _ => Failure::of(format!("cannot write {}", path.display()), error),
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.has_name && !self.is_whole {
            // What remains of it is not whole and was not asked for.
            drop(std::fs::remove_file(&self.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("answers.csv");
        let mut file = NewFile::begin(&path).unwrap();
        file.write_all(b"half").unwrap();
        file.flush().unwrap();
        drop(file);
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
        NewFile::write(&path, b"whole").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(NewFile::write(&path, b"other").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        let mut other = NewFile::replacing(&path).unwrap();
        other.write_all(b"other").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        other.keep().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"other");
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1);
    }
}
