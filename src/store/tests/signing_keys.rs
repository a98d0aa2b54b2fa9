//! The files of the signing keys: made once, rotated with overlap, and kept.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::proof::jws;
use crate::proof::key_ring::SigningKeys;
use crate::proof::keys::Purpose;
use crate::store::signing_keys::{
    RETIRES_AFTER, begin_rotation, copy, finish_rotation, make_missing, read, read_complete,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn keys(directory: &Path) -> Arc<SigningKeys> {
    read_complete(directory).unwrap().signing.unwrap()
}

fn kids(directory: &Path) -> Vec<String> {
    let public = read(directory).unwrap().public;
    let of_answers = public.keys().iter().filter(|key| key.purpose() == Purpose::Answers);
    of_answers.map(|key| key.kid().to_owned()).collect()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn missing_keys_are_made_once_for_their_owner_only() {
    let directory = tempfile::tempdir().unwrap();
    assert!(read(directory.path()).unwrap().signing.is_none());
    assert_eq!(make_missing(directory.path(), at(5)).unwrap(), Purpose::ALL);
    let first = kids(directory.path());
    assert!(make_missing(directory.path(), at(6)).unwrap().is_empty());
    assert_eq!(kids(directory.path()), first);
    assert_eq!(names(directory.path()), ["answers-1.jwk", "answers-1.p8", "checkpoints-1.jwk", "checkpoints-1.p8"]);
    let mode = fs::metadata(directory.path().join("answers-1.p8")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_open_registry_has_keys_and_keeps_them() {
    let directory = tempfile::tempdir().unwrap();
    let kid = |store: &Store| {
        let keys = store.signing_keys(at(9)).unwrap().current().signing.clone().unwrap();
        keys.answers.current.public().kid().to_owned()
    };
    let store = open(directory.path()).unwrap();
    let first = kid(&store);
    assert_eq!(kid(&store), first);
}

#[test]
fn a_rotation_publishes_the_next_key_before_it_signs_and_keeps_the_public_half_of_the_last() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    make_missing(path, at(1)).unwrap();
    let first = kids(path).remove(0);
    let signed = jws::sign(&keys(path).answers.current, jws::ANSWER, br#"{"iat":1000}"#).unwrap();

    let not_begun = finish_rotation(path, Purpose::Answers, at(1001)).unwrap_err().to_string();
    assert!(not_begun.contains("no rotation of the keys of answers has begun"), "{not_begun}");
    let next = begin_rotation(path, Purpose::Answers, at(1001)).unwrap().kid().to_owned();
    assert_eq!(kids(path), [first.clone(), next.clone()], "published, and the first still signs");
    assert!(begin_rotation(path, Purpose::Answers, at(1002)).unwrap_err().to_string().contains("has begun"));

    let (retired, signs) = finish_rotation(path, Purpose::Answers, at(1003)).unwrap();
    assert_eq!((retired.kid(), signs.kid()), (first.as_str(), next.as_str()));
    assert_eq!(kids(path), [next, first], "the current one first");
    assert!(!path.join("answers-1.p8").exists(), "nobody signs with it any more");
    let set = read(path).unwrap().public;
    assert!(jws::verify(&signed, &set).is_ok(), "what it signed is verified as before");
    let end = set.find(retired.kid()).unwrap().retired_at.unwrap();
    assert_eq!(end, 1003 + RETIRES_AFTER.as_secs());
}

#[test]
fn a_replica_takes_over_the_keys_of_all_and_no_longer_has_a_private_half_that_is_gone() {
    let (common, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make_missing(common.path(), at(1)).unwrap();
    copy(common.path(), own.path()).unwrap();
    assert_eq!(kids(own.path()), kids(common.path()));
    begin_rotation(common.path(), Purpose::Answers, at(2)).unwrap();
    finish_rotation(common.path(), Purpose::Answers, at(3)).unwrap();
    copy(common.path(), own.path()).unwrap();
    assert_eq!(kids(own.path()), kids(common.path()));
    assert_eq!(names(own.path()), names(common.path()));
}

#[test]
fn keys_that_sign_stay_in_use_if_their_files_are_gone() {
    let (directory, common) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(directory.path()).unwrap();
    let (own, keys_in) = (store.signing_keys(at(9)).unwrap(), directory.path().join("keys"));
    copy(&keys_in, common.path()).unwrap();
    let before = names(&keys_in);
    let of_replica = KeysInUse::open(&store.directory, (true, Some(common.path())), at(9)).unwrap();
    for (in_use, emptied) in [(of_replica, common.path()), (own, keys_in.as_path())] {
        let signs = in_use.current().signing.clone().unwrap().answers.current.public().clone();
        fs::remove_dir_all(emptied).unwrap();
        let refused = in_use.reload().unwrap_err().to_string();
        assert!(refused.contains("has no keys that sign"), "{refused}");
        let keys = in_use.current();
        assert_eq!(*keys.signing.clone().unwrap().answers.current.public(), signs);
        assert!(keys.public.find(signs.kid()).is_some());
        if emptied == common.path() {
            assert_eq!(names(&keys_in), before, "a directory that is not mounted takes nothing away");
        }
    }
}

#[test]
fn a_key_of_which_only_the_public_half_is_left_is_published_and_not_announced_as_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    make_missing(path, at(1)).unwrap();
    let first = kids(path);
    fs::remove_file(path.join("answers-1.p8")).unwrap();
    assert!(read(path).unwrap().signing.is_none());
    assert_eq!(kids(path), first, "also if nothing can sign");
    begin_rotation(path, Purpose::Answers, at(2)).unwrap();
    assert!(keys(path).answers.next.is_none(), "it can never sign");
    let next = begin_rotation(path, Purpose::Answers, at(3)).unwrap();
    assert_eq!(keys(path).answers.next, Some(next));
    // A key whose making was interrupted is between them.
    begin_rotation(path, Purpose::Checkpoints, at(4)).unwrap();
    fs::remove_file(path.join("checkpoints-2.p8")).unwrap();
    let next = begin_rotation(path, Purpose::Checkpoints, at(5)).unwrap();
    assert_eq!(keys(path).checkpoints.next, Some(next));
    assert_eq!(read(path).unwrap().public.keys().len(), 6);
}

#[test]
fn a_file_of_a_key_that_is_damaged_or_of_another_key_is_named_with_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    make_missing(path, at(1)).unwrap();
    let original = fs::read(path.join("answers-1.p8")).unwrap();
    let refusal = || read(path).unwrap_err().to_string();
    fs::write(path.join("answers-1.p8"), &original[1..]).unwrap();
    assert!(
        refusal().contains("answers-1.p8 cannot be used: it is not a PKCS#8 private key for ES256"),
        "{}",
        refusal()
    );
    let other = tempfile::tempdir().unwrap();
    make_missing(other.path(), at(1)).unwrap();
    fs::copy(other.path().join("answers-1.p8"), path.join("answers-1.p8")).unwrap();
    assert!(refusal().contains("not the private half of the .jwk beside it"), "{}", refusal());
    // The remedy that the message names: a new key, and the public half of the old one stays.
    fs::remove_file(path.join("answers-1.p8")).unwrap();
    assert_eq!(make_missing(path, at(1) + SignedDuration::from_secs(1)).unwrap(), [Purpose::Answers]);
    assert_eq!(kids(path).len(), 2);
}
