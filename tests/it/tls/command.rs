//! TLS with the commands that people run.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use cpss_registry::server::setup::{self, NewClient};

use super::tls_server::{TlsServer, client, set_up};
use crate::harness::{NOT_ON_FILE, Process, until};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cpss-registry")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn init_serve_verify_is_a_production_start() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("registry");
    let directory = directory.to_str().unwrap();
    let file = |name: &str| format!("{directory}/{name}");
    let made = run(&["init", directory, "--host", "registry.example.org"]);
    assert!(made.status.success(), "{}", said(&made));
    assert!(said(&made).contains(&format!("cpss-registry serve --config {directory}/config.toml")), "{}", said(&made));
    assert_eq!(run(&["init", directory]).status.code(), Some(1), "nothing is overwritten");
    let hr = ["--client", "hr", "--role", "provider", "--provider", "region-1-cmhc", "--token"];
    let made = run(&[&["init", directory], &hr[..]].concat());
    assert!(made.status.success(), "{}", said(&made));
    let until = "Until the registry has a provider with this id, its lists are empty and its reports are refused.";
    assert!(said(&made).contains(until), "{}", said(&made));

    let process = Process::serve(&["--config", &file("config.toml")]);
    let endpoint = format!("https://localhost:{}", process.listening().port());
    let trusting = ["--endpoint", &endpoint, "--ca", &file("ca.crt")];
    let (certificate, key, token) = (file("registrar.crt"), file("registrar.key"), file("hr.token"));
    let by_certificate = ["--cert", certificate.as_str(), "--key", &key];
    let by_token = ["--token-file", token.as_str()];
    let ask = |shown: &[&str]| run(&[&["verify", NOT_ON_FILE], &trusting[..], shown].concat());
    for shown in [&by_certificate[..], &by_token[..]] {
        let answer = ask(shown);
        assert_eq!(answer.status.code(), Some(3), "{}", said(&answer));
    }
    let nobody = ask(&[]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(said(&nobody).contains("UNAUTHENTICATED"), "{}", said(&nobody));
    assert!(run(&[&["healthcheck"], &trusting[..]].concat()).status.success());
    assert!(run(&["healthcheck", "--endpoint", &format!("http://{}", process.ops())]).status.success());

    let renewed = run(&["init", directory, "--renew"]);
    assert!(renewed.status.success(), "{}", said(&renewed));
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_removed_from_the_list_is_refused_with_the_reason_once() {
    let place = TlsServer::start();
    let without = place.read("clients.toml");
    let directory = place.directory().to_str().unwrap();
    let made = run(&["init", directory, "--client", "auditor-1", "--role", "auditor"]);
    assert!(made.status.success(), "{}", said(&made));
    place.hang_up_until("loaded the list of clients").await;
    let [url, ca, cert, key, copy] = [
        place.url(),
        format!("{directory}/ca.crt"),
        format!("{directory}/auditor-1.crt"),
        format!("{directory}/auditor-1.key"),
        format!("{directory}/copy.db"),
    ];
    let shown = ["--endpoint", &url, "--ca", &ca, "--cert", &cert, "--key", &key];
    assert_eq!(run(&[&["verify", NOT_ON_FILE], &shown[..]].concat()).status.code(), Some(3));
    place.take_list(&without).await;
    let commands = [&["verify", NOT_ON_FILE][..], &["mirror", &copy, "--once"]];
    for command in &commands[..if cfg!(feature = "mirror") { 2 } else { 1 }] {
        let refused = run(&[*command, &shown].concat());
        let line = "error: the certificate does not belong to a client of this registry (UNAUTHENTICATED)\n";
        assert_eq!((refused.status.code(), said(&refused).as_str()), (Some(1), line), "{command:?}");
    }
}

#[test]
fn a_client_that_cannot_be_added_is_a_usage_error_that_names_the_flags() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("registry");
    let directory = directory.to_str().unwrap();
    assert!(run(&["init", directory]).status.success());
    let list = std::fs::read_to_string(format!("{directory}/clients.toml")).unwrap();
    for (arguments, why) in [
        (&["a", "--role", "king"][..], "`king` is not a role"),
        (&["a", "--role", "provider"], "the role provider needs a provider_id"),
        (&["a", "--role", "payer", "--provider", "north"], "provider_id is only for the role provider"),
        (&["registrar", "--role", "payer"], "the name `registrar` is already used"),
        (&["a b", "--role", "payer", "--token"], "a name consists of"),
        (&["server", "--role", "payer"], "cannot be the name of a client"),
        (&["nobody", "--renew"], "has no client `nobody`"),
    ] {
        let refused = run(&[&["init", directory, "--client"], arguments].concat());
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", said(&refused));
        assert!(said(&refused).contains(why), "{}", said(&refused));
        let names_flags = said(&refused).contains("(--client, --role and --provider make its row in ");
        assert_eq!(names_flags, said(&refused).contains("no client is added"), "{}", said(&refused));
    }
    std::fs::rename(format!("{directory}/ca.key"), scratch.path().join("ca.key")).unwrap();
    let refused = run(&["init", directory, "--client", "a", "--role", "payer"]);
    assert_eq!(refused.status.code(), Some(1));
    let why = format!("{directory}/ca.key is missing, and only that key signs certificates: copy it there");
    assert!(said(&refused).contains(&why), "{}", said(&refused));
    assert_eq!(std::fs::read_to_string(format!("{directory}/clients.toml")).unwrap(), list);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_key_is_revoked_and_replaced_by_two_commands() {
    let place = TlsServer::start();
    let directory = place.directory().to_str().unwrap();
    let [url, ca] = [place.url(), format!("{directory}/ca.crt")];
    let ask = |name: &str| {
        let [cert, key] = ["crt", "key"].map(|kind| format!("{directory}/{name}.{kind}"));
        run(&["verify", NOT_ON_FILE, "--endpoint", &url, "--ca", &ca, "--cert", &cert, "--key", &key])
    };
    assert_eq!(ask("registrar").status.code(), Some(3));
    for kind in ["crt", "key"] {
        std::fs::copy(place.file(&format!("registrar.{kind}")), place.file(&format!("lost.{kind}"))).unwrap();
    }
    let revoked = run(&["init", directory, "--revoke", "registrar", "--json"]);
    assert!(revoked.status.success(), "{}", said(&revoked));
    let answer: serde_json::Value = serde_json::from_slice(&revoked.stdout).unwrap();
    let serial = answer["revoked"].as_str().unwrap();
    assert!(place.read("clients.toml").contains(&format!("revoked = [\"{serial}\"]")));
    place.hang_up_until("loaded the list of clients").await;
    let refused = ask("lost");
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("revoked"), "{}", said(&refused));
    assert!(run(&["init", directory, "--client", "registrar", "--renew"]).status.success());
    assert_eq!(ask("registrar").status.code(), Some(3));

    place.add_client_with_token("medicaid", "payer").await;
    for (arguments, why) in [
        (&["--revoke", "nobody", "--serial", "0a"][..], "has no client `nobody`"),
        (&["--revoke", "nobody"], "has no client `nobody`: use the `name` of one of its rows"),
        (&["--revoke", "medicaid"], "has a token for this client, and a token has no serial number: remove the"),
        (&["--revoke", "ca"], "cannot be the name of a client"),
        (&["--revoke", "registrar", "--serial", "x"], "not the serial number of a certificate"),
    ] {
        let refused = run(&[&["init", directory], arguments].concat());
        assert!(!refused.status.success() && said(&refused).contains(why), "{why}: {}", said(&refused));
    }
}

