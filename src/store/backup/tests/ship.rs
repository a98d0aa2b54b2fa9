//! A copy that follows the log: at every step a backup like any other.

use super::*;

fn go_on(scene: &Scene, from: u64, to: u64) {
    let records: Vec<_> = (from..=to).map(numbered).collect();
    commit(&scene.data(), &records.chunks(2).map(<[Record]>::to_vec).collect::<Vec<_>>());
}

fn begun(scene: &Scene) -> Ship {
    Ship::begin(&scene.data(), &scene.at("shipped"), &mut |_| {}).unwrap()
}

/// Compares the copy with a backup that is taken now.
fn is_like_a_backup(scene: &Scene, name: &str) {
    let taken = backup(&scene.data(), &scene.at(name), &mut |_| {}).unwrap();
    assert_eq!(verify(&scene.at("shipped"), &mut |_| {}).unwrap(), taken.manifest);
    let restored = format!("restored-{name}");
    restore(&scene.at("shipped"), &scene.at(&restored), Cut::Nowhere, later(), &mut |_| {}).unwrap();
    let head = usize::try_from(taken.manifest.head.0).unwrap();
    assert_eq!(bytes_of(&scene.at(&restored))[..head], bytes_of(&scene.data())[..head]);
}

#[test]
fn a_copy_follows_across_segments_and_is_a_backup_after_each_step() {
    let scene = Scene::new();
    let mut ship = begun(&scene);
    assert_eq!(ship.head(), Revision(HEAD));
    is_like_a_backup(&scene, "first");
    let segments = || files(&scene.at("shipped/log")).len();
    let before = segments();
    for (round, from) in (HEAD + 1..HEAD + 41).step_by(8).enumerate() {
        go_on(&scene, from, from + 7);
        ship.follow().unwrap();
        assert_eq!(ship.head(), Revision(from + 7));
        is_like_a_backup(&scene, &format!("round-{round}"));
        ship.follow().unwrap();
    }
    assert!(segments() > before + 2, "{} segments", segments());
}

#[test]
fn a_copy_goes_on_where_another_process_left_it_at_any_byte() {
    let scene = Scene::new();
    let mut ship = begun(&scene);
    go_on(&scene, HEAD + 1, HEAD + 3);
    ship.follow().unwrap();
    let manifest = fs::read(scene.at("shipped/MANIFEST")).unwrap();
    go_on(&scene, HEAD + 4, HEAD + 9);
    ship.follow().unwrap();
    drop(ship);
    let last = files(&scene.at("shipped/log")).pop().unwrap();
    let whole = fs::read(&last).unwrap();
    for cut in (0..=whole.len()).step_by(37) {
        // The segment was written up to here, and the manifest not yet.
        fs::write(scene.at("shipped/MANIFEST"), &manifest).unwrap();
        fs::write(&last, &whole[..cut.max(whole.len() / 8)]).unwrap();
        let again = begun(&scene);
        assert_eq!(again.head(), Revision(HEAD + 9));
        assert_eq!(fs::read(&last).unwrap(), whole, "{cut}");
    }
    is_like_a_backup(&scene, "after");
}

#[test]
fn nothing_that_was_not_published_is_copied() {
    let scene = Scene::new();
    let mut ship = begun(&scene);
    let head = fs::read(scene.data().join("log/head")).unwrap();
    go_on(&scene, HEAD + 1, HEAD + 4);
    fs::write(scene.data().join("log/head"), head).unwrap();
    ship.follow().unwrap();
    assert_eq!(ship.head(), Revision(HEAD));
    fs::remove_file(scene.data().join("log/head")).unwrap();
    ship.follow().unwrap();
    assert!(matches!(Ship::begin(&scene.data(), &scene.at("other"), &mut |_| {}), Err(BackupError::NoPublishedHead)));
}

