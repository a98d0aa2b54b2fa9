//! Reads while the data change: records are written, a provider's staff loses its employer, a backup is taken. The same
//! is measured for etcd and for the echo server, whose [`sync_writer`](super::sync_writer) only writes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cpss_registry::proto::v1::{self, FactKind, import_records_response, import_row, list_facts_request};
use prost::bytes::Bytes;
use uuid::Uuid;

use super::load::{Exchange, Run};
use super::questions::{self, Answerer, Good, judge_still, judge_verify};
use super::rate::Calls;
use super::servers::Server;
use super::table::Latencies;
use super::wire::{Failure, framed, unframed};
use super::{VERIFY, ask, etcd};

const NAME: &str = "/ms.dmh.credential.v1.CredentialService/ChangeSpecialistName";
const IMPORT: &str = "/ms.dmh.credential.v1.RecordService/ImportRecords";
const FACTS: &str = "/ms.dmh.credential.v1.RecordService/ListFacts";
const END: &str = "/ms.dmh.credential.v1.RecordService/EndPeriod";

/// Questions and facts per second.
const READS: u32 = 5_000;
const WRITES: u32 = 5_000;

/// A question about each of some credentials.
fn verifications(
    asked: &Arc<[Good]>,
    judge: impl Fn(&Good, &[u8]) -> Result<(), Failure> + Send + Sync + 'static,
) -> Calls {
    let goods = Arc::clone(asked);
    let calls = Calls::of_list(VERIFY, asked.iter().map(|good| questions::verify(good, None)).collect());
    calls.judged(move |at, answer| judge(&goods[at % goods.len()], answer))
}

/// A server under change: the questions, and the calls that change it.
pub struct Changing<'a> {
    name: &'static str,
    server: &'a Server,
    reads: Calls,
    writes: Calls,
    /// The same changes as rows of an import, if the server has imports.
    rows: Option<Calls>,
}

