//! Reads while the registry changes: records are written, a provider's staff loses its employer, a backup is taken.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use cpss_registry::proto::v1::{self, FactKind, list_facts_request};
use prost::bytes::Bytes;
use uuid::Uuid;

use super::load::{self, Exchange, Run};
use super::questions::{Good, judge_still};
use super::servers::Server;
use super::wire::{Failure, framed, unframed};
use super::{VERIFY, ask};

const NAME: &str = "/ms.dmh.credential.v1.CredentialService/ChangeSpecialistName";
const FACTS: &str = "/ms.dmh.credential.v1.RecordService/ListFacts";
const END: &str = "/ms.dmh.credential.v1.RecordService/EndPeriod";

/// Questions a second, and facts.
const READS: u32 = 5_000;
const WRITES: u32 = 5_000;

/// Prints the latencies of questions while nothing happens, and while something does.
pub async fn run(
    server: &Server,
    data: &Path,
    all: &[Good],
    asked: &[Good],
    exchanges: &Arc<[Exchange]>,
    lasting: Duration,
) -> Result<(), Failure> {
    println!("\n| questions, {READS} a second, while | p50 / p99 / p99.9 µs | |\n| --- | --: | --- |");
    let target = &server.target;
    let asked: Arc<[Good]> = asked.into();
    let read = || {
        let (exchanges, asked) = (Arc::clone(exchanges), Arc::clone(&asked));
        let request = move |at: usize| exchanges[at % exchanges.len()].request.clone();
        let judge = move |at: usize, answer: &[u8]| judge_still(&asked[at % asked.len()], answer);
        load::at_rate(target, VERIFY, READS, lasting, request, judge)
    };
    print("nothing else happens", &read().await?, "");

    let people = people(exchanges)?;
    let rename = move |at: usize| rename(&people[at % people.len()], at);
    let (run, writes) = tokio::try_join!(read(), load::at_rate(target, NAME, WRITES, lasting, rename, |_, _| Ok(())))?;
    let [half, most, _] = micros(&writes);
    print("facts are written", &run, &format!("{:.0} facts a second, p50 / p99 {half} / {most} µs", writes.rate()));

    let largest = largest_provider(all);
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
    let [half, most, nearly_all] = micros(run);
    println!("| {name} | {half} / {most} / {nearly_all} | {told} |");
}

fn micros(run: &Run) -> [u128; 3] {
    [0.5, 0.99, 0.999].map(|part| run.quantile(part).as_micros())
}

/// The people whom the questions are about.
fn people(exchanges: &[Exchange]) -> Result<Vec<String>, Failure> {
    let person = |exchange: &Exchange| {
        let told = unframed::<v1::VerifyCredentialResponse>(&exchange.answer)?.0.verification;
        Ok(told.and_then(|told| told.credential).ok_or("an answer without a credential")?.specialist_id)
    };
    exchanges.iter().map(person).collect()
}

/// A change of somebody's name.
fn rename(person: &str, at: usize) -> Bytes {
    let name = v1::PersonName { given_name: "Ada".into(), family_name: format!("Example {at}"), suffix: String::new() };
    framed(&v1::ChangeSpecialistNameRequest {
        request_id: Uuid::new_v4().to_string(),
        specialist_id: person.to_owned(),
        name: Some(name),
        ..Default::default()
    })
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
