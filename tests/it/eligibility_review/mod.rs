//! Reviews of claims: which verdicts flipped, since which record, and what each caller sees of it.

mod causes;
mod random;

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::FactKind;
use tonic::Code;

use crate::harness::requests::{
    answered, bill, change_name, date, end_job, known_at, new_request_id, register_provider, retract, review,
    set_prior_number,
};
use crate::harness::scenes::Qualified;
use crate::harness::{Client, Promised as _, Refusal as _, TODAY, TestServer};

/// A day on which everyone works.
const SERVED: &str = "2026-02-20";

fn claim(number: &str, provider: &Qualified) -> v1::EligibilityItem {
    bill(number, &provider.provider_id, SERVED).item.unwrap()
}

async fn reviewed(client: &Client, claim: v1::EligibilityItem, revision: u64) -> v1::Review {
    client.ask(review(claim, revision)).await.review.unwrap()
}

/// The answer of CheckBillingEligibility at a revision.
async fn asked_at(client: &Client, claim: v1::EligibilityItem, revision: u64) -> v1::Eligibility {
    let request = v1::CheckBillingEligibilityRequest {
        item: Some(claim),
        known_at: Some(known_at(revision)),
        ..Default::default()
    };
    client.ask(request).await.eligibility.unwrap()
}

/// Whether the verdict flipped, whether the eligibility changed, the revision of the change, and the kinds of its
/// facts.
fn change(review: &v1::Review) -> (bool, bool, Option<u64>, Vec<FactKind>) {
    let revision = review.changed_at.as_ref().map(|changed| changed.revision);
    (review.flipped, review.eligible_changed, revision, review.fact_kinds().collect())
}

#[tokio::test]
async fn a_late_report_flips_an_answer_and_a_retraction_flips_it_back() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let west = registry.qualified_provider("Example West").await;
    let person = registry.credentialed("Ada", "Example-Tester", &[&west]).await;
    let claim = || claim(&person.number, &west);
    let relied_on = registry.head().await;
    assert_eq!(change(&reviewed(&registry, claim(), relied_on).await), (false, false, None, vec![]));

    let ended = registry.report(end_job(&person.jobs[0], "2026-02-16")).await;
    registry.report(change_name(&person.specialist_id, "Ada", "Example-Renamed")).await;
    let found = reviewed(&registry, claim(), relied_on).await;
    assert_eq!(change(&found), (true, true, Some(ended.revision), vec![FactKind::EmploymentEnded]));
    let (then, now) = (found.then.as_ref().unwrap(), found.now.as_ref().unwrap());
    assert_eq!((then.verdict(), now.verdict()), (v1::Verdict::Confirmed, v1::Verdict::NotConfirmed));
    assert_eq!(*then, asked_at(&registry, claim(), relied_on).await);
    let head = registry.head().await;
    assert_eq!(now.promised_bytes(), asked_at(&registry, claim(), head).await.promised_bytes());
    let changed_at = found.changed_at.as_ref().unwrap();
    let known = asked_at(&registry, claim(), ended.revision).await.answer.unwrap();
    assert_eq!((&changed_at.epoch, changed_at.recorded_at), (&known.epoch, known.known_at_time));

    let retracted = registry.report(retract(&ended.fact_id, "Reported by mistake")).await;
    assert_eq!(change(&reviewed(&registry, claim(), relied_on).await), (false, false, None, vec![]));
    let since_the_end = reviewed(&registry, claim(), ended.revision).await;
    assert_eq!(change(&since_the_end), (true, true, Some(retracted.revision), vec![FactKind::FactRetracted]));
    // As known before the retraction.
    let earlier = v1::ReviewEligibilityRequest { known_at: Some(known_at(head)), ..review(claim(), relied_on) };
    let earlier = registry.ask(earlier).await.review.unwrap();
    assert_eq!(change(&earlier), change(&found));
    server.stop().await;
}

#[tokio::test]
async fn a_day_that_begins_is_the_change() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let west = registry.qualified_provider("Example West").await;
    let person = registry.credentialed("Ada", "Example-Tester", &[&west]).await;
    let future = || bill(&person.number, &west.provider_id, "2026-03-04").item.unwrap();
    let relied_on = registry.head().await;
    assert!(!reviewed(&registry, future(), relied_on).await.flipped);
    let later = registry.on_day("2026-03-09");
    let found = reviewed(&later, future(), relied_on).await;
    // Tomorrow is the first record after the one relied on.
    assert_eq!(change(&found), (true, true, Some(relied_on + 2), vec![FactKind::DayOpened]));
    assert_eq!(found.then.unwrap().verdict(), v1::Verdict::Undetermined);
    server.stop().await;
}

