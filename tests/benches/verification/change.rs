//! Reads while what they read changes: records are written, a provider's staff loses its employer, a backup is taken.
//! Beside the registry, the same of etcd, and of the echo, whose [`keeper`](super::keeper) writes and does nothing else.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cpss_registry::proto::v1::{self, FactKind, list_facts_request};
use prost::bytes::Bytes;
use uuid::Uuid;

use super::load::{self, Exchange, Run};
use super::questions::{self, Answerer, Good, judge_still, judge_verify};
use super::servers::Server;
use super::table::Latencies;
use super::wire::{Failure, Target, framed, unframed};
use super::{VERIFY, ask, etcd};

const NAME: &str = "/ms.dmh.credential.v1.CredentialService/ChangeSpecialistName";
const FACTS: &str = "/ms.dmh.credential.v1.RecordService/ListFacts";
const END: &str = "/ms.dmh.credential.v1.RecordService/EndPeriod";

/// Questions a second, and facts.
const READS: u32 = 5_000;
const WRITES: u32 = 5_000;

type Request = dyn Fn(usize) -> Bytes + Send + Sync;
type Judge = dyn Fn(usize, &[u8]) -> Result<(), Failure> + Send + Sync;

/// Calls of one kind: how each is made and judged, by its number.
struct Calls {
    method: &'static str,
    request: Arc<Request>,
    judge: Arc<Judge>,
}

impl Calls {
    fn new(method: &'static str, request: impl Fn(usize) -> Bytes + Send + Sync + 'static) -> Calls {
        Calls { method, request: Arc::new(request), judge: Arc::new(|_, _| Ok(())) }
    }

    /// Those of a list, one after the other and over again.
    fn of_list(method: &'static str, requests: Vec<Bytes>) -> Calls {
        Calls::new(method, move |at| requests[at % requests.len()].clone())
    }

    fn judged(self, judge: impl Fn(usize, &[u8]) -> Result<(), Failure> + Send + Sync + 'static) -> Calls {
        Calls { judge: Arc::new(judge), ..self }
    }

    async fn run(&self, target: &Target, rate: u32, lasting: Duration) -> Result<Run, Failure> {
        let (request, judge) = (Arc::clone(&self.request), Arc::clone(&self.judge));
        load::at_rate(target, self.method, rate, lasting, move |at| request(at), move |at, told| judge(at, told)).await
    }
}

/// A question about each of some credentials.
fn verifications(
    asked: &Arc<[Good]>,
    judge: impl Fn(&Good, &[u8]) -> Result<(), Failure> + Send + Sync + 'static,
) -> Calls {
    let goods = Arc::clone(asked);
    let calls = Calls::of_list(VERIFY, asked.iter().map(|good| questions::verify(good, None)).collect());
    calls.judged(move |at, told| judge(&goods[at % goods.len()], told))
}

/// A server under change: the questions put to it, and the calls that change it.
pub struct Changing<'a> {
    name: &'static str,
    server: &'a Server,
    reads: Calls,
    writes: Calls,
}

impl<'a> Changing<'a> {
    /// The echo, whose other service keeps what it is called with.
    pub fn echo(server: &'a Server, asked: &Arc<[Good]>) -> Changing<'a> {
        let reads = verifications(asked, |good, told| judge_verify(Answerer::Echo, good, told));
        let end = framed(&end_of(&v1::Fact { fact_id: "1-0".to_owned(), ..Default::default() }));
        Changing { name: "echo", server, reads, writes: Calls::of_list(END, vec![end]) }
    }

    /// etcd, with a value for each credential.
    pub fn etcd(server: &'a Server, asked: &Arc<[Good]>) -> Changing<'a> {
        let reads = Calls::of_list(etcd::RANGE, asked.iter().map(etcd::range).collect());
        let reads = reads.judged(|_, told| etcd::judge(told));
        let writes = Calls::of_list(etcd::PUT, asked.iter().map(etcd::put).collect());
        Changing { name: "etcd", server, reads, writes }
    }

    /// The registry, with what it answers before anything changes.
    pub fn registry(server: &'a Server, asked: &Arc<[Good]>, exchanges: &[Exchange]) -> Result<Changing<'a>, Failure> {
        let reads = verifications(asked, judge_still);
        let people = people(exchanges)?;
        let writes = Calls::new(NAME, move |at| rename(&people[at % people.len()], at));
        Ok(Changing { name: "registry", server, reads, writes })
    }

    async fn read(&self, lasting: Duration) -> Result<Run, Failure> {
        self.reads.run(&self.server.target, READS, lasting).await
    }

    /// Reads while nothing happens, and while something is written.
    pub async fn under_writes(&self, lasting: Duration, table: &mut Latencies) -> Result<(), Failure> {
        let name = self.name;
        table.add(&format!("{name}: questions while nothing else happens"), &self.read(lasting).await?);
        let written = self.writes.run(&self.server.target, WRITES, lasting);
        let (read, written) = tokio::try_join!(self.read(lasting), written)?;
        table.add(&format!("{name}: questions while {WRITES} facts a second are written"), &read);
        table.add(&format!("{name}: those facts"), &written);
        Ok(())
    }

    /// Reads while one core computes and does nothing else.
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

    /// Reads of the registry while the staff of one provider loses its employer.
    pub async fn under_cascade(&self, largest: &str, lasting: Duration, table: &mut Latencies) -> Result<(), Failure> {
        let (run, people) = tokio::join!(self.read(lasting), end_qualification(self.server, largest));
        table.add("registry: questions while a cascade is recorded", &run?);
        println!("a cascade of {} people in one record", people?);
        Ok(())
    }

    /// Reads of the registry while its directory is backed up.
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

/// The providers of the questions, those of the most first.
pub fn largest_providers(goods: &[Good]) -> Vec<&str> {
    let mut counts = std::collections::HashMap::<&str, usize>::new();
    for good in goods {
        *counts.entry(&good.provider).or_default() += 1;
    }
    let mut providers: Vec<_> = counts.into_iter().collect();
    providers.sort_by_key(|(id, count)| (std::cmp::Reverse(*count), *id));
    providers.into_iter().map(|(id, _)| id).collect()
}

/// Ends the period that a fact began, on its first day.
fn end_of(fact: &v1::Fact) -> v1::EndPeriodRequest {
    let request_id = Uuid::new_v4().to_string();
    let (fact_id, last_day) = (fact.fact_id.clone(), fact.first_day);
    v1::EndPeriodRequest { request_id, fact_id, last_day, reason: "a test".into(), ..Default::default() }
}

/// Ends every certificate of a provider long ago, and says how many people the largest record was about.
async fn end_qualification(server: &Server, provider: &str) -> Result<u32, Failure> {
    tokio::time::sleep(Duration::from_millis(500)).await;
    let subject = Some(list_facts_request::Subject::ProviderId(provider.to_owned()));
    let list = v1::ListFactsRequest { subject, page_size: 1000, ..Default::default() };
    let facts = ask::<v1::ListFactsResponse>(server, FACTS, framed(&list)).await?.facts;
    let mut people = 0;
    for fact in facts.iter().filter(|fact| fact.kind() == FactKind::ProviderQualified && !fact.retracted) {
        let told = ask::<v1::EndPeriodResponse>(server, END, framed(&end_of(fact))).await?;
        people = people.max(told.specialist_count);
    }
    Ok(people)
}
