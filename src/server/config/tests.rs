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
    let mut entries: Vec<_> = lines.into_iter().filter(|line| line.contains(" = ") || line.starts_with('[')).collect();
    assert_eq!(entries.iter().filter(|line| line.contains(" = ")).count(), Key::NAMES.len());
    // A log in the data directory needs none of the keys that have no default, so they are the only mistakes.
    let mistakes = read("example.toml", &entries.join("\n"), flags.clone()).unwrap_err();
    let unneeded = Key::all().iter().filter(|key| key.name.starts_with("log.") && key.default.is_none()).count();
    let only = mistakes.iter().filter(|mistake| mistake.ends_with(": only with log.engine = \"postgresql\"")).count();
    assert_eq!((only, mistakes.len()), (unneeded, unneeded), "{mistakes:?}");
    entries.truncate(entries.iter().position(|line| line == "[log]").unwrap());
    let config = read("example.toml", &entries.join("\n"), flags).unwrap();
    let of_file = config.settings().iter().filter(|setting| Key::NAMES.contains(&setting.key));
    let unset: Vec<_> =
        of_file.filter(|setting| setting.origin == Origin::Default).map(|setting| setting.key).collect();
    assert!(unset.iter().all(|key| key.starts_with("log.")), "{unset:?}");
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
    let list = directory.path().join("clients.toml");
    let named = std::fs::read_to_string(&list).unwrap();
    let comments: String = named.lines().filter(|line| line.starts_with('#')).flat_map(|line| [line, "\n"]).collect();
    std::fs::write(&list, comments).unwrap();
    let no_client =
        "names no client, so every call would be refused: restore it, or run `cpss-registry init DIR --client …`";
    assert_eq!(mistakes(&flags), [format!("{}: {no_client}", list.display())]);
    std::fs::write(&list, named).unwrap();
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
    let keys = "the keys are listen, ops_listen, http_listen, http_origins, tls_cert, tls_key, client_ca, clients, deliver_webhooks, \
                data_dir, registry, \
                rules_dir, disk_reserve_bytes, disk_reserve_percent, drain_seconds, adopt_semantics, \
                stuck_after_seconds, open_days_through, backup_recipients, audit_file, audit_file_mib, \
                audit_keep_days, audit_max_bytes, calls_per_second, calls_burst, questions_per_second, \
                questions_burst, provider_misses_per_hour, payer_misses_per_hour, connections_per_client, \
                streams_per_client, longest_call_seconds, max_connection_age_seconds, \
                max_connection_age_grace_seconds, log_format, log_level, log.engine, log.url, log.password_file, \
                log.ca, log.request_key, log.signing_keys, log.replica_id, log.durability, \
                log.patience_seconds, log.serve_stale_for_seconds, log.roll_call";
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

