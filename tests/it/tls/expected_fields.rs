//! What each role sees over TLS, in a single question, a batch and a stream.

use cpss_registry::proto::v1;
use cpss_registry::server::setup::{self, NewClient};
use cpss_registry::store::registry_id;
use prost::bytes::Bytes;
use tonic::{Code, Status};

use super::tls_server::{TlsServer, client};
use crate::harness::{Client, Refusal as _};
use crate::rights::fixture::{Fixture, Row, call};

const VERIFICATION: [&str; 3] = ["VerifyCredential", "BatchVerifyCredentials", "StreamVerifyCredentials"];
const ELIGIBILITY: [&str; 3] =
    ["CheckBillingEligibility", "BatchCheckBillingEligibility", "StreamCheckBillingEligibility"];

/// The answer to one question, however it was asked.
#[derive(Clone, Debug, PartialEq)]
enum Shown {
    Verification(v1::Verification),
    Eligibility(v1::Eligibility),
}

fn read<M: prost::Message + Default>(answers: &[Bytes]) -> M {
    M::decode(answers.last().unwrap().as_ref()).unwrap()
}

fn of_verification(result: v1::VerificationResult) -> Result<Shown, Code> {
    match result.outcome.unwrap() {
        v1::verification_result::Outcome::Verification(shown) => Ok(Shown::Verification(shown)),
        v1::verification_result::Outcome::Error(error) => Err(Code::from(error.code)),
    }
}

fn of_eligibility(result: v1::EligibilityResult) -> Result<Shown, Code> {
    match result.outcome.unwrap() {
        v1::eligibility_result::Outcome::Eligibility(shown) => Ok(Shown::Eligibility(shown)),
        v1::eligibility_result::Outcome::Error(error) => Err(Code::from(error.code)),
    }
}

fn answer_of(method: &str, answers: &[Bytes]) -> Result<Shown, Code> {
    use v1::stream_check_billing_eligibility_response::Kind as OfClaim;
    use v1::stream_verify_credentials_response::Kind as OfItem;
    match method {
        "VerifyCredential" => {
            Ok(Shown::Verification(read::<v1::VerifyCredentialResponse>(answers).verification.unwrap()))
        }
        "BatchVerifyCredentials" => {
            of_verification(read::<v1::BatchVerifyCredentialsResponse>(answers).results.remove(0))
        }
        "StreamVerifyCredentials" => match read::<v1::StreamVerifyCredentialsResponse>(answers).kind {
            Some(OfItem::Result(result)) => of_verification(result),
            other => panic!("{other:?}"),
        },
        "CheckBillingEligibility" => {
            Ok(Shown::Eligibility(read::<v1::CheckBillingEligibilityResponse>(answers).eligibility.unwrap()))
        }
        "BatchCheckBillingEligibility" => {
            of_eligibility(read::<v1::BatchCheckBillingEligibilityResponse>(answers).results.remove(0))
        }
        "StreamCheckBillingEligibility" => match read::<v1::StreamCheckBillingEligibilityResponse>(answers).kind {
            Some(OfClaim::Result(result)) => of_eligibility(result),
            other => panic!("{other:?}"),
        },
        _ => panic!("{method} asks no question"),
    }
}

async fn sent(caller: &Client, method: &str, row: &Row, named: &str) -> Result<Vec<Bytes>, Status> {
    let method = format!("VerificationService/{method}");
    caller.call_messages(&method, call(&method, row, named)).await
}

/// The answer to one question about a row, or the status code of the refusal.
async fn asked(caller: &Client, method: &str, row: &Row, named: &str) -> Result<Shown, Code> {
    answer_of(method, &sent(caller, method, row, named).await.map_err(|status| status.code())?)
}

