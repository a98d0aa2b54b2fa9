//! Which registry is served: the one that the configuration pins, complete, in a directory that contains nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::harness::{Client, Process, TODAY, serve_failures, until};
use super::tls::tls_server::set_up;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_cpss-registry");

fn run(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn names(directory: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}

/// Runs `create` and returns the id that it prints.
fn create(data_dir: &Path) -> String {
    let created = run(&["create", "--data-dir", text(data_dir)]);
    assert!(created.status.success(), "{}", said(&created));
    let line = String::from_utf8(created.stdout).unwrap();
    let id = line.strip_prefix("registry = \"").and_then(|rest| rest.strip_suffix("\"\n"));
    id.unwrap_or_else(|| panic!("a line of the configuration, and nothing else: {line}")).to_owned()
}

/// A configuration by `init`, and one without its pin.
struct Configured {
    config: PathBuf,
    unpinned: PathBuf,
}

fn configured(directory: &Path) -> Configured {
    set_up(directory);
    let (config, unpinned) = (directory.join("config.toml"), directory.join("unpinned.toml"));
    let lines = fs::read_to_string(&config).unwrap();
    assert!(lines.contains("\nregistry = \""), "{lines}");
    let kept = lines.lines().filter(|line| !line.starts_with("registry"));
    fs::write(&unpinned, kept.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    Configured { config, unpinned }
}

/// The exit code of a server that refuses to start, and the single line that it prints.
fn refusal(arguments: &[&str]) -> (Option<i32>, String) {
    let (status, said) = Process::serve(arguments).wait();
    let mut lines = serve_failures(&said);
    assert_eq!(lines.len(), 1, "{said}");
    (status.code(), lines.remove(0))
}

#[test]
fn serve_refuses_a_directory_without_a_registry_and_makes_nothing_there() {
    let scratch = tempfile::tempdir().unwrap();
    let Configured { config, .. } = configured(&scratch.path().join("etc"));
    let [missing, empty, mount, foreign] =
        ["missing", "empty", "mount", "foreign"].map(|name| scratch.path().join(name));
    fs::create_dir(&empty).unwrap();
    fs::create_dir_all(mount.join("lost+found")).unwrap();
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("thesis.odt"), "mine").unwrap();
    for (data_dir, why) in [
        (&missing, "does not exist: is the disk mounted?"),
        (&empty, "is empty: is the disk mounted?"),
        (&mount, "is empty: is the disk mounted?"),
        (&foreign, "contains something else (thesis.odt)"),
    ] {
        let before = data_dir.exists().then(|| names(data_dir));
        assert!(run(&["config", "--check", "--config", text(&config), "--data-dir", text(data_dir)]).status.success());
        let (code, line) = refusal(&["--config", text(&config), "--data-dir", text(data_dir)]);
        assert_eq!(code, Some(2), "{line}");
        assert!(line.contains("no registry here") && line.contains(text(data_dir)) && line.contains(why), "{line}");
        assert_eq!(data_dir.exists().then(|| names(data_dir)), before);
    }
    let file = foreign.join("thesis.odt");
    for arguments in [["--config", text(&config)], ["--dev", "--no-sample"]] {
        let (code, line) = refusal(&[&arguments[..], &["--data-dir", text(&file)]].concat());
        assert_eq!(code, Some(2), "{line}");
        assert!(line.ends_with("/thesis.odt is not a directory: name one that is"), "{line}");
    }
    // A development server creates a registry, but not in a directory with other files.
    let (code, line) = refusal(&["--dev", "--no-sample", "--data-dir", text(&foreign)]);
    assert_eq!((code, names(&foreign).len()), (Some(2), 1), "{line}");
    let process = Process::spawn(&mount, TODAY);
    process.listening();
    process.stop();
}

#[test]
fn only_the_pinned_registry_is_served() {
    let scratch = tempfile::tempdir().unwrap();
    let Configured { config, unpinned } = configured(&scratch.path().join("etc"));
    let [other, backup, restored] = ["other", "backup", "restored"].map(|name| scratch.path().join(name));
    let found = create(&other);
    let pinned = fs::read_to_string(&config).unwrap().lines().last().unwrap()[12..48].to_owned();
    assert_ne!(pinned, found);
    let before = contents(&other);
    let (code, line) = refusal(&["--config", text(&config), "--data-dir", text(&other)]);
    assert_eq!(code, Some(2), "{line}");
    assert_eq!(contents(&other), before, "nothing of another registry is touched");
    assert!(line.contains(&format!("the registry {found}")) && line.contains(&pinned), "{line}");

    // After a restore it is the same registry in another epoch.
    let data = scratch.path().join("etc/data");
    for arguments in [
        ["backup", text(&backup), "--data-dir", text(&data)],
        ["restore", text(&backup), "--data-dir", text(&restored)],
    ] {
        let ended = run(&arguments);
        assert!(ended.status.success(), "{}", said(&ended));
    }
    let process = Process::serve(&["--config", text(&config), "--data-dir", text(&restored)]);
    process.listening();
    assert!(!process.log().contains("registry_not_pinned"), "{}", process.log());
    process.stop();

    // Without the pin, a warning says what to add.
    let process = Process::serve(&["--config", text(&unpinned)]);
    process.listening();
    let line = format!("registry = \"{pinned}\"");
    assert!(process.log().contains("registry_not_pinned") && process.log().contains(&line), "{}", process.log());
    process.stop();
}

/// All files and directories below a directory, with their contents.
fn contents(directory: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    names(directory)
        .into_iter()
        .flat_map(|path| match path.is_dir() {
            true => [vec![(path.clone(), None)], contents(&path)].concat(),
            false => vec![(path.clone(), Some(fs::read(&path).unwrap()))],
        })
        .collect()
}

/// The line that each command prints for a data directory that it refuses with exit code 2. The directory must not
/// change.
fn refused_by_every_command(etc: &Configured, data: &Path) -> Vec<String> {
    let before = contents(data);
    let (config, unpinned) = (text(&etc.config), text(&etc.unpinned));
    let scratch = tempfile::tempdir().unwrap();
    let [backup, file, other] = ["backup", "export", "etc"].map(|name| scratch.path().join(name));
    let mut lines = Vec::new();
    for arguments in [
        &["--config", config][..],
        &["--config", unpinned],
        &["--config", unpinned, "--new-request-key"],
        &["--config", unpinned, "--accept-loss-after", "1"],
        &["--dev", "--no-sample"],
    ] {
        let (code, line) = refusal(&[arguments, &["--data-dir", text(data)]].concat());
        assert_eq!(code, Some(2), "{arguments:?}: {line}");
        lines.push(line);
    }
    for command in
        [&["check"][..], &["rebuild"], &["backup", text(&backup)], &["export", text(&file)], &["init", text(&other)]]
    {
        let ended = run(&[command, &["--data-dir", text(data)]].concat());
        let said = said(&ended);
        assert_eq!((ended.status.code(), said.lines().count()), (Some(2), 1), "{command:?}: {said}");
        lines.push(said);
    }
    assert!(run(&["config", "--check", "--config", config, "--data-dir", text(data)]).status.success());
    assert_eq!(contents(data), before);
    lines
}

#[test]
fn a_registry_without_records_is_refused_by_every_command_and_not_changed() {
    let scratch = tempfile::tempdir().unwrap();
    let etc = configured(&scratch.path().join("etc"));
    let data = scratch.path().join("etc/data");
    let (log, segment) = (data.join("log"), data.join("log/00000000000000000001.log"));
    let first_record = fs::read(&segment).unwrap();
    let empty_log = || {
        fs::remove_dir_all(&log).ok();
        fs::create_dir(&log).unwrap();
    };
    fs::remove_dir_all(data.join("index")).unwrap();
    let accidents: [&dyn Fn(); 7] = [
        &|| fs::remove_file(log.join("head")).and_then(|()| fs::write(&segment, "")).unwrap(),
        &|| fs::write(&segment, [0; 4096]).unwrap(),
        &|| fs::write(&segment, &first_record[..first_record.len() / 2]).unwrap(),
        &empty_log,
        &|| fs::create_dir(log.join("lost+found")).unwrap(),
        &|| fs::remove_dir_all(&log).unwrap(),
        // Only FORMAT is left.
        &|| fs::remove_dir_all(data.join("keys")).and_then(|()| fs::remove_file(data.join("LOCK"))).unwrap(),
    ];
    for (at, accident) in accidents.iter().enumerate() {
        accident();
        let why = format!("no registry here: {} contains no records: is its disk mounted?", text(&log));
        for line in refused_by_every_command(&etc, &data) {
            assert!(line.contains(&why), "accident {at}: {line}");
        }
    }
    assert_eq!(names(&data), [data.join("FORMAT")]);
}

#[test]
fn an_empty_log_with_proof_of_records_is_reported_as_a_loss() {
    let scratch = tempfile::tempdir().unwrap();
    let etc = configured(&scratch.path().join("etc"));
    let data = scratch.path().join("etc/data");
    let (log, index) = (data.join("log"), data.join("index"));
    let head = fs::read(log.join("head")).unwrap();
    let accidents: [&dyn Fn(); 2] = [&|| fs::remove_dir_all(&log).unwrap(), &|| {
        fs::remove_dir_all(&index).unwrap();
        fs::create_dir(&log).unwrap();
        fs::write(log.join("head"), &head).unwrap();
    }];
    for accident in accidents {
        accident();
        for line in refused_by_every_command(&etc, &data) {
            assert!(line.contains("records were lost: the records up to "), "{line}");
            assert!(line.contains(&format!("{} contains no records: is its disk mounted?", text(&log))), "{line}");
        }
    }
}

#[test]
fn create_creates_a_registry_once_and_init_uses_an_existing_one() {
    let scratch = tempfile::tempdir().unwrap();
    let [data, etc, elsewhere] = ["data", "etc", "elsewhere"].map(|name| scratch.path().join(name));
    let id = create(&data);
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    let again = run(&["create", "--data-dir", text(&data)]);
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("it contains a registry"), "{}", said(&again));

    let pin = format!("registry = \"{id}\"");
    assert!(run(&["init", text(&etc), "--data-dir", text(&data)]).status.success());
    assert!(fs::read_to_string(etc.join("config.toml")).unwrap().contains(&pin));
    let process = Process::serve(&["--config", text(&etc.join("config.toml")), "--registry", &id]);
    process.listening();
    process.stop();
    // For a registry on another machine, only the configuration is created here.
    assert!(run(&["init", text(&elsewhere), "--registry", &id]).status.success());
    assert!(fs::read_to_string(elsewhere.join("config.toml")).unwrap().contains(&pin));
    assert!(!elsewhere.join("data").exists());
}

