//! Signed answers of every question, in the roles that may ask it.

use cpss_registry::proof::jws::{ANSWER, Statement};
use cpss_registry::proto::v1;
use serde_json::json;

use super::{checked, has_none_of};
use crate::harness::requests::{BORN, bill, date, name, periods, review, set_prior_number, verify_with};
use crate::harness::{Client, Promised as _, TODAY, TestServer};

const GIVEN: &str = "Xanthippe";
const FAMILY: &str = "Example-Quillfeather";

/// What no statement may have, in any form.
const SECRET: [&str; 4] = ["xanthippe", "quillfeather", BORN, "19840229"];

struct Scene {
    server: TestServer,
    registry: Client,
    number: String,
    provider: String,
}

impl Scene {
    async fn built() -> Scene {
        let server = TestServer::start(TODAY).await;
        let registry = server.client();
        let provider = registry.qualified_provider("Example Center").await;
        let person = registry.credentialed(GIVEN, FAMILY, &[&provider]).await;
        registry.report(set_prior_number(&person.number, "OLD-17")).await;
        Scene { server, registry, number: person.number, provider: provider.provider_id }
    }

    fn employer(&self) -> Client {
        self.registry.calling_as(&format!("provider:{}", self.provider))
    }

    fn question(&self) -> v1::VerifyCredentialRequest {
        let mut request = verify_with(&self.provider, &self.number, "2026-02-20");
        let item = request.item.get_or_insert_default();
        item.family_name = FAMILY.to_owned();
        item.designations = vec![v1::Designation::AdultAndRecovery as i32];
        item.correlation_id = "a remark about Xanthippe".to_owned();
        v1::VerifyCredentialRequest { sign: true, ..request }
    }
}

async fn verified(client: &Client, request: v1::VerifyCredentialRequest) -> (v1::Verification, Statement) {
    let response = client.ask(request).await;
    (response.verification.unwrap(), checked(client, &response.signed_answer).await)
}

