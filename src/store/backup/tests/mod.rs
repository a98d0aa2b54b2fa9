//! Backups and restores of a small log in segments of a few frames each.

mod archives;
mod interrupted;
mod loss;
mod redaction;
mod ship;
mod signing_keys;

use std::fs;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::domain::day::Day;
use crate::domain::fact::{Fact, RegistryFact, Reporter};
use crate::domain::record::{Foreseen, Record};
use crate::store::check::check;
use crate::store::engine::log_engine;
use crate::store::log::{Extent, LogOptions};
use crate::store::{OpenError, OpenMode, Store, StoreOptions, record, registry_id};

const HEAD: u64 = 20;

fn options() -> StoreOptions {
    let log = LogOptions { segment_bytes: 1_100, reserve_bytes: 0, reserve_percent: 0, ..LogOptions::default() };
    StoreOptions { log, ..StoreOptions::default() }
}

fn instant(revision: u64) -> Timestamp {
    Timestamp::from_second(1_000 * i64::try_from(revision).unwrap()).unwrap()
}

fn later() -> Timestamp {
    instant(1_000_000)
}

fn dated(revision: u64, fact: RegistryFact) -> Record {
    Record {
        revision: Revision(revision),
        recorded_at: instant(revision),
        reporter: Reporter::registry(),
        request: None,
        note: "a note that takes a little room in the frame".into(),
        facts: vec![Fact::Registry(fact)],
        changes: Vec::new(),
        foreseen: Foreseen::default(),
        specialist_count: 0,
    }
}

fn numbered(revision: u64) -> Record {
    dated(revision, RegistryFact::DayOpened { date: Day::from_number(i32::try_from(revision).unwrap()) })
}

const FIRST_EPOCH: Uuid = Uuid::from_u128(1);

fn began() -> Record {
    let why = "the registry began".to_owned();
    dated(1, RegistryFact::EpochBegan { epoch: FIRST_EPOCH, forked_after: Revision::ZERO, why })
}

fn commit(data_dir: &Path, batches: &[Vec<Record>]) {
    let options = StoreOptions { mode: OpenMode::ExistingOrNew("test"), ..options() };
    let mut store = Store::open(data_dir, options, &mut |_| {}).unwrap();
    store.finish().unwrap();
    for batch in batches {
        let index = std::sync::Arc::clone(store.index());
        let mut pending = index.pending().unwrap();
        batch.iter().for_each(|record| pending.add(record).unwrap());
        store.commit(batch).unwrap();
        index.fold(pending).unwrap();
    }
    store.close().unwrap();
}

/// A registry of twenty records in batches of three, and directories for backups and restores of it.
struct Scene {
    scratch: TempDir,
}

impl Scene {
    fn new() -> Scene {
        let scene = Scene { scratch: tempfile::tempdir().unwrap() };
        let records: Vec<_> = std::iter::once(began()).chain((2..=HEAD).map(numbered)).collect();
        commit(&scene.data(), &records.chunks(3).map(<[Record]>::to_vec).collect::<Vec<_>>());
        scene
    }

