//! Backups over the network: encrypted, whole or not at all, and for operators alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cpss_registry::domain::id::Revision;
use cpss_registry::proto::v1;
use cpss_registry::proto::v1::operations_service_client::OperationsServiceClient;
use cpss_registry::proto::v1::stream_backup_response::Content;
use cpss_registry::registry::backup::{BackupRefused, Backups, Sent};
use cpss_registry::store::StoreOptions;
use cpss_registry::store::log::LogOptions;
use tonic::{Code, Status};

use super::{json_of, refused, run, text};
use crate::harness::keys::{IDENTITY, RECIPIENT};
use crate::harness::ops::get;
use crate::harness::proxy::{At, Proxy, Then};
use crate::harness::refusal::Refusal as _;
use crate::harness::requests::register_specialist;
use crate::harness::{Client, Process, TODAY, library, until};

/// A directory with a registry, a key file, and the places of backups.
struct Scene {
    scratch: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        let scene = Scene { scratch: tempfile::tempdir().unwrap() };
        fs::write(scene.at("key.txt"), format!("# a test\n{IDENTITY}\n")).unwrap();
        fs::create_dir(scene.at("kept")).unwrap();
        let generated = ["generate", "--specialists", "300", "--through", "2026-02-27"];
        json_of(&[&generated[..], &["--data-dir", text(&scene.at("generated"))]].concat());
        scene
    }

    fn at(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn serve(&self, data_dir: &Path) -> Process {
        let process = Process::spawn_with(data_dir, TODAY, &["--backup-recipients", RECIPIENT]);
        process.listening();
        process
    }

    /// Serves another registry, whose log has closed segments.
    async fn serve_closed_segments(&self) -> Process {
        let data = self.at("data");
        let log = LogOptions { segment_bytes: 4096, ..LogOptions::default() };
        let days = ["2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05"];
        for day in days {
            let options = StoreOptions { log: log.clone(), ..StoreOptions::default() };
            library::close(library::open(&data, day, options)).await;
        }
        let process = Process::spawn_with(&data, days[3], &["--backup-recipients", RECIPIENT]);
        process.listening();
        process
    }

    /// The records of a restored backup as an export.
    fn records(&self, archive: &Path, name: &str) -> String {
        let (data, key) = (self.at(name), self.at("key.txt"));
        json_of(&["restore", text(archive), "--identity", text(&key), "--data-dir", text(&data)]);
        assert_eq!(json_of(&["check", "--data-dir", text(&data)])["fine"], true);
        run(&["export", "-", "--data-dir", text(&data)]).out
    }
}

fn endpoint(process: &Process) -> String {
    format!("http://{}", process.listening())
}

/// The description of a backup.
fn described(file: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(format!("{}.json", text(file))).unwrap()).unwrap()
}

/// The files in a directory, by name.
fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_fetches_an_encrypted_backup_that_restores_like_a_local_one() {
    let scene = Scene::new();
    let data = scene.at("generated");
    let process = scene.serve(&data);
    let (file, endpoint) = (scene.at("kept/backup.tar.age"), endpoint(&process));
    let arguments = ["backup", text(&file), "--endpoint", &endpoint, "--as", "operator"];
    let report = json_of(&arguments);
    let ciphertext = fs::read(&file).unwrap();
    assert_eq!(report["bytes"], ciphertext.len());
    assert!(ciphertext.starts_with(b"age-encryption.org/v1\n"));
    let key = fs::read(data.join("keys/request.key")).unwrap();
    for secret in [&key[..], b"Example", b"MANIFEST"] {
        assert!(!ciphertext.windows(secret.len()).any(|bytes| bytes == secret), "it is in clear text");
    }
    let noted = fs::read_to_string(data.join("BACKED_UP")).unwrap();
    assert!(noted.trim_end().ends_with(&format!(" {}", report["head"])), "{noted}");
    process.wait_for_log("backup_streamed");
    let audit = fs::read_to_string(data.join("audit/reads.jsonl")).unwrap();
    assert!(audit.contains("OperationsService/StreamBackup") && audit.contains("dev:operator"), "{audit}");

    let again = run(&arguments);
    assert!(again.code == 2 && again.err.contains("already exists"), "{}", again.err);
    let out = Command::new(env!("CARGO_BIN_EXE_cpss-registry"))
        .args(["backup", "-", "--endpoint", &endpoint, "--as", "operator"])
        .output()
        .unwrap();
    fs::write(scene.at("kept/piped.tar.age"), &out.stdout).unwrap();
    process.stop();

    let records = scene.records(&file, "restored");
    assert_eq!(without_epoch(&scene.records(&scene.at("kept/piped.tar.age"), "piped")), without_epoch(&records));
    let (target, local) = (scene.at("directory"), scene.at("local"));
    json_of(&["backup", text(&target), "--data-dir", text(&data)]);
    json_of(&["restore", text(&target), "--data-dir", text(&local)]);
    let local = run(&["export", "-", "--data-dir", text(&local)]).out;
    assert_eq!(without_epoch(&records), without_epoch(&local));
    let refused = run(&["restore", text(&file), "--data-dir", text(&scene.at("x"))]);
    assert!(refused.code == 2 && refused.err.contains("--identity"), "{}", refused.err);
}

