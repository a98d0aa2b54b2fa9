//! A civil year with late paperwork, opened day by day: who is revoked, lapsed or undetermined on each day.
//!
//! Every provider's certificate ends on December 31, and renewals are recorded through January. One provider is
//! suspended for a week. On September 30 the cohort's terms end; some are renewed in time, some late, some never.

use std::collections::BTreeMap;

use cpss_registry::proto::v1::{self, Standing, Verdict};

use super::harness::requests::{date, end_job, new_request_id, qualify, suspend_provider};
use super::harness::scenes::{Credentialed, Qualified};
use super::harness::{Client, TestServer};

/// Providers, each with three people.
const PROVIDERS: usize = 4;
const STAFF: usize = 3;

/// The counts of a day: revoked, lapsed, undetermined, and none of these but not billable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    revoked: usize,
    lapsed: usize,
    undetermined: usize,
    suspended: usize,
}

#[tokio::test]
async fn a_civil_year_with_late_paperwork() {
    let server = TestServer::start("2026-12-30").await;
    let registry = server.client();
    let mut staff: Vec<(Qualified, Vec<Credentialed>)> = Vec::new();
    for provider in 0..PROVIDERS {
        let qualified = registry.qualified_provider(&format!("Yocona Example Center {provider}")).await;
        let certificate = v1::RecordQualificationRequest {
            valid_through: Some(date("2026-12-31")),
            basis: v1::QualificationBasis::DmhCertified.into(),
            ..qualify(&qualified.provider_id, "2026-01-01")
        };
        registry.report(certificate).await;
        let mut people = Vec::new();
        for person in 0..STAFF {
            people.push(registry.credentialed("Example", &format!("Staff-{provider}-{person}"), &[&qualified]).await);
        }
        staff.push((qualified, people));
    }

    let mut seen: BTreeMap<String, Count> = BTreeMap::new();
    let mut day = jiff::civil::date(2026, 12, 30);
    while day <= jiff::civil::date(2027, 12, 31) {
        let today = day.to_string();
        let registry = registry.on_day(&today);
        paperwork(&registry, &today, &staff).await;
        seen.insert(today.clone(), count(&registry, &staff).await);
        assert_eq!(seen[&today], expected(&today), "on {today}");
        day = day.tomorrow().unwrap();
    }
    assert_eq!(seen.len(), 367);
    server.stop().await;
}

/// The reports of a day.
async fn paperwork(registry: &Client, today: &str, staff: &[(Qualified, Vec<Credentialed>)]) {
    let renew_certificate = |provider: usize| v1::RecordQualificationRequest {
        valid_through: Some(date("2027-12-31")),
        basis: v1::QualificationBasis::DmhCertified.into(),
        ..qualify(&staff[provider].0.provider_id, "2027-01-01")
    };
    match today {
        "2027-01-05" => drop(registry.report(renew_certificate(0)).await),
        "2027-01-12" => drop(registry.report(renew_certificate(1)).await),
        "2027-01-20" => drop(registry.report(renew_certificate(2)).await),
        "2027-01-29" => drop(registry.report(renew_certificate(3)).await),
        "2027-03-01" => {
            let week = suspend_provider(&staff[1].0.provider_id, "2027-03-08", Some("2027-03-14"));
            registry.report(week).await;
        }
        // Reported nine days late: revoked from the day after the last day worked.
        "2027-06-14" => drop(registry.report(end_job(&staff[0].1[0].jobs[0], "2027-06-04")).await),
        "2027-09-20" => {
            // In time: everyone of the first three providers, including the revoked person.
            for person in staff.iter().take(3).flat_map(|(_, people)| people) {
                registry.report(renewal(person)).await;
            }
        }
        "2027-10-15" => drop(registry.report(renewal(&staff[3].1[0])).await),
        _ => {}
    }
}

/// The next term, from its first day on.
fn renewal(person: &Credentialed) -> v1::RenewCredentialRequest {
    v1::RenewCredentialRequest {
        request_id: new_request_id(),
        credential_number: person.number.clone(),
        continuing_education_hours: 20.0,
        ..v1::RenewCredentialRequest::default()
    }
}

/// The expected counts of each day, as known on that day.
fn expected(today: &str) -> Count {
    let from_to = |first: &str, end: &str| (first..end).contains(&today);
    // Nobody is revoked because of a certificate's date: the answers are undetermined until the renewal is on record.
    let unrenewed = ["2027-01-05", "2027-01-12", "2027-01-20", "2027-01-29"]
        .into_iter()
        .filter(|renewed_on| from_to("2027-01-01", renewed_on))
        .count();
    let lapsed = if from_to("2027-10-01", "2027-10-15") {
        3
    } else if today >= "2027-10-15" {
        // One term was renewed late, from October 1 on: as known now, no day of it was lapsed.
        2
    } else {
        0
    };
    Count {
        revoked: usize::from(today >= "2027-06-14"),
        lapsed,
        undetermined: unrenewed * STAFF,
        suspended: if from_to("2027-03-08", "2027-03-15") { STAFF } else { 0 },
    }
}

async fn count(registry: &Client, staff: &[(Qualified, Vec<Credentialed>)]) -> Count {
    let mut count = Count::default();
    let everyone = staff.iter().flat_map(|(_, people)| people);
    let item = |person: &Credentialed| v1::VerificationItem {
        subject: Some(v1::verification_item::Subject::CredentialNumber(person.number.clone())),
        ..v1::VerificationItem::default()
    };
    let request = v1::BatchVerifyCredentialsRequest {
        items: everyone.map(item).collect(),
        ..v1::BatchVerifyCredentialsRequest::default()
    };
    for result in registry.ask(request).await.results {
        let Some(v1::verification_result::Outcome::Verification(answer)) = result.outcome else {
            panic!("an item was refused");
        };
        match (answer.verdict(), answer.standing()) {
            (Verdict::NotConfirmed, Standing::RevokedLossOfEmployment) => count.revoked += 1,
            (Verdict::NotConfirmed, Standing::Lapsed) => count.lapsed += 1,
            (Verdict::NotConfirmed, Standing::Current) => count.suspended += 1,
            (Verdict::Undetermined, Standing::Current) => count.undetermined += 1,
            (Verdict::Confirmed, Standing::Current) => {}
            other => panic!("{other:?}"),
        }
    }
    count
}
