//! What the writers remember, and the expected answers after a restart.

use std::collections::BTreeSet;
use std::sync::Arc;

use cpss_registry::proto::v1;
use prost::Message as _;

use super::work::Write;
use crate::harness::requests::{facts_of_provider, facts_of_specialist, known_at, periods, verify};
use crate::harness::words::verdict_line;
use crate::harness::{Client, TODAY};

/// A response to a request: all of it, and its main fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Acknowledged {
    /// The revision.
    pub revision: u64,
    /// The fact ids.
    pub fact_ids: Vec<String>,
    /// The encoded response.
    pub response: Vec<u8>,
}

/// A request, and its response if there was one.
#[derive(Clone, Debug)]
pub struct Written {
    /// The request.
    pub write: Write,
    /// The response.
    pub acknowledged: Option<Acknowledged>,
}

/// A person with all requests about them, in order. Only the last one may lack a response.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// The requests.
    pub written: Vec<Written>,
}

impl Person {
    /// The number of acknowledged requests.
    pub fn acknowledged(&self) -> usize {
        self.answers().count()
    }

    /// The revisions of the responses.
    pub fn revisions(&self) -> impl Iterator<Item = u64> {
        self.answers().map(|(_, answer)| answer.revision)
    }

    /// The person's id.
    pub fn specialist_id(&self) -> String {
        let registered = self.response::<v1::RegisterSpecialistResponse>(|write| matches!(write, Write::Register(_)));
        registered.and_then(|it| it.specialist).expect("registered").specialist_id
    }

    /// The person's credential number.
    pub fn number(&self) -> String {
        self.issued().expect("issued")
    }

    /// The person's job.
    pub fn job(&self) -> String {
        let started = self.response::<v1::ReportEmploymentStartResponse>(|write| matches!(write, Write::Start(_)));
        started.and_then(|it| it.employment).expect("employed").employment_id
    }

    /// The fact of the last response.
    pub fn last_fact(&self) -> String {
        self.answers().last().expect("an answer").1.fact_ids[0].clone()
    }

    pub fn issued(&self) -> Option<String> {
        let issued = self.response::<v1::IssueCredentialResponse>(|write| matches!(write, Write::Issue(_)));
        Some(issued?.credential?.credential_number)
    }

    fn answers(&self) -> impl Iterator<Item = (&Write, &Acknowledged)> {
        self.written.iter().filter_map(|written| Some((&written.write, written.acknowledged.as_ref()?)))
    }

    fn response<R: prost::Message + Default>(&self, is: impl Fn(&Write) -> bool) -> Option<R> {
        let (_, answer) = self.answers().find(|(write, _)| is(write))?;
        Some(R::decode(answer.response.as_slice()).unwrap())
    }

    /// Today's expected answer, according to the requests about the person.
    fn expected(&self) -> &'static str {
        let (mut suspended, mut ended) = (false, false);
        for (write, _) in self.answers() {
            match write {
                Write::Suspend(_) => suspended = true,
                Write::EndSuspension(_) => suspended = false,
                Write::End(_) => ended = true,
                Write::Withdraw(_) => ended = false,
                Write::Register(_) | Write::Start(_) | Write::Issue(_) | Write::Rename(_) => {}
            }
        }
        match (ended, suspended) {
            (true, _) => "NOT_CONFIRMED REVOKED_LOSS_OF_EMPLOYMENT, NO_QUALIFYING_EMPLOYMENT",
            (false, true) => "NOT_CONFIRMED SUSPENDED",
            (false, false) => "CONFIRMED",
        }
    }

    /// Sends all acknowledged requests again.
    async fn replay(&self, client: &Client) {
        for (write, answer) in self.answers() {
            let again = write.send(client).await.unwrap_or_else(|status| panic!("{write:?} again: {status}"));
            assert_eq!(&again, answer, "the same request gets the same answer: {write:?}");
        }
    }

    /// Compares the facts on file and today's verdict.
    async fn compare(&self, client: &Client) {
        let listed = client.ask(facts_of_specialist(&self.specialist_id())).await.facts;
        let mut listed: Vec<_> = listed.into_iter().map(|fact| (fact.fact_id, fact.revision)).collect();
        let mut written: Vec<_> =
            self.answers().flat_map(|(_, it)| it.fact_ids.iter().map(|id| (id.clone(), it.revision))).collect();
        listed.sort();
        written.sort();
        assert_eq!(listed, written, "the facts on file are those acknowledged");
        if let Some(number) = self.issued() {
            assert_eq!(verdict_line(&client.verify(&number, TODAY, None).await), self.expected(), "{self:?}");
        }
    }
}

/// Sends requests without a response again, twice, and asserts equal responses. Returns their number.
pub async fn settle(client: &Client, people: &mut [Person]) -> usize {
    let mut cut_off = 0;
    for written in people.iter_mut().flat_map(|person| &mut person.written) {
        if written.acknowledged.is_none() {
            let answer = written.write.send(client).await.unwrap();
            assert_eq!(written.write.send(client).await.unwrap(), answer, "one effect: {:?}", written.write);
            written.acknowledged = Some(answer);
            cut_off += 1;
        }
    }
    cut_off
}

/// What is checked about a person.
#[derive(Clone, Copy)]
pub enum Check {
    /// Every acknowledged request gets the same response again.
    Replay,
    /// The facts on file and the verdict match the requests.
    Compare,
}

/// Checks everyone, some at a time.
pub async fn check(client: &Client, people: Vec<Person>, what: Check) -> Vec<Person> {
    let people = Arc::new(people);
    let checks: Vec<_> = (0..super::CLIENTS)
        .map(|first| {
            let (client, people) = (client.clone(), Arc::clone(&people));
            tokio::spawn(async move {
                for person in people.iter().skip(first).step_by(super::CLIENTS) {
                    match what {
                        Check::Replay => person.replay(&client).await,
                        Check::Compare => person.compare(&client).await,
                    }
                }
            })
        })
        .collect();
    for check in checks {
        check.await.unwrap();
    }
    Arc::into_inner(people).unwrap()
}

/// Encoded answers about some people: their facts, standing periods, and verdicts as known at some revisions; and the
/// facts and rosters of the providers.
pub async fn answers(client: &Client, people: &[Person], providers: &[String], states: &[u64]) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    for person in people {
        answers.push(client.ask(facts_of_specialist(&person.specialist_id())).await.encode_to_vec());
    }
    let numbers: BTreeSet<_> = people.iter().filter_map(Person::issued).collect();
    for number in &numbers {
        answers.push(client.ask(periods(number, None)).await.encode_to_vec());
    }
    for provider in providers {
        answers.push(client.ask(facts_of_provider(provider)).await.encode_to_vec());
        let roster =
            v1::ListEmploymentsRequest { provider_id: provider.clone(), page_size: 1000, ..Default::default() };
        answers.push(client.ask(roster).await.encode_to_vec());
    }
    let items: Vec<_> = numbers.iter().filter_map(|number| verify(number, TODAY, None).item).collect();
    for revision in states {
        let batch = v1::BatchVerifyCredentialsRequest {
            items: items.clone(),
            known_at: Some(known_at(*revision)),
            ..Default::default()
        };
        let results = client.ask(batch).await.results;
        answers.extend(results.iter().map(prost::Message::encode_to_vec));
    }
    answers
}
