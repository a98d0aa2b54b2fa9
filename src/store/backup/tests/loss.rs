//! Accepted losses.

use std::fs;

use super::super::*;
use super::{FIRST_EPOCH, HEAD, Scene, bytes_of, commit, files, later, options};
use crate::domain::fact::{Fact, RegistryFact};
use crate::store::{Store, record, registry_id};

#[test]
fn a_loss_is_accepted_only_after_the_last_readable_record() {
    let scene = Scene::new();
    let before = bytes_of(&scene.data());
    let segments: Vec<_> = files(&scene.data().join("log"))
        .into_iter()
        .filter(|file| file.extension().is_some_and(|e| e == "log"))
        .collect();
    let damaged = segments.last().unwrap();
    let first: u64 = damaged.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let mut bytes = fs::read(damaged).unwrap();
    bytes[40] ^= 1;
    fs::write(damaged, &bytes).unwrap();
    let refused = Store::open(&scene.data(), options(), &mut |_| {}).map(drop);
    assert!(refused.is_err_and(|refused| refused.is_a_loss()));

    let readable = Revision(first - 1);
    for asked in [Revision(first - 2), Revision(first), Revision(HEAD)] {
        let refused = accept_loss(&scene.data(), asked, later()).unwrap_err();
        assert!(
            matches!(refused, LossError::NotTheEnd { readable: reported, .. } if reported == readable),
            "{refused}"
        );
    }
    let accepted = accept_loss(&scene.data(), readable, later()).unwrap();
    assert_eq!(accepted.forked_after, readable);
    commit(&scene.data(), &[]);
    let after = bytes_of(&scene.data());
    let kept = usize::try_from(readable.0).unwrap();
    assert_eq!(after[..kept], before[..kept]);
    let last = record::decode(readable.next(), &after[kept]).unwrap();
    assert!(matches!(&last.facts[..], [Fact::Registry(RegistryFact::EpochBegan { forked_after, why, .. })]
        if *forked_after == readable && why.contains("damaged at byte 0")));
    assert_eq!(
        fs::read(accepted.set_aside.join(damaged.file_name().unwrap())).unwrap(),
        bytes,
        "the damaged segment is kept"
    );
    assert!(accepted.set_aside.join("index").is_dir());
    assert_eq!(registry_id(&scene.data()).unwrap(), FIRST_EPOCH, "it is the same registry");

    // Then the record of the acceptance and everything after it is lost. The same option, still set, must not accept
    // this loss too.
    let last = segments.iter().rfind(|segment| segment.exists()).unwrap();
    let mut bytes = fs::read(last).unwrap();
    let end = bytes.len();
    bytes[end - 1] ^= 1;
    fs::write(last, &bytes).unwrap();
    let refused = Store::open(&scene.data(), options(), &mut |_| {}).map(drop);
    assert!(refused.is_err_and(|refused| refused.is_a_loss()));
    let refused = accept_loss(&scene.data(), readable, later()).unwrap_err();
    assert!(matches!(refused, LossError::AcceptedBefore { .. }), "{refused}");
    // An operator can still accept it deliberately.
    fs::rename(scene.data().join("set-aside"), scene.at("set-aside")).unwrap();
    accept_loss(&scene.data(), readable, later()).unwrap();
}
