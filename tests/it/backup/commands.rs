//! Commands that are refused, and their error messages.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use cpss_registry::domain::day::Day;
use cpss_registry::store::StoreOptions;
use cpss_registry::store::index::{IndexOptions, View as _};
use jiff::Timestamp;
use serde_json::Value;

use super::{json_of, kept, refused, run, text, written};
use crate::harness::requests::register_specialist;
use crate::harness::{Process, TODAY, library};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_incomplete_backup_and_a_non_empty_directory_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let [data, target, copy] = ["data", "backup", "copy"].map(|name| scratch.path().join(name));
    written(&data, 60, || {}).await;
    json_of(&["backup", text(&target), "--data-dir", text(&data)]);
    assert_eq!(json_of(&["check", "--backup", text(&target)])["fine"], Value::Bool(true));

    let into_data = refused(&["restore", text(&target), "--data-dir", text(&data)]);
    assert!(into_data.contains("is not empty, it contains a registry"), "{into_data}");
    let segment = target.join("log/00000000000000000001.log");
    let whole = fs::read(&segment).unwrap();
    let mut turned = whole.clone();
    turned[whole.len() / 2] ^= 0x20;
    fs::write(&segment, turned).unwrap();
    for refusal in [
        refused(&["restore", text(&target), "--data-dir", text(&copy)]),
        refused(&["check", "--backup", text(&target)]),
        refused(&["export", text(&scratch.path().join("records")), "--backup", text(&target)]),
    ] {
        let place = format!("{} is not what the MANIFEST says: its digest differs", text(&segment));
        assert!(refusal.contains(&place), "{refusal}");
    }
    assert!(!copy.exists() && !scratch.path().join("records").exists());
    fs::write(&segment, whole).unwrap();
    fs::remove_file(target.join("MANIFEST")).unwrap();
    let unfinished = refused(&["restore", text(&target), "--data-dir", text(&copy)]);
    assert!(unfinished.contains("it has no MANIFEST"), "{unfinished}");

    let (process, _) = Process::start(&data, TODAY);
    for command in ["check", "rebuild"] {
        let in_use = refused(&[command, "--data-dir", text(&data)]);
        assert!(in_use.contains(&format!("is in use by process {}", process.id())), "{in_use}");
    }
    process.stop();
    for command in [&["backup", "x"][..], &["check"], &["rebuild"], &["export", "-"]] {
        let nowhere = run(&[command, &["--data-dir", text(&scratch.path().join("nowhere"))]].concat());
        assert!(nowhere.code == 2 && nowhere.err.contains("nowhere does not exist"), "{}", nowhere.err);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn check_finds_damage_and_rebuild_repairs_the_index() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    written(&data, 60, || {}).await;
    let checked = json_of(&["check", "--data-dir", text(&data)]);
    assert_eq!(checked["index"], "equal to the fold of the log", "{checked}");
    assert!(checked["index_entries"].as_u64().unwrap() > 100, "{checked}");

    let index = IndexOptions { leave_in_sled: 0, ..IndexOptions::default() };
    let store = library::open_store(&data, &StoreOptions { index, ..StoreOptions::default() });
    let mut due = store.index().due(Day::BEGINNING, Day::FOREVER.previous()).unwrap();
    assert_eq!(checked["due_dates"], due.len(), "{checked}");
    let entry = due.remove(0);
    let mut pending = store.index().pending().unwrap();
    pending.schedule(&entry, None).unwrap();
    store.index().fold(pending).unwrap();
    store.close().unwrap();
    let found = run(&["check", "--data-dir", text(&data)]);
    assert_eq!(found.code, 1);
    assert!(found.out.contains("is not on the day that follows from its facts"), "{}", found.out);

    let before = kept(&data);
    let head = json_of(&["rebuild", "--data-dir", text(&data)])["head"].as_u64().unwrap();
    assert_eq!(kept(&data), before);
    let again = json_of(&["check", "--data-dir", text(&data)]);
    assert_eq!((&again["index"], again["head"].as_u64()), (&checked["index"], Some(head)));

    let segment = data.join("log/00000000000000000001.log");
    let whole = fs::read(&segment).unwrap();
    let mut turned = whole.clone();
    turned[30] ^= 0x20;
    fs::write(&segment, turned).unwrap();
    let found = run(&["check", "--data-dir", text(&data)]);
    assert_eq!(found.code, 1);
    assert!(found.out.contains("log/00000000000000000001.log at byte 0: the checksum is wrong"), "{}", found.out);
    assert!(refused(&["rebuild", "--data-dir", text(&data)]).contains("damaged at byte 0"));
    fs::write(&segment, whole).unwrap();
}