#[test]
fn files_that_everyone_can_write_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    set_up(directory.path());
    let config = directory.path().join("config.toml");
    for (name, mode, why) in [
        ("clients.toml", 0o646, "everyone on this machine can add a client to it: check every row"),
        ("config.toml", 0o646, "everyone on this machine can change it: check every key"),
        ("ca.crt", 0o646, "can be changed by everyone on this machine: check every certificate"),
        ("server.crt", 0o646, "can be changed by everyone on this machine: check every certificate"),
        ("server.key", 0o604, "is a key that everyone on this machine can read"),
        ("ca.key", 0o604, "is the key of the authority, and everyone on this machine can read it"),
        ("", 0o707, "everyone on this machine can change it: check every key, then run chmod o-w"),
    ] {
        let file = directory.path().join(name);
        let before = std::fs::metadata(&file).unwrap().permissions();
        std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let (status, said) = Process::serve(&["--config", config.to_str().unwrap()]).wait();
        assert!(!status.success() && said.contains(why), "{name}: {said}");
        std::fs::set_permissions(&file, before).unwrap();
    }
    // `init` does not make a trusted list of one that everyone could write.
    let list = directory.path().join("clients.toml");
    std::fs::set_permissions(&list, Permissions::from_mode(0o646)).unwrap();
    let before = std::fs::read(&list).unwrap();
    let directory = directory.path().to_str().unwrap();
    for arguments in [&["--client", "a", "--role", "auditor", "--token"][..], &["--revoke", "registrar"]] {
        let refused = run(&[&["init", directory], arguments].concat());
        assert!(!refused.status.success(), "{arguments:?}");
        assert!(said(&refused).contains("everyone on this machine can write"), "{}", said(&refused));
    }
    let mode = std::fs::metadata(&list).unwrap().permissions().mode() & 0o777;
    assert_eq!((std::fs::read(&list).unwrap(), mode), (before, 0o646));
}

#[test]
fn credentials_are_not_sent_in_clear_text() {
    let place = TlsServer::start();
    let token = place.file("a.token");
    std::fs::write(&token, "cpss_0123456789abcdef0123456789abcdef").unwrap();
    let (url, ca, token) = (place.url(), place.file("ca.crt"), token.to_str().unwrap().to_owned());
    let plain = url.replace("https", "http");
    for (endpoint, why) in [(&plain, "requires https"), (&url, "all users can read")] {
        let mut arguments = vec!["verify", NOT_ON_FILE, "--endpoint", endpoint, "--token-file", &token];
        if endpoint == &url {
            arguments.extend(["--ca", ca.to_str().unwrap()]);
        }
        let refused = run(&arguments);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        assert!(said(&refused).contains(why), "{}", said(&refused));
    }
}