#[tokio::test]
async fn a_provider_sees_only_the_kinds_of_facts_about_jobs_with_it_or_about_itself() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let [west, east] =
        [registry.qualified_provider("Example West").await, registry.qualified_provider("Example East").await];
    let person = registry.credentialed("Ada", "Example-Tester", &[&west, &east]).await;
    let own = registry.calling_as(&format!("provider:{}", east.provider_id));
    let claim = || claim(&person.number, &east);
    let relied_on = registry.head().await;
    let shown = async || {
        let revision = registry.head().await;
        let (all, seen) = (reviewed(&registry, claim(), relied_on).await, reviewed(&own, claim(), relied_on).await);
        assert!(all.flipped && seen.changed_at == all.changed_at && all.changed_at.unwrap().revision == revision);
        assert_eq!((seen.then, seen.now.unwrap().verdict), (all.then, all.now.unwrap().verdict));
        (all.fact_kinds.into_iter().map(|kind| FactKind::try_from(kind).unwrap()).collect::<Vec<_>>(), seen.fact_kinds)
    };
    let seen = |kinds: &[FactKind]| kinds.iter().map(|kind| *kind as i32).collect::<Vec<_>>();
    let undone = async |fact: &str| drop(registry.report(retract(fact, "Reported by mistake")).await);

    let ended = registry.report(end_job(&person.jobs[1], "2026-02-16")).await;
    assert_eq!(shown().await, (vec![FactKind::EmploymentEnded], seen(&[FactKind::EmploymentEnded])));
    undone(&ended.fact_id).await;
    let suspended = registry.report(crate::harness::requests::suspend(&person.number, "2026-02-02", None)).await;
    assert_eq!(shown().await, (vec![FactKind::Suspended], vec![]));
    undone(&suspended.fact_id).await;
    let closed = crate::harness::requests::suspend_provider(&east.provider_id, "2026-02-02", None);
    let closed = registry.report(closed).await;
    assert_eq!(shown().await, (vec![FactKind::ProviderSuspended], seen(&[FactKind::ProviderSuspended])));
    undone(&closed.fact_id).await;
    let merger = v1::TransferEmploymentsRequest {
        request_id: new_request_id(),
        from_provider_id: east.provider_id.clone(),
        to_provider_id: west.provider_id.clone(),
        last_day: Some(date("2026-02-16")),
        ..Default::default()
    };
    // Two jobs are moved. The review lists each kind of fact once.
    registry.job(&person.specialist_id, &east.provider_id, "2025-01-06").await;
    registry.report(merger).await;
    let both = vec![FactKind::EmploymentEnded, FactKind::EmploymentStarted];
    assert_eq!(shown().await, (both, seen(&[FactKind::EmploymentEnded])), "not where the person works now");
    server.stop().await;
}

#[tokio::test]
async fn identifiers_are_read_as_known_at_each_revision() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let [west, east] =
        [registry.qualified_provider("Example West").await, registry.qualified_provider("Example East").await];
    let person = registry.credentialed("Ada", "Example-Tester", &[&west]).await;
    let row = |provider: &Qualified, numbers: &[&str]| {
        let identifier =
            |value: &&str| v1::Identifier { kind: v1::IdentifierKind::MedicaidId.into(), value: (*value).to_owned() };
        let v1::RegisterProviderRequest { request_id, legal_name, facility_type, county, .. } =
            register_provider("Example Center");
        v1::UpdateProviderRequest {
            request_id,
            provider_id: provider.provider_id.clone(),
            legal_name,
            facility_type,
            county,
            identifiers: numbers.iter().map(identifier).collect(),
            ..Default::default()
        }
    };
    registry.report(row(&west, &["M-1"])).await;
    let relied_on = registry.head().await;
    let claim = || v1::EligibilityItem {
        billing_provider: Some(v1::eligibility_item::BillingProvider::MedicaidId("M-1".to_owned())),
        ..claim(&person.number, &west)
    };
    let left = registry.report(row(&west, &[])).await;
    registry.report(row(&east, &["M-1"])).await;
    let found = reviewed(&registry, claim(), relied_on).await;
    assert_eq!(change(&found), (true, true, Some(left.revision), vec![FactKind::ProviderUpdated]));
    // A provider may name an identifier only if it is its own at both revisions, as if it asked twice.
    for provider in [&west, &east] {
        let own = registry.calling_as(&format!("provider:{}", provider.provider_id));
        let refused = own.refusal(review(claim(), relied_on)).await;
        assert_eq!(refused.code_and_reason(), (Code::PermissionDenied, "PERMISSION_DENIED".to_owned()));
    }
    server.stop().await;
}

