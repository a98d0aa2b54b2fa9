//! Configuration files, flags, and the mistakes that are reported in them.

use std::path::Path;

use super::key::Key;
use super::*;
use crate::server::setup::{self, Setup};

/// Reads a file of this content together with these flags. The mistakes name the file without its directory.
fn read(file: &str, content: &str, flags: Flags) -> Result<Config, Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(file);
    std::fs::write(&path, content).unwrap();
    let config = Some(path.display().to_string());
    let prefix = format!("{}/", directory.path().display());
    Config::read(&Flags { config, ..flags })
        .map_err(|mistakes| mistakes.iter().map(|mistake| mistake.to_string().replace(&prefix, "")).collect())
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// The flags of a server that is set up in a directory.
fn set_up(directory: &Path) -> Flags {
    setup::set_up(directory, &Setup { days: 1, ..Setup::default() }).unwrap();
    let file = |name: &str| some(directory.join(name).to_str().unwrap());
    Flags {
        tls_cert: file("server.crt"),
        tls_key: file("server.key"),
        client_ca: file("ca.crt"),
        clients: file("clients.toml"),
        ..Flags::default()
    }
}

#[test]
fn the_example_file_is_up_to_date() {
    assert!(
        include_str!("../../../deploy/config.example.toml") == example(),
        "regenerate it: cargo run -- config --example > deploy/config.example.toml"
    );
}

#[test]
fn the_example_shows_the_defaults() {
    let directory = tempfile::tempdir().unwrap();
    let flags = set_up(directory.path());
    let shown = read("example.toml", &example(), flags.clone()).unwrap();
    let defaults = Config::read(&flags).unwrap();
    let values = |config: &Config| config.settings().iter().map(|s| (s.key, s.value.clone())).collect::<Vec<_>>();
    assert_eq!(values(&shown), values(&defaults));
}

#[test]
fn the_example_gives_every_key_a_value_that_can_be_read() {
    let (directory, rules) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // The directories and files of the example do not exist on this machine.
    let flags = Flags { rules_dir: some(rules.path().to_str().unwrap()), ..set_up(directory.path()) };
    let lines = example().lines().map(|line| line.trim_start_matches("# ").to_owned()).collect::<Vec<_>>();
    let entries: Vec<_> = lines.into_iter().filter(|line| line.contains(" = ")).collect();
    assert_eq!(entries.len(), Key::NAMES.len());
    let config = read("example.toml", &entries.join("\n"), flags).unwrap();
    let of_file = config.settings().iter().filter(|setting| Key::NAMES.contains(&setting.key));
    let unset: Vec<_> =
        of_file.filter(|setting| setting.origin == Origin::Default).map(|setting| setting.key).collect();
    assert_eq!(unset, [""; 0]);
}

#[test]
fn a_server_requires_certificates_and_clients_unless_it_is_for_development() {
    let mistakes = |flags: &Flags| Config::read(flags).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>();
    let init = "required without --dev; `cpss-registry init DIR` creates these files";
    assert_eq!(mistakes(&Flags::default()), [format!("tls_cert, tls_key, clients: {init}")]);

    let directory = tempfile::tempdir().unwrap();
    let flags = set_up(directory.path());
    assert_eq!(mistakes(&Flags { clients: None, ..flags.clone() }), [format!("clients: {init}")]);
    let without_ca = Flags { client_ca: None, ..flags.clone() };
    let no_ca =
        "--clients: lists clients with certificates, but client_ca, the authority of their certificates, is not set";
    assert_eq!(mistakes(&without_ca), [no_ca]);
    let dev = Flags { dev: true, tls_cert: None, tls_key: None, client_ca: None, ..flags };
    assert_eq!(mistakes(&dev), ["--clients: not allowed with --dev, which uses plaintext and has no list of clients"]);
}

#[test]
fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
    let content = "listen = \"127.0.0.1:1\"\nops_listen = \"127.0.0.1:2\"\nopen_days_through = 2026-03-02\n";
    let flags = Flags { listen: some("[::1]:3"), dev: true, today: some("2026-03-01"), ..Flags::default() };
    let config = read("wins.toml", content, flags).unwrap();
    assert_eq!(config.listen, "[::1]:3".parse().unwrap());
    assert_eq!(config.ops_listen, "127.0.0.1:2".parse().unwrap());
    assert_eq!(config.open_days_through, Some("2026-03-02".parse().unwrap()));
    assert_eq!(config.data_dir, Path::new("./data"));
    assert_eq!((config.dev, config.today, config.no_sample), (true, Some("2026-03-01".parse().unwrap()), false));
    let origins: Vec<_> = config.settings().iter().take(3).map(|setting| &setting.origin).collect();
    assert!(matches!(origins[..], [Origin::Flag("--listen"), Origin::File(_), Origin::Default]), "{origins:?}");
}

