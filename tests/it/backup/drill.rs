//! A restore is rehearsed: in a scratch directory, with answers that are compared.

use std::fs;
use std::path::Path;

use super::{json_of, run, text};
use crate::harness::keys::{IDENTITY, RECIPIENT};
use crate::harness::{Process, TODAY};

/// True if nothing is in a directory.
fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().next().is_none()
}

#[test]
fn a_drill_compares_a_backup_with_its_own_record_and_with_a_server_and_leaves_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let [data, target, within, key] = ["data", "backup", "within", "key.txt"].map(|name| scratch.path().join(name));
    fs::create_dir(&within).unwrap();
    fs::write(&key, IDENTITY).unwrap();
    json_of(&["generate", "--specialists", "60", "--through", "2026-02-27", "--data-dir", text(&data)]);
    json_of(&["backup", text(&target), "--data-dir", text(&data)]);
    let drill = ["restore-drill", text(&target), "--within", text(&within), "--credentials", "20"];
    let report = json_of(&drill);
    assert_eq!(report["fine"], true, "{report}");
    assert!(report["questions"].as_u64().unwrap() >= 40, "{report}");
    assert!(report["recovery_seconds"].as_f64().unwrap() > 0.0, "{report}");
    assert!(is_empty(&within));

    let process = Process::spawn_with(&data, TODAY, &["--backup-recipients", RECIPIENT]);
    let endpoint = format!("http://{}", process.listening());
    let report = json_of(&[&drill[..], &["--endpoint", &endpoint, "--as", "auditor"]].concat());
    assert_eq!((&report["fine"], &report["compared_with_server"]), (&true.into(), &report["questions"]), "{report}");
    let file = scratch.path().join("backup.tar.age");
    json_of(&["backup", text(&file), "--endpoint", &endpoint, "--as", "operator"]);
    let encrypted = ["restore-drill", text(&file), "--identity", text(&key), "--within", text(&within)];
    assert_eq!(json_of(&encrypted)["fine"], true);
    process.stop();
    assert!(is_empty(&within));
}

#[test]
fn a_drill_fails_on_a_damaged_backup_and_beside_another_registry() {
    let scratch = tempfile::tempdir().unwrap();
    let [data, other, target, within] = ["data", "other", "backup", "within"].map(|name| scratch.path().join(name));
    fs::create_dir(&within).unwrap();
    for (place, seed) in [(&data, "1"), (&other, "2")] {
        let generated = ["generate", "--specialists", "60", "--through", "2026-02-27", "--seed", seed];
        json_of(&[&generated[..], &["--data-dir", text(place)]].concat());
    }
    json_of(&["backup", text(&target), "--data-dir", text(&data)]);
    let drill = ["restore-drill", text(&target), "--within", text(&within)];
    let process = Process::spawn(&other, TODAY);
    let endpoint = format!("http://{}", process.listening());
    let differs = run(&[&drill[..], &["--endpoint", &endpoint, "--as", "auditor"]].concat());
    assert!(differs.code == 1 && differs.out.contains("another answer than the server's"), "{}", differs.out);
    process.stop();
    // A flag of the connection alone means a server, too.
    let called = run(&[&drill[..], &["--token-file", text(&scratch.path().join("token"))]].concat());
    assert!(called.code == 2 && called.err.contains("--token-file: requires https"), "{}{}", called.out, called.err);
    let local = scratch.path().join("local");
    let called = run(&["backup", text(&local), "--data-dir", text(&data), "--as", "operator"]);
    assert!(called.code == 2 && called.err.contains("from a server"), "{}", called.err);
    assert!(!local.exists(), "no backup that is not encrypted");
    let segment = target.join("log/00000000000000000001.log");
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x20;
    fs::write(&segment, bytes).unwrap();
    let damaged = run(&drill);
    assert!(damaged.code == 1 && damaged.err.contains("its digest differs"), "{}", damaged.err);
    assert!(is_empty(&within));
}
