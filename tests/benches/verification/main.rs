//! Verification compared with a bare echo server: `cargo bench --features benches --bench verification`.
//!
//! One run on one machine: a bare tonic server that answers with constants, and the registry with people created by
//! `generate`, each in its own process. The same client sends the same questions to both, in turn and several times. It
//! decodes and checks the first response to every question, and compares all later ones byte for byte. The output has
//! medians over the rounds, and ratios of medians.
//!
//! In reading order: [`frames`] and [`wire`], the client; [`load`] and [`rate`], the load patterns; [`questions`], the
//! questions; [`echo`], [`etcd`] and [`servers`], the servers; [`secure`], mTLS; [`json`], the HTTP port; [`change`]
//! and [`sync_writer`], load by writes; [`table`], the output.

#![allow(missing_docs, reason = "a program, not a library")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

mod change;
mod echo;
mod etcd;
mod frames;
mod json;
mod load;
#[path = "../made.rs"]
mod made;
mod questions;
mod rate;
mod secure;
mod servers;
mod sync_writer;
mod table;
mod wire;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use cpss_registry::proto::v1;

use self::change::Changing;
use self::load::{Exchange, Run, Tape};
use self::made::THROUGH;
use self::questions::{Answerer, Good};
use self::rate::Calls;
use self::secure::Place;
use self::servers::Server;
use self::table::{Latencies, Table};
use self::wire::{Failure, Target, unframed};

/// The allocator of the program, for both sides.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const VERIFY: &str = "/ms.dmh.credential.v1.VerificationService/VerifyCredential";
const BATCH: &str = "/ms.dmh.credential.v1.VerificationService/BatchVerifyCredentials";
const STREAM: &str = "/ms.dmh.credential.v1.VerificationService/StreamVerifyCredentials";
const CHECK: &str = "/ms.dmh.credential.v1.VerificationService/CheckBillingEligibility";
const CHECK_STREAM: &str = "/ms.dmh.credential.v1.VerificationService/StreamCheckBillingEligibility";

/// The number of different questions.
const QUESTIONS: usize = 10_000;
const BATCH_ITEMS: usize = 1000;
const TAPE_ITEMS: usize = 100_000;

/// The size of the run.
struct Sizes {
    specialists: Vec<u64>,
    rounds: usize,
    lasting: Duration,
    claims: usize,
    /// Only cases whose names contain any of these words are run.
    cases: Vec<String>,
}

impl Sizes {
    fn has(&self, case: &str) -> bool {
        self.cases.iter().any(|part| case.contains(part))
    }

    /// Whether any case with this word in its name may be run.
    fn may_have(&self, word: &str) -> bool {
        self.has(word) || self.cases.iter().any(|part| part.contains(word))
    }
}

fn sizes() -> Sizes {
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let listed = std::env::var("CPSS_SPECIALISTS").unwrap_or_else(|_| "100000".to_owned());
    Sizes {
        specialists: listed.split(',').map(|text| text.trim().parse().unwrap()).collect(),
        rounds: number("CPSS_ROUNDS", 5) as usize,
        lasting: Duration::from_secs(number("CPSS_SECONDS", 3)),
        claims: number("CPSS_CLAIMS", 15_000_000) as usize,
        cases: std::env::var("CPSS_CASES").unwrap_or_default().split('|').map(str::to_owned).collect(),
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [flag, constants, place] if flag == "--echo" => {
            return echo::serve(Path::new(constants), Some(Path::new(place))).await;
        }
        [flag, constants] if flag == "--echo" => return echo::serve(Path::new(constants), None).await,
        _ => {}
    }
    let sizes = sizes();
    for specialists in &sizes.specialists {
        let made = Made::new(*specialists)?;
        run(&sizes, &made).await?;
    }
    Ok(())
}

/// A generated registry, and questions about it.
struct Made {
    specialists: u64,
    data: PathBuf,
    goods: Vec<Good>,
}

impl Made {
    fn new(specialists: u64) -> Result<Made, Failure> {
        let made::Made { data, numbers } = made::made(specialists)?;
        Ok(Made { specialists, data, goods: questions::good(&numbers)? })
    }
}

/// Questions in a closed loop.
struct Case {
    name: &'static str,
    method: &'static str,
    of: fn(&Learned) -> &Arc<[Exchange]>,
    connections: usize,
    /// The number of questions in a call.
    items: usize,
}

