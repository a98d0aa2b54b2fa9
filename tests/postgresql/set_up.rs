//! `init` and `join`: what they make, what they refuse, and that they go on after an interruption.

use std::fs;

use crate::fleet::{Fleet, done, run, said};
use crate::harness::requests::register_specialist;

/// The registry in the database and its last revision.
async fn on_record(fleet: &Fleet) -> Option<(String, i64)> {
    let client = fleet.server.superuser().await;
    let is_there = "SELECT to_regclass('cpss_registry.registry') IS NOT NULL";
    if !client.query_one(is_there, &[]).await.unwrap().get::<_, bool>(0) {
        return None;
    }
    let query = "SELECT r.registry::text, h.revision FROM cpss_registry.registry AS r, cpss_registry.head AS h";
    client.query_opt(query, &[]).await.unwrap().map(|row| (row.get(0), row.get(1)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_setup_goes_on_and_a_registry_is_never_replaced() {
    let fleet = Fleet::without_registry().await;
    let made = fleet.init("a");
    assert!(made.status.success(), "{}", said(&made));
    let (registry, begun) = on_record(&fleet).await.unwrap();
    let config = fs::read_to_string(fleet.config("a")).unwrap();
    assert!(config.contains(&format!("registry = \"{registry}\"\n")), "{config}");
    assert!(!config.contains(crate::server::PASSWORD), "{config}");
    assert!(begun > 0);

    // As if it had been interrupted before it wrote the certificates, and before it had filled the data directory.
    let key = fs::read(fleet.file("a", "request.key")).unwrap();
    for name in ["ca", "server", "registrar"] {
        for kind in ["crt", "key"] {
            fs::remove_file(fleet.file("a", &format!("{name}.{kind}"))).unwrap();
        }
    }
    for name in ["config.toml", "clients.toml"] {
        fs::remove_file(fleet.file("a", name)).unwrap();
    }
    for interrupted_earlier in [false, true] {
        if interrupted_earlier {
            fs::remove_dir_all(fleet.directory("a")).unwrap();
            fs::create_dir(fleet.directory("a")).unwrap();
            fs::write(fleet.file("a", "request.key"), &key).unwrap();
            restrict(&fleet.file("a", "request.key"));
        }
        let made = fleet.init("a");
        assert!(made.status.success(), "{}", said(&made));
        assert_eq!(on_record(&fleet).await.unwrap().0, registry);
        assert!(fs::read_to_string(fleet.config("a")).unwrap().contains(&registry));
        assert_eq!(fs::read(fleet.file("a", "request.key")).unwrap(), key);
    }
    let before = on_record(&fleet).await;
    let again = fleet.init("a");
    assert_eq!(again.status.code(), Some(1), "{}", said(&again));

    // From another directory the registry is another one.
    let other = fleet.init("other");
    assert_eq!(other.status.code(), Some(2), "{}", said(&other));
    assert!(said(&other).contains(&registry) && said(&other).contains("cpss-registry join"), "{}", said(&other));
    assert!(!fleet.directory("other").join("request.key").exists());
    assert_eq!(on_record(&fleet).await, before);
    let a = fleet.start("a");
    a.registrar().report(register_specialist("Ada", "Example-Stone")).await;
    a.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_names_no_role_that_installs_or_a_wrong_password_of_it_is_told_the_flag() {
    let fleet = Fleet::without_registry().await;
    let (directory, url, owner) = (fleet.directory("a"), fleet.url("cpss"), fleet.url("cpss_install"));
    let (password, wrong) = (fleet.password(), format!("{}.wrong", fleet.password()));
    fs::write(&wrong, "another").unwrap();
    restrict(&wrong);
    let (directory, ca) = (directory.display().to_string(), fleet.server.authority().display().to_string());
    let init = ["init", &directory, "--log-url", &url, "--log-password-file", &password, "--log-ca", &ca];
    let without = run(&init);
    assert_eq!(without.status.code(), Some(2), "{}", said(&without));
    assert!(said(&without).contains("name the role that installs it with --log-owner-url"), "{}", said(&without));
    assert!(!said(&without).contains("GRANT"), "{}", said(&without));
    let with = run(&[&init[..], &["--log-owner-url", &owner, "--log-owner-password-file", &wrong]].concat());
    assert!(said(&with).contains("of the role into the file --log-owner-password-file"), "{}", said(&with));
    assert!(!std::path::Path::new(&fleet.config("a")).exists());
}

fn restrict(path: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_joins_with_the_right_key_registry_and_name_only() {
    let fleet = Fleet::begin().await;
    let a = fleet.start("a");
    fleet.copy("b");
    fleet.edit("b", "replica_id = \"a\"", "replica_id = \"b\"");
    let said_at_start = fleet.refused("b");
    assert!(said_at_start.contains("the replica b has not joined: run `cpss-registry join`"), "{said_at_start}");

    // The name of a running replica is refused.
    let taken = run(&["join", "--config", &fleet.config("b"), "--replica-id", "a"]);
    assert_eq!(taken.status.code(), Some(1), "{}", said(&taken));
    assert!(said(&taken).contains("another process is the replica a"), "{}", said(&taken));

    // Another registry, and another key, are refused by `join` and by `serve`.
    let registry = on_record(&fleet).await.unwrap().0;
    let other = "3f2a91c0-5d1e-4c8a-9b57-6f0e2d4c8a11";
    fleet.edit("b", &registry, other);
    for refused in [said(&fleet.join("b")), fleet.refused("b")] {
        assert!(refused.contains(&registry), "{refused}");
    }
    fleet.edit("b", other, &registry);
    let key = fs::read(fleet.file("b", "request.key")).unwrap();
    fs::write(fleet.file("b", "request.key"), [7; 32]).unwrap();
    for refused in [said(&fleet.join("b")), fleet.refused("b")] {
        assert!(refused.contains("another request key"), "{refused}");
    }
    fs::write(fleet.file("b", "request.key"), key).unwrap();

    let joined = fleet.join("b");
    assert!(joined.status.success() && said(&joined).contains("b has joined"), "{}", said(&joined));
    let again = fleet.join("b");
    assert!(again.status.success() && said(&again).contains("b had joined before"), "{}", said(&again));
    let b = fleet.start("b");
    let recorded = b.registrar().report(register_specialist("Ada", "Example-Stone")).await;
    assert_eq!(a.registrar().report(register_specialist("Ida", "Example-Brook")).await.epoch, recorded.epoch);
    a.process.stop();
    b.process.stop();

    // A data directory of another registry is not filled, and not touched.
    fs::remove_dir_all(fleet.directory("b").join("data")).unwrap();
    done(&["create", "--data-dir", &fleet.file("b", "data")]);
    let refused = fleet.refused("b");
    assert!(refused.contains("request key") || refused.contains("holds the registry"), "{refused}");
}
