//! Reviews of random claims over random histories: each is what a revision-by-revision search finds.
//!
//! `CPSS_REVIEWS=50 cargo test --profile bench --test it eligibility_review -- --nocapture` takes fifty histories.

use std::collections::BTreeMap;

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::eligibility_item::{BillingProvider, Subject};

use crate::harness::requests::{
    answered, change_name, date, facts_of_provider, facts_of_specialist, issue, known_at, register_provider, retract,
    set_prior_number, start_job,
};
use crate::harness::{Client, Promised as _, TODAY, TestServer};
use crate::reask::Story;

const PROVIDERS: usize = 3;
const PEOPLE: usize = 4;
const EVENTS: usize = 60;
const CLAIMS: usize = 24;
const PRIOR_NUMBER: &str = "MS-417";
const DAYS: [&str; 5] = ["2026-03-03", "2026-03-05", "2026-03-09", "2026-04-10", "2026-06-01"];

fn histories() -> u64 {
    std::env::var("CPSS_REVIEWS").map_or(3, |text| text.parse().expect("CPSS_REVIEWS: a number"))
}

/// Records a random history: reports, new people, identifiers that move, and days that begin.
async fn recorded(client: &Client, seed: u64) -> Story {
    let mut story = Story::begin(client, seed, PROVIDERS, PEOPLE).await;
    for event in 0..EVENTS {
        match story.random.between(0, 12) {
            12 => move_prior_number(client, &mut story).await,
            0 => move_identifier(client, &mut story).await,
            1 => {
                let id = client.specialist("Example", &format!("Later-{event}")).await;
                let provider = story.random.pick(&story.providers.clone()).clone();
                client.ask(start_job(&id, &provider, "2024-01-08")).await;
                // Refused while the provider does not qualify.
                if let Ok(issued) = client.call(issue(&id, "2024-06-03")).await {
                    story.people.push((id, Some(issued.credential.unwrap().credential_number)));
                }
            }
            2 => {
                let (person, _) = story.random.pick(&story.people.clone()).clone();
                client.ask(change_name(&person, "Example", "Person-0")).await;
            }
            _ => story.happen(client).await,
        }
        if event % 12 == 11 {
            client.on_day(DAYS[event / 12]).head().await;
        }
    }
    story
}

/// Sets a prior number on one credential, or retracts the last setting. Refused while another credential bears it.
async fn move_prior_number(client: &Client, story: &mut Story) {
    let (person, number) = story.random.pick(&story.people.clone()).clone();
    if story.random.chance(50) {
        let facts = client.ask(v1::ListFactsRequest { page_size: 1000, ..facts_of_specialist(&person) }).await.facts;
        if let Some(set) = facts.iter().rev().find(|fact| fact.kind() == v1::FactKind::PriorNumberSet) {
            drop(client.call(retract(&set.fact_id, "by mistake")).await);
        }
        return;
    }
    drop(client.call(set_prior_number(&number.unwrap_or_default(), PRIOR_NUMBER)).await);
}

/// Gives the Medicaid id to one provider. Refused while another has it.
async fn move_identifier(client: &Client, story: &mut Story) {
    let provider_id = story.random.pick(&story.providers.clone()).clone();
    let value = "M-1".to_owned();
    let identifiers = if story.random.chance(50) {
        vec![v1::Identifier { kind: v1::IdentifierKind::MedicaidId.into(), value }]
    } else {
        Vec::new()
    };
    let v1::RegisterProviderRequest { request_id, legal_name, facility_type, county, .. } =
        register_provider("Example Center");
    let row = v1::UpdateProviderRequest {
        request_id,
        provider_id,
        legal_name,
        facility_type,
        county,
        identifiers,
        ..Default::default()
    };
    drop(client.call(row).await);
}

fn random_claim(story: &mut Story, at: usize) -> v1::EligibilityItem {
    let (_, number) = story.random.pick(&story.people.clone()).clone();
    let number = if at == 0 { "CPS-0000-0000-0".to_owned() } else { number.unwrap_or_default() };
    let provider = match story.random.between(0, 9) {
        0..=1 => BillingProvider::MedicaidId("M-1".to_owned()),
        2 => BillingProvider::ProviderId("no-such".to_owned()),
        _ => BillingProvider::ProviderId(story.random.pick(&story.providers.clone()).clone()),
    };
    let designation = if story.random.chance(20) { v1::Designation::YoungAdult } else { v1::Designation::Unspecified };
    v1::EligibilityItem {
        subject: Some(if at % 6 == 1 {
            Subject::PriorNumber(PRIOR_NUMBER.to_owned())
        } else {
            Subject::CredentialNumber(number)
        }),
        billing_provider: Some(provider),
        date_of_service: Some(date(&story.day())),
        family_name: if story.random.chance(30) { "Person-0".to_owned() } else { String::new() },
        designation: designation.into(),
        ..v1::EligibilityItem::default()
    }
}

/// The answers to all claims at a revision.
async fn checked(client: &Client, claims: &[v1::EligibilityItem], revision: u64) -> Vec<v1::Eligibility> {
    let request = v1::BatchCheckBillingEligibilityRequest {
        items: claims.to_vec(),
        known_at: Some(known_at(revision)),
        ..Default::default()
    };
    let answer = |result: v1::EligibilityResult| match result.outcome {
        Some(v1::eligibility_result::Outcome::Eligibility(eligibility)) => eligibility,
        other => panic!("{other:?}"),
    };
    client.ask(request).await.results.into_iter().map(answer).collect()
}