#[test]
fn a_failed_connection_reports_the_cause_and_the_remedy() {
    let place = TlsServer::start();
    let (url, ca, key) = (place.url(), place.file("ca.crt"), place.file("registrar.key"));
    let no_key = place.file("no.key");
    std::fs::copy(&key, &no_key).unwrap();
    std::fs::write(&no_key, "no key").unwrap();
    let server = place.file("server.crt");
    let (ca, key, no_key) = (ca.to_str().unwrap(), key.to_str().unwrap(), no_key.to_str().unwrap());
    let server = server.to_str().unwrap();
    let no_pair = format!("--key: {key} is not the key of the certificate in {server}: the two files must be a pair");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (plain, nothing) = (url.replace("https", "http"), format!("http://{closed}"));
    let ops = format!("https://localhost:{}", place.process.ops().port());
    // It reaches the same server, but is in no certificate.
    let unnamed = url.replace("localhost", "0.0.0.0");
    let elsewhere = tempfile::tempdir().unwrap();
    set_up(elsewhere.path());
    let other_ca = elsewhere.path().join("ca.crt");
    let other_ca = other_ca.to_str().unwrap();
    for (arguments, code, why) in [
        (vec!["--endpoint", &plain], 1, "this port speaks TLS"),
        (vec!["--endpoint", &nothing], 1, "nothing listens there"),
        (vec!["--endpoint", &ops, "--ca", ca], 1, "does not speak TLS"),
        (vec!["--endpoint", &url, "--ca", other_ca], 1, "is from an authority other than --ca"),
        (vec!["--endpoint", &unnamed, "--ca", ca], 1, "is for another name"),
        (vec!["--endpoint", &url, "--ca", key], 2, "is not a PEM file with a certificate"),
        (
            vec!["--endpoint", &url, "--ca", ca, "--cert", ca, "--key", no_key],
            2,
            "is not a PEM file with a private key",
        ),
        (vec!["--endpoint", &url, "--ca", env!("CARGO_BIN_EXE_cpss-registry")], 2, "is not a PEM file"),
        (vec!["--endpoint", &url, "--ca", ca, "--cert", server, "--key", key], 2, &no_pair),
    ] {
        let failed = run(&[&["verify", NOT_ON_FILE], &arguments[..]].concat());
        assert_eq!(failed.status.code(), Some(code), "{}", said(&failed));
        assert!(said(&failed).contains(why), "{why}: {}", said(&failed));
    }
    let wrong_port = run(&["verify", NOT_ON_FILE, "--endpoint", &format!("http://{}", place.process.ops())]);
    assert!(said(&wrong_port).contains("is this the right port?"), "{}", said(&wrong_port));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_the_server_refuses_is_told_from_a_connection_that_broke() {
    let place = TlsServer::start();
    setup::add_client(place.directory(), &NewClient { days: 0, ..client("late", "auditor") }).unwrap();
    place.hang_up_until("loaded the list of clients").await;
    let elsewhere = tempfile::tempdir().unwrap();
    set_up(elsewhere.path());
    let (url, ca) = (place.url(), place.file("ca.crt"));
    let scratch = elsewhere.path().join("backups");
    let called = |command: &[&str], directory: &std::path::Path, name: &str| {
        let file = |kind: &str| directory.join(format!("{name}.{kind}")).to_str().unwrap().to_owned();
        let (cert, key) = (file("crt"), file("key"));
        let shown = ["--endpoint", &url, "--ca", ca.to_str().unwrap(), "--cert", &cert, "--key", &key];
        run(&[command, &shown].concat())
    };
    let backup = ["backup", scratch.to_str().unwrap()];
    // Until its last second is over, the server answers that the certificate is not admitted.
    until("the certificate to expire", async || {
        said(&called(&["verify", NOT_ON_FILE], place.directory(), "late")).contains("it expired at ")
    })
    .await;
    // The transport tells of the same refusal in several ways: each attempt must say the same.
    for _ in 0..10 {
        let late = called(&["verify", NOT_ON_FILE], place.directory(), "late");
        assert!(said(&late).starts_with("error: the server refuses the certificate in "), "{}", said(&late));
        let foreign = called(&["verify", NOT_ON_FILE], elsewhere.path(), "registrar");
        let words = "error: the server closed the connection right after the handshake: it ";
        assert!(said(&foreign).starts_with(words), "{}", said(&foreign));
        assert!(said(&foreign).contains("`client_certificate_refused` in the server's log"), "{}", said(&foreign));
        assert_eq!((late.status.code(), foreign.status.code()), (Some(1), Some(1)));
    }
    let refused = called(&backup, elsewhere.path(), "registrar");
    assert!(said(&refused).starts_with("error: the server closed the connection"), "no new start: {}", said(&refused));
}
