//! Earlier answers are reproduced byte for byte: after thousands of further facts, a restart, a rebuild of the index,
//! and a new rule set.
//!
//! `CPSS_REASK=10000 cargo test --profile bench --test it reask -- --nocapture` keeps ten thousand answers.

use cpss_registry::proto::google::r#type::Date;
use cpss_registry::proto::v1;
use prost::Message as _;

use super::harness::requests::{
    change_name, date, end_job, end_period, issue, new_request_id, qualify, register_provider, register_specialist,
    reinstate, retract, start_job, suspend, suspend_provider,
};
use super::harness::{Call, Client, Mutation, Promised as _, TestServer};
use super::histories::Random;

const TODAY: &str = "2026-03-02";
const PROVIDERS: usize = 6;
const PEOPLE: usize = 40;

fn answers_to_keep() -> usize {
    std::env::var("CPSS_REASK").map_or(600, |text| text.parse().unwrap())
}

/// A question with its `known_at`, and the bytes of its answer.
enum Kept {
    Verified(v1::VerifyCredentialRequest, Vec<u8>),
    Checked(v1::CheckBillingEligibilityRequest, Vec<u8>),
}

/// The state that the test needs to continue.
pub struct Story {
    pub random: Random,
    pub providers: Vec<String>,
    pub people: Vec<(String, Option<String>)>,
    jobs: Vec<String>,
    facts: Vec<String>,
    recorded: usize,
    refused: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_reproduced_byte_for_byte() {
    let count = answers_to_keep();
    let server = TestServer::start(TODAY).await;
    let client = server.client();
    let mut story = Story::begin(&client, 20_260_302, PROVIDERS, PEOPLE).await;
    let mut kept = Vec::with_capacity(count);
    while kept.len() < count {
        story.happen(&client).await;
        for _ in 0..4 {
            kept.push(story.question(&client).await);
        }
    }
    let before = story.recorded;
    while story.recorded < before + count {
        story.happen(&client).await;
    }
    let retractions = story.recorded;
    ask_again(&client, &kept, "after further facts").await;

    let data = server.stop().await;
    std::fs::remove_dir_all(data.path().join("index")).unwrap();
    let rules = tempfile::tempdir().unwrap();
    let text = include_str!("../../src/rules/cpssp-2025.toml");
    let third = text
        .replace("id = \"cpssp-2025\"", "id = \"third\"")
        .replace("from = 2021-05-01", "from = 2025-01-01")
        .replace("grace_days = 0", "grace_days = 30")
        .replace("[\"DMH_OPERATED\", \"DMH_CERTIFIED\", \"DMH_FUNDED\", \"DMH_LICENSED\"]", "[\"DMH_CERTIFIED\"]");
    assert_ne!(third, text);
    std::fs::write(rules.path().join("third.toml"), third).unwrap();
    let server = TestServer::start_with(data, TODAY, Some(rules.path())).await;
    let client = server.client();
    let adopted = client.ask(v1::ListRuleSetsRequest::default()).await.rule_sets;
    assert_eq!(adopted.len(), 3, "the new rule set is adopted");
    ask_again(&client, &kept, "after a restart, a rebuild and a new rule set").await;
    println!("re-ask: {} answers, {retractions} records, {} refused", kept.len(), story.refused);
    server.stop().await;
}

async fn ask_again(client: &Client, kept: &[Kept], when: &str) {
    for kept in kept {
        let (again, first) = match kept {
            Kept::Verified(question, first) => (client.ask(question.clone()).await.encode_to_vec(), first),
            Kept::Checked(question, first) => (client.ask(question.clone()).await.encode_to_vec(), first),
        };
        assert_eq!(again, *first, "{when}");
    }
}

impl Story {
    pub async fn begin(client: &Client, seed: u64, providers: usize, people: usize) -> Story {
        let mut story = Story {
            random: Random::new(seed),
            providers: Vec::new(),
            people: Vec::new(),
            jobs: Vec::new(),
            facts: Vec::new(),
            recorded: 0,
            refused: 0,
        };
        for provider in 0..providers {
            let registered = client.ask(register_provider(&format!("Example Center {provider}"))).await;
            let id = registered.provider.unwrap().provider_id;
            story.facts.push(client.ask(qualify(&id, "2020-01-01")).await.fact_id);
            story.providers.push(id);
        }
        for person in 0..people {
            let registered = client.ask(register_specialist("Example", &format!("Person-{person}"))).await;
            let id = registered.specialist.unwrap().specialist_id;
            let provider = story.providers[person % providers].clone();
            let started = client.ask(start_job(&id, &provider, "2024-01-08")).await;
            story.jobs.push(started.employment.unwrap().employment_id);
            let issued = client.ask(issue(&id, "2024-06-03")).await;
            story.people.push((id, Some(issued.credential.unwrap().credential_number)));
        }
        story
    }

    /// A day in the three years around the start.
    pub fn day(&mut self) -> String {
        let days = i64::from(self.random.between(0, 900));
        let first = jiff::civil::date(2024, 6, 3);
        first.checked_add(jiff::Span::new().days(days)).unwrap().to_string()
    }