impl<'a> Changing<'a> {
    /// The echo server, whose second service writes what it receives.
    pub fn echo(server: &'a Server, asked: &Arc<[Good]>) -> Changing<'a> {
        let reads = verifications(asked, |good, answer| judge_verify(Answerer::Echo, good, answer));
        let end = framed(&end_of(&v1::Fact { fact_id: "1-0".to_owned(), ..Default::default() }));
        let rows = Some(Calls::new(IMPORT, |at| row(rename("a person", at))).judged(judge_row));
        Changing { name: "echo", server, reads, writes: Calls::of_list(END, vec![end]), rows }
    }

    /// etcd, with a value for each credential.
    pub fn etcd(server: &'a Server, asked: &Arc<[Good]>) -> Changing<'a> {
        let reads = Calls::of_list(etcd::RANGE, asked.iter().map(etcd::range).collect());
        let reads = reads.judged(|_, answer| etcd::judge(answer));
        let writes = Calls::of_list(etcd::PUT, asked.iter().map(etcd::put).collect());
        Changing { name: "etcd", server, reads, writes, rows: None }
    }

    /// The registry, with its answers before any change.
    pub fn registry(server: &'a Server, asked: &Arc<[Good]>, exchanges: &[Exchange]) -> Result<Changing<'a>, Failure> {
        let reads = verifications(asked, judge_still);
        let people: Arc<[String]> = people(exchanges)?.into();
        let renamed = move |at: usize| rename(&people[at % people.len()], at);
        let renamed_in_import = renamed.clone();
        let writes = Calls::new(NAME, move |at| framed(&renamed(at)));
        let rows = Some(Calls::new(IMPORT, move |at| row(renamed_in_import(at))).judged(judge_row));
        Ok(Changing { name: "registry", server, reads, writes, rows })
    }

    async fn read(&self, lasting: Duration) -> Result<Run, Failure> {
        self.reads.one_by_one(&self.server.target, READS, lasting).await
    }

    /// Measures reads while idle, and while facts are written.
    pub async fn under_writes(&self, lasting: Duration, table: &mut Latencies) -> Result<(), Failure> {
        let (name, target) = (self.name, &self.server.target);
        table.add(&format!("{name}: questions while nothing else happens"), &self.read(lasting).await?);
        let written = self.writes.one_by_one(target, WRITES, lasting);
        let (read, written) = tokio::try_join!(self.read(lasting), written)?;
        table.add(&format!("{name}: questions while {WRITES} facts a second are written"), &read);
        table.add(&format!("{name}: those facts"), &written);
        if let Some(rows) = &self.rows {
            let imported = rows.as_a_stream(target, WRITES, lasting);
            let (read, imported) = tokio::try_join!(self.read(lasting), imported)?;
            table.add(&format!("{name}: questions while {WRITES} facts a second are imported"), &read);
            table.add(&format!("{name}: those rows"), &imported);
        }
        Ok(())
    }

    /// Measures reads while one core is busy computing.
    pub async fn beside_a_busy_core(&self, lasting: Duration, table: &mut Latencies) -> Result<(), Failure> {
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let core = std::thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        let run = self.read(lasting).await;
        is_over.store(true, Ordering::Relaxed);
        drop(core.join());
        table.add(&format!("{}: questions while one core is busy", self.name), &run?);
        Ok(())
    }

    /// Measures reads of the registry while the staff of one provider loses its employer.
    pub async fn under_cascade(&self, largest: &str, lasting: Duration, table: &mut Latencies) -> Result<(), Failure> {
        let (run, people) = tokio::join!(self.read(lasting), end_qualification(self.server, largest));
        table.add("registry: questions while a cascade is recorded", &run?);
        println!("a cascade of {} people in one record", people?);
        Ok(())
    }

    /// Measures reads of the registry during a backup.
    pub async fn under_backup(&self, data: &Path, lasting: Duration, table: &mut Latencies) -> Result<(), Failure> {
        let copy = tempfile::tempdir()?;
        let mut backup = Command::new(env!("CARGO_BIN_EXE_cpss-registry"))
            .arg("backup")
            .arg(copy.path())
            .arg("--data-dir")
            .arg(data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        table.add("registry: questions while a backup is taken", &self.read(lasting).await?);
        if backup.try_wait()?.is_some() {
            println!("a backup that was whole before the questions ended");
        }
        backup.wait()?;
        Ok(())
    }
}

/// The people that the questions are about.
fn people(exchanges: &[Exchange]) -> Result<Vec<String>, Failure> {
    let person = |exchange: &Exchange| {
        let answer = unframed::<v1::VerifyCredentialResponse>(&exchange.answer)?.0.verification;
        Ok(answer.and_then(|answer| answer.credential).ok_or("an answer without a credential")?.specialist_id)
    };
    exchanges.iter().map(person).collect()
}

/// A request that changes a person's name.
fn rename(person: &str, at: usize) -> v1::ChangeSpecialistNameRequest {
    let name = v1::PersonName { given_name: "Ada".into(), family_name: format!("Example {at}"), suffix: String::new() };
    v1::ChangeSpecialistNameRequest {
        request_id: Uuid::new_v4().to_string(),
        specialist_id: person.to_owned(),
        name: Some(name),
        ..Default::default()
    }
}

/// The same request as a row of an import.
fn row(rename: v1::ChangeSpecialistNameRequest) -> Bytes {
    let request_id = rename.request_id.clone();
    let command = Some(import_row::Command::ChangeSpecialistName(rename));
    let row = Some(v1::ImportRow { request_id, command, ..Default::default() });
    framed(&v1::ImportRecordsRequest { row })
}

/// A row succeeds if it is recorded.
fn judge_row(_: usize, answer: &[u8]) -> Result<(), Failure> {
    match unframed::<v1::ImportRecordsResponse>(answer)?.0.result {
        Some(import_records_response::Result::Outcome(_)) => Ok(()),
        other => Err(format!("a row was not recorded: {other:?}").into()),
    }
}

/// The providers of the questions, the most frequent first.
pub fn largest_providers(goods: &[Good]) -> Vec<&str> {
    let mut counts = std::collections::HashMap::<&str, usize>::new();
    for good in goods {
        *counts.entry(&good.provider).or_default() += 1;
    }
    let mut providers: Vec<_> = counts.into_iter().collect();
    providers.sort_by_key(|(id, count)| (std::cmp::Reverse(*count), *id));
    providers.into_iter().map(|(id, _)| id).collect()
}

/// Ends the period that a fact opened, on its first day.
fn end_of(fact: &v1::Fact) -> v1::EndPeriodRequest {
    let request_id = Uuid::new_v4().to_string();
    let (fact_id, last_day) = (fact.fact_id.clone(), fact.first_day);
    v1::EndPeriodRequest { request_id, fact_id, last_day, reason: "a test".into(), ..Default::default() }
}

/// Ends all certificates of a provider. Returns the number of people affected by the largest record.
async fn end_qualification(server: &Server, provider: &str) -> Result<u32, Failure> {
    tokio::time::sleep(Duration::from_millis(500)).await;
    let subject = Some(list_facts_request::Subject::ProviderId(provider.to_owned()));
    let list = v1::ListFactsRequest { subject, page_size: 1000, ..Default::default() };
    let facts = ask::<v1::ListFactsResponse>(server, FACTS, framed(&list)).await?.facts;
    let mut people = 0;
    for fact in facts.iter().filter(|fact| fact.kind() == FactKind::ProviderQualified && !fact.retracted) {
        let answer = ask::<v1::EndPeriodResponse>(server, END, framed(&end_of(fact))).await?;
        people = people.max(answer.specialist_count);
    }
    Ok(people)
}
