//! A small registry with a varied history.

use cpss_registry::proto::v1;

use crate::harness::requests::{
    change_name, date, end_job, end_period, facts_of_specialist, new_request_id, qualify, register_provider, reinstate,
    retract, start_job, suspend, suspend_provider,
};
use crate::harness::scenes::{Credentialed, Qualified};
use crate::harness::{Client, TODAY, TestServer};

/// The last day of the scenario.
pub const END: &str = "2026-06-30";

/// The subjects of the scenario.
pub struct Scenario {
    /// In order: two providers that always qualify, one with an expired certificate, and one with a job reported by
    /// mistake.
    pub providers: [String; 4],
    /// Staff of the first provider; of the first and second; of the second; of the third; of the first, temporarily
    /// void.
    pub people: Vec<Credentialed>,
    /// Records that change nothing.
    pub silent: Vec<u64>,
    /// The revisions at which the first person's job with the fourth provider is reported, retracted, and restored.
    pub mistaken_job: [u64; 3],
}

impl Scenario {
    /// All credential numbers.
    pub fn numbers(&self) -> impl Iterator<Item = &str> {
        self.people.iter().map(|person| person.number.as_str())
    }
}

/// The registry at the end of the scenario.
pub async fn recorded() -> (TestServer, Scenario) {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let mut story = begin(&registry).await;
    go_on(&registry, &mut story).await;
    (server, story)
}

async fn begin(registry: &Client) -> Scenario {
    let one = registry.qualified_provider("Pearl River Example Mental Health Center").await;
    let two = registry.qualified_provider("Big Black Example Residential Center").await;
    let registered = registry.report(register_provider("Tombigbee Example Outpatient Clinic")).await;
    let three = registered.provider.unwrap().provider_id;
    let certificate =
        v1::RecordQualificationRequest { valid_through: Some(date("2025-12-31")), ..qualify(&three, "2020-01-01") };
    let qualification = registry.report(certificate).await.fact_id;
    let three = Qualified { provider_id: three, qualification };
    let four = registry.qualified_provider("Yazoo Example Clinic").await;
    let certified = v1::CertifyPeerServiceRequest {
        request_id: new_request_id(),
        provider_id: one.provider_id.clone(),
        first_day: Some(date("2021-01-01")),
        ..Default::default()
    };
    registry.report(certified).await;
    let mut people = Vec::new();
    for (family_name, providers) in [
        ("Example-First", vec![&one]),
        ("Example-Both", vec![&one, &two]),
        ("Example-Second", vec![&two]),
        ("Example-Third", vec![&three]),
        ("Example-Void", vec![&one]),
    ] {
        people.push(registry.credentialed("Casimir", family_name, &providers).await);
    }
    // A cascade, undone, and then for good.
    let ended = registry.report(end_period(&two.qualification, "2026-02-20", "Withdrawn")).await;
    registry.report(retract(&ended.fact_id, "Not that one")).await;
    registry.report(end_period(&two.qualification, "2026-02-25", "Withdrawn")).await;
    let ids = [&one, &two, &three, &four].map(|provider| provider.provider_id.clone());
    Scenario { providers: ids, people, silent: Vec::new(), mistaken_job: [0; 3] }
}

async fn go_on(registry: &Client, story: &mut Scenario) {
    let [one, _, _, four] = story.providers.clone();
    let [first, both, second, third, void] = story.people.as_slice() else { panic!("five people") };

    registry.report(suspend(&first.number, "2026-02-01", Some("2026-02-10"))).await;
    let ended = registry.report(end_job(&both.jobs[0], "2026-01-15")).await;
    registry.report(retract(&ended.fact_id, "It was somebody else")).await;
    registry.report(suspend_provider(&one, "2026-02-16", Some("2026-02-20"))).await;
    let uncertified = v1::SuspendPeerServiceRequest {
        request_id: new_request_id(),
        provider_id: one.clone(),
        first_day: Some(date("2026-01-05")),
        last_day: Some(date("2026-01-09")),
        ..Default::default()
    };
    registry.report(uncertified).await;
    story.silent.push(registry.report(change_name(&first.specialist_id, "Odalys", "Example-Renamed")).await.revision);

    let started = registry.report(start_job(&first.specialist_id, &four, "2026-02-02")).await;
    let withdrawn = registry.report(retract(&started.fact_id, "Never hired")).await;
    registry.report(suspend(&first.number, "2026-02-24", Some("2026-02-26"))).await;

    // Day by day: foreseen changes take effect on their day.
    registry.report(end_job(&second.jobs[0], "2026-03-20")).await;
    registry.report(suspend(&both.number, "2026-03-10", Some("2026-03-12"))).await;
    let registry = &registry.on_day("2026-03-30");
    let back = registry.report(retract(&withdrawn.fact_id, "Hired after all")).await;
    story.mistaken_job = [started.revision, withdrawn.revision, back.revision];
    let died = v1::RecordDeathRequest {
        request_id: new_request_id(),
        specialist_id: third.specialist_id.clone(),
        death_date: Some(date("2026-03-28")),
        ..Default::default()
    };
    registry.report(died).await;
    let facts = registry.ask(facts_of_specialist(&void.specialist_id)).await.facts;
    let issued = facts.iter().find(|fact| fact.kind() == v1::FactKind::CredentialIssued).expect("an issuance");
    let voided = registry.report(retract(&issued.fact_id, "Issued in error")).await;
    registry.report(retract(&voided.fact_id, "It was not")).await;
    let new_job = registry.report(start_job(&second.specialist_id, &one, "2026-03-25")).await;
    assert_eq!(new_job.change_count, 1, "covered, and not restored");
    registry.report(reinstate(&second.number, "2026-03-26")).await;

    // A request with `validate_only` leaves no trace.
    let head = registry.head().await;
    registry.validate(end_job(&first.jobs[0], "2026-03-01")).await;
    registry.validate(suspend(&first.number, "2026-03-20", None)).await;
    assert_eq!(registry.head().await, head);
    registry.on_day(END).report(end_job(&void.jobs[0], "2026-06-15")).await;
}