#[tokio::test]
async fn prior_numbers_are_read_as_known_at_each_revision() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let west = registry.qualified_provider("Example West").await;
    let ada = registry.credentialed("Ada", "Example-Tester", &[&west]).await;
    let bob = registry.credentialed("Bob", "Example-Tester", &[&west]).await;
    let set = |number: &str| set_prior_number(number, "MS-417");
    let claim = || v1::EligibilityItem {
        subject: Some(v1::eligibility_item::Subject::PriorNumber("ms 417".to_owned())),
        ..claim("", &west)
    };
    let adas = registry.report(set(&ada.number)).await;
    let relied_on = registry.head().await;
    let retracted = registry.report(retract(&adas.fact_id, "Reported by mistake")).await;
    let found = reviewed(&registry, claim(), relied_on).await;
    assert_eq!(change(&found), (true, true, Some(retracted.revision), vec![FactKind::FactRetracted]));
    let bobs = registry.report(set(&bob.number)).await;
    let found = reviewed(&registry, claim(), relied_on).await;
    assert_eq!(change(&found), (false, false, None, vec![]), "both are confirmed");
    let numbers = [found.then, found.now].map(|answer| answer.unwrap().credential_number);
    assert_eq!(numbers, [ada.number, bob.number]);
    let found = reviewed(&registry, claim(), retracted.revision).await;
    assert_eq!(change(&found), (true, true, Some(bobs.revision), vec![FactKind::PriorNumberSet]));
    // A provider names somebody who is not its staff with the family name, at both revisions.
    let own = registry.calling_as(&format!("provider:{}", west.provider_id));
    assert_eq!(change(&reviewed(&own, claim(), relied_on).await), (false, false, None, vec![]));
    let lacks_name = async |relied_on: u64| {
        let refused = own.refusal(review(claim(), relied_on)).await;
        assert_eq!(
            (refused.code(), refused.fields()),
            (Code::InvalidArgument, vec!["item.claim.family_name".to_owned()])
        );
    };
    lacks_name(retracted.revision).await;
    let east = registry.qualified_provider("Example East").await;
    let eve = registry.credentialed("Eve", "Example-Tester", &[&east]).await;
    registry.report(retract(&bobs.fact_id, "Reported by mistake")).await;
    registry.report(set(&eve.number)).await;
    lacks_name(relied_on).await;
    server.stop().await;
}

/// A review by prior number may find one person then, and another one now. Both are read.
#[tokio::test]
async fn the_audit_names_whom_a_review_finds_then_and_now() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let west = registry.qualified_provider("Example West").await;
    let ada = registry.credentialed("Ada", "Example-Tester", &[&west]).await;
    let bob = registry.credentialed("Bob", "Example-Tester", &[&west]).await;
    let set = |number: &str| set_prior_number(number, "MS-417");
    let claim = || v1::EligibilityItem {
        subject: Some(v1::eligibility_item::Subject::PriorNumber("MS-417".to_owned())),
        ..claim("", &west)
    };
    let adas = registry.report(set(&ada.number)).await;
    registry.report(retract(&adas.fact_id, "Reported by mistake")).await;
    let reads = async |number: &str, client: &str| {
        let request = v1::ListReadsRequest {
            credential_number: number.to_owned(),
            client: format!("dev:{client}"),
            ..Default::default()
        };
        registry.calling_as("auditor").ask(request).await.reads.len()
    };
    let registrar = registry.calling_as("registrar");
    reviewed(&registrar, claim(), adas.revision).await;
    assert_eq!((reads(&ada.number, "registrar").await, reads(&bob.number, "registrar").await), (1, 0));
    registry.report(set(&bob.number)).await;
    reviewed(&registrar, claim(), adas.revision).await;
    assert_eq!((reads(&ada.number, "registrar").await, reads(&bob.number, "registrar").await), (2, 1));
    let items = vec![answered(claim(), adas.revision)];
    registry.calling_as("payer").ask(v1::BatchReviewEligibilityRequest { items, ..Default::default() }).await;
    assert_eq!((reads(&ada.number, "payer").await, reads(&bob.number, "payer").await), (1, 1));
    server.stop().await;
}