    fn at(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn data(&self) -> PathBuf {
        self.at("data")
    }

    fn backup(&self) -> Taken {
        backup(&self.data(), &self.at("backup"), &mut |_| {}).unwrap()
    }

    fn restore(&self, name: &str, cut: Cut) -> Result<Restored, BackupError> {
        restore(&self.at("backup"), &self.at(name), cut, later(), &mut |_| {})
    }
}

fn bytes_of(data_dir: &Path) -> Vec<Vec<u8>> {
    let log = log_engine(data_dir, LogOptions::default()).offline(Extent::Whole).unwrap();
    log.read(Revision(1), Revision::LATEST).map(|read| read.unwrap().1).collect()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Each registry has its own salts, so two registries with the same records have different histories.
#[test]
fn a_segment_of_another_history_is_detected_by_a_check_a_backup_and_an_accepted_loss() {
    let (scene, other) = (Scene::new(), Scene::new());
    let mut segments = files(&scene.data().join("log"));
    segments.retain(|path| path.extension().is_some());
    let name = segments[1].file_name().unwrap().to_owned();
    fs::copy(other.data().join("log").join(&name), &segments[1]).unwrap();
    let first: u64 = segments[1].file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let checked = check(&scene.data(), &options(), &mut |_| {}).unwrap();
    let [found] = checked.findings.as_slice() else { panic!("{:?}", checked.findings) };
    assert_eq!(found.reason, "the chain does not follow the frame before it");
    let refused = backup(&scene.data(), &scene.at("backup"), &mut |_| {}).unwrap_err();
    assert!(refused.to_string().contains("chain"), "{refused}");
    let refused = accept_loss(&scene.data(), Revision(HEAD), later()).unwrap_err();
    assert!(matches!(refused, LossError::NotTheEnd { readable, .. } if readable == Revision(first - 1)), "{refused}");
}

#[test]
fn a_restore_to_a_revision_inside_a_frame_keeps_the_chain() {
    let scene = Scene::new();
    scene.backup();
    let chain = |data_dir: &Path, last: usize| {
        let digests = bytes_of(data_dir).into_iter().take(last).map(|bytes| record::digest(&bytes).unwrap());
        digests.fold(record::Tip::ORIGIN, |tip, digest| tip.follow(&digest))
    };
    for last in [7, 8, 9, 10] {
        let name = format!("restored-{last}");
        scene.restore(&name, Cut::After(Revision(last as u64))).unwrap();
        assert_eq!(chain(&scene.at(&name), last), chain(&scene.data(), last));
        let checked = check(&scene.at(&name), &options(), &mut |_| {}).unwrap();
        assert_eq!(checked.findings, []);
    }
}

#[test]
fn a_restored_registry_continues_in_a_new_epoch() {
    let scene = Scene::new();
    let taken = scene.backup();
    assert!(taken.copied > 3 && !taken.is_online, "{taken:?}");
    let Manifest { head, recorded_at, epoch, .. } = taken.manifest;
    assert_eq!((head, recorded_at, epoch), (Revision(HEAD), instant(HEAD), FIRST_EPOCH));
    let restored = scene.restore("restored", Cut::Nowhere).unwrap();
    assert_eq!((restored.forked_after, restored.head), (Revision(HEAD), Revision(HEAD + 1)));
    assert_ne!(restored.epoch, FIRST_EPOCH);
    assert_eq!(restored.registry, FIRST_EPOCH, "it is the same registry");
    assert_eq!(registry_id(&scene.at("restored")).unwrap(), FIRST_EPOCH);

    let (before, after) = (bytes_of(&scene.data()), bytes_of(&scene.at("restored")));
    assert_eq!(after[..20], before[..], "byte for byte");
    let last = record::decode(restored.head, &after[20]).unwrap();
    let why = "restored from a backup".to_owned();
    let began = RegistryFact::EpochBegan { epoch: restored.epoch, forked_after: Revision(HEAD), why };
    assert_eq!((last.facts, last.recorded_at), (vec![Fact::Registry(began)], later()));
    commit(
        &scene.at("restored"),
        &[vec![Record { recorded_at: later() + SignedDuration::from_secs(1), ..numbered(22) }]],
    );
    let key = |data_dir: PathBuf| fs::read(data_dir.join("keys/request.key")).unwrap();
    assert_eq!(key(scene.at("restored")), key(scene.data()), "repeated requests are still recognized");
}

#[test]
fn a_history_is_cut_after_any_revision_and_at_any_time() {
    let scene = Scene::new();
    scene.backup();
    let before = bytes_of(&scene.data());
    for last in 1..=HEAD {
        let at = usize::try_from(last).unwrap();
        let by_time = Cut::At(instant(last) + SignedDuration::from_secs(999));
        for (cut, name) in [(Cut::After(Revision(last)), format!("to-{last}")), (by_time, format!("at-{last}"))] {
            let restored = scene.restore(&name, cut).unwrap();
            assert_eq!((restored.forked_after, restored.known_until), (Revision(last), instant(last)));
            let after = bytes_of(&scene.at(&name));
            assert_eq!(after.len(), at + 1);
            assert_eq!(after[..at], before[..at], "byte for byte, also within a batch");
            commit(&scene.at(&name), &[]);
        }
    }
    for asked in [0, HEAD + 1] {
        let refused = scene.restore("no-such", Cut::After(Revision(asked))).unwrap_err();
        assert!(matches!(refused, BackupError::NoSuchRevision { .. }), "{refused}");
        assert!(!scene.at("no-such").exists());
    }
    let too_early = scene.at("new/too-early");
    assert!(matches!(scene.restore("new/too-early", Cut::At(instant(0))), Err(BackupError::AllLater)));
    assert!(!too_early.parent().unwrap().exists(), "a restore that fails leaves nothing behind");
    fs::create_dir_all(too_early.join("lost+found")).unwrap();
    assert!(matches!(scene.restore("new/too-early", Cut::At(instant(0))), Err(BackupError::AllLater)));
    assert_eq!(fs::read_dir(&too_early).unwrap().count(), 1, "and nothing in an existing directory");
    scene.restore("new/too-early", Cut::Nowhere).unwrap();
}

#[test]
fn the_new_epoch_is_dated_after_the_last_record_even_if_the_clock_is_behind() {
    let scene = Scene::new();
    scene.backup();
    let behind = restore(&scene.at("backup"), &scene.at("behind"), Cut::Nowhere, instant(3), &mut |_| {}).unwrap();
    let last = record::decode(behind.head, bytes_of(&scene.at("behind")).last().unwrap()).unwrap();
    assert_eq!(last.recorded_at, instant(HEAD) + SignedDuration::from_micros(1));
}

#[test]
fn a_changed_or_shortened_or_missing_file_is_refused() {
    let scene = Scene::new();
    scene.backup();
    // The lock is no part of the backup.
    let parts = files(&scene.at("backup")).into_iter().filter(|file| !file.ends_with("LOCK"));
    for (at, file) in parts.enumerate() {
        let whole = fs::read(&file).unwrap();
        for offset in [0, whole.len() / 2, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[offset] ^= 0x04;
            fs::write(&file, changed).unwrap();
            let refused = scene.restore(&format!("changed-{at}-{offset}"), Cut::Nowhere).unwrap_err();
            assert!(matches!(refused, BackupError::Verify(_)), "{file:?} {offset}: {refused}");
        }
        for shortened in [&whole[..whole.len() - 1], &[]] {
            fs::write(&file, shortened).unwrap();
            let refused = scene.restore(&format!("short-{at}"), Cut::Nowhere);
            // Only the last line feed of the manifest may be missing.
            assert!(refused.is_err() || file.ends_with("MANIFEST"), "{file:?}");
        }
        fs::remove_file(&file).unwrap();
        let refused = scene.restore("missing", Cut::Nowhere).unwrap_err();
        assert!(matches!(refused, BackupError::Verify(_)), "{refused}");
        fs::write(&file, whole).unwrap();
    }
    scene.restore("right-again", Cut::Nowhere).unwrap();
}

#[test]
fn a_directory_with_other_contents_is_refused() {
    let scene = Scene::new();
    scene.backup();
    let refused = scene.restore("data", Cut::Nowhere).unwrap_err();
    assert!(matches!(refused, BackupError::DataDir(DataDirError::HoldsRegistry(_))), "{refused}");
    fs::create_dir(scene.at("other")).unwrap();
    fs::write(scene.at("other").join("note"), "mine").unwrap();
    let refused = backup(&scene.data(), &scene.at("other"), &mut |_| {}).unwrap_err();
    assert!(matches!(refused, BackupError::TargetTaken(_)), "{refused}");
    let refused = backup(&scene.at("nowhere"), &scene.at("b"), &mut |_| {}).unwrap_err();
    assert!(matches!(refused, BackupError::DataDir(DataDirError::Missing(_))), "{refused}");
    assert!(!scene.at("nowhere").exists() && !scene.at("b").exists());
}

#[test]
fn a_backup_and_a_data_directory_must_be_separate() {
    let scene = Scene::new();
    scene.backup();
    let before = (files(&scene.data()), files(&scene.at("backup")));
    let link = scene.at("link");
    std::os::unix::fs::symlink(scene.data(), &link).unwrap();
    for target in ["data", "data/backup", "data/../data/a/b", "link", "link/a", "", "data2/../data", "data2/../link/a"]
    {
        let refused = backup(&scene.data(), &scene.at(target), &mut |_| {}).unwrap_err();
        assert!(refused.is_usage(), "{target}: {refused}");
        let (target, data) = (scene.at(target), scene.data());
        let both = format!("the backup {} and the data directory {} ", target.display(), data.display());
        assert!(refused.to_string().starts_with(&both), "{refused}");
    }
    for name in ["backup", "backup/data", ""] {
        let refused = scene.restore(name, Cut::Nowhere).unwrap_err();
        assert!(refused.is_usage(), "{name}: {refused}");
    }
    assert_eq!((files(&scene.data()), files(&scene.at("backup"))), before);
    // A directory whose name only begins like the other's is separate.
    backup(&scene.data(), &scene.at("data2"), &mut |_| {}).unwrap();
}

#[test]
fn a_backup_that_does_not_exist_is_refused_with_its_path() {
    let scene = Scene::new();
    let refused = scene.restore("restored", Cut::Nowhere).unwrap_err();
    let BackupError::Verify(VerifyError::Manifest { source, .. }) = &refused else { panic!("{refused}") };
    let message = format!("{refused}: {source}");
    assert_eq!(
        message,
        format!("{} cannot be used: it does not exist: is its disk mounted?", scene.at("backup").display())
    );
    fs::create_dir(scene.at("backup")).unwrap();
    let refused = scene.restore("restored", Cut::Nowhere).unwrap_err();
    let BackupError::Verify(VerifyError::Manifest { source, .. }) = &refused else { panic!("{refused}") };
    assert!(source.to_string().starts_with("it has no MANIFEST"), "{source}");
}

#[test]
fn a_later_backup_into_the_same_directory_copies_only_what_is_new() {
    let scene = Scene::new();
    let first = scene.backup();
    let manifest = fs::read(scene.at("backup/MANIFEST")).unwrap();
    let again = scene.backup();
    assert_eq!((again.copied, again.kept), (0, first.copied));
    commit(&scene.data(), &[(HEAD + 1..=HEAD + 12).map(numbered).collect()]);
    let later = scene.backup();
    assert_eq!(later.manifest.head, Revision(HEAD + 12));
    assert!(later.kept >= first.copied - 1 && later.copied >= 1, "{later:?}");

    // If a later backup is interrupted before it writes its manifest, the earlier one is still valid.
    let newer = fs::read(scene.at("backup/MANIFEST")).unwrap();
    fs::write(scene.at("backup/MANIFEST"), manifest).unwrap();
    assert_eq!(scene.restore("earlier", Cut::Nowhere).unwrap().forked_after, Revision(HEAD));
    fs::write(scene.at("backup/MANIFEST"), newer).unwrap();

    // A file that is corrupted in the backup is copied again.
    let corrupted = scene.at("backup/log/00000000000000000001.log");
    let whole = fs::read(&corrupted).unwrap();
    fs::write(&corrupted, [&whole[..30], b"?", &whole[31..]].concat()).unwrap();
    assert_eq!(scene.backup().copied, 1);
    assert_eq!(fs::read(&corrupted).unwrap(), whole);

    // A backup of another registry, or of an abandoned history, is refused.
    let other = Scene::new();
    let refused = backup(&other.data(), &scene.at("backup"), &mut |_| {}).unwrap_err();
    assert!(matches!(refused, BackupError::OtherHistory(_)), "{refused}");
    scene.restore("forked", Cut::After(Revision(5))).unwrap();
    let refused = backup(&scene.at("forked"), &scene.at("backup"), &mut |_| {}).unwrap_err();
    assert!(matches!(refused, BackupError::OtherHistory(_)), "{refused}");
    scene.restore("still-good", Cut::Nowhere).unwrap();
}

#[test]
fn without_the_request_key_nothing_is_copied_or_checked() {
    let scene = Scene::new();
    let key = scene.data().join("keys/request.key");
    for (fault, damage) in [
        ("is not 32 bytes long", (|key| fs::write(key, "short")) as fn(&Path) -> io::Result<()>),
        ("is missing", |key| fs::remove_file(key)),
    ] {
        damage(&key).unwrap();
        let on_step = &mut |_| panic!("nothing is read before the key is");
        let not_copied = backup(&scene.data(), &scene.at("backup"), on_step).unwrap_err().to_string();
        let not_checked = check(&scene.data(), &options(), on_step).unwrap_err().to_string();
        for refusal in [not_copied, not_checked] {
            assert!(refusal.starts_with(&format!("{} {fault}: copy it from a backup", key.display())), "{refusal}");
            assert!(refusal.contains("`serve --new-request-key`"), "{refusal}");
        }
        assert!(!scene.at("backup").exists());
    }
}

#[test]
fn a_backup_is_not_served_as_a_registry() {
    let scene = Scene::new();
    scene.backup();
    let refused = Store::open(&scene.at("backup"), options(), &mut |_| {}).map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::DataDir(DataDirError::IsBackup(_))), "{refused}");
}

#[test]
fn a_damaged_source_is_not_backed_up() {
    let scene = Scene::new();
    let segment = files(&scene.data().join("log")).remove(1);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[40] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let refused = backup(&scene.data(), &scene.at("backup"), &mut |_| {}).unwrap_err();
    let name = segment.file_name().unwrap().to_str().unwrap();
    assert_eq!(refused.to_string(), format!("log segment {name} is damaged at byte 0: the checksum is wrong"));
    assert!(matches!(scene.restore("none", Cut::Nowhere), Err(BackupError::Verify(VerifyError::Manifest { .. }))));
    assert_eq!(fs::read(&segment).unwrap(), bytes, "the source is unchanged");
}
