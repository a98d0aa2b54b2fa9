//! A setup can be served, and nothing is overwritten.

use std::os::unix::fs::PermissionsExt as _;

use uuid::Uuid;

use super::*;
use crate::proof::keys::Purpose;
use crate::server::config::{Config, Flags};
use crate::store::{mark_as_copy, signing_keys as signing_keys_files};

fn setup() -> Setup {
    Setup {
        hosts: vec!["registry.example.org".to_owned()],
        listen: "127.0.0.1:50051".to_owned(),
        ops_listen: "127.0.0.1:9090".to_owned(),
        data_dir: None,
        registry: None,
        log: None,
        days: 10,
    }
}

fn client(name: &str, role: &str, uses_token: bool) -> NewClient {
    let provider_id = (role == "provider").then(|| "region-1-cmhc".to_owned());
    NewClient { name: name.to_owned(), role: role.to_owned(), provider_id, uses_token, days: 10 }
}

fn config(directory: &Path) -> Result<Config, Vec<String>> {
    let config = Some(directory.join(CONFIG).display().to_string());
    let read = Config::read(&Flags { config, ..Flags::default() });
    read.map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

#[test]
fn a_setup_can_be_served_and_its_secrets_are_readable_by_the_owner_only() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("registry");
    set_up(&directory, &setup()).unwrap();
    assert_eq!(config(&directory).map(|config| config.dev), Ok(false));
    add_client(&directory, &client("region-1-hr", "provider", false)).unwrap();
    let token = add_client(&directory, &client("medicaid", "payer", true)).unwrap();
    let access = config(&directory).unwrap().access().unwrap();
    assert_eq!(Clients::read(&files::read(&access.clients).unwrap()).unwrap().count(), 3);

    let Credentials::Token { token } = token else { panic!("a token was asked for: {token:?}") };
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for name in ["ca.key", "server.key", "registrar.key", "region-1-hr.key"] {
        assert_eq!(mode(&directory.join(name)), 0o600, "{name}");
    }
    assert_eq!((mode(&token), mode(&directory)), (0o600, 0o700));
    let written = files::read(&directory.join(CLIENTS)).unwrap();
    assert!(!written.contains(files::read(&token).unwrap().trim()), "the list holds no token, only its digest");
}

#[test]
fn the_copy_of_the_signing_keys_that_a_replica_has_is_not_rotated() {
    let (scratch, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let directory = scratch.path().join("registry");
    set_up(&directory, &setup()).unwrap();
    let data = config(&directory).unwrap().data_dir;
    signing_keys_files::copy(&data.join("keys"), keys.path()).unwrap();
    rotate_keys(&data, Purpose::Answers, KeyStep::Begin).unwrap();
    mark_as_copy(&data, Uuid::nil()).unwrap();
    let published = public_keys(&data).unwrap().to_json();
    for step in [KeyStep::Begin, KeyStep::Finish] {
        let refused = rotate_keys(&data, Purpose::Answers, step).unwrap_err().to_string();
        assert!(refused.contains("rotate them with --keys in the directory that log.signing_keys names"), "{refused}");
    }
    assert_eq!(public_keys(&data).unwrap().to_json(), published);
    rotate_keys_in(keys.path(), Purpose::Answers, KeyStep::Begin).unwrap();
}

#[test]
fn the_http_port_is_closed_until_its_line_is_put_in_force() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("registry");
    set_up(&directory, &setup()).unwrap();
    assert_eq!(config(&directory).unwrap().http_listen, None);
    let written = files::read(&directory.join(CONFIG)).unwrap();
    std::fs::write(directory.join(CONFIG), written.replace("# http_listen", "http_listen")).unwrap();
    assert_eq!(config(&directory).unwrap().http_listen, Some(HTTP_LISTEN.parse().unwrap()));
}

#[test]
fn nothing_is_overwritten_and_a_refusal_leaves_nothing_behind() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path();
    std::fs::write(directory.join("server.key"), "another's").unwrap();
    assert!(
        matches!(set_up(directory, &setup()), Err(SetupError::AlreadyThere { path }) if path.ends_with("server.key"))
    );
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 1);

    let directory = &directory.join("registry");
    set_up(directory, &setup()).unwrap();
    let names = || std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    let (before, list) = (names(), files::read(&directory.join(CLIENTS)).unwrap());
    for wrong in [client(FIRST_CLIENT, "auditor", false), client("a", "king", true), client("a/b", "auditor", false)] {
        assert!(matches!(add_client(directory, &wrong), Err(SetupError::BadClient { .. })), "{wrong:?}");
    }
    assert_eq!((names(), files::read(&directory.join(CLIENTS)).unwrap()), (before, list));
}

