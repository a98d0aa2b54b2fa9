//! The writers: each sends requests about one person after another until it is cut off.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cpss_registry::proto::v1;
use prost::Message as _;
use tonic::{Code, Status};

use super::memory::{Acknowledged, Person, Written};
use super::random;
use crate::harness::requests::{
    change_name, end_job, end_period, issue, register_specialist, retract, start_job, suspend,
};
use crate::harness::scenes::{EFFECTIVE_FROM, HIRED};
use crate::harness::{Accepted, Client, Mutation};

/// Defines the requests of the writers.
macro_rules! writes {
    ($($kind:ident($request:ident),)*) => {
        /// A request.
        #[derive(Clone, Debug)]
        pub enum Write {
            $(#[doc = stringify!($request)] $kind(v1::$request),)*
        }

        impl Write {
            /// Sends it.
            pub async fn send(&self, client: &Client) -> Result<Acknowledged, Status> {
                match self {
                    $(Write::$kind(request) => acknowledge(client, request).await,)*
                }
            }
        }
    };
}

writes! {
    Register(RegisterSpecialistRequest),
    Start(ReportEmploymentStartRequest),
    Issue(IssueCredentialRequest),
    Rename(ChangeSpecialistNameRequest),
    End(ReportEmploymentEndRequest),
    Withdraw(RetractFactRequest),
    Suspend(SuspendCredentialRequest),
    EndSuspension(EndPeriodRequest),
}

async fn acknowledge<M: Mutation>(client: &Client, request: &M) -> Result<Acknowledged, Status> {
    let response = client.call(request.clone()).await?;
    Ok(Acknowledged {
        revision: response.position().1,
        fact_ids: response.fact_ids().to_vec(),
        response: response.encode_to_vec(),
    })
}

/// Writes until the first request without a response, which is remembered too. `answered` counts the responses.
pub async fn write_until_cut(client: Client, providers: Vec<String>, answered: Arc<AtomicU64>) -> Vec<Person> {
    let mut people = Vec::new();
    loop {
        let mut person = Person::default();
        let outcome = tell(&client, &providers, &mut person).await;
        answered.fetch_add(person.acknowledged() as u64, Ordering::Relaxed);
        people.push(person);
        if let Err(status) = outcome {
            assert_cut_off(&status);
            return people;
        }
    }
}

/// Asserts that the failure is explained by the end of the program.
pub fn assert_cut_off(status: &Status) {
    let by_the_registry = !status.details().is_empty();
    assert!(!by_the_registry || status.code() == Code::Unavailable, "nothing is refused here: {status:?}");
}

async fn tell(client: &Client, providers: &[String], person: &mut Person) -> Result<(), Status> {
    let family_name = format!("Example-{}", random(1_000_000));
    person.write(client, Write::Register(register_specialist("Lucinda", &family_name))).await?;
    let specialist_id = person.specialist_id();
    let provider = &providers[usize::try_from(random(providers.len() as u64)).unwrap()];
    person.write(client, Write::Start(start_job(&specialist_id, provider, HIRED))).await?;
    person.write(client, Write::Issue(issue(&specialist_id, EFFECTIVE_FROM))).await?;
    let number = person.number();
    if random(3) == 0 {
        let renamed = change_name(&specialist_id, "Lucinda", &format!("{family_name}-Hale"));
        person.write(client, Write::Rename(renamed)).await?;
    }
    if random(2) == 0 {
        person.write(client, Write::Suspend(suspend(&number, "2026-02-16", None))).await?;
        let suspension = person.last_fact();
        if random(2) == 0 {
            let ended = end_period(&suspension, "2026-02-17", "The board lifted it");
            person.write(client, Write::EndSuspension(ended)).await?;
        }
    }
    if random(2) == 0 {
        person.write(client, Write::End(end_job(&person.job(), "2026-02-20"))).await?;
        let end = person.last_fact();
        if random(2) == 0 {
            person.write(client, Write::Withdraw(retract(&end, "Reported of the wrong person"))).await?;
        }
    }
    Ok(())
}

impl Person {
    /// Sends a request and remembers it whatever the result.
    async fn write(&mut self, client: &Client, write: Write) -> Result<(), Status> {
        let answer = write.send(client).await;
        let (acknowledged, outcome) = match answer {
            Ok(acknowledged) => (Some(acknowledged), Ok(())),
            Err(status) => (None, Err(status)),
        };
        self.written.push(Written { write, acknowledged });
        outcome
    }
}
