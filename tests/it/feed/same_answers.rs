//! A copy built from the feed alone answers like the registry.

use cpss_registry::domain::day::Day;
use cpss_registry::proto::google::r#type::Date;
use cpss_registry::proto::v1;
use cpss_registry::proto::v1::eligibility_item::{self, BillingProvider};
use cpss_registry::proto::v1::verification_item::Subject;

use super::copy::{Copy, number};
use super::scenario::{END, Scenario, recorded};
use super::{list, pages};
use crate::harness::Client;
use crate::harness::requests::{date, periods};

/// A day before the first credential.
const FIRST: &str = "2024-05-27";

fn civil(day: i32) -> Date {
    let civil = Day::from_number(day).to_civil();
    Date { year: civil.year().into(), month: civil.month().into(), day: civil.day().into() }
}

#[tokio::test]
async fn a_copy_built_from_the_feed_alone_gives_the_registrys_answers() {
    let (server, story) = recorded().await;
    let registry = server.client();
    let copy = Copy::of(&pages(&registry, list(0)).await);
    let days = number(&date(FIRST))..=number(&date(END));
    for credential in story.numbers() {
        let shown = registry.ask(periods(credential, None)).await.periods;
        for day in days.clone() {
            let period = shown.iter().find(|period| {
                let first = period.first_day.as_ref().is_none_or(|first| number(first) <= day);
                first && period.last_day.as_ref().is_none_or(|last| day <= number(last))
            });
            let standing = period.map_or(v1::Standing::NotIssued, v1::StandingPeriod::standing);
            assert_eq!(copy.standing(credential, day).0, i32::from(standing), "{credential} on {:?}", civil(day));
        }
    }
    let pairs: Vec<(&str, &str)> = story
        .numbers()
        .flat_map(|number| story.providers.iter().map(move |provider| (number, provider.as_str())))
        .collect();
    let asked: Vec<(&str, &str, i32)> =
        pairs.into_iter().flat_map(|(number, provider)| days.clone().map(move |day| (number, provider, day))).collect();
    let (mut verdicts, mut claims) = (Vec::new(), Vec::new());
    for asked in asked.chunks(1000) {
        verdicts.extend(verify(&registry, asked).await);
        claims.extend(check(&registry, asked).await);
    }
    let mut seen = [0; 5];
    for (at, (number, provider, day)) in asked.iter().enumerate() {
        let verdict = copy.verdict(number, provider, *day, false);
        assert_eq!(verdicts[at], verdict, "{number} with {provider} on {:?}", civil(*day));
        let verdict = copy.verdict(number, provider, *day, true);
        assert_eq!(claims[at], verdict, "claim of {provider} for {number} on {:?}", civil(*day));
        seen[verdict as usize] += 1;
    }
    println!("{} verdicts and as many claims compared: {seen:?}", asked.len());
    assert!(seen[v1::Verdict::Undetermined as usize] > 0 && seen[v1::Verdict::Confirmed as usize] > 0);
    same_designations(&registry, &copy, &story).await;
    server.stop().await;
}

async fn verify(registry: &Client, asked: &[(&str, &str, i32)]) -> Vec<v1::Verdict> {
    let item = |(number, provider, day): &(&str, &str, i32)| v1::VerificationItem {
        subject: Some(Subject::CredentialNumber((*number).to_owned())),
        provider_id: (*provider).to_owned(),
        as_of: Some(civil(*day)),
        ..Default::default()
    };
    let items = asked.iter().map(item).collect();
    let results = registry.ask(v1::BatchVerifyCredentialsRequest { items, ..Default::default() }).await.results;
    let verdict = |result: v1::VerificationResult| match result.outcome {
        Some(v1::verification_result::Outcome::Verification(verification)) => verification.verdict(),
        other => panic!("{other:?}"),
    };
    results.into_iter().map(verdict).collect()
}

async fn check(registry: &Client, asked: &[(&str, &str, i32)]) -> Vec<v1::Verdict> {
    let item = |(number, provider, day): &(&str, &str, i32)| v1::EligibilityItem {
        subject: Some(eligibility_item::Subject::CredentialNumber((*number).to_owned())),
        billing_provider: Some(BillingProvider::ProviderId((*provider).to_owned())),
        date_of_service: Some(civil(*day)),
        ..Default::default()
    };
    let items = asked.iter().map(item).collect();
    let results = registry.ask(v1::BatchCheckBillingEligibilityRequest { items, ..Default::default() }).await.results;
    let verdict = |result: v1::EligibilityResult| match result.outcome {
        Some(v1::eligibility_result::Outcome::Eligibility(eligibility)) => eligibility.verdict(),
        other => panic!("{other:?}"),
    };
    results.into_iter().map(verdict).collect()
}

/// Compares designations on the days around events.
async fn same_designations(registry: &Client, copy: &Copy, story: &Scenario) {
    for number in story.numbers() {
        for on in ["2024-06-02", "2024-06-03", "2026-03-02", END] {
            let mut question = crate::harness::requests::verify(number, on, None);
            let codes = [v1::Designation::AdultAndRecovery, v1::Designation::YoungAdult];
            question.item.as_mut().unwrap().designations = codes.map(i32::from).to_vec();
            let missing = registry.ask(question).await.verification.unwrap().missing_designations;
            for code in codes {
                let held = copy.holds(number, code, super::copy::number(&date(on)));
                assert_eq!(held, !missing.contains(&code.into()), "{number} on {on}");
            }
        }
    }
}