#[tokio::test]
async fn a_verification_is_signed_with_what_was_asked_and_answered_and_by_what_it_was_judged() {
    let scene = Scene::built().await;
    let (verification, Statement { typ, claims, .. }) = verified(&scene.employer(), scene.question()).await;
    let answer = verification.answer.unwrap();
    assert_eq!(typ, ANSWER);
    let epoch = &answer.epoch;
    assert_eq!(claims["iss"], json!(format!("urn:uuid:{epoch}")), "the registry: the epoch of its first record");
    assert_eq!(
        (&claims["aud"], &claims["role"]),
        (&json!(format!("dev:provider:{}", scene.provider)), &json!("provider"))
    );
    assert_eq!(claims["method"], "VerificationService/VerifyCredential");
    assert!(claims["iat"].as_i64().unwrap() > 1_700_000_000);
    let asked = json!({
        "by": "credential_number", "credential_number": scene.number, "family_name_checked": true,
        "provider_id": scene.provider, "designations": ["DESIGNATION_ADULT_AND_RECOVERY"],
    });
    assert_eq!(claims["asked"], asked);
    let answered = &claims["answered"];
    let named = v1::Verdict::try_from(verification.verdict).unwrap().as_str_name();
    assert_eq!((&answered["verdict"], &answered["standing"]), (&json!(named), &json!("STANDING_CURRENT")));
    let reasons: Vec<_> =
        verification.reasons.iter().map(|reason| v1::Reason::try_from(*reason).unwrap().as_str_name()).collect();
    assert_eq!(answered["reasons"], json!(reasons));
    assert_eq!(answered["credential"]["term_last_day"], "2027-09-30");
    assert_eq!(claims["as_of"], "2026-02-20");
    assert_eq!(claims["known_at"]["epoch"], json!(epoch));
    assert_eq!(claims["known_at"]["revision"], json!(answer.known_at_revision));
    assert!(claims["known_at"]["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(claims["rule_set"]["id"], json!(answer.rule_set_id));
    assert!(claims["rule_set"]["citations"][0].as_str().unwrap().starts_with("source"));
    assert_eq!(claims["semantics_version"], json!(answer.semantics_version));
    assert_eq!(claims["settled"], json!(answer.settled));
}

#[tokio::test]
async fn a_statement_says_what_its_role_may_see_and_never_a_name_or_a_birth_date() {
    let scene = Scene::built().await;
    let other = scene.registry.qualified_provider("Example Clinic").await.provider_id;
    let (registrar, employer) = (&scene.registry, scene.employer());
    let (payer, elsewhere) = (registrar.calling_as("payer"), registrar.calling_as(&format!("provider:{other}")));

    let (_, seen) = verified(&employer, scene.question()).await;
    assert_eq!(seen.claims["answered"]["credential"]["designations"], json!(["DESIGNATION_ADULT_AND_RECOVERY"]));
    has_none_of(&seen, &SECRET);

    let mut by_holder = scene.question();
    let holder = v1::HolderIdentity { name: Some(name(GIVEN, FAMILY)), birth_date: Some(date(BORN)) };
    let item = by_holder.item.get_or_insert_default();
    item.subject = Some(v1::verification_item::Subject::Holder(holder));
    item.family_name.clear();
    let (_, seen) = verified(registrar, by_holder).await;
    assert_eq!(
        (&seen.claims["asked"]["by"], &seen.claims["asked"]["credential_number"]),
        (&json!("holder"), &json!(scene.number))
    );
    has_none_of(&seen, &SECRET);

    let mut by_prior = scene.question();
    by_prior.item.get_or_insert_default().subject = Some(v1::verification_item::Subject::PriorNumber("old 17".into()));
    let (_, seen) = verified(&payer, by_prior).await;
    assert_eq!(seen.claims["asked"]["prior_number"], "OLD17");
    assert!(seen.claims["answered"]["credential"].get("designations").is_none_or(|all| all == &json!([])), "{seen:?}");
    has_none_of(&seen, &SECRET);

    let mut question = scene.question();
    question.item.get_or_insert_default().provider_id.clear();
    let (_, seen) = verified(&elsewhere, question).await;
    let answered = seen.claims["answered"].as_object().unwrap();
    assert_eq!(answered.keys().collect::<Vec<_>>(), ["missing_designations", "reasons", "verdict"], "a verdict alone");
    has_none_of(&seen, &SECRET);
}

#[tokio::test]
async fn claims_reviews_credentials_and_periods_are_signed_too() {
    let scene = Scene::built().await;
    let client = &scene.registry;
    let claim = bill(&scene.number, &scene.provider, "2026-02-20");
    let signed = client.ask(v1::CheckBillingEligibilityRequest { sign: true, ..claim.clone() }).await.signed_answer;
    let billed = checked(client, &signed).await;
    assert_eq!(billed.claims["asked"]["provider_id"], json!(scene.provider));
    assert_eq!(billed.claims["asked"]["date_of_service"], "2026-02-20");
    assert!(billed.claims["answered"]["coverage"]["daily_unit_limit"].as_u64().unwrap() > 0);
    assert!(billed.claims["answered"]["eligible"].is_boolean());

    let reviewed = v1::ReviewEligibilityRequest { sign: true, ..review(claim.item.unwrap(), 3) };
    let reviewed = checked(client, &client.ask(reviewed).await.signed_answer).await;
    assert_eq!(reviewed.claims["asked"]["relied_on"]["revision"], 3);
    assert_eq!(reviewed.claims["answered"]["then"]["known_at"]["revision"], 3);
    assert_eq!(reviewed.claims["answered"]["flipped"], true);

    let of = v1::GetCredentialRequest {
        credential_number: scene.number.to_lowercase(),
        family_name: FAMILY.to_owned(),
        sign: true,
        ..Default::default()
    };
    let credential = checked(client, &client.ask(of).await.signed_answer).await;
    assert_eq!(credential.claims["asked"]["credential_number"], json!(scene.number), "in its canonical form");
    assert_eq!(credential.claims["answered"]["credential"]["standing"], "STANDING_CURRENT");

    let listed = v1::ListStandingPeriodsRequest { sign: true, ..periods(&scene.number, None) };
    let listed = checked(client, &client.ask(listed).await.signed_answer).await;
    assert_eq!(listed.claims["answered"]["periods"][0]["standing"], "STANDING_CURRENT");
    for statement in [billed, reviewed, credential, listed] {
        has_none_of(&statement, &SECRET);
    }
}

#[tokio::test]
async fn an_answer_is_signed_on_request_alone_and_is_otherwise_the_same() {
    let scene = Scene::built().await;
    let signed = scene.registry.ask(scene.question()).await;
    let plain = scene.registry.ask(v1::VerifyCredentialRequest { sign: false, ..scene.question() }).await;
    assert!(plain.signed_answer.is_empty() && !signed.signed_answer.is_empty());
    let without = v1::VerifyCredentialResponse { signed_answer: String::new(), ..signed };
    assert_eq!(without.promised_bytes(), plain.promised_bytes());
    scene.server.stop().await;
}
