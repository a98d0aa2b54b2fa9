//! Restarts: what is kept, what is rebuilt, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use prost::Message as _;

use super::harness::requests::{end_job, facts_of_provider, facts_of_specialist, periods, register_specialist};
use super::harness::scenes::Credentialed;
use super::harness::{Client, Process, TODAY, TestServer};

/// A short history: two people, one of them revoked, and an opened day.
async fn some_history(registry: &Client) -> (Vec<Credentialed>, String) {
    let employer = registry.qualified_provider("Chunky Example Center").await;
    let mut people = Vec::new();
    for family_name in ["Example-North", "Example-South"] {
        people.push(registry.credentialed("Evangeline", family_name, &[&employer]).await);
    }
    registry.report(end_job(&people[0].jobs[0], "2026-02-20")).await;
    registry.report(end_job(&people[1].jobs[0], "2026-03-03")).await;
    registry.on_day("2026-03-05").head().await;
    (people, employer.provider_id)
}

/// The encoded answers to all questions about it, at the head and at every revision.
async fn everything(registry: &Client, people: &[Credentialed], provider_id: &str) -> Vec<Vec<u8>> {
    let mut answers = vec![registry.ask(facts_of_provider(provider_id)).await.encode_to_vec()];
    let head = registry.head().await;
    for person in people {
        answers.push(registry.ask(facts_of_specialist(&person.specialist_id)).await.encode_to_vec());
        answers.push(registry.verify(&person.number, None, None).await.encode_to_vec());
        for revision in 1..=head {
            answers.push(registry.verify(&person.number, None, revision).await.encode_to_vec());
            match registry.call(periods(&person.number, revision)).await {
                Ok(periods) => answers.push(periods.encode_to_vec()),
                Err(status) => answers.push(status.message().into()),
            }
        }
    }
    answers
}

#[tokio::test]
async fn a_restart_keeps_everything_and_rebuilds_a_missing_index() {
    let server = TestServer::start(TODAY).await;
    let (people, provider) = some_history(&server.client()).await;
    let before = everything(&server.client(), &people, &provider).await;

    let server = server.restart(TODAY).await;
    assert!(everything(&server.client(), &people, &provider).await == before, "after a restart");

    let data = server.stop().await;
    fs::remove_dir_all(data.path().join("index")).unwrap();
    let server = TestServer::start_on(data, TODAY).await;
    assert!(everything(&server.client(), &people, &provider).await == before, "with a rebuilt index");

    let data = server.stop().await;
    for entry in fs::read_dir(data.path().join("index")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !path.ends_with("trust") {
            fs::write(path, b"not what it was").unwrap();
        }
    }
    let server = TestServer::start_on(data, TODAY).await;
    assert!(everything(&server.client(), &people, &provider).await == before, "with a damaged index");
    let head = server.client().head().await;
    assert_eq!(server.client().report(register_specialist("Ambrose", "Example")).await.revision, head + 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_the_same_data_directory_refuses() {
    let data = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(data.path(), TODAY);
    let (status, said) = Process::spawn(data.path(), TODAY).wait();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("is in use by process {}", process.id())), "{said}");
    registry.report(register_specialist("Ambrose", "Example")).await;
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_before_the_end_of_the_log_is_refused_by_segment_and_offset() {
    let data = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(data.path(), TODAY);
    some_history(&registry).await;
    process.stop();
    let segment = only_segment(data.path());
    let whole = fs::read(&segment).unwrap();
    let frames = frames(&whole);
    let (offset, size) = frames[frames.len() / 2];
    for turned in [offset, offset + 4, offset + 8, offset + 16, offset + 20, offset + size - 1] {
        let mut bytes = whole.clone();
        bytes[turned] ^= 0x10;
        fs::write(&segment, bytes).unwrap();
        let (status, said) = Process::spawn(data.path(), TODAY).wait();
        assert_eq!(status.code(), Some(1), "{said}");
        let place = format!("log segment 00000000000000000001.log is damaged at byte {offset}: ");
        assert!(said.contains(&place), "the frame at {offset} has a flipped byte at {turned}; log: {said}");
    }

    // The repaired log opens with everything. An incomplete frame at the end was never acknowledged.
    fs::write(&segment, &whole).unwrap();
    let (process, registry) = Process::start(data.path(), TODAY);
    let head = registry.head().await;
    process.stop();
    let whole = fs::read(&segment).unwrap();
    fs::write(&segment, [&whole[..], &whole[offset..offset + size - 1]].concat()).unwrap();
    let (process, registry) = Process::start(data.path(), TODAY);
    assert_eq!(registry.head().await, head);
    process.stop();
}

fn only_segment(data_dir: &Path) -> PathBuf {
    let files = fs::read_dir(data_dir.join("log")).unwrap().map(|entry| entry.unwrap().path());
    let mut segments = files.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    let segment = segments.next().unwrap();
    assert_eq!(segments.next(), None, "one segment");
    segment
}

/// The offset and length of each frame, by the format: `len · crc32c · first_revision · count · records`.
fn frames(log: &[u8]) -> Vec<(usize, usize)> {
    let mut frames = Vec::new();
    let mut offset = 0;
    while let Some(len) = log.get(offset..offset + 4) {
        let size = 8 + u32::from_le_bytes(len.try_into().unwrap()) as usize;
        frames.push((offset, size));
        offset += size;
    }
    frames
}