#[test]
fn inconsistent_files_are_refused_with_their_place() {
    let scratch = tempfile::tempdir().unwrap();
    let (first, second) = (scratch.path().join("first"), scratch.path().join("second"));
    set_up(&first, &setup()).unwrap();
    set_up(&second, &setup()).unwrap();
    std::fs::copy(second.join("server.key"), first.join("server.key")).unwrap();
    let list = files::read(&first.join(CLIENTS)).unwrap();
    std::fs::write(first.join(CLIENTS), list.replace("role = \"registrar\"", "role = \"king\"")).unwrap();
    let mistakes = config(&first).unwrap_err();
    assert!(
        mistakes[0].contains("config.toml:6: ") && mistakes[0].contains("is not the key of the certificate in "),
        "{mistakes:?}"
    );
    assert!(mistakes[1].contains("clients.toml:15: `king` is not a role"), "{mistakes:?}");

    let copy = |from: PathBuf, to: PathBuf| std::fs::write(to, std::fs::read(from).unwrap()).unwrap();
    copy(first.join("server.crt"), first.join("server.key"));
    assert!(config(&first).unwrap_err()[0].contains("does not hold a private key in PEM"));
    let half = files::read(&second.join("server.crt")).unwrap();
    std::fs::write(second.join("server.crt"), &half[..half.len() / 2]).unwrap();
    assert!(config(&second).unwrap_err()[0].contains("does not hold a certificate in PEM"));
    std::fs::set_permissions(second.join("server.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    copy(first.join("ca.crt"), second.join("server.crt"));
    assert!(config(&second).unwrap_err()[0].contains("chmod 600"));
}

#[test]
fn an_expired_certificate_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    set_up(scratch.path(), &Setup { days: 0, ..setup() }).unwrap();
    assert!(config(scratch.path()).unwrap_err()[0].contains("is valid only from"));
}

#[test]
fn a_renewed_certificate_is_new_and_has_the_same_names() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path();
    set_up(directory, &Setup { hosts: vec!["registry.example.org".to_owned(), "::1".to_owned()], ..setup() }).unwrap();
    let before = files::read(&directory.join("server.crt")).unwrap();
    renew_server(directory, 20).unwrap();
    let after = files::read(&directory.join("server.crt")).unwrap();
    assert_ne!(before, after);
    assert_eq!(authority::hosts_of(&before), authority::hosts_of(&after));
    assert!(authority::hosts_of(&after).unwrap().contains(&"::1".to_owned()));

    let key = files::read(&directory.join("registrar.key")).unwrap();
    renew_client(directory, FIRST_CLIENT, 20).unwrap();
    assert_ne!(files::read(&directory.join("registrar.key")).unwrap(), key);
    config(directory).unwrap();
    assert!(renew_client(directory, "nobody", 20).is_err());
}

#[test]
fn the_files_of_the_authority_and_the_server_cannot_be_clients() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path();
    set_up(directory, &setup()).unwrap();
    // An operator may have written such a row.
    let mut list = files::read(&directory.join(CLIENTS)).unwrap();
    for name in ["ca", "server"] {
        list.push_str(&format!("\n[[client]]\nname = \"{name}\"\nsan_uri = \"urn:x:{name}\"\nrole = \"auditor\"\n"));
    }
    files::replace(&directory.join(CLIENTS), &list, Readers::Anyone).unwrap();
    let contents = || {
        let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = names.map(|path| (path.clone(), std::fs::read(path).ok())).collect();
        files.sort();
        files
    };
    let before = contents();
    for name in ["ca", "CA", "server", "..", ".hidden", ""] {
        let refusals = [
            renew_client(directory, name, 20),
            revoke(directory, name, None).map(|_| unreachable!()),
            add_client(directory, &client(name, "auditor", false)),
            add_client(directory, &client(name, "auditor", true)),
        ];
        for refusal in refusals {
            assert!(matches!(refusal, Err(SetupError::ReservedName(refused)) if refused == name));
        }
    }
    assert!(contents() == before, "nothing was made or changed");
}