#[tokio::test]
async fn a_faulty_item_is_refused_by_field_and_the_others_are_reviewed() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let west = registry.qualified_provider("Example West").await;
    let person = registry.credentialed("Ada", "Example-Tester", &[&west]).await;
    let good = || answered(v1::EligibilityItem { correlation_id: "a".to_owned(), ..claim(&person.number, &west) }, 0);
    let head = registry.head().await;
    let relying = |epoch: &str, revision| {
        let relied_on = v1::ReliedOn { epoch: epoch.to_owned(), revision };
        v1::ReviewItem { relied_on: Some(relied_on), ..good() }
    };
    let undated = v1::EligibilityItem { date_of_service: None, ..claim(&person.number, &west) };
    let items = vec![
        good(),
        v1::ReviewItem::default(),
        relying("", None),
        relying("not a UUID", Some(1)),
        relying("", Some(head + 1)),
        relying("00000000-0000-4000-8000-000000000001", Some(1)),
        answered(undated, 1),
        good(),
    ];
    let batch = v1::BatchReviewEligibilityRequest { items: items.clone(), ..Default::default() };
    let results = registry.ask(batch).await.results;
    let outcomes: Vec<_> = results
        .iter()
        .map(|result| match result.outcome.as_ref().unwrap() {
            v1::review_result::Outcome::Review(review) => format!("{} {}", result.correlation_id, review.flipped),
            v1::review_result::Outcome::Error(error) => format!("{:?} {}", Code::from(error.code), error.message),
        })
        .collect();
    let starts = [
        "a true",
        "InvalidArgument items[1].claim: required",
        "InvalidArgument items[2].relied_on.revision: required",
        "InvalidArgument items[3].relied_on.epoch: not a UUID",
        "OutOfRange items[4].relied_on.revision: ",
        "FailedPrecondition items[5].relied_on: this registry has never had that epoch",
        "InvalidArgument items[6].claim.date_of_service: required",
        "a true",
    ];
    for (outcome, start) in outcomes.iter().zip(starts) {
        assert!(outcome.starts_with(start), "{outcome}, expected {start}");
    }
    // A stream gives the same, after what it pinned.
    use v1::stream_review_eligibility_request::Kind;
    use v1::stream_review_eligibility_response::Kind as Answer;
    let options = std::iter::once(Kind::Options(v1::StreamOptions::default()));
    let messages = options.chain(items.into_iter().map(Kind::Item));
    let messages: Vec<_> = messages.map(|kind| v1::StreamReviewEligibilityRequest { kind: Some(kind) }).collect();
    let mut stream =
        registry.verification().stream_review_eligibility(tokio_stream::iter(messages)).await.unwrap().into_inner();
    let mut streamed = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        match message.kind.unwrap() {
            Answer::Pinned(pinned) => assert!(streamed.is_empty() && pinned.revision == head),
            Answer::Result(result) => streamed.push(result),
        }
    }
    let reviews = |results: &[v1::ReviewResult]| {
        let review = |result: &v1::ReviewResult| match result.outcome.as_ref().unwrap() {
            v1::review_result::Outcome::Review(review) => Some(review.clone()),
            v1::review_result::Outcome::Error(_) => None,
        };
        results.iter().map(review).collect::<Vec<_>>()
    };
    assert_eq!(reviews(&streamed), reviews(&results));
    server.stop().await;
}

#[tokio::test]
async fn a_review_that_finds_nobody_then_or_now_counts_as_one_miss() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let west = registry.qualified_provider("Example West").await;
    let before = registry.head().await;
    let person = registry.credentialed("Ada", "Example-Tester", &[&west]).await;
    let payer = registry.calling_as("payer");
    let named = |family: &str| v1::EligibilityItem { family_name: family.to_owned(), ..claim(&person.number, &west) };
    let after = registry.head().await;
    let renamed = registry.report(change_name(&person.specialist_id, "Ada", "Example-Renamed")).await;
    // Wrong at both; on file only now, with the right name; right at both.
    for (family, relied_on) in [("Example-Wrong", after), ("Example-Tester", before), ("Example-Tester", after)] {
        reviewed(&payer, named(family), relied_on).await;
    }
    // Wrong then and right now; later right then and wrong now.
    reviewed(&payer, named("Example-Renamed"), after).await;
    registry.report(retract(&renamed.fact_id, "Reported by mistake")).await;
    reviewed(&payer, named("Example-Renamed"), renamed.revision).await;
    let text = std::fs::read_to_string(server.data_dir().join("audit/reads.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let misses = lines.iter().filter(|line| line["client"] == "dev:payer" && line["miss"].is_string());
    let misses: Vec<_> = misses.map(|line| line["miss"].as_str().unwrap()).collect();
    assert_eq!(misses, ["NAME_MISMATCH"; 3], "a number without a credential tells nothing about the name");
    server.stop().await;
}