#[test]
fn a_sample_that_does_not_fit_the_day_writes_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let (code, line) = refusal(&["--dev", "--today", "2005-01-01", "--data-dir", text(&data)]);
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains("2005-01-01") && line.contains("--no-sample"), "{line}");
    assert!(!data.exists(), "{:?}", names(&data));
    let process = Process::serve(&["--dev", "--no-sample", "--today", "2005-01-01", "--data-dir", text(&data)]);
    process.listening();
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sample_interrupted_by_a_kill_is_detected_and_loaded_completely() {
    let scratch = tempfile::tempdir().unwrap();
    let whole = scratch.path().join("whole");
    let arguments =
        |data: &Path| -> [String; 5] { ["--dev", "--today", TODAY, "--data-dir", text(data)].map(str::to_owned) };
    let serve = |data: &Path| Process::serve(&arguments(data).each_ref().map(String::as_str));
    let process = serve(&whole);
    let records = Client::connect(process.listening()).head().await;
    process.stop();

    let data = scratch.path().join("data");
    let segment = data.join("log/00000000000000000001.log");
    let process = serve(&data);
    // The first record is written, but not all of them.
    until("a record", async || fs::metadata(&segment).is_ok_and(|file| file.len() > 0)).await;
    process.kill();
    assert!(!data.join("FORMAT").exists(), "the kill came too late: the sample was complete");
    assert_eq!(fs::read_to_string(data.join("UNFINISHED")).unwrap(), "serve --dev\n");

    let process = serve(&data);
    assert_eq!(Client::connect(process.listening()).head().await, records);
    assert!(process.log().contains("did not finish here"), "{}", process.log());
    process.stop();
}