#[test]
fn a_head_beyond_the_log_is_damage_and_no_endless_search() {
    let scene = Scene::new();
    let mut ship = begun(&scene);
    let [log, aside] = [scene.data().join("log"), scene.at("aside")];
    fs::create_dir(&aside).unwrap();
    let copy_to = |from: &Path, to: &Path| {
        for path in files(from) {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    };
    copy_to(&log, &aside);
    go_on(&scene, HEAD + 1, HEAD + 6);
    let head = fs::read(log.join("head")).unwrap();
    // What was committed since is lost, but for the name of its segment and the head that was published.
    fs::remove_dir_all(&log).unwrap();
    fs::create_dir(&log).unwrap();
    copy_to(&aside, &log);
    fs::write(log.join("head"), head).unwrap();
    fs::write(log.join(crate::store::log::segment_name(Revision(HEAD + 1))), b"").unwrap();
    let (sender, followed) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(ship.follow()));
    let followed = followed.recv_timeout(std::time::Duration::from_secs(20)).expect("it goes on for ever");
    let refused = followed.unwrap_err();
    assert!(matches!(refused, BackupError::Log(_)), "{refused}");
    assert!(refused.to_string().contains("the log ends before its published head"), "{refused}");
}

#[test]
fn a_step_that_fails_changes_nothing_and_is_repeated() {
    let scene = Scene::new();
    let mut ship = begun(&scene);
    go_on(&scene, HEAD + 1, HEAD + 6);
    fs::rename(scene.at("shipped/log"), scene.at("aside")).unwrap();
    assert!(matches!(ship.follow(), Err(BackupError::DataDir(_))));
    fs::rename(scene.at("aside"), scene.at("shipped/log")).unwrap();
    assert_eq!(ship.head(), Revision(HEAD));
    ship.follow().unwrap();
    is_like_a_backup(&scene, "after");
}

#[test]
fn another_history_is_never_appended() {
    let (scene, other) = (Scene::new(), Scene::new());
    let mut ship = begun(&scene);
    go_on(&other, HEAD + 1, HEAD + 6);
    fs::remove_dir_all(scene.data()).unwrap();
    fs::rename(other.data(), scene.data()).unwrap();
    let before = fs::read(scene.at("shipped/MANIFEST")).unwrap();
    assert!(matches!(ship.follow(), Err(BackupError::Log(_))));
    assert_eq!(fs::read(scene.at("shipped/MANIFEST")).unwrap(), before);
    drop(ship);
    let refused = Ship::begin(&scene.data(), &scene.at("shipped"), &mut |_| {}).err();
    assert!(matches!(refused, Some(BackupError::OtherHistory(_))), "{refused:?}");
}

#[test]
fn a_data_directory_that_is_gone_is_no_registry_with_nothing_new() {
    let scene = Scene::new();
    let mut ship = begun(&scene);
    fs::rename(scene.data(), scene.at("elsewhere")).unwrap();
    assert!(matches!(ship.follow(), Err(BackupError::DataDir(_))));
    fs::create_dir(scene.data()).unwrap();
    assert!(matches!(ship.follow(), Err(BackupError::DataDir(_))));
    fs::remove_dir(scene.data()).unwrap();
    fs::rename(scene.at("elsewhere"), scene.data()).unwrap();
    ship.follow().unwrap();
    is_like_a_backup(&scene, "after");
}

#[test]
fn one_process_at_a_time_writes_to_a_backup() {
    let scene = Scene::new();
    let mut ship = begun(&scene);
    go_on(&scene, HEAD + 1, HEAD + 4);
    let refused = backup(&scene.data(), &scene.at("shipped"), &mut |_| {}).unwrap_err();
    assert!(matches!(refused, BackupError::TargetInUse { .. }), "{refused}");
    let this = format!("process {} (", std::process::id());
    assert!(refused.to_string().starts_with(&this), "{refused}");
    ship.follow().unwrap();
    is_like_a_backup(&scene, "after");
    drop(ship);
    backup(&scene.data(), &scene.at("shipped"), &mut |_| {}).unwrap();
}

#[test]
fn nothing_is_written_into_a_directory_with_something_else() {
    let scene = Scene::new();
    fs::create_dir(scene.at("other")).unwrap();
    fs::write(scene.at("other/letter"), "").unwrap();
    let refused = backup(&scene.data(), &scene.at("other"), &mut |_| {}).unwrap_err();
    assert!(matches!(refused, BackupError::TargetTaken(_)), "{refused}");
    assert_eq!(files(&scene.at("other")).len(), 1);
}