/// The records without the last one, which begins the epoch of the restore.
fn without_epoch(records: &str) -> Vec<&str> {
    let mut lines: Vec<_> = records.lines().collect();
    lines.pop();
    lines
}

#[test]
#[ignore = "needs age: .ci/run has it"]
fn age_tool_decrypts_a_backup() {
    let scene = Scene::new();
    let process = scene.serve(&scene.at("generated"));
    let file = scene.at("kept/backup.tar.age");
    json_of(&["backup", text(&file), "--endpoint", &endpoint(&process), "--as", "operator"]);
    process.stop();
    let archive = scene.at("kept/backup.tar");
    let key = scene.at("key.txt");
    let decrypted = Command::new("age").args(["-d", "-i", text(&key), "-o", text(&archive), text(&file)]).status();
    assert!(decrypted.unwrap().success());
    let records = scene.records(&file, "restored");
    json_of(&["restore", text(&archive), "--data-dir", text(&scene.at("by-age"))]);
    let by_age = run(&["export", "-", "--data-dir", text(&scene.at("by-age"))]).out;
    assert_eq!(without_epoch(&by_age), without_epoch(&records));
}

#[test]
fn nobody_but_an_operator_takes_a_backup_and_an_operator_does_nothing_else() {
    let scene = Scene::new();
    let process = scene.serve(&scene.at("generated"));
    let (file, endpoint) = (scene.at("kept/backup.tar.age"), endpoint(&process));
    for role in ["registrar", "auditor", "payer", "certifier"] {
        let said = refused(&["backup", text(&file), "--endpoint", &endpoint, "--as", role]);
        assert!(said.contains("PERMISSION_DENIED"), "{role}: {said}");
    }
    let said = refused(&["verify", "CPS-28MS-MN2K-Z", "--endpoint", &endpoint, "--as", "operator"]);
    assert!(said.contains("PERMISSION_DENIED"), "{said}");
    process.stop();
    let process = Process::spawn(&scene.at("generated"), TODAY);
    let endpoint = format!("http://{}", process.listening());
    let said = refused(&["backup", text(&file), "--endpoint", &endpoint, "--as", "operator"]);
    assert!(said.contains("NO_BACKUP_RECIPIENT"), "{said}");
    process.stop();
    let audit = fs::read_to_string(scene.at("generated/audit/reads.jsonl")).unwrap();
    let asked: Vec<_> = audit.lines().filter(|line| line.contains("OperationsService/StreamBackup")).collect();
    assert!(!asked.is_empty() && asked.iter().all(|line| line.contains("\"REFUSED\"")), "{asked:?}");
    assert!(names(&scene.at("kept")).is_empty());
}

