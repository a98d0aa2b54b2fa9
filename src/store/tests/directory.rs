//! A data directory: its lock, its format, and its key.

use super::*;

#[test]
fn a_directory_is_for_one_process_and_one_format() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).unwrap();
    commit(&mut store, &[record(1)]);
    let refusal = open(directory.path()).err().unwrap().to_string();
    let holder = format!("{} is in use by process {} (", directory.path().display(), std::process::id());
    assert!(refusal.contains(&holder), "{refusal}");
    drop(store);
    fs::write(directory.path().join("FORMAT"), "3\n").unwrap();
    let refusal = open(directory.path()).err().unwrap();
    assert_eq!(
        refusal.to_string(),
        format!(
            "the data directory {} has format 3 but this program supports format 2: start the release that wrote it, or \
             a later one",
            directory.path().display()
        )
    );
    for not_a_format in ["", "one"] {
        fs::write(directory.path().join("FORMAT"), not_a_format).unwrap();
        assert!(matches!(open(directory.path()), Err(OpenError::DataDir(DataDirError::BadFormat(_)))));
    }
    fs::remove_file(directory.path().join("FORMAT")).unwrap();
    assert!(matches!(open(directory.path()), Err(OpenError::DataDir(DataDirError::NotEmpty { .. }))));
}

#[test]
fn the_request_key_is_created_once_for_its_owner_only_and_replaced_only_on_request() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).unwrap();
    commit(&mut store, &[record(1)]);
    let key = *store.request_key();
    drop(store);
    assert_eq!(*open(directory.path()).unwrap().request_key(), key);
    let path = directory.path().join("keys/request.key");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    for (lose, fault) in [
        ((|key| fs::write(key, "short")) as fn(&Path) -> io::Result<()>, "not 32 bytes long"),
        (|key| fs::remove_file(key), "missing"),
        (|key| fs::remove_dir_all(key.parent().unwrap()), "missing"),
    ] {
        lose(&path).unwrap();
        let left = fs::read(&path).ok();
        let refusal = open(directory.path()).err().unwrap().to_string();
        assert!(refusal.contains(&format!("keys/request.key is {fault}")), "{refusal}");
        assert!(refusal.contains("`serve --new-request-key`"), "{refusal}");
        assert_eq!(fs::read(&path).ok(), left, "no key was created");
        let options = StoreOptions { replaces_lost_key: true, ..StoreOptions::default() };
        let new = *Store::open(directory.path(), options, &mut |_| {}).unwrap().request_key();
        assert_ne!(new, key);
        assert_eq!(*open(directory.path()).unwrap().request_key(), new);
    }
}
