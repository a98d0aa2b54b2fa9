//! Backups and restores that are interrupted.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::super::*;
use super::{HEAD, Scene, commit, later, options};
use crate::store::progress::OnStep;
use crate::store::{OpenError, OpenMode, Store, StoreOptions};

/// Interrupts an operation at step number `at`, as a kill would. Returns false if the operation ended before that step.
fn interrupt(at: usize, work: impl FnOnce(&mut OnStep<'_>)) -> bool {
    let mut steps = 0;
    let result = catch_unwind(AssertUnwindSafe(|| {
        work(&mut |_| {
            steps += 1;
            assert!(steps <= at, "interrupted");
        });
    }));
    result.is_err()
}

/// Copies a directory, if it exists.
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
fn a_backup_interrupted_at_any_step_is_incomplete_and_can_be_repeated() {
    let scene = Scene::new();
    let mut cuts = 0;
    for at in 0.. {
        let target = scene.at(&format!("backup-{at}"));
        if !interrupt(at, |on_step| drop(backup(&scene.data(), &target, on_step))) {
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
fn a_restore_interrupted_at_any_step_is_incomplete_and_can_be_repeated() {
    let scene = Scene::new();
    scene.backup();
    let mut cuts = 0;
    for at in 0.. {
        let (data_dir, killed) = (scene.at(&format!("failed-{at}")), scene.at(&format!("killed-{at}")));
        let mut steps = 0;
        let was_interrupted = interrupt(at, |on_step| {
            let on_step = &mut |step| {
                // The directory as a kill at this step would leave it.
                if steps == at {
                    copy(&data_dir, &killed);
                }
                steps += 1;
                on_step(step);
            };
            drop(restore(&scene.at("backup"), &data_dir, Cut::Nowhere, later(), on_step));
        });
        if !was_interrupted {
            break;
        }
        assert!(!data_dir.exists(), "a restore that fails leaves nothing behind");
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
