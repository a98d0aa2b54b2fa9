//! Another clock for a program.

use std::fs;
use std::path::PathBuf;

/// The library that gives a program another clock, from Debian's package `faketime`, if it is installed.
pub fn clock_library() -> Option<PathBuf> {
    let places = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    places.map(|place| place.path().join("faketime/libfaketime.so.1")).find(|path| path.exists())
}