#[test]
fn every_mistake_is_reported_at_once_with_its_place() {
    let content = "listen = \"here\"\nops_liste = \"127.0.0.1:1\"\ndrain_seconds = \"10\"\n\ndata_dir = 5\ntoday = \"2026-03-01\"\n";
    let directory = tempfile::tempdir().unwrap();
    let flags = Flags { open_days_through: some("2026-02-30"), no_sample: true, ..set_up(directory.path()) };
    let mistakes = read("mistakes.toml", content, flags).unwrap_err();
    let keys = "the keys are listen, ops_listen, tls_cert, tls_key, client_ca, clients, data_dir, registry, rules_dir, \
                disk_reserve_bytes, disk_reserve_percent, drain_seconds, open_days_through, audit_file, audit_file_mib, \
                audit_keep_days, audit_max_bytes, calls_per_second, calls_burst, questions_per_second, questions_burst, \
                provider_misses_per_hour, payer_misses_per_hour, connections_per_client, streams_per_client, \
                longest_call_seconds";
    assert_eq!(
        mistakes,
        [
            &format!("mistakes.toml:2: unknown key `ops_liste`; {keys}"),
            &format!("mistakes.toml:6: unknown key `today`; {keys}"),
            "mistakes.toml:1: `here` is not an address with a port, such as 127.0.0.1:50051",
            "mistakes.toml:5: data_dir is written as a text in quotes",
            "mistakes.toml:3: drain_seconds is written as a whole number",
            "--open-days-through: `2026-02-30` is not a date of the form 2026-03-01 in the years 1900 to 2200",
            "--no-sample: only with --dev",
        ]
    );
}

#[test]
fn the_reserve_has_a_minimum() {
    let content = "disk_reserve_bytes = 0\n";
    let flags = Flags { disk_reserve_percent: some("91"), dev: true, ..Flags::default() };
    assert_eq!(
        read("reserve.toml", content, flags).unwrap_err(),
        [
            "reserve.toml:1: `0` is not a number of bytes from 67108864: opening copies a segment of the log",
            "--disk-reserve-percent: `91` is not a percentage from 0 to 90",
        ]
    );
}

#[test]
fn a_file_that_cannot_be_read_is_one_mistake_with_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let text = |path: &Path| path.display().to_string();
    let latin = directory.path().join("latin.toml");
    std::fs::write(&latin, b"# Mu\xf1oz\n").unwrap();
    for (path, why) in [
        (directory.path().join("no-such.toml"), "No such file or directory"),
        (directory.path().to_owned(), "Is a directory"),
        (latin, "valid UTF-8"),
    ] {
        let flags = Flags { config: Some(text(&path)), ..Flags::default() };
        for mistakes in
            [Config::read(&flags).map(drop), Config::read_data_dir(&flags).map(drop)].map(Result::unwrap_err)
        {
            let [mistake] = &mistakes[..] else { panic!("{mistakes:?}") };
            let message = mistake.to_string();
            assert!(message.starts_with(&format!("--config: cannot read {}: ", text(&path))), "{message}");
            assert!(message.contains(why), "{message}");
        }
    }
}

#[test]
fn invalid_toml_is_a_mistake_with_its_line() {
    let dev = Flags { dev: true, ..Flags::default() };
    let mistakes = read("broken.toml", "listen = \"127.0.0.1:1\"\nops_listen = \n", dev).unwrap_err();
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    assert!(mistakes[0].starts_with("broken.toml:2: "), "{mistakes:?}");
}

#[test]
fn a_development_server_is_refused_beyond_loopback() {
    let flags = Flags { dev: true, listen: some("0.0.0.0:50051"), ..Flags::default() };
    let mistakes = Config::read(&flags).unwrap_err();
    assert_eq!(mistakes.len(), 1);
    assert!(mistakes[0].to_string().starts_with("--listen: 0.0.0.0:50051 is not a loopback address"));
}

#[test]
fn every_address_to_listen_on_is_checked() {
    let flags = <Flags as clap::Args>::augment_args(clap::Command::new("serve"));
    let is_address = |flag: &&clap::Arg| flag.get_value_names().is_some_and(|names| names == ["ADDR"]);
    let keys: Vec<_> = flags.get_arguments().filter(is_address).map(|flag| flag.get_id().to_string()).collect();
    assert!(keys.len() > 1);
    let lines = keys.iter().map(|key| format!("{key} = \"0.0.0.0:50051\"\n"));
    let mistakes = read("open.toml", &lines.collect::<String>(), Flags { dev: true, ..Flags::default() }).unwrap_err();
    for line in 1..=keys.len() {
        let reports = |message: &str| mistakes.contains(&format!("open.toml:{line}: {message}"));
        let message = "0.0.0.0:50051 is not a loopback address, and --dev accepts calls from anyone";
        assert!(reports(message), "{mistakes:?}");
        assert_eq!(reports("the same address as listen"), line > 1, "{mistakes:?}");
    }
}
