//! Backups as archives: equal to a backup in a directory, and never taken whole if they are not.

use std::io::{self, Cursor};

use super::*;

/// The number of records of a scene.
const ALL: usize = 20;

impl Scene {
    fn archive(&self, kept: &[Listed]) -> (Vec<u8>, Archived) {
        let mut bytes = Vec::new();
        let archived = archive(&self.data(), kept, &mut bytes, &mut |_| {}).unwrap();
        (bytes, archived)
    }

    fn restore_archives(&self, name: &str, archives: &[&[u8]]) -> Result<Restored, BackupError> {
        let archives = archives
            .iter()
            .enumerate()
            .map(|(at, bytes)| Archive { name: format!("archive {at}"), bytes: Box::new(Cursor::new(bytes.to_vec())) });
        restore_archives(archives.collect(), &self.at(name), Cut::Nowhere, later(), &mut |_| {})
    }

    fn go_on(&self, from: u64, to: u64) {
        let records: Vec<_> = (from..=to).map(numbered).collect();
        commit(&self.data(), &records.chunks(3).map(<[Record]>::to_vec).collect::<Vec<_>>());
    }
}

#[test]
fn an_archive_restores_like_a_backup_in_a_directory() {
    let scene = Scene::new();
    let taken = scene.backup();
    let (bytes, archived) = scene.archive(&[]);
    assert_eq!(archived.manifest, taken.manifest);
    assert_eq!((archived.copied, archived.kept), (taken.copied, 0));
    scene.restore("from-directory", Cut::Nowhere).unwrap();
    let restored = scene.restore_archives("from-archive", &[&bytes]).unwrap();
    assert_eq!(restored.forked_after, Revision(HEAD));
    let history = |name: &str| bytes_of(&scene.at(name)).into_iter().take(ALL).collect::<Vec<_>>();
    assert_eq!(history("from-archive"), history("from-directory"));
    assert!(!scene.at("from-archive").join("unpacked").exists());
    let names: Vec<_> = tar::Archive::new(bytes.as_slice())
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().to_str().unwrap().to_owned())
        .collect();
    let listed = taken.manifest.files.iter().map(|file| file.path.as_str()).chain(["MANIFEST"]);
    assert_eq!(names, listed.collect::<Vec<_>>());
}

#[test]
fn a_truncated_or_changed_archive_is_refused_and_leaves_nothing() {
    let scene = Scene::new();
    let (bytes, _) = scene.archive(&[]);
    let is_refused = |archives: &[&[u8]]| {
        let refused = scene.restore_archives("refused", archives).unwrap_err();
        assert!(!scene.at("refused").exists(), "{refused}");
        refused
    };
    let manifest = tar::Archive::new(bytes.as_slice())
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap())
        .find(|entry| entry.path().unwrap() == Path::new("MANIFEST"))
        .map(|entry| size(entry.raw_header_position()))
        .unwrap();
    for end in (0..manifest + 512).step_by(256) {
        // Also where a whole archive of the same registry comes first.
        is_refused(&[&bytes[..end]]);
        is_refused(&[&bytes, &bytes[..end]]);
    }
    for at in (0..manifest).step_by(97) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x08;
        // The zeros that fill a block, and fields of a header that a restore ignores, are not part of the backup.
        let data = is_of_file(&bytes, at);
        if data {
            is_refused(&[&flipped]);
        }
    }
}

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap()
}

fn is_of_file(bytes: &[u8], at: usize) -> bool {
    tar::Archive::new(bytes).entries().unwrap().map(Result::unwrap).any(|entry| {
        let begin = size(entry.raw_file_position());
        (begin..begin + size(entry.size())).contains(&at)
    })
}

#[test]
fn an_archive_since_a_kept_one_sends_no_closed_segment_again_and_restores_the_same() {
    let scene = Scene::new();
    let (first, kept) = scene.archive(&[]);
    scene.go_on(HEAD + 1, HEAD + 15);
    let (since, archived) = scene.archive(&kept.manifest.files);
    let (full, whole) = scene.archive(&[]);
    assert_eq!(archived.manifest, whole.manifest);
    // The last segment of the kept archive may have grown.
    assert!(archived.kept >= kept.copied - 1 && archived.kept > 1, "{archived:?}");
    assert_eq!(archived.copied + archived.kept, whole.copied);
    assert!(since.len() < full.len());
    scene.restore_archives("both", &[&first, &since]).unwrap();
    scene.restore_archives("full", &[&full]).unwrap();
    let history = |name: &str| bytes_of(&scene.at(name)).into_iter().take(ALL + 15).collect::<Vec<_>>();
    assert_eq!(history("both"), history("full"));
    assert_eq!(history("both").len(), ALL + 15);
    let refused = scene.restore_archives("alone", &[&since]).unwrap_err();
    assert!(matches!(refused, BackupError::NeedsEarlier(_)), "{refused}");
}

#[test]
fn a_kept_segment_of_another_history_is_sent() {
    let (scene, other) = (Scene::new(), Scene::new());
    let (_, of_other) = other.archive(&[]);
    let (bytes, archived) = scene.archive(&of_other.manifest.files);
    assert_eq!(archived.kept, 0);
    scene.restore_archives("restored", &[&bytes]).unwrap();
}

#[test]
fn an_archive_cannot_write_outside_of_the_directory() {
    let scene = Scene::new();
    for path in ["../outside", "log/../../outside", "keys/.hidden", "other", "log/a/b"] {
        let mut header = tar::Header::new_ustar();
        // The library itself refuses to write such a name.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(0);
        header.set_cksum();
        let refused = scene.restore_archives("refused", &[header.as_bytes()]).unwrap_err();
        assert!(matches!(refused, BackupError::ForeignEntry { .. }), "{path}: {refused}");
    }
    let mut link = tar::Header::new_ustar();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_path("log/00000000000000000001.log").unwrap();
    link.set_link_name("/etc/passwd").unwrap();
    link.set_size(0);
    link.set_cksum();
    let refused = scene.restore_archives("refused", &[link.as_bytes()]).unwrap_err();
    assert!(matches!(refused, BackupError::ForeignEntry { .. }), "{refused}");
}

#[test]
fn a_reader_that_goes_away_is_noticed_while_its_segments_are_verified() {
    struct GoneAfterTheKeys(Vec<u8>);
    impl io::Write for GoneAfterTheKeys {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let scene = Scene::new();
    let (_, kept) = scene.archive(&[]);
    let mut out = GoneAfterTheKeys(Vec::new());
    let refused = archive(&scene.data(), &kept.manifest.files, &mut out, &mut |_| {}).unwrap_err();
    assert!(matches!(refused, BackupError::Output(_)), "{refused}");
    let mut written = tar::Archive::new(out.0.as_slice());
    let is_segment = |entry: tar::Entry<'_, &[u8]>| entry.path().unwrap().starts_with("log");
    let went_on = written.entries().unwrap().filter_map(Result::ok).any(is_segment);
    assert!(!went_on, "it went on after the first frame");
}

#[test]
fn a_reader_that_goes_away_ends_the_archive() {
    struct Gone;
    impl io::Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let refused = archive(&Scene::new().data(), &[], &mut Gone, &mut |_| {}).unwrap_err();
    assert!(matches!(refused, BackupError::Output(_)), "{refused}");
}