async fn reviewed(client: &Client, items: Vec<v1::ReviewItem>, now: u64) -> Vec<v1::Review> {
    let mut reviews = Vec::new();
    for items in items.chunks(1000) {
        let items = items.to_vec();
        let request = v1::BatchReviewEligibilityRequest { items, known_at: Some(known_at(now)), ..Default::default() };
        reviews.extend(client.ask(request).await.results.into_iter().map(|result| match result.outcome {
            Some(v1::review_result::Outcome::Review(review)) => review,
            other => panic!("{other:?}"),
        }));
    }
    reviews
}

/// The kinds of the facts of each record about a person or a provider, each once.
async fn kinds(client: &Client, story: &Story) -> BTreeMap<u64, Vec<i32>> {
    let subjects = story.people.iter().map(|(id, _)| facts_of_specialist(id));
    let subjects: Vec<_> = subjects.chain(story.providers.iter().map(|id| facts_of_provider(id))).collect();
    let mut kinds: BTreeMap<u64, Vec<i32>> = BTreeMap::new();
    for subject in subjects {
        let page = client.ask(v1::ListFactsRequest { page_size: 1000, ..subject }).await;
        assert!(page.next_page_token.is_empty());
        for fact in page.facts {
            let of_record = kinds.entry(fact.revision).or_default();
            if !of_record.contains(&fact.kind) {
                of_record.push(fact.kind);
            }
        }
    }
    kinds
}

/// The first revision after `then` from which on the verdict is that of `now`.
fn expected(verdicts: &[i32], then: usize, now: usize) -> Option<usize> {
    let is_now = |revision: &usize| verdicts[*revision] == verdicts[now];
    let since = (then..=now).rev().take_while(is_now).last()?;
    (verdicts[then] != verdicts[now]).then_some(since)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_review_is_what_a_search_of_all_revisions_finds() {
    let (mut flips, mut days, mut back_and_forth) = (0, 0, 0);
    for seed in 1..=histories() {
        let server = TestServer::start(TODAY).await;
        let client = server.client().on_day(DAYS[DAYS.len() - 1]);
        let mut story = recorded(&server.client(), seed).await;
        let head = client.head().await;
        let claims: Vec<_> = (0..CLAIMS).map(|at| random_claim(&mut story, at)).collect();
        let mut answers = Vec::new();
        for revision in 0..=head {
            answers.push(checked(&client, &claims, revision).await);
        }
        let kinds = kinds(&client, &story).await;
        let earlier = head - u64::from(story.random.between(1, 40).unsigned_abs());
        for now in [head, earlier] {
            let relied_on = |claim: &v1::EligibilityItem| (0..=now).map(|then| answered(claim.clone(), then)).collect();
            for (at, claim) in claims.iter().enumerate() {
                let verdicts: Vec<_> = answers.iter().map(|answers| answers[at].verdict).collect();
                let reviews = reviewed(&client, relied_on(claim), now).await;
                for (then, review) in reviews.iter().enumerate() {
                    let case = format!("seed {seed}, claim {at}, relied on {then}, now {now}");
                    let (was, is) = (&answers[then][at], &answers[usize::try_from(now).unwrap()][at]);
                    assert_eq!(review.then.as_ref().unwrap().promised_bytes(), was.promised_bytes(), "{case}");
                    assert_eq!(review.now.as_ref().unwrap().promised_bytes(), is.promised_bytes(), "{case}");
                    assert_eq!(review.flipped, was.verdict != is.verdict, "{case}");
                    assert_eq!(review.eligible_changed, was.eligible != is.eligible, "{case}");
                    let expected = expected(&verdicts, then, usize::try_from(now).unwrap());
                    let changed_at = review.changed_at.as_ref();
                    assert_eq!(changed_at.map(|changed| changed.revision), expected.map(|at| at as u64), "{case}");
                    let Some(expected) = expected else {
                        assert!(review.fact_kinds.is_empty(), "{case}");
                        continue;
                    };
                    let known = answers[expected][at].answer.as_ref().unwrap();
                    let changed_at = changed_at.unwrap();
                    assert_eq!((&changed_at.epoch, changed_at.recorded_at), (&known.epoch, known.known_at_time));
                    match kinds.get(&changed_at.revision) {
                        Some(kinds) => assert_eq!(review.fact_kinds, *kinds, "{case}"),
                        None => {
                            assert_eq!(review.fact_kinds, [v1::FactKind::DayOpened as i32], "{case}");
                            days += 1;
                        }
                    }
                    flips += 1;
                    back_and_forth += usize::from(verdicts[then..expected].windows(2).any(|pair| pair[0] != pair[1]));
                }
            }
        }
        server.stop().await;
    }
    println!("{flips} flips, {days} of them by a day that began, {back_and_forth} after verdicts back and forth");
    assert!(flips > 1000 && days > 50 && back_and_forth > 100, "{flips} {days} {back_and_forth}");
}