#[test]
fn a_missing_request_key_is_reported_and_replaced_only_on_request() {
    let scratch = tempfile::tempdir().unwrap();
    let Configured { config, .. } = configured(&scratch.path().join("etc"));
    fs::remove_file(scratch.path().join("etc/data/keys/request.key")).unwrap();
    let (code, line) = refusal(&["--config", text(&config)]);
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains("keys/request.key is missing") && line.contains("--new-request-key"), "{line}");
    for flags in [&["--new-request-key"][..], &[]] {
        let process = Process::serve(&[&["--config", text(&config)], flags].concat());
        process.listening();
        process.stop();
    }
}

/// The program, run by a user who does not own these directories, if this process runs as root.
fn as_somebody(scratch: &Path) -> Command {
    let program = scratch.join("cpss-registry");
    // Another process copies it: a child of another test could inherit the file while this one writes to it.
    assert!(Command::new("cp").args([BINARY, text(&program)]).status().unwrap().success());
    for path in [scratch, &program] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new(&program);
    if is_root() {
        command.uid(65534).gid(65534);
    }
    command
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

#[test]
fn a_directory_that_may_not_be_read_is_reported_with_its_owner_and_mode() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    create(&data);
    // For one's own directory, only the mode denies access.
    let mode = if is_root() { 0o700 } else { 0o000 };
    fs::set_permissions(&data, fs::Permissions::from_mode(mode)).unwrap();
    for command in [&["check"][..], &["backup", "x"], &["rebuild"], &["export", "-"]] {
        let ended = as_somebody(scratch.path()).args(command).args(["--data-dir", text(&data)]).output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{}", said(&ended));
        let message = format!("{} belongs to user ", text(&data));
        assert!(
            said(&ended).contains(&message) && said(&ended).contains(&format!("mode {mode:04o}")),
            "{}",
            said(&ended)
        );
        assert!(!said(&ended).contains("no registry"), "{}", said(&ended));
    }
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_directory_in_use_is_reported_with_the_process_that_holds_it() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let process = Process::spawn(&data, TODAY);
    process.listening();
    let pid = process.id();
    for command in [&["check"][..], &["rebuild"]] {
        let ended = run(&[command, &["--data-dir", text(&data)]].concat());
        assert_eq!(ended.status.code(), Some(1), "{}", said(&ended));
        let message = format!("the data directory {} is in use by process {pid} (", text(&data));
        assert!(said(&ended).contains(&message) && said(&ended).contains("cpss-registry serve"), "{}", said(&ended));
    }
    process.stop();
}
