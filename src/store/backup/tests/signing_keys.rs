//! Signing keys in backups.

use super::*;
use crate::proof::keys::Purpose;
use crate::store::signing_keys::{begin_rotation, finish_rotation, make_missing, read};

#[test]
fn signing_keys_are_in_the_backup_and_a_private_half_leaves_it_once_its_key_is_retired() {
    let scene = Scene::new();
    let keys = scene.data().join("keys");
    make_missing(&keys, instant(1)).unwrap();
    scene.backup();
    let published = |keys: &Path| read(keys).unwrap().public.to_json();
    begin_rotation(&keys, Purpose::Answers, instant(2)).unwrap();
    finish_rotation(&keys, Purpose::Answers, instant(3)).unwrap();
    scene.backup();
    assert!(!scene.at("backup/keys/answers-1.p8").exists() && scene.at("backup/keys/answers-1.jwk").exists());
    scene.restore("restored", Cut::Nowhere).unwrap();
    assert_eq!(published(&scene.at("restored/keys")), published(&keys));
    // Any other file that is gone is that of another history.
    fs::remove_file(keys.join("answers-1.jwk")).unwrap();
    let refused = backup(&scene.data(), &scene.at("backup"), &mut |_| {}).unwrap_err();
    assert!(matches!(refused, BackupError::OtherHistory(_)), "{refused}");
}
