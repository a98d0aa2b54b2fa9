//! Reads while the registry changes: records are written, a provider's staff loses its employer, a backup is taken.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use cpss_registry::proto::v1::{self, FactKind, list_facts_request};
use prost::bytes::BytesMut;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use super::load::{self, Exchange, Run};
use super::questions::{Good, judge_still};
use super::servers::Server;
use super::wire::{Connection, Failure, Target, framed, unframed};
use super::{VERIFY, ask};

const NAME: &str = "/ms.dmh.credential.v1.CredentialService/ChangeSpecialistName";
const FACTS: &str = "/ms.dmh.credential.v1.RecordService/ListFacts";
const END: &str = "/ms.dmh.credential.v1.RecordService/EndPeriod";

/// Questions a second.
const READS: u32 = 5_000;
/// Facts a second, and over how many connections.
const WRITES: usize = 5_000;
const WRITERS: usize = 64;

/// Prints the latencies of questions while nothing happens, and while something does.
pub async fn run(
    server: &Server,
    data: &Path,
    goods: &[Good],
    exchanges: &Arc<[Exchange]>,
    lasting: Duration,
) -> Result<(), Failure> {
    println!("\n| questions, {READS} a second, while | p50 / p99 / p99.9 µs | |\n| --- | --: | --- |");
    let target = &server.target;
    let read = || load::open_judged(target, VERIFY, exchanges, READS, lasting, judge_still);
    print("nothing else happens", &read().await?, "");

    let people = people(exchanges)?;
    let (ends, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut writers = JoinSet::new();
    let begin = Instant::now();
    for at in 0..WRITERS {
        let own: Vec<String> = people.iter().skip(at).step_by(WRITERS).cloned().collect();
        // One after another, as they come who know nothing of each other.
        let first = begin + Duration::from_secs(1) * at as u32 / WRITES as u32;
        writers.spawn(write(target.clone(), own, first, Arc::clone(&ends), Arc::clone(&written)));
    }
    let run = read().await?;
    ends.store(true, Ordering::Relaxed);
    while let Some(ended) = writers.join_next().await {
        ended??;
    }
    let rate = written.load(Ordering::Relaxed) as f64 / run.took.as_secs_f64();
    print("facts are written", &run, &format!("{rate:.0} facts a second"));

    let largest = largest_provider(goods);
    let ending = end_qualification(server, &largest.0);
    let (run, people) = tokio::join!(read(), ending);
    print("a cascade", &run?, &format!("{} people in one record", people?));

    let copy = tempfile::tempdir()?;
    let mut backup = Command::new(env!("CARGO_BIN_EXE_cpss-registry"))
        .arg("backup")
        .arg(copy.path())
        .arg("--data-dir")
        .arg(data)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let run = read().await?;
    let told = if backup.try_wait()?.is_some() { "it was whole before the end" } else { "it went on all the time" };
    backup.wait()?;
    print("a backup", &run, told);
    Ok(())
}

fn print(name: &str, run: &Run, told: &str) {
    let [half, most, nearly_all] = [0.5, 0.99, 0.999].map(|part| run.quantile(part).as_micros());
    println!("| {name} | {half} / {most} / {nearly_all} | {told} |");
}

/// The people whom the questions are about.
fn people(exchanges: &[Exchange]) -> Result<Vec<String>, Failure> {
    let person = |exchange: &Exchange| {
        let told = unframed::<v1::VerifyCredentialResponse>(&exchange.answer)?.0.verification;
        Ok(told.and_then(|told| told.credential).ok_or("an answer without a credential")?.specialist_id)
    };
    exchanges.iter().map(person).collect()
}

/// Changes names from an instant on, its part of so many a second.
async fn write(
    target: Target,
    people: Vec<String>,
    first: Instant,
    ends: Arc<AtomicBool>,
    written: Arc<AtomicUsize>,
) -> Result<(), Failure> {
    let mut connection = Connection::open(&target, NAME).await?;
    let mut answer = BytesMut::new();
    let mut tick = tokio::time::interval_at(first, Duration::from_secs(1) * WRITERS as u32 / WRITES as u32);
    for (at, person) in people.iter().cycle().enumerate() {
        tick.tick().await;
        if ends.load(Ordering::Relaxed) {
            break;
        }
        let name =
            v1::PersonName { given_name: "Ada".into(), family_name: format!("Example {at}"), suffix: String::new() };
        let request_id = Uuid::new_v4().to_string();
        let request = v1::ChangeSpecialistNameRequest {
            request_id,
            specialist_id: person.clone(),
            name: Some(name),
            ..Default::default()
        };
        connection.call(framed(&request), &mut answer).await?;
        written.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// The provider of the most questions, and of how many.
fn largest_provider(goods: &[Good]) -> (String, usize) {
    let mut counts = std::collections::HashMap::<&str, usize>::new();
    for good in goods {
        *counts.entry(&good.provider).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(id, count)| (id.to_owned(), count)).unwrap_or_default()
}

/// Ends every certificate of a provider long ago, and says how many people the largest record was about.
async fn end_qualification(server: &Server, provider: &str) -> Result<u32, Failure> {
    tokio::time::sleep(Duration::from_millis(500)).await;
    let subject = Some(list_facts_request::Subject::ProviderId(provider.to_owned()));
    let list = v1::ListFactsRequest { subject, page_size: 1000, ..Default::default() };
    let facts = ask::<v1::ListFactsResponse>(server, FACTS, framed(&list)).await?.facts;
    let mut people = 0;
    for fact in facts.iter().filter(|fact| fact.kind() == FactKind::ProviderQualified && !fact.retracted) {
        let request_id = Uuid::new_v4().to_string();
        let (fact_id, last_day) = (fact.fact_id.clone(), fact.first_day);
        let end = v1::EndPeriodRequest { request_id, fact_id, last_day, reason: "a test".into(), ..Default::default() };
        let told = ask::<v1::EndPeriodResponse>(server, END, framed(&end)).await?;
        people = people.max(told.specialist_count);
    }
    Ok(people)
}
