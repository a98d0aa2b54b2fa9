//! The clients: each sends random questions and writes to one replica after another, and notes the request, the times
//! and the response.
//!
//! A write is sent, with its `request_id`, to any replica until one answers. A question names the newest token that any
//! client has seen, so its answer must contain everything that was acknowledged before.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::known_at::Point;
use cpss_registry::registry::clock;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tonic::{Code, Status};

use super::checker::Operation;
use super::model::{Action, Written};
use super::people::{Glance, JOBS, Person, family_name};
use super::plan::REPLICAS;
use crate::fleet::client;
use crate::harness::requests::{change_name, date, end_job, retract, verify};
use crate::harness::scenes::HIRED;
use crate::harness::{Accepted as _, Call, Client, Mutation, Promised as _, Refusal as _};

/// The day that questions are about.
pub const DAY: &str = "2026-03-02";
/// How long a client waits for an answer before it turns to another replica.
const PATIENCE: Duration = Duration::from_secs(4);
/// A pause before a client turns to another replica.
const PAUSE: Duration = Duration::from_millis(30);
/// How far back questions by time look, in milliseconds.
const BACK: u64 = 1500;

/// Where a replica listens, and the directory with the certificates of its clients.
pub type Place = (watch::Receiver<Option<SocketAddr>>, PathBuf);

/// The shared state of the clients.
pub struct World {
    pub people: Vec<Person>,
    pub replicas: [Place; REPLICAS],
    /// The longest pause between two requests of a client.
    pub thinks: Duration,
    /// The shared clock.
    pub since: Instant,
    pub is_over: AtomicBool,
    /// The number of the next name.
    pub names: AtomicUsize,
    /// The number of the next position.
    pub positions: AtomicUsize,
    /// The history of each person.
    pub history: Vec<Mutex<Vec<Operation<Action>>>>,
    pub seen: Seen,
}

/// What was answered.
#[derive(Debug, Default)]
pub struct Seen {
    /// The newest revision and its token. That of a dry run has none.
    newest: Mutex<(u64, String)>,
    /// Acknowledged renames.
    pub renames: Mutex<Vec<(v1::ChangeSpecialistNameRequest, v1::ChangeSpecialistNameResponse)>>,
    /// When writes were acknowledged.
    pub written_at: Mutex<Vec<Instant>>,
    /// Acknowledged facts with the revisions of their records.
    pub facts: Mutex<BTreeMap<String, u64>>,
    /// Answers by time: the question, and the promised bytes.
    pub by_time: Mutex<Vec<(v1::VerifyCredentialRequest, Vec<u8>)>>,
    /// How often requests had to be sent again, and why.
    pub troubles: Mutex<BTreeMap<String, usize>>,
}

impl Seen {
    /// A question about a credential, to be answered from the newest state that any client has seen.
    pub fn question(&self, number: &str) -> v1::VerifyCredentialRequest {
        let (revision, min_token) = self.newest.lock().unwrap().clone();
        let min_revision = if min_token.is_empty() { revision } else { 0 };
        v1::VerifyCredentialRequest { min_revision, min_token, ..verify(number, DAY, None) }
    }

    /// Notes a token.
    pub fn note(&self, revision: u64, token: &str) {
        let mut newest = self.newest.lock().unwrap();
        if revision > newest.0 {
            *newest = (revision, token.to_owned());
        }
    }

    /// Notes why a request is sent again. Anything but a failure that passes is a fault of the registry.
    fn trouble(&self, status: &Status) {
        let by_the_registry = !status.details().is_empty();
        let reason = if by_the_registry { status.reason() } else { format!("{:?}", status.code()) };
        let passes = matches!(status.code(), Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded);
        let is_expected = !by_the_registry || (passes && reason != "DIVERGED");
        assert!(is_expected, "nothing is refused here: {status:?}");
        *self.troubles.lock().unwrap().entry(reason).or_default() += 1;
    }
}

/// A client.
pub struct Worker<'a> {
    world: &'a World,
    /// The replica that it asks.
    at: usize,
    clients: [Option<(SocketAddr, Client)>; REPLICAS],
}

