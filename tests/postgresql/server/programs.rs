//! The programs of PostgreSQL, run by a user without rights.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Debian's user without rights. PostgreSQL refuses to run as root.
pub const NOBODY: u32 = 65_534;

/// Runs a program, and ends it with a signal when the input ends.
const UNTIL_THE_INPUT_ENDS: &str = r#"
    signal=$1
    shift
    exec 3<&0
    "$@" </dev/null 3<&- &
    program=$!
    { read -r _ <&3; kill -"$signal" "$program"; } &
    watch=$!
    wait "$program"
    status=$?
    kill "$watch"
    exit "$status""#;

const DEBIAN: &str = "/usr/lib/postgresql";

/// The directory of the programs: `CPSS_POSTGRESQL_BIN`, or the newest version that Debian has installed.
pub fn directory() -> PathBuf {
    if let Some(directory) = env::var_os("CPSS_POSTGRESQL_BIN") {
        return directory.into();
    }
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let version = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let newest = versions.filter_map(version).max();
    let newest = newest.unwrap_or_else(|| {
        panic!("no PostgreSQL in {DEBIAN}: run `apt-get install postgresql`, or set CPSS_POSTGRESQL_BIN")
    });
    Path::new(DEBIAN).join(newest.to_string()).join("bin")
}

/// False if the server's programs were built without TLS: `CPSS_POSTGRESQL_TLS=off`. Then its connections, which never
/// leave this machine, are plain.
pub fn have_tls() -> bool {
    env::var_os("CPSS_POSTGRESQL_TLS").is_none_or(|value| value != "off")
}

/// The path of a program of PostgreSQL.
pub fn path(name: &str) -> PathBuf {
    directory().join(name)
}

/// A program of PostgreSQL.
pub fn program(name: &str) -> Command {
    unprivileged(path(name))
}

/// A program that runs without rights and without the environment of the test.
pub fn unprivileged(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/bin:/bin").current_dir("/").stdin(Stdio::null());
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Gives a file to the user that the programs run as.
pub fn give(path: &Path) {
    if rustix::process::geteuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

/// Runs a program to its end. It must succeed.
pub fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {said}", output.status);
}

/// Writes a file that only the user of the programs can read.
pub fn write(path: &Path, contents: &str) {
    fs::write(path, contents).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    give(path);
}

/// A program that ends when its input does: at the latest with the process of the test, even if that is killed. Then it
/// gets the signal.
pub fn leashed(program: &Path, signal: &str) -> Command {
    let mut command = unprivileged("sh");
    command.args(["-c", UNTIL_THE_INPUT_ENDS, "sh", signal]).arg(program).stdin(Stdio::piped());
    command
}
