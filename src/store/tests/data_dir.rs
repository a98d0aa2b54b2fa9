//! What a data directory may contain when it is opened, and what remains of an unfinished registry.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::data_dir::DataDirError;
use super::record;
use crate::store::{OpenError, OpenMode, Store, StoreOptions};

fn open(directory: &Path, mode: OpenMode) -> Result<Store, DataDirError> {
    let options = StoreOptions { mode, ..StoreOptions::default() };
    Store::open(directory, options, &mut |_| {}).map_err(|refused| match refused {
        OpenError::DataDir(refused) => refused,
        other => panic!("{other}"),
    })
}

fn names(directory: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}

const NEW: OpenMode = OpenMode::New("test");

/// Completes a new registry with its first record.
fn finish(mut store: Store) {
    store.commit(&[record(1)]).unwrap();
    store.finish().unwrap();
}

/// A registry that was unfinished when its process was killed.
fn interrupted(directory: &Path) {
    let mut store = open(directory, NEW).unwrap();
    std::mem::forget(store.take_unfinished());
    fs::write(directory.join("index/half-made"), "").unwrap();
    // A killed process releases its lock.
    fs::remove_file(directory.join("LOCK")).unwrap();
}

#[test]
fn opening_requires_a_registry_and_creates_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let missing = scratch.path().join("missing");
    let refused = open(&missing, OpenMode::Existing).err().unwrap();
    assert!(matches!(refused, DataDirError::Missing(_)) && refused.is_no_registry(), "{refused}");
    assert!(!missing.exists());

    let empty = scratch.path().join("empty");
    fs::create_dir_all(empty.join("lost+found")).unwrap();
    let refused = open(&empty, OpenMode::Existing).err().unwrap();
    assert!(matches!(refused, DataDirError::Empty(_)) && refused.is_no_registry(), "{refused}");
    assert!(refused.to_string().contains("is the disk mounted?"), "{refused}");
    assert_eq!(names(&empty), [empty.join("lost+found")]);
}

#[test]
fn a_new_registry_needs_an_empty_directory() {
    let scratch = tempfile::tempdir().unwrap();
    let foreign = scratch.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("thesis.odt"), "mine").unwrap();
    for mode in [OpenMode::Existing, NEW, OpenMode::ExistingOrNew("test")] {
        let refused = open(&foreign, mode).err().unwrap();
        assert!(refused.is_no_registry() && refused.to_string().contains("thesis.odt"), "{refused}");
        assert_eq!(names(&foreign), [foreign.join("thesis.odt")]);
    }
    // A command that creates a registry does not report that one is missing.
    for (name, contents) in
        [("thesis.odt", "something else (thesis.odt)"), ("MANIFEST", "a backup"), ("UNFINISHED", "what `other` left")]
    {
        let taken = scratch.path().join(format!("with {name}"));
        fs::create_dir(&taken).unwrap();
        fs::write(taken.join(name), "other\n").unwrap();
        let refused = open(&taken, NEW).err().unwrap().to_string();
        let expected = format!("the data directory {} is not empty, it contains {contents}", taken.display());
        assert!(refused.starts_with(&expected), "{refused}");
    }

    let registry = scratch.path().join("registry");
    fs::create_dir_all(registry.join("lost+found")).unwrap();
    finish(open(&registry, NEW).unwrap());
    assert!(registry.join("lost+found").is_dir() && !registry.join("UNFINISHED").exists());
    let refused = open(&registry, NEW).err().unwrap();
    assert!(matches!(refused, DataDirError::HoldsRegistry(_)), "{refused}");
    open(&registry, OpenMode::Existing).unwrap();
}

#[test]
fn a_new_registry_that_is_not_finished_leaves_nothing_behind() {
    let scratch = tempfile::tempdir().unwrap();
    drop(open(&scratch.path().join("a/b/c"), NEW).unwrap());
    assert_eq!(names(scratch.path()), [] as [PathBuf; 0], "the directories above it are removed too");

    let there = scratch.path().join("there");
    fs::create_dir_all(there.join("lost+found")).unwrap();
    drop(open(&there, NEW).unwrap());
    assert_eq!(names(&there), [there.join("lost+found")]);
}

#[test]
fn an_interrupted_registry_is_reported_and_only_the_same_command_starts_again() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("data");
    interrupted(&directory);
    for mode in [OpenMode::Existing, OpenMode::New("another"), OpenMode::ExistingOrNew("another")] {
        let refused = open(&directory, mode).err().unwrap();
        assert!(refused.is_no_registry() && refused.to_string().contains("`test`"), "{refused}");
        assert!(directory.join("index/half-made").exists());
    }
    finish(open(&directory, OpenMode::ExistingOrNew("test")).unwrap());
    assert!(!directory.join("index/half-made").exists(), "the unfinished part is removed");
    open(&directory, OpenMode::Existing).unwrap();
}