const CASES: [Case; 6] = [
    Case { name: "verify, unary, 1 connection", method: VERIFY, of: |known| &known.verify, connections: 1, items: 1 },
    Case { name: "verify, unary, 8 connections", method: VERIFY, of: |known| &known.verify, connections: 8, items: 1 },
    Case {
        name: "verify, unary, 64 connections",
        method: VERIFY,
        of: |known| &known.verify,
        connections: 64,
        items: 1,
    },
    Case {
        name: "verify, known at half the history, 64 connections",
        method: VERIFY,
        of: |known| &known.past,
        connections: 64,
        items: 1,
    },
    Case {
        name: "eligibility, unary, 64 connections",
        method: CHECK,
        of: |known| &known.check,
        connections: 64,
        items: 1,
    },
    Case {
        name: "verify, batches of 1,000, 8 connections",
        method: BATCH,
        of: |known| &known.batch,
        connections: 8,
        items: BATCH_ITEMS,
    },
];

/// The questions with the responses of one server.
struct Learned {
    verify: Arc<[Exchange]>,
    past: Arc<[Exchange]>,
    batch: Arc<[Exchange]>,
    check: Arc<[Exchange]>,
    stream: Tape,
    claims: Tape,
}

async fn learn(server: &Server, answerer: Answerer, goods: &[Good], past: u64) -> Result<Learned, Failure> {
    let target = &server.target;
    let some = goods.get(..QUESTIONS.min(goods.len())).unwrap_or_default();
    let judge = |at: usize, answer: &[u8]| questions::judge_verify(answerer, &some[at], answer);
    let asked = some.iter().map(|good| questions::verify(good, None)).collect();
    let verify = load::learn(target, VERIFY, asked, judge).await?;
    // Any answer is accepted for the past; it was given from the same facts.
    let asked = some.iter().map(|good| questions::verify(good, Some(past))).collect();
    let past = load::learn(target, VERIFY, asked, |_, _| Ok(())).await?;
    let batches: Vec<&[Good]> = some.chunks(BATCH_ITEMS).collect();
    let asked = batches.iter().map(|batch| questions::batch(batch)).collect();
    let judge = |at: usize, answer: &[u8]| questions::judge_batch(answerer, batches[at], answer);
    let batch = load::learn(target, BATCH, asked, judge).await?;
    let asked = some.iter().map(questions::check).collect();
    let check = load::learn(target, CHECK, asked, |at, answer| questions::judge_check(&some[at], answer)).await?;
    let goods_of_tape: Vec<&Good> = goods.iter().cycle().take(TAPE_ITEMS).collect();
    let asked: Vec<_> = goods_of_tape.iter().map(|good| questions::verify_in_stream(good)).collect();
    let judge = |at: usize, answer: &[u8]| questions::judge_verify_in_stream(answerer, goods_of_tape[at], answer);
    let stream = load::record(target, STREAM, questions::verify_opening(), &asked, judge).await?;
    let drawn = questions::skewed(goods, TAPE_ITEMS);
    let asked: Vec<_> = drawn.iter().map(|good| questions::check_in_stream(good)).collect();
    let judge = |at: usize, answer: &[u8]| questions::judge_check_in_stream(drawn[at], answer);
    let claims = load::record(target, CHECK_STREAM, questions::check_opening(), &asked, judge).await?;
    Ok(Learned { verify, past, batch, check, stream, claims })
}

/// The credentials for which a claim of the provider is eligible. Some providers are not certified for the service.
async fn billable(registry: &Server, goods: &[Good]) -> Result<Vec<Good>, Failure> {
    let billable = std::cell::RefCell::new(Vec::new());
    let asked: Vec<_> = goods.iter().map(questions::check_in_stream).collect();
    let sift = |at: usize, answer: &[u8]| {
        let (length, is_eligible) = questions::is_eligible_in_stream(answer)?;
        billable.borrow_mut().extend(goods.get(at).filter(|_| is_eligible).cloned());
        Ok(length)
    };
    load::record(&registry.target, CHECK_STREAM, questions::check_opening(), &asked, sift).await?;
    Ok(billable.into_inner())
}

