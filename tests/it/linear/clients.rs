//! The clients: each sends random questions and writes, and notes the request, the times and the response.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cpss_registry::proto::v1;
use tokio::sync::watch;
use tonic::{Code, Status};

use super::checker::Operation;
use super::model::{Action, Written};
use super::people::{Glance, JOBS, Person, family_name};
use super::random;
use crate::harness::requests::{change_name, date, end_job, retract, verify};
use crate::harness::scenes::HIRED;
use crate::harness::{Accepted as _, Client, Mutation, Refusal as _, TODAY};
use crate::kill::assert_cut_off;

/// The maximum number of abandoned writes per person: each doubles the worst-case search.
const GIVEN_UP: usize = 3;

/// The shared state of the clients.
pub struct World {
    pub people: Vec<Person>,
    /// The number of abandoned writes per person.
    pub given_up: Vec<AtomicUsize>,
    /// The current address of the registry.
    pub address: watch::Receiver<SocketAddr>,
    /// The shared clock.
    pub since: Instant,
    /// The number of operations still to begin.
    pub left: AtomicUsize,
    /// The number of the next name.
    pub names: AtomicUsize,
    /// The number of the next position.
    pub positions: AtomicUsize,
    /// The history of each person.
    pub history: Vec<Mutex<Vec<Operation<Action>>>>,
    pub cut_off: AtomicUsize,
}

/// A client.
pub struct Worker<'a> {
    world: &'a World,
    address: watch::Receiver<SocketAddr>,
    client: Client,
}

/// The connection was cut off.
struct CutOff;

impl<'a> Worker<'a> {
    pub fn new(world: &'a World) -> Worker<'a> {
        let mut address = world.address.clone();
        let client = Client::connect(*address.borrow_and_update());
        Worker { world, address, client }
    }

    /// Sends random requests until enough were begun.
    pub async fn work(mut self) {
        let take = |left: usize| left.checked_sub(1);
        while self.world.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
            let register = usize::try_from(random(self.world.people.len() as u64)).unwrap();
            let invoked = self.now();
            let person = &self.world.people[register];
            let done = if random(2) == 0 {
                self.read(person).await
            } else {
                Ok(self.write(person, &self.world.given_up[register]).await)
            };
            match done {
                Ok(action) => {
                    let returned = (!is_given_up(&action)).then(|| self.now());
                    self.world.history[register].lock().unwrap().push(Operation { invoked, returned, action });
                }
                // A question without a response has no effect on the history.
                Err(CutOff) => self.find_again().await,
            }
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.world.since.elapsed().as_nanos()).unwrap()
    }

    /// Waits until the registry listens on another address.
    async fn find_again(&mut self) {
        self.world.cut_off.fetch_add(1, Ordering::Relaxed);
        let moved = tokio::time::timeout(Duration::from_secs(60), self.address.changed());
        moved.await.expect("cut off, though nothing was killed").unwrap();
        self.client = Client::connect(*self.address.borrow_and_update());
    }

    async fn read(&self, person: &Person) -> Result<Action, CutOff> {
        let answered = match random(3) {
            0 => self.credential(person).await,
            1 => self.client.call(verify(&person.number, TODAY, None)).await.map(|answer| {
                let verification = answer.verification.unwrap();
                let is_confirmed = verification.verdict() == v1::Verdict::Confirmed;
                Action::Verdict(is_confirmed, verification.answer.unwrap().known_at_revision)
            }),
            _ => self.jobs(person).await,
        };
        answered.map_err(|status| {
            assert_cut_off(&status);
            CutOff
        })
    }

    async fn credential(&self, person: &Person) -> Result<Action, Status> {
        let request = v1::GetCredentialRequest { credential_number: person.number.clone(), ..Default::default() };
        let answer = self.client.call(request).await?;
        let credential = answer.credential.unwrap();
        let name = credential.display_name.rsplit('-').next().unwrap().parse().unwrap();
        let is_current = credential.standing() == v1::Standing::Current;
        Ok(Action::Credential(name, is_current, answer.answer.unwrap().known_at_revision))
    }