/// A directory with the key and the password of a log, and the flags of a server that is set up there.
fn with_log_files() -> (tempfile::TempDir, Flags) {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let flags = set_up(directory.path());
    for (name, content) in [("request.key", &[7; 32][..]), ("password", b"opensesame\n")] {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    (directory, flags)
}

/// A configuration of a replica, with its files in a directory.
fn of_a_replica(directory: &Path) -> String {
    let file = |name: &str| directory.join(name).display().to_string();
    format!(
        "registry = \"3f2a91c0-5d1e-4c8a-9b57-6f0e2d4c8a11\"\n[log]\nengine = \"postgresql\"\n\
         url = \"postgresql://cpss@127.0.0.1:5432/cpss\"\npassword_file = \"{}\"\nrequest_key = \"{}\"\n\
         replica_id = \"east-1\"\npatience_seconds = 5\n",
        file("password"),
        file("request.key")
    )
}

#[test]
fn a_replica_is_configured_by_its_table() {
    let (directory, flags) = with_log_files();
    let content = of_a_replica(directory.path());
    let config = read("replica.toml", &content, flags.clone()).unwrap();
    let access = config.log_access().unwrap().unwrap();
    assert_eq!((access.registry, access.request_key), (config.registry.unwrap(), [7; 32]));
    assert_eq!((&*access.settings.replica, access.settings.patience.as_secs()), ("east-1", 5));
    assert_eq!(access.settings.roll_call, None, "it waits for every replica");
    let config = read("replica.toml", &format!("{content}roll_call = \"90s\"\n"), flags.clone()).unwrap();
    let waits = config.log_access().unwrap().unwrap().settings.roll_call;
    assert_eq!(waits, Some(std::time::Duration::from_secs(90)));
    assert!(!format!("{:?}{:?}", config.settings(), access.settings).contains("opensesame"));

    let unnamed = content.replace("replica_id = \"east-1\"\n", "");
    let config = read("replica.toml", &unnamed, flags.clone()).unwrap();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(config.log_access().unwrap().unwrap().settings.replica, host.trim().split('.').next().unwrap());

    let flags = Flags { log_replica_id: some("west-1"), ..flags };
    let config = read("replica.toml", &content, flags).unwrap();
    assert_eq!(config.log_access().unwrap().unwrap().settings.replica, "west-1");
}

#[test]
fn the_keys_of_a_log_must_agree() {
    let (directory, flags) = with_log_files();
    let content = of_a_replica(directory.path());
    let mistakes = |from: &str, to: &str, flags: &Flags| {
        assert!(content.contains(from), "{from}");
        read("replica.toml", &content.replace(from, to), flags.clone()).map(drop).unwrap_err()
    };
    let only = "only with log.engine = \"postgresql\"";
    assert_eq!(
        mistakes("\"postgresql\"", "\"file\"", &flags),
        [4, 5, 6, 7].map(|line| format!("replica.toml:{line}: {only}"))
    );
    let needs = |what: &str| [format!("replica.toml:3: postgresql requires {what}")];
    let registry = "registry, the id that `init` wrote: the log of no other one fills this replica";
    assert_eq!(mistakes("registry = ", "# registry = ", &flags), needs(registry));
    assert_eq!(mistakes("url = ", "# url = ", &flags), needs("log.url, the database with the log"));
    let key = "log.request_key, the file that `init` made for all replicas";
    assert_eq!(mistakes("request_key = ", "# request_key = ", &flags), needs(key));
    let zero = ["replica.toml:8: at least 1 second is needed"];
    assert_eq!(mistakes("patience_seconds = 5", "patience_seconds = 0", &flags), zero);
    for time in ["never", "10", "0s", "s", "90000s"] {
        let wrong = mistakes("patience_seconds = 5", &format!("roll_call = \"{time}\""), &flags);
        assert_eq!(wrong, [format!("replica.toml:8: `{time}` is neither wait nor a time from 1s to 86400s")]);
    }
    let named = mistakes("east-1", "-east.1", &flags);
    assert!(named[0].starts_with("replica.toml:7: `-east.1` is not the name of a replica: "), "{named:?}");
    let engine = mistakes("\"postgresql\"", "\"mysql\"", &flags);
    assert_eq!(engine[0], "replica.toml:3: `mysql` is not an engine of the log: file or postgresql");
    let unknown = mistakes("password_file", "pasword_file", &flags);
    assert!(unknown[0].starts_with("replica.toml:5: unknown key `log.pasword_file`; "), "{unknown:?}");
    let loss = Flags { accept_loss_after: some("7"), new_request_key: true, ..flags.clone() };
    let refused = mistakes("east-1", "east-2", &loss);
    assert!(refused[0].starts_with("--accept-loss-after: not with") && refused[1].starts_with("--new-request-key: "));
    let dev = Flags { dev: true, ..Flags::default() };
    let refused = mistakes("east-1", "east-2", &dev);
    assert!(refused[0].starts_with("replica.toml:3: postgresql is not allowed with --dev"), "{refused:?}");
}

#[test]
fn secrets_of_a_log_are_files_that_only_their_owner_reads() {
    use std::os::unix::fs::PermissionsExt as _;
    let (directory, flags) = with_log_files();
    let content = of_a_replica(directory.path());
    let first = |content: &str| read("replica.toml", content, flags.clone()).map(drop).unwrap_err().remove(0);
    let secret = first(&content.replace("cpss@", "cpss:opensesame@"));
    assert!(secret.starts_with("replica.toml:4: ") && secret.contains("password_file"), "{secret}");
    assert!(!secret.contains("opensesame"), "{secret}");
    let far = first(&content.replace("127.0.0.1", "db1.example.org"));
    assert!(far.starts_with("replica.toml:4: ") && far.contains("would not be encrypted"), "{far}");

    let [key, password] = ["request.key", "password"].map(|name| directory.path().join(name));
    let open = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    open(&key, 0o644);
    let readable = first(&content);
    assert!(readable.starts_with("replica.toml:6: ") && readable.contains("chmod 600"), "{readable}");
    open(&key, 0o600);
    std::fs::write(&key, [7; 31]).unwrap();
    assert!(first(&content).ends_with("is not a request key: it is not 32 bytes long"), "{}", first(&content));
    std::fs::write(&key, [7; 32]).unwrap();
    std::fs::write(&password, "\n").unwrap();
    assert!(first(&content).starts_with("replica.toml:5: "), "{}", first(&content));
    std::fs::remove_file(&password).unwrap();
    assert!(first(&content).contains("cannot read"), "{}", first(&content));
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
