//! The people whom the clients ask and write about.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use cpss_registry::proto::v1;

use super::model::{Action, Register, Written};
use crate::harness::Client;
use crate::harness::requests::start_job;
use crate::harness::scenes::{HIRED, Qualified};

/// The maximum number of jobs per person.
pub const JOBS: usize = 3;

/// A person, and what the clients know about them.
pub struct Person {
    pub specialist_id: String,
    pub provider_id: String,
    pub number: String,
    /// The jobs, and the facts that may be retracted, except the start of the first job, which the credential needs.
    pub known: Mutex<(Vec<String>, Vec<String>)>,
}

/// What is known about a person at a moment: one of the jobs, one of the facts, and the number of jobs.
pub struct Glance {
    pub job: String,
    pub fact: Option<String>,
    pub jobs: usize,
}

/// A name by its number.
pub fn family_name(name: u64) -> String {
    format!("Example-{name}")
}

impl Person {
    /// A person with a credential, employed by this provider, and their initial register.
    pub async fn begin(registrar: &Client, provider: &Qualified, name: u64) -> (Person, Register) {
        let held = registrar.credentialed("Lucinda", &family_name(name), &[provider]).await;
        let register = Register::new(name, &held.jobs[0]);
        let (provider_id, known) = (provider.provider_id.clone(), Mutex::new((held.jobs, Vec::new())));
        (Person { specialist_id: held.specialist_id, provider_id, number: held.number, known }, register)
    }

    pub fn glance(&self) -> Glance {
        let known = self.known.lock().unwrap();
        Glance {
            job: fastrand::choice(&known.0).unwrap().clone(),
            fact: fastrand::choice(&known.1).cloned(),
            jobs: known.0.len(),
        }
    }

    /// The start of another job. The same start is refused the second time, so each has a unique position.
    pub fn another_job(&self, positions: &AtomicUsize) -> v1::ReportEmploymentStartRequest {
        let position = format!("Position {}", positions.fetch_add(1, Ordering::Relaxed));
        let request = start_job(&self.specialist_id, &self.provider_id, HIRED);
        v1::ReportEmploymentStartRequest { position, ..request }
    }

    /// Notes a job that began. Its id is known only from the response.
    pub fn began(&self, written: Written, started: Option<v1::ReportEmploymentStartResponse>) -> Action {
        let id = started.and_then(|started| started.employment).expect("a job that began").employment_id;
        let Written::Recorded { fact, .. } = &written else { panic!("a start is not refused: {written:?}") };
        let mut known = self.known.lock().unwrap();
        known.0.push(id.clone());
        known.1.push(fact.clone());
        Action::Start(id, written)
    }

    /// Notes the end of a job.
    pub fn ended(&self, job: String, day: i32, written: Written) -> Action {
        if let Written::Recorded { fact, .. } = &written {
            self.known.lock().unwrap().1.push(fact.clone());
        }
        Action::End(job, day, written)
    }
}