#[test]
fn a_scrub_result_is_shown_by_check_and_not_backed_up() {
    let scratch = tempfile::tempdir().unwrap();
    let [data, target, copy] = ["data", "backup", "copy"].map(|name| scratch.path().join(name));
    json_of(&["create", "--data-dir", text(&data)]);
    fs::write(data.join("DAMAGED"), "log segment 7 is damaged\n").unwrap();
    let checked = json_of(&["check", "--data-dir", text(&data)]);
    assert_eq!((&checked["fine"], &checked["scrub_found"]), (&true.into(), &"log segment 7 is damaged".into()));
    let shown = run(&["check", "--data-dir", text(&data)]).out;
    assert!(shown.contains("DAMAGED: a scrub found: log segment 7 is damaged"), "{shown}");

    json_of(&["backup", text(&target), "--data-dir", text(&data)]);
    json_of(&["restore", text(&target), "--data-dir", text(&copy)]);
    assert!(!target.join("DAMAGED").exists() && !copy.join("DAMAGED").exists());
    assert!(json_of(&["check", "--data-dir", text(&copy)])["scrub_found"].is_null());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_export_is_one_object_for_each_record_and_the_same_each_time() {
    let scratch = tempfile::tempdir().unwrap();
    let [data, target, file] = ["data", "backup", "records.jsonl"].map(|name| scratch.path().join(name));
    let people = written(&data, 60, || {}).await;
    let exported = json_of(&["export", text(&file), "--data-dir", text(&data)]);
    let text_of_file = fs::read_to_string(&file).unwrap();
    let records: Vec<Value> = text_of_file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len() as u64, exported["head"].as_u64().unwrap());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(records[0]["facts"][0]["kind"], "EPOCH_BEGAN");
    let facts = || records.iter().flat_map(|record| record["facts"].as_array().unwrap());
    let registered = facts().filter(|fact| fact["kind"] == "SPECIALIST_REGISTERED").count();
    assert!(registered > 0 && registered <= people.len());
    let person = facts().find(|fact| fact["specialist_id"] == people[0].specialist_id().as_str()).unwrap();
    assert_eq!((&person["given_name"], &person["birth_date"]), (&Value::from("Lucinda"), &Value::from("1984-02-29")));
    for (at, record) in records.iter().enumerate() {
        assert_eq!(record["revision"].as_u64(), Some(at as u64 + 1));
    }

    assert_eq!(run(&["export", "-", "--data-dir", text(&data)]).out, text_of_file);
    json_of(&["backup", text(&target), "--data-dir", text(&data)]);
    assert_eq!(run(&["export", "-", "--backup", text(&target)]).out, text_of_file);
    let again = run(&["export", text(&file), "--data-dir", text(&data)]);
    let is_there = format!("error: the records were not exported: {} already exists: use another file\n", text(&file));
    assert_eq!((again.code, again.err), (2, is_there));
    let nowhere = scratch.path().join("no-such/records.jsonl");
    let not_made = refused(&["export", text(&nowhere), "--data-dir", text(&data)]);
    assert!(
        not_made.contains(&format!("{} could not be created: No such file or directory", text(&nowhere))),
        "{not_made}"
    );
}