async fn run(sizes: &Sizes, made: &Made) -> Result<(), Failure> {
    let registry = Server::registry(&made.data, THROUGH)?;
    let goods = billable(&registry, &made.goods).await?;
    let constants = made.data.with_extension("constants");
    fs::write(&constants, constants_of(&registry, &goods).await?)?;
    let echo = Server::echo(&constants)?;
    let mut table = Table::default();
    let past = head_of(&registry, &goods).await? / 2;
    compare(sizes, [&echo, &registry], &goods, past, "", &mut table).await?;
    let (opened_in, bytes) = (registry.opened_in, registry.resident_bytes()?);
    drop(echo);
    let some = goods.get(..QUESTIONS.min(goods.len())).unwrap_or_default();
    if sizes.may_have("etcd") {
        beside_etcd(sizes, &registry, some, &mut table).await?;
    }
    if sizes.may_have("JSON") {
        beside_json(sizes, &registry, some, &mut table).await?;
    }
    drop(registry);
    if sizes.may_have("mTLS") {
        let place = Place::new(&made.data)?;
        let (echo, registry) = (Server::secure_echo(&constants, &place)?, Server::secure_registry(&place)?);
        compare(sizes, [&echo, &registry], &goods, past, "mTLS: ", &mut table).await?;
    }
    println!(
        "\n{} specialists: SERVING after {:.2} s, {:.0} bytes resident per specialist",
        made.specialists,
        opened_in.as_secs_f64(),
        bytes as f64 / made.specialists as f64
    );
    table.print();
    if sizes.has("change") {
        under_change(sizes, made, &constants, some).await?;
    }
    Ok(())
}

/// Sends the same questions to the echo server and the registry; those about the past with a revision.
async fn compare(
    sizes: &Sizes,
    [echo, registry]: [&Server; 2],
    goods: &[Good],
    past: u64,
    by: &str,
    table: &mut Table,
) -> Result<(), Failure> {
    let servers = [
        (echo, learn(echo, Answerer::Echo, goods, past).await?),
        (registry, learn(registry, Answerer::Registry, goods, past).await?),
    ];
    for _ in 0..sizes.rounds {
        for case in &CASES {
            let run = async |target: &Target, known: &Learned| {
                load::closed(target, case.method, (case.of)(known), case.connections, sizes.lasting).await
            };
            in_turn(sizes, &format!("{by}{}", case.name), case.items, &servers, table, run).await?;
        }
        let run = async |target: &Target, known: &Learned| load::stream(target, STREAM, &known.stream, 10).await;
        in_turn(sizes, &format!("{by}verify, one stream"), 1, &servers, table, run).await?;
        let run = async |target: &Target, known: &Learned| {
            Calls::learned(VERIFY, &known.verify).one_by_one(target, 10_000, sizes.lasting).await
        };
        in_turn(sizes, &format!("{by}verify, open loop at 10,000 a second"), 1, &servers, table, run).await?;
    }
    let times = sizes.claims / TAPE_ITEMS;
    let run = async |target: &Target, known: &Learned| load::stream(target, CHECK_STREAM, &known.claims, times).await;
    let name = format!("{by}eligibility, one stream of {} claims", times * TAPE_ITEMS);
    in_turn(sizes, &name, 1, &servers, table, run).await
}

/// Compares with etcd instead of the echo server: a Range of one key, and a verification.
async fn beside_etcd(sizes: &Sizes, registry: &Server, goods: &[Good], table: &mut Table) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let Some(etcd) = etcd::start(directory.path(), goods).await? else { return Ok(()) };
    let ranges = goods.iter().map(etcd::range).collect();
    let ranges = load::learn(&etcd.target, etcd::RANGE, ranges, |_, answer| etcd::judge(answer)).await?;
    let asked = goods.iter().map(|good| questions::verify(good, None)).collect();
    let judge = |at: usize, answer: &[u8]| questions::judge_verify(Answerer::Registry, &goods[at], answer);
    let verify = load::learn(&registry.target, VERIFY, asked, judge).await?;
    let servers = [(&etcd, (etcd::RANGE, ranges)), (registry, (VERIFY, verify))];
    for _ in 0..sizes.rounds {
        for connections in [1, 8, 64] {
            let run = async |target: &Target, (method, exchanges): &(&'static str, Arc<[Exchange]>)| {
                load::closed(target, method, exchanges, connections, sizes.lasting).await
            };
            let name = format!("etcd Range beside verify, unary, {connections} connections");
            in_turn(sizes, &name, 1, &servers, table, run).await?;
        }
    }
    Ok(())
}