#[test]
fn the_authority_is_replaced_in_two_steps_whatever_the_order_in_the_file() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path();
    set_up(directory, &setup()).unwrap();
    assert!(matches!(finish_rotation(directory), Err(SetupError::NoRotation { .. })));
    let (path, key) = (directory.join("ca.crt"), directory.join("ca.key"));
    let (first, first_key) = (files::read(&path).unwrap(), files::read(&key).unwrap());
    // Of two that were made in the same second, the order in the file would decide.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let begun = begin_rotation(directory).unwrap();
    assert_eq!((begun.trusted.len(), begun.dropped.len()), (2, 0));
    assert!(matches!(begin_rotation(directory), Err(SetupError::RotationBegun { .. })));
    let second = files::read(&path).unwrap().replace(&first, "");
    std::fs::write(&path, format!("{first}{second}")).unwrap();
    assert!(
        matches!(finish_rotation(directory), Err(SetupError::StillSigned { names }) if names == "server, registrar")
    );

    renew_server(directory, 10).unwrap();
    renew_client(directory, FIRST_CLIENT, 10).unwrap();
    assert_eq!(config(directory).map(|config| config.dev), Ok(false), "the new pair is used");
    let finished = finish_rotation(directory).unwrap();
    assert_eq!((finished.trusted, finished.dropped), (begun.trusted[..1].to_vec(), begun.trusted[1..].to_vec()));
    assert_eq!(files::read(&path).unwrap(), second);

    std::fs::write(&key, first_key).unwrap();
    assert!(matches!(renew_server(directory, 10), Err(SetupError::KeyOfNoAuthority { .. })));
}

#[test]
fn of_many_changes_at_a_time_none_is_lost() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path();
    set_up(directory, &setup()).unwrap();
    let name = |at: u8| format!("payer-{at}");
    let serial = |at: u8| Serial::of_bytes(&[10, at]);
    let starts = std::sync::Barrier::new(25);
    std::thread::scope(|scope| {
        let starts = &starts;
        for at in 0..8 {
            scope.spawn(move || {
                starts.wait();
                add_client(directory, &client(&name(at), "payer", at % 2 == 0)).unwrap();
                assert!(row_of(directory, &name(at)).unwrap().contains(&format!("name = \"{}\"", name(at))));
            });
            scope.spawn(move || {
                starts.wait();
                revoke(directory, FIRST_CLIENT, Some(&serial(at))).unwrap();
            });
            scope.spawn(move || {
                starts.wait();
                renew_client(directory, FIRST_CLIENT, 20).unwrap();
            });
        }
        starts.wait();
    });
    let listed = list_clients(directory, clock::now()).unwrap();
    let has = |name: &str| listed.iter().any(|client| client.name == name);
    assert_eq!((0..8).filter(|at| !has(&name(*at))).count(), 0, "clients were lost");
    let revoked = &listed.iter().find(|client| client.name == FIRST_CLIENT).unwrap().revoked;
    assert_eq!((0..8).filter(|at| !revoked.contains(&serial(*at).to_string())).count(), 0, "revocations were lost");
    assert_eq!(config(directory).map(|config| config.dev), Ok(false));
}

#[test]
fn a_client_that_is_not_on_the_list_leaves_no_file_and_its_name_is_free() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path();
    set_up(directory, &setup()).unwrap();
    let in_the_way = directory.join("clients.toml.new");
    std::fs::create_dir(&in_the_way).unwrap();
    for uses_token in [true, false] {
        let refused = add_client(directory, &client("medicaid", "payer", uses_token));
        assert!(matches!(refused, Err(SetupError::Disk { .. })), "{refused:?}");
    }
    std::fs::remove_dir(&in_the_way).unwrap();
    for left in ["medicaid.token", "medicaid.key", "medicaid.crt"] {
        assert!(!directory.join(left).exists(), "{left}");
    }
    for (file, uses_token) in [("medicaid.token", true), ("medicaid.crt", false)] {
        std::fs::write(directory.join(file), "another's").unwrap();
        let refused = add_client(directory, &client("medicaid", "payer", uses_token)).unwrap_err().to_string();
        assert!(refused.contains(file) && refused.contains("give the client another name"), "{refused}");
        assert_eq!(files::read(&directory.join(file)).unwrap(), "another's");
        std::fs::remove_file(directory.join(file)).unwrap();
        assert!(!directory.join("medicaid.key").exists());
    }
    add_client(directory, &client("medicaid", "payer", false)).unwrap();
}