#[test]
fn a_connection_that_breaks_anywhere_leaves_nothing_and_the_backup_is_started_over() {
    let scene = Scene::new();
    let process = scene.serve(&scene.at("generated"));
    let file = scene.at("kept/backup.tar.age");
    let whole = scene.at("kept/whole.tar.age");
    let bytes = json_of(&["backup", text(&whole), "--endpoint", &endpoint(&process), "--as", "operator"])["bytes"]
        .as_u64()
        .and_then(|bytes| usize::try_from(bytes).ok())
        .unwrap();
    fs::remove_file(&whole).unwrap();
    fs::remove_file(scene.at("kept/whole.tar.age.json")).unwrap();
    for at in [At::Response, At::Bytes(bytes / 3), At::Bytes(bytes)] {
        let proxy = Proxy::before(process.listening(), at, Then::Close);
        let mut piped = Command::new(env!("CARGO_BIN_EXE_cpss-registry"));
        piped.args(["backup", "-", "--endpoint", &proxy.endpoint(), "--as", "operator"]).stdout(Stdio::null());
        assert_eq!(piped.status().unwrap().code(), Some(1), "what is on standard output cannot be taken back");
        let proxy = Proxy::before(process.listening(), at, Then::Close);
        let fetched = run(&["backup", text(&file), "--endpoint", &proxy.endpoint(), "--as", "operator"]);
        assert!(fetched.code == 0 && fetched.err.contains("started over"), "{at:?}: {}", fetched.err);
        assert_eq!(names(&scene.at("kept")), ["backup.tar.age", "backup.tar.age.json"]);
        fs::remove_file(&file).unwrap();
    }
    process.stop();
    let said = refused(&["backup", text(&file), "--endpoint", "http://127.0.0.1:1", "--as", "operator"]);
    assert!(said.contains("started over"), "{said}");
    assert_eq!(names(&scene.at("kept")), ["backup.tar.age.json"], "only of the earlier file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_has_chains_of_what_is_new_and_keeps_what_the_newest_need() {
    let scene = Scene::new();
    let process = scene.serve_closed_segments().await;
    let (client, endpoint) = (Client::connect(process.listening()), endpoint(&process));
    let kept = scene.at("kept");
    let backups = || names(&kept).into_iter().filter(|name| name.ends_with(".age")).collect::<Vec<_>>();
    let (mut reports, mut counts) = (Vec::new(), Vec::new());
    for round in 0..5 {
        for at in 0..3 {
            client.report(register_specialist("Ambrose", &format!("Example-{round}-{at}"))).await;
        }
        let target = ["backup", text(&kept), "--endpoint", &endpoint, "--as", "operator"];
        reports.push(json_of(&[&target[..], &["--full-every", "3", "--keep", "2"]].concat()));
        counts.push(backups().len());
        // The names have seconds.
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    }
    process.stop();
    // The fourth is a full one. The first three stay with it, because the third is kept and needs them.
    assert_eq!(counts, [1, 2, 3, 4, 2]);
    let is_full: Vec<_> = reports.iter().map(|report| report["segments_kept"] == 0).collect();
    assert_eq!(is_full, [true, false, false, true, false], "{reports:?}");
    let left = backups();
    let last = kept.join(&left[1]);
    let records = scene.records(&last, "restored");
    assert_eq!(without_epoch(&records).len() as u64, reports[4]["head"].as_u64().unwrap());
    assert_eq!(records.matches("Example-4-2").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_since_a_kept_one_is_smaller_and_restores_the_same() {
    let scene = Scene::new();
    let process = scene.serve_closed_segments().await;
    let (client, endpoint) = (Client::connect(process.listening()), endpoint(&process));
    let [first, since, full] = ["first", "since", "full"].map(|name| scene.at(&format!("kept/{name}.tar.age")));
    let fetch = |file: &Path, more: &[&str]| {
        json_of(&[&["backup", text(file), "--endpoint", &endpoint, "--as", "operator"][..], more].concat())
    };
    fetch(&first, &[]);
    client.report(register_specialist("Ambrose", "Example-Later")).await;
    let taken = fetch(&since, &["--since", text(&first)]);
    let whole = fetch(&full, &[]);
    // A backup of more segments than a request may name: the others are sent again.
    let many = scene.at("kept/many.tar.age");
    fs::copy(&first, &many).unwrap();
    let mut description = described(&first);
    let others = (0..1001).map(|at| format!("# bytes 1\n{at:064}  log/9{at:019}.log\n")).collect::<String>();
    description["manifest"] = format!("{}{others}", description["manifest"].as_str().unwrap()).into();
    fs::write(scene.at("kept/many.tar.age.json"), description.to_string()).unwrap();
    let since_many = fetch(&scene.at("kept/since-many.tar.age"), &["--since", text(&many)]);
    assert_eq!(since_many["segments_kept"], taken["segments_kept"]);
    process.stop();
    let kept = taken["segments_kept"].as_u64().unwrap();
    assert!(kept > 0, "{taken}");
    assert_eq!(whole["segments_copied"].as_u64().unwrap(), kept + taken["segments_copied"].as_u64().unwrap());
    assert_eq!(without_epoch(&scene.records(&since, "by-since")), without_epoch(&scene.records(&full, "by-full")));
    fs::remove_file(&first).unwrap();
    let key = scene.at("key.txt");
    let said = refused(&["restore", text(&since), "--identity", text(&key), "--data-dir", text(&scene.at("x"))]);
    assert!(said.contains("first.tar.age, which is not there"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_backup_at_a_time_for_each_client_and_a_caller_that_goes_away_ends_it() {
    let scene = Scene::new();
    let backups = Backups::new(scene.at("generated"), RECIPIENT.parse().unwrap());
    let mut first = backups.begin("a", Vec::new()).unwrap();
    assert!(matches!(first.next().await, Some(Ok(Sent::Piece { offset: 0, .. }))));
    assert!(matches!(backups.begin("a", Vec::new()), Err(BackupRefused::UnderWay)));
    let mut other = backups.begin("b", Vec::new()).unwrap();
    let mut ended = None;
    while let Some(sent) = other.next().await {
        if let Sent::End(end) = sent.unwrap() {
            ended = Some(end);
        }
    }
    assert!(ended.unwrap().archived.manifest.head > Revision(300));
    drop(first);
    until("the end of the backup that nobody reads", async || backups.begin("a", Vec::new()).is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_the_end_of_a_backup_may_begin_the_next_at_once() {
    let scratch = tempfile::tempdir().unwrap();
    library::close(library::open(scratch.path(), TODAY, StoreOptions::default())).await;
    let backups = Backups::new(scratch.path().to_owned(), RECIPIENT.parse().unwrap());
    for round in 0..300 {
        let mut backup = backups.begin("a", Vec::new()).unwrap_or_else(|refused| panic!("{round}: {refused}"));
        while !matches!(backup.next().await.unwrap().unwrap(), Sent::End(_)) {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_log_is_data_loss_and_never_an_end() {
    let scene = Scene::new();
    let data = scene.at("generated");
    let process = scene.serve(&data);
    let segment = data.join("log/00000000000000000001.log");
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 4;
    bytes[middle] ^= 0x20;
    fs::write(&segment, bytes).unwrap();
    let channel = Client::connect(process.listening()).calling_as("operator");
    let mut operations: OperationsServiceClient<_> = channel.operations();
    let mut messages = operations.stream_backup(v1::StreamBackupRequest::default()).await.unwrap().into_inner();
    let failed: Status = loop {
        match messages.message().await {
            Ok(Some(message)) => assert!(matches!(message.content, Some(Content::Part(_)))),
            Ok(None) => panic!("it ends as if it were whole"),
            Err(status) => break status,
        }
    };
    assert_eq!(failed.code_and_reason(), (Code::DataLoss, "STORED_BYTES_DAMAGED".to_owned()));
    process.kill();
}

#[tokio::test]
async fn the_status_is_what_the_ops_port_says_in_words() {
    let data = tempfile::tempdir().unwrap();
    let (process, client) = Process::start(data.path(), TODAY);
    let (_, page) = get(process.ops(), "/readyz?verbose").await;
    let status = client.calling_as("operator").ask(v1::GetStatusRequest::default()).await;
    assert!(status.ready);
    let line = |check: &v1::StatusCheck| match check.ok {
        true => format!("{}: ok\n", check.name),
        false => format!("{}: failed: {}\n", check.name, check.failure),
    };
    assert_eq!(format!("ok\n{}", status.checks.iter().map(line).collect::<String>()), page);
    assert!(client.calling_as("payer").call(v1::GetStatusRequest::default()).await.is_err());
    process.stop();
}