    /// Sends a random report. Refused reports are counted and change nothing.
    pub async fn happen(&mut self, client: &Client) {
        let day = self.day();
        let later = (self.random.chance(50)).then(|| self.day());
        let provider = self.random.pick(&self.providers).clone();
        let (person, number) = self.random.pick(&self.people).clone();
        let number = number.unwrap_or_default();
        let job = self.random.pick(&self.jobs).clone();
        let fact = self.random.pick(&self.facts).clone();
        match self.random.between(0, 15) {
            0 | 1 => {
                if let Some(started) = self.report(client, start_job(&person, &provider, &day)).await {
                    self.jobs.push(started.employment.unwrap().employment_id);
                }
            }
            2 | 3 => drop(self.report(client, end_job(&job, &day)).await),
            4 => drop(self.report(client, correct(&job, &day, later.as_deref())).await),
            5 => drop(self.report(client, qualify(&provider, &day)).await),
            6 => drop(self.report(client, suspend_provider(&provider, &day, later.as_deref())).await),
            7 => drop(self.report(client, suspend(&number, &day, later.as_deref())).await),
            8 => drop(self.report(client, end_period(&fact, &day, "Reported again")).await),
            9..=11 => drop(self.report(client, retract(&fact, "Reported by mistake")).await),
            12 => drop(self.report(client, reinstate(&number, &day)).await),
            13 => drop(self.report(client, change_name(&person, "Example", &format!("Renamed-{day}"))).await),
            14 if self.random.chance(12) => drop(self.report(client, record_death(&person, "2026-02-20")).await),
            14 => drop(self.report(client, certify(&provider, &day, later.as_deref())).await),
            _ => drop(self.report(client, renew(&number)).await),
        }
    }

    async fn report<M: Mutation>(&mut self, client: &Client, request: M) -> Option<<M as Call>::Response> {
        use super::harness::Accepted as _;
        match client.call(request).await {
            Ok(accepted) => {
                self.recorded += 1;
                self.facts.extend(accepted.fact_ids().iter().cloned());
                Some(accepted)
            }
            Err(_) => {
                self.refused += 1;
                None
            }
        }
    }

    /// A question, its answer, and the state of knowledge of the answer.
    async fn question(&mut self, client: &Client) -> Kept {
        let (_, number) = self.random.pick(&self.people).clone();
        let number = number.unwrap_or_default();
        let provider = self.random.pick(&self.providers).clone();
        let day: Date = date(&self.day());
        if self.random.chance(50) {
            let item = v1::VerificationItem {
                subject: Some(v1::verification_item::Subject::CredentialNumber(number)),
                as_of: (self.random.chance(75)).then_some(day),
                provider_id: if self.random.chance(50) { provider } else { String::new() },
                ..v1::VerificationItem::default()
            };
            let question = v1::VerifyCredentialRequest { item: Some(item), ..v1::VerifyCredentialRequest::default() };
            let answer = client.ask(question.clone()).await;
            let known_at = from(answer.verification.as_ref().unwrap().answer.as_ref().unwrap());
            Kept::Verified(v1::VerifyCredentialRequest { known_at, ..question }, answer.promised_bytes())
        } else {
            let item = v1::EligibilityItem {
                subject: Some(v1::eligibility_item::Subject::CredentialNumber(number)),
                billing_provider: Some(v1::eligibility_item::BillingProvider::ProviderId(provider)),
                date_of_service: Some(day),
                ..v1::EligibilityItem::default()
            };
            let question = v1::CheckBillingEligibilityRequest {
                item: Some(item),
                ..v1::CheckBillingEligibilityRequest::default()
            };
            let answer = client.ask(question.clone()).await;
            let known_at = from(answer.eligibility.as_ref().unwrap().answer.as_ref().unwrap());
            Kept::Checked(v1::CheckBillingEligibilityRequest { known_at, ..question }, answer.promised_bytes())
        }
    }
}

/// The state of knowledge of an answer, to send back.
#[expect(clippy::unnecessary_wraps, reason = "the field of a request")]
fn from(answer: &v1::Answer) -> Option<v1::KnownAt> {
    let point = v1::known_at::Point::Revision(answer.known_at_revision);
    Some(v1::KnownAt { epoch: answer.epoch.clone(), point: Some(point) })
}

fn correct(employment_id: &str, first_day: &str, last_day: Option<&str>) -> v1::CorrectEmploymentRequest {
    v1::CorrectEmploymentRequest {
        request_id: new_request_id(),
        employment_id: employment_id.to_owned(),
        first_day: Some(date(first_day)),
        last_day: last_day.map(date),
        ..v1::CorrectEmploymentRequest::default()
    }
}

fn certify(provider_id: &str, first_day: &str, last_day: Option<&str>) -> v1::CertifyPeerServiceRequest {
    v1::CertifyPeerServiceRequest {
        request_id: new_request_id(),
        provider_id: provider_id.to_owned(),
        first_day: Some(date(first_day)),
        last_day: last_day.map(date),
        ..v1::CertifyPeerServiceRequest::default()
    }
}

fn renew(credential_number: &str) -> v1::RenewCredentialRequest {
    v1::RenewCredentialRequest {
        request_id: new_request_id(),
        credential_number: credential_number.to_owned(),
        continuing_education_hours: 20.0,
        ..v1::RenewCredentialRequest::default()
    }
}

fn record_death(specialist_id: &str, death_date: &str) -> v1::RecordDeathRequest {
    v1::RecordDeathRequest {
        request_id: new_request_id(),
        specialist_id: specialist_id.to_owned(),
        death_date: Some(date(death_date)),
        ..v1::RecordDeathRequest::default()
    }
}