/// Compares gRPC with JSON over HTTP/1.1 on the same server. The columns of the echo server are those of gRPC.
async fn beside_json(sizes: &Sizes, registry: &Server, goods: &[Good], table: &mut Table) -> Result<(), Failure> {
    let http = registry.http.ok_or("the registry has no HTTP port")?;
    let asked = goods.iter().map(|good| questions::verify(good, None)).collect();
    let judge = |at: usize, answer: &[u8]| questions::judge_verify(Answerer::Registry, &goods[at], answer);
    let grpc = load::learn(&registry.target, VERIFY, asked, judge).await?;
    let json = json::learn(http, VERIFY, &grpc).await?;
    let servers = [(registry, (false, grpc)), (registry, (true, json))];
    for _ in 0..sizes.rounds {
        for connections in [1, 8, 64] {
            let run = async |target: &Target, (is_json, exchanges): &(bool, Arc<[Exchange]>)| {
                if *is_json {
                    json::closed(http, exchanges, connections, sizes.lasting).await
                } else {
                    load::closed(target, VERIFY, exchanges, connections, sizes.lasting).await
                }
            };
            let name = format!("gRPC beside JSON, verify, unary, {connections} connections");
            in_turn(sizes, &name, 1, &servers, table, run).await?;
        }
    }
    Ok(())
}

/// Runs a case, unless it is left out, on all servers in immediate succession, because the machine changes over time.
async fn in_turn<K>(
    sizes: &Sizes,
    name: &str,
    items: usize,
    servers: &[(&Server, K); 2],
    table: &mut Table,
    run: impl AsyncFn(&Target, &K) -> Result<Run, Failure>,
) -> Result<(), Failure> {
    for (at, (server, known)) in servers.iter().enumerate().filter(|_| sizes.has(name)) {
        let cpu = server.cpu()?;
        let run = run(&server.target, known).await?;
        table.add(name, at, &run, server.cpu()? - cpu, items);
    }
    Ok(())
}

/// Questions while data change: on a copy of the registry, because the changes stay, and on the echo server and etcd.
async fn under_change(sizes: &Sizes, made: &Made, constants: &Path, goods: &[Good]) -> Result<(), Failure> {
    let copy = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    if !Command::new("cp").arg("-r").arg(&made.data).arg(copy.path()).status()?.success() {
        return Err("the registry could not be copied".into());
    }
    // The disk must have finished writing the copy before the measurement.
    Command::new("sync").status()?;
    let data = copy.path().join("data");
    let (registry, echo) = (Server::registry(&data, THROUGH)?, Server::echo(constants)?);
    let directory = tempfile::tempdir()?;
    let etcd = etcd::start(directory.path(), goods).await?;
    let asked = goods.iter().map(|good| questions::verify(good, None)).collect();
    let judge = |at: usize, answer: &[u8]| questions::judge_verify(Answerer::Registry, &goods[at], answer);
    let exchanges = load::learn(&registry.target, VERIFY, asked, judge).await?;
    let goods: Arc<[Good]> = goods.into();
    let registry = Changing::registry(&registry, &goods, &exchanges)?;
    let mut servers = vec![Changing::echo(&echo, &goods)];
    servers.extend(etcd.as_ref().map(|etcd| Changing::etcd(etcd, &goods)));
    let mut table = Latencies::default();
    let largest = change::largest_providers(&made.goods);
    for provider in largest.iter().take(sizes.rounds) {
        for server in servers.iter().chain([&registry]) {
            server.under_writes(sizes.lasting, &mut table).await?;
            server.beside_a_busy_core(sizes.lasting, &mut table).await?;
        }
        registry.under_cascade(provider, sizes.lasting, &mut table).await?;
        registry.under_backup(&data, sizes.lasting, &mut table).await?;
    }
    table.print();
    Ok(())
}

/// The constants of the echo server: the registry's answers to the first question.
async fn constants_of(registry: &Server, goods: &[Good]) -> Result<Vec<u8>, Failure> {
    let first = goods.first().ok_or("no credentials to ask about")?;
    let verification = ask::<v1::VerifyCredentialResponse>(registry, VERIFY, questions::verify(first, None)).await?;
    let eligibility = ask::<v1::CheckBillingEligibilityResponse>(registry, CHECK, questions::check(first)).await?;
    Ok(echo::constants(&verification.verification.unwrap_or_default(), &eligibility.eligibility.unwrap_or_default()))
}

async fn head_of(registry: &Server, goods: &[Good]) -> Result<u64, Failure> {
    let first = goods.first().ok_or("no credentials to ask about")?;
    let response = ask::<v1::VerifyCredentialResponse>(registry, VERIFY, questions::verify(first, None)).await?;
    Ok(response.verification.and_then(|response| response.answer).map_or(0, |answer| answer.known_at_revision))
}

async fn ask<M: prost::Message + Default>(
    server: &Server,
    method: &str,
    request: prost::bytes::Bytes,
) -> Result<M, Failure> {
    let mut answer = prost::bytes::BytesMut::new();
    wire::Connection::open(&server.target, method).await?.call(request, &mut answer).await?;
    Ok(unframed(&answer)?.0)
}