/// The failure passes, and the request had no effect.
struct Failed;

impl<'a> Worker<'a> {
    pub fn new(world: &'a World) -> Worker<'a> {
        Worker { world, at: fastrand::usize(..REPLICAS), clients: [const { None }; REPLICAS] }
    }

    /// Sends random requests until the faults are over.
    pub async fn work(mut self) {
        while !self.world.is_over.load(Ordering::Relaxed) {
            sleep(self.world.thinks.mul_f64(fastrand::f64())).await;
            if fastrand::u32(..4) == 0 {
                self.at = fastrand::usize(..REPLICAS);
            }
            let register = fastrand::usize(..self.world.people.len());
            let invoked = self.now();
            let person = &self.world.people[register];
            let done = match fastrand::u32(..9) {
                0..4 => self.read(person).await,
                4 => self.read_by_time(person).await.and(Err(Failed)),
                _ => self.write(person).await,
            };
            if let Ok(action) = done {
                let returned = Some(self.now());
                self.world.history[register].lock().unwrap().push(Operation { invoked, returned, action });
            }
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.world.since.elapsed().as_nanos()).unwrap()
    }

    /// Sends a request to the present replica. If it fails in a way that passes, the next one goes to another replica.
    async fn call<C: Call>(&mut self, request: C) -> Result<Result<C::Response, Status>, Failed> {
        let answered = match self.client() {
            Some(client) => timeout(PATIENCE, client.call(request)).await,
            None => Ok(Err(Status::unavailable("it does not run"))),
        };
        let status = match answered {
            Ok(Ok(response)) => return Ok(Ok(response)),
            Ok(Err(status)) if matches!(status.code(), Code::FailedPrecondition | Code::OutOfRange) => {
                return Ok(Err(status));
            }
            Ok(Err(status)) => status,
            Err(_) => Status::deadline_exceeded("no answer"),
        };
        self.world.seen.trouble(&status);
        self.at = (self.at + 1 + fastrand::usize(..REPLICAS - 1)) % REPLICAS;
        sleep(PAUSE).await;
        Err(Failed)
    }

    /// A client of the present replica. `None` if that does not run.
    fn client(&mut self) -> Option<Client> {
        let (address, directory) = &self.world.replicas[self.at];
        let address = (*address.borrow())?;
        let known = &mut self.clients[self.at];
        if known.as_ref().is_none_or(|(at, _)| *at != address) {
            *known = Some((address, client(directory, address, "registrar")));
        }
        known.as_ref().map(|(_, client)| client.clone())
    }

    async fn ask<C: Call>(&mut self, request: C) -> Result<C::Response, Failed> {
        Ok(self.call(request).await?.unwrap_or_else(|status| panic!("it was acknowledged before: {status:?}")))
    }

    /// Asks from the newest token on. The rest is asked, perhaps of another replica, as known at the same revision.
    async fn read(&mut self, person: &Person) -> Result<Action, Failed> {
        let seen = &self.world.seen;
        let verification = self.ask(seen.question(&person.number)).await?.verification.unwrap();
        let is_confirmed = verification.verdict() == v1::Verdict::Confirmed;
        let answer = verification.answer.unwrap();
        let revision = answer.known_at_revision;
        seen.note(revision, &answer.token);
        if fastrand::bool() {
            self.at = fastrand::usize(..REPLICAS);
        }
        let known_at = Some(v1::KnownAt { epoch: answer.epoch, point: Some(Point::Revision(revision)) });
        match fastrand::u32(..3) {
            0 => Ok(Action::Verdict(is_confirmed, revision)),
            1 => {
                let credential_number = person.number.clone();
                let request = v1::GetCredentialRequest { credential_number, known_at, ..Default::default() };
                let credential = self.ask(request).await?.credential.unwrap();
                let name = credential.display_name.rsplit('-').next().unwrap().parse().unwrap();
                Ok(Action::Credential(name, is_confirmed, revision))
            }
            _ => {
                let (provider_id, as_of) = (person.provider_id.clone(), Some(date(HIRED)));
                let request =
                    v1::ListEmploymentsRequest { provider_id, as_of, known_at, page_size: 1000, ..Default::default() };
                let ended = |job: &v1::Employment| job.last_day.map(|day| day.day);
                let jobs = self.ask(request).await?.employments;
                let jobs = jobs.iter().map(|job| (job.employment_id.clone(), ended(job)));
                Ok(Action::Jobs(jobs.collect(), revision))
            }
        }
    }

    /// Asks as known at a time a moment ago. The answer is kept.
    async fn read_by_time(&mut self, person: &Person) -> Result<(), Failed> {
        let ago = clock::now() - Duration::from_millis(fastrand::u64(..BACK));
        let time = prost_types::Timestamp { seconds: ago.as_second(), nanos: ago.subsec_nanosecond() };
        let known_at = Some(v1::KnownAt { point: Some(Point::Time(time)), ..Default::default() });
        let request = v1::VerifyCredentialRequest { known_at, ..verify(&person.number, DAY, None) };
        match self.call(request.clone()).await? {
            Ok(answered) => self.world.seen.by_time.lock().unwrap().push((request, answered.promised_bytes())),
            // The clock of the replica is behind.
            Err(status) => assert_eq!(status.code(), Code::OutOfRange, "{status:?}"),
        }
        Ok(())
    }

    async fn write(&mut self, person: &Person) -> Result<Action, Failed> {
        let Glance { job, fact, jobs } = person.glance();
        Ok(match (fastrand::u32(..9), fact) {
            (0, _) if jobs < JOBS => self.start(person).await,
            (0..=2, _) => {
                let name = self.world.names.fetch_add(1, Ordering::Relaxed) as u64;
                let request = change_name(&person.specialist_id, "Lucinda", &family_name(name));
                let (written, response) = self.record(request.clone()).await;
                self.world.seen.renames.lock().unwrap().push((request, response.unwrap()));
                Action::Rename(name, written)
            }
            (3 | 4, Some(fact)) => {
                let withdrawn = self.record(retract(&fact, "Reported of the wrong person")).await.0;
                Action::Withdraw(fact, withdrawn)
            }
            (5, Some(fact)) => {
                let request = retract(&fact, "Reported of the wrong person").validated_only();
                let valid = self.call(request).await?.map_err(|status| assert_retracted(&status));
                let revision = valid.ok().map(|valid| valid.revision);
                revision.inspect(|revision| self.world.seen.note(*revision, ""));
                Action::TryToWithdraw(fact, revision)
            }
            _ => {
                let day = 1 + fastrand::i32(0..28);
                let written = self.record(end_job(&job, &format!("2026-02-{day:02}"))).await.0;
                person.ended(job, day, written)
            }
        })
    }

    async fn start(&mut self, person: &Person) -> Action {
        let (written, started) = self.record(person.another_job(&self.world.positions)).await;
        person.began(written, started)
    }

    /// Sends a request to one replica after another until it is answered.
    async fn record<M: Mutation>(&mut self, request: M) -> (Written, Option<M::Response>) {
        loop {
            match self.call(request.clone()).await {
                Ok(Ok(response)) => {
                    let revision = response.position().1;
                    let fact = response.fact_id().to_owned();
                    let seen = &self.world.seen;
                    seen.note(revision, response.token());
                    seen.written_at.lock().unwrap().push(Instant::now());
                    seen.facts.lock().unwrap().insert(fact.clone(), revision);
                    return (Written::Recorded { fact, revision }, Some(response));
                }
                Ok(Err(status)) => {
                    assert_retracted(&status);
                    return (Written::Withdrawn, None);
                }
                Err(Failed) => {}
            }
        }
    }
}

fn assert_retracted(status: &Status) {
    assert_eq!(
        (status.code(), status.reason().as_str()),
        (Code::FailedPrecondition, "ALREADY_RETRACTED"),
        "{status:?}"
    );
}