    async fn jobs(&self, person: &Person) -> Result<Action, Status> {
        let provider_id = person.provider_id.clone();
        let as_of = Some(date(HIRED));
        let request = v1::ListEmploymentsRequest { provider_id, as_of, page_size: 1000, ..Default::default() };
        let answer = self.client.call(request).await?;
        let ended = |job: &v1::Employment| job.last_day.map(|day| day.day);
        let jobs: BTreeMap<_, _> =
            answer.employments.iter().map(|job| (job.employment_id.clone(), ended(job))).collect();
        Ok(Action::Jobs(jobs, answer.answer.unwrap().known_at_revision))
    }

    async fn write(&mut self, person: &Person, given_up: &AtomicUsize) -> Action {
        let Glance { job, fact, jobs } = person.glance();
        match random(9) {
            8 if fact.is_some() => self.try_to_withdraw(fact.unwrap()).await,
            0 if jobs < JOBS => self.start(person).await,
            0..=2 => {
                let name = self.world.names.fetch_add(1, Ordering::Relaxed) as u64;
                let request = change_name(&person.specialist_id, "Lucinda", &family_name(name));
                Action::Rename(name, self.record(request, Some(given_up)).await.0)
            }
            3 | 4 if fact.is_some() => {
                let fact = fact.unwrap();
                let withdrawn = self.record(retract(&fact, "Reported of the wrong person"), Some(given_up)).await.0;
                Action::Withdraw(fact, withdrawn)
            }
            _ => {
                let day = 1 + i32::try_from(random(28)).unwrap();
                let written = self.record(end_job(&job, &format!("2026-02-{day:02}")), Some(given_up)).await.0;
                person.ended(job, day, written)
            }
        }
    }

    /// Sends a dry run until it is answered.
    async fn try_to_withdraw(&mut self, fact: String) -> Action {
        loop {
            match self.client.call(retract(&fact, "Reported of the wrong person").validated_only()).await {
                Ok(valid) => return Action::TryToWithdraw(fact, Some(valid.revision)),
                Err(status) if status.code() == Code::FailedPrecondition => {
                    assert_eq!(status.reason(), "ALREADY_RETRACTED", "{status:?}");
                    return Action::TryToWithdraw(fact, None);
                }
                Err(status) => assert_cut_off(&status),
            }
            self.find_again().await;
        }
    }

    /// A job id is known only from a response, so the start is sent until it is answered.
    async fn start(&mut self, person: &Person) -> Action {
        let (written, started) = self.record(person.another_job(&self.world.positions), None).await;
        person.began(written, started)
    }

    /// Sends a request until it is answered. If it was cut off, it may be abandoned, which is then counted.
    async fn record<M: Mutation>(
        &mut self,
        request: M,
        given_up: Option<&AtomicUsize>,
    ) -> (Written, Option<M::Response>) {
        loop {
            match self.client.call(request.clone()).await {
                Ok(response) => {
                    let revision = response.position().1;
                    let fact = response.fact_id().to_owned();
                    return (Written::Recorded { fact, revision }, Some(response));
                }
                Err(status) if status.code() == Code::FailedPrecondition => {
                    assert_eq!(status.reason(), "ALREADY_RETRACTED", "{status:?}");
                    return (Written::Withdrawn, None);
                }
                Err(status) => assert_cut_off(&status),
            }
            self.find_again().await;
            let one_more = |count| (count < GIVEN_UP).then_some(count + 1);
            let give_up = |it: &&AtomicUsize| it.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok();
            if random(2) == 0 && given_up.filter(give_up).is_some() {
                return (Written::Unknown, None);
            }
        }
    }
}

fn is_given_up(action: &Action) -> bool {
    matches!(
        action,
        Action::Rename(_, Written::Unknown)
            | Action::End(_, _, Written::Unknown)
            | Action::Withdraw(_, Written::Unknown)
    )
}