/// The part of an answer that a role may see, according to the contract.
fn left(whole: Shown, role: &str, is_own: bool) -> Shown {
    let Shown::Verification(whole) = whole else { return whole };
    Shown::Verification(match role {
        "registrar" | "auditor" => whole,
        "provider" if is_own => whole,
        "provider" => v1::Verification {
            credential_number: whole.credential_number,
            verdict: whole.verdict,
            reasons: whole.reasons,
            missing_designations: whole.missing_designations,
            answer: whole.answer,
            ..Default::default()
        },
        "payer" => v1::Verification {
            missing_designations: Vec::new(),
            credential: whole.credential.map(|credential| v1::Credential {
                display_name: String::new(),
                specialist_id: String::new(),
                designations: Vec::new(),
                ..credential
            }),
            ..whole
        },
        _ => panic!("{role} gets no answer"),
    })
}

/// A registry with two providers and their staff, behind TLS.
async fn place_with_town() -> (TlsServer, tempfile::TempDir, Row, Row) {
    let town = Fixture::built().await;
    let (north, south) = (town.north, town.south);
    let data = town.server.stop().await;
    let registry = registry_id(data.path()).unwrap().to_string();
    let place = TlsServer::start_with(&["--data-dir", data.path().to_str().unwrap(), "--registry", &registry]);
    for role in ["auditor", "payer", "certifier", "provider"] {
        let provider_id = (role == "provider").then(|| "north".to_owned());
        setup::add_client(place.directory(), &NewClient { provider_id, ..client(role, role) }).unwrap();
    }
    place.hang_up_until("loaded the list of clients").await;
    (place, data, north, south)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_ask_shows_a_role_only_what_it_may_see() {
    let (place, _data, north, south) = place_with_town().await;
    let registrar = place.client("registrar").await;
    for role in ["registrar", "auditor", "payer", "provider"] {
        let caller = place.client(role).await;
        for row in [&north, &south] {
            let named = if role == "provider" { "north" } else { row.provider_id.as_str() };
            for method in VERIFICATION.iter().chain(&ELIGIBILITY) {
                let whole = asked(&registrar, method, row, named).await.unwrap();
                if let Shown::Verification(whole) = &whole {
                    assert!(!whole.credential.as_ref().unwrap().display_name.is_empty() && whole.standing.is_some());
                }
                let shown = asked(&caller, method, row, named).await.unwrap();
                assert_eq!(shown, left(whole, role, row.provider_id == "north"), "{method} as {role}");
            }
        }
    }
    place.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_without_permission_gets_no_answer_in_any_way() {
    let (place, _data, north, south) = place_with_town().await;
    let (certifier, unauthenticated) = (place.client("certifier").await, place.unauthenticated().await);
    let provider = place.client("provider").await;
    for method in VERIFICATION.iter().chain(&ELIGIBILITY).chain(&["GetCredential", "ListStandingPeriods"]) {
        for row in [&north, &south] {
            let denied = sent(&certifier, method, row, &row.provider_id).await.unwrap_err();
            assert_eq!(denied.code_and_reason(), (Code::PermissionDenied, "PERMISSION_DENIED".to_owned()), "{method}");
            let nobody = sent(&unauthenticated, method, row, &row.provider_id).await.unwrap_err();
            assert_eq!(nobody.code_and_reason(), (Code::Unauthenticated, "UNAUTHENTICATED".to_owned()), "{method}");
        }
    }
    for method in VERIFICATION.iter().chain(&ELIGIBILITY) {
        for row in [&north, &south] {
            let denied = asked(&provider, method, row, "south").await;
            assert_eq!(denied, Err(Code::PermissionDenied), "{method} names another provider");
        }
    }
    for method in ["GetCredential", "ListStandingPeriods"] {
        assert!(sent(&provider, method, &north, "north").await.is_ok(), "{method}");
        let hidden = sent(&provider, method, &south, "north").await.unwrap_err();
        let unknown = sent(&provider, method, &Fixture::made_up(&south), "north").await.unwrap_err();
        assert_eq!(hidden.code_and_reason(), (Code::NotFound, "NOT_FOUND".to_owned()), "{method}");
        assert_eq!(hidden.code_and_reason(), unknown.code_and_reason(), "{method}");
    }
    place.process.stop();
}
