//! What is in the audit when an impact arrives, and whose names it has.

use std::collections::BTreeSet;
use std::path::Path;

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::preview_impact_request::Subject;

use super::{Town, number, of_record};
use crate::harness::requests::{BORN, date, end_period, retract, start_job};
use crate::harness::{Messages as _, TODAY, TestServer};

/// The number of lines about impacts that name a credential.
fn lines(data_dir: &Path, number: &str) -> usize {
    let audit = std::fs::read_to_string(data_dir.join("audit/reads.jsonl")).unwrap();
    let names = |line: &&str| line.contains("RecordService/PreviewImpact") && line.contains(number);
    audit.lines().filter(names).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_people_are_in_the_audit_before_the_first_message_arrives() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let town = Town::built(&registry, 10).await;
    let closed = registry.report(end_period(&town.west.qualification, "2026-02-20", "Closed")).await.revision;
    let auditor = registry.calling_as("auditor");
    for before in 0..20 {
        let request = v1::PreviewImpactRequest { subject: Some(Subject::Revision(closed)), ..Default::default() };
        let mut messages = auditor.record().preview_impact(request).await.unwrap().into_inner();
        messages.next_message().await.unwrap().unwrap();
        for (person, _) in &town.people {
            assert_eq!(lines(&server.data_dir(), &person.number), before + 1);
        }
        while messages.next_message().await.unwrap().is_some() {}
    }
    server.stop().await;
}

/// A job that is retracted makes nobody staff: the provider sees what its own report changed, without the name.
#[tokio::test]
async fn a_provider_sees_no_name_of_a_person_who_is_no_longer_its_staff() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let town = Town::built(&registry, 1).await;
    let (person, name) = &town.people[0];
    let at_east = registry.calling_as(&format!("provider:{}", town.east.provider_id));
    let start = v1::ReportEmploymentStartRequest {
        birth_date: Some(date(BORN)),
        ..start_job(&person.specialist_id, &town.east.provider_id, "2026-02-20")
    };
    let started = at_east.report(start).await;
    let names = async || {
        let (_, changes) = of_record(&at_east, started.revision).await.unwrap();
        assert_eq!(number(changes[0].change.as_ref().unwrap()), Some(person.number.as_str()));
        changes.into_iter().map(|change| change.display_name).collect::<BTreeSet<_>>()
    };
    assert_eq!(names().await, BTreeSet::from([name.clone()]));
    at_east.report(retract(&started.fact_id, "Reported by mistake")).await;
    assert_eq!(names().await, BTreeSet::from([String::new()]));
    server.stop().await;
}
