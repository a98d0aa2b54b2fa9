//! Backups and restores that end before they are whole.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::super::*;
use super::{HEAD, Scene, commit, later, options};
use crate::store::progress::OnStep;
use crate::store::{OpenError, OpenMode, Store, StoreOptions};

/// Ends a piece of work at its step number `at`, as a kill would; tells whether it had come so far.
fn cut_off(at: usize, work: impl FnOnce(&mut OnStep<'_>)) -> bool {
    let mut steps = 0;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        work(&mut |_| {
            steps += 1;
            assert!(steps <= at, "cut off");
        });
    }));
    ended.is_err()
}

/// Copies a directory as it is, if it is there.
fn copy(from: &Path, to: &Path) {
    let Ok(entries) = fs::read_dir(from) else { return };
    fs::create_dir_all(to).unwrap();
    for entry in entries.map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match from.is_dir() {
            true => copy(&from, &to),
            false => assert!(fs::copy(from, to).is_ok()),
        }
    }
}

#[test]
fn a_backup_that_was_cut_off_at_any_step_is_no_backup_and_is_begun_anew() {
    let scene = Scene::new();
    let mut cuts = 0;
    for at in 0.. {
        let target = scene.at(&format!("backup-{at}"));
        if !cut_off(at, |on_step| drop(backup(&scene.data(), &target, on_step))) {
            break;
        }
        let refused = restore(&target, &scene.at("never"), Cut::Nowhere, later(), &mut |_| {}).unwrap_err();
        assert!(matches!(refused, BackupError::Verify(VerifyError::Manifest { .. })), "{refused}");
        assert!(!scene.at("never").exists());
        backup(&scene.data(), &target, &mut |_| {}).unwrap();
        let restored = restore(&target, &scene.at(&format!("whole-{at}")), Cut::Nowhere, later(), &mut |_| {});
        assert_eq!(restored.unwrap().forked_after, Revision(HEAD));
        cuts += 1;
    }
    assert!(cuts > 3, "{cuts}");
}

#[test]
fn a_restore_that_was_cut_off_at_any_step_is_no_registry_and_is_begun_anew() {
    let scene = Scene::new();
    scene.backup();
    let mut cuts = 0;
    for at in 0.. {
        let (data_dir, killed) = (scene.at(&format!("failed-{at}")), scene.at(&format!("killed-{at}")));
        let mut steps = 0;
        let went_so_far = cut_off(at, |on_step| {
            let on_step = &mut |step| {
                // What a kill would leave at this step.
                if steps == at {
                    copy(&data_dir, &killed);
                }
                steps += 1;
                on_step(step);
            };
            drop(restore(&scene.at("backup"), &data_dir, Cut::Nowhere, later(), on_step));
        });
        if !went_so_far {
            break;
        }
        assert!(!data_dir.exists(), "a restore that breaks off leaves nothing behind");
        if !killed.exists() {
            continue;
        }
        let refused = Store::open(&killed, options(), &mut |_| {}).map(drop).unwrap_err();
        assert!(matches!(refused, OpenError::DataDir(DataDirError::Unfinished { .. })), "{refused}");
        let other = StoreOptions { mode: OpenMode::New("generate"), ..options() };
        assert!(Store::open(&killed, other, &mut |_| {}).is_err(), "another command does not clear it");
        restore(&scene.at("backup"), &killed, Cut::Nowhere, later(), &mut |_| {}).unwrap();
        commit(&killed, &[]);
        cuts += 1;
    }
    assert!(cuts > 3, "{cuts}");
}