/// Writes a registry that has lost its last record, which the index and the published head know. Returns the head
/// before the loss, and what is left of the segment.
async fn with_a_loss(data: &Path) -> (u64, Vec<u8>) {
    let (process, client) = Process::start(data, TODAY);
    for number in 0..5 {
        client.report(register_specialist("Ambrose", &format!("Example-{number}"))).await;
    }
    let head = client.head().await;
    process.stop();
    let segment = data.join("log/00000000000000000001.log");
    let whole = fs::read(&segment).unwrap();
    let mut last = 0;
    let mut offset = 0;
    while let Some(len) = whole.get(offset..offset + 4) {
        last = offset;
        offset += 8 + u32::from_le_bytes(len.try_into().unwrap()) as usize;
    }
    fs::write(&segment, &whole[..last]).unwrap();
    (head, whole[..last].to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_reads_the_log_of_a_stopped_registry_refuses_one_that_lost_records() {
    let scratch = tempfile::tempdir().unwrap();
    let [data, target, file] = ["data", "backup", "records.jsonl"].map(|name| scratch.path().join(name));
    let (head, _) = with_a_loss(&data).await;
    let why =
        format!("records were lost: the records up to {head} were acknowledged, but the log ends with {}: ", head - 1);
    let refuses = |command: &[&str]| {
        let ended = run(&[command, &["--data-dir", text(&data)]].concat());
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{command:?}");
        assert!(ended.err.contains(&why) && ended.err.contains("from a backup"), "{command:?}: {}", ended.err);
    };
    refuses(&["backup", text(&target)]);
    refuses(&["backup", "-"]);
    refuses(&["export", text(&file)]);
    refuses(&["export", "-"]);
    refuses(&["redact", "--dry-run", "--why", "order", "--specialist", "SP-GC4W-MBDQ-N"]);
    assert!(!target.exists() && !file.exists() && !data.join("BACKED_UP").exists());
    assert_eq!(run(&["check", "--data-dir", text(&data)]).code, 1);
    // Each of the two is proof enough.
    let published = fs::read(data.join("log/head")).unwrap();
    fs::remove_file(data.join("log/head")).unwrap();
    refuses(&["backup", text(&target)]);
    fs::write(data.join("log/head"), published).unwrap();
    fs::remove_dir_all(data.join("index")).unwrap();
    refuses(&["backup", text(&target)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_operator_accepts_a_loss_by_naming_the_last_revision() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let (head, left) = with_a_loss(&data).await;
    let (status, said) = Process::spawn(&data, TODAY).wait();
    assert_eq!(status.code(), Some(1), "{said}");
    let readable = head - 1;
    let why =
        format!("records were lost: the records up to {head} were acknowledged, but the log ends with {readable}, ");
    assert!(said.contains("records_lost") && said.contains(&why), "{said}");
    for wrong in [1, head] {
        let (status, said) = Process::spawn_with(&data, TODAY, &["--accept-loss-after", &wrong.to_string()]).wait();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("accept the loss after {readable}")), "{said}");
    }
    let process = Process::spawn_with(&data, TODAY, &["--accept-loss-after", &readable.to_string()]);
    let client = crate::harness::Client::connect(process.listening());
    assert_eq!(client.head().await, head, "the new epoch has taken the place of what is lost");
    process.stop();
    // The flag does no harm afterwards, and the registry opens without it.
    let process = Process::spawn_with(&data, TODAY, &["--accept-loss-after", &readable.to_string()]);
    process.listening();
    assert!(process.log().contains("--accept-loss-after has no effect, remove it"), "{}", process.log());
    process.stop();
    let aside = fs::read_dir(data.join("set-aside")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(fs::read(aside.join("00000000000000000001.log")).unwrap(), left);
    assert_eq!(json_of(&["check", "--data-dir", text(&data)])["fine"], Value::Bool(true));
}

#[test]
fn text_output_has_chicago_time_and_json_exact_instants() {
    let scratch = tempfile::tempdir().unwrap();
    let names = ["data", "backup", "exact", "copy"].map(|name| scratch.path().join(name));
    let [data, target, exact, copy] = names.each_ref().map(|path| text(path));
    assert_eq!(run(&["create", "--data-dir", data]).code, 0);
    let recorded_at = json_of(&["backup", target, "--data-dir", data])["recorded_at"].as_str().unwrap().to_owned();
    assert_eq!(json_of(&["restore", target, "--data-dir", exact])["known_until"], recorded_at);
    let instant: Timestamp = recorded_at.parse().unwrap();
    let shown = instant.in_tz("America/Chicago").unwrap().strftime("  last record  %Y-%m-%dT%H:%M:%S%:z\n").to_string();
    for command in [["backup", target, "--data-dir", data], ["restore", target, "--data-dir", copy]] {
        let printed = run(&command).out;
        assert!(printed.contains(&shown), "{printed}");
    }
}
