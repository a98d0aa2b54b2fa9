//! Identifiers of providers: impossible ones are refused; those already on file are not checked again.

use cpss_registry::domain::fact::{Fact, ProviderFact};
use cpss_registry::domain::record::Change;
use cpss_registry::proto::v1;
use cpss_registry::proto::v1::eligibility_item::BillingProvider;
use cpss_registry::proto::v1::{Identifier, IdentifierKind, Reason};
use tonic::Code;

use super::harness::requests::{bill, known_at, new_request_id, register_provider};
use super::harness::scenes::EFFECTIVE_FROM;
use super::harness::{Client, NOT_ON_FILE, Refusal as _, TODAY, TestServer};
use super::semantics::{records, write};

const NPI: &str = "1999999984";
const MALFORMED: &str = "1999999985";

fn npi(value: &str) -> Identifier {
    Identifier { kind: IdentifierKind::Npi.into(), value: value.to_owned() }
}

fn provider(id: &str, identifiers: Vec<Identifier>) -> v1::RegisterProviderRequest {
    v1::RegisterProviderRequest { provider_id: id.to_owned(), identifiers, ..register_provider("Example Center") }
}

fn update(id: &str, identifiers: Vec<Identifier>) -> v1::UpdateProviderRequest {
    v1::UpdateProviderRequest {
        request_id: new_request_id(),
        provider_id: id.to_owned(),
        legal_name: "Example Center".to_owned(),
        facility_type: v1::FacilityType::Outpatient.into(),
        identifiers,
        ..Default::default()
    }
}

fn billed_by(value: &str) -> v1::CheckBillingEligibilityRequest {
    let mut request = bill(NOT_ON_FILE, "", EFFECTIVE_FROM);
    request.item.as_mut().unwrap().billing_provider = Some(BillingProvider::Npi(value.to_owned()));
    request
}

fn listed_by(value: &str) -> v1::ListProvidersRequest {
    v1::ListProvidersRequest { identifier: Some(npi(value)), ..Default::default() }
}

async fn is_refused<C: super::harness::Call>(client: &Client, request: C, field: &str) {
    let refused = client.refusal(request).await;
    assert_eq!((refused.code(), refused.fields()), (Code::InvalidArgument, vec![field.to_owned()]));
    assert!(refused.message().contains(field), "{}", refused.message());
}

#[tokio::test]
async fn an_npi_that_cannot_exist_is_refused_wherever_it_is_given() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let spaced = registry.report(provider("north", vec![npi(&format!(" {NPI}\u{a0}"))])).await;
    assert_eq!(spaced.provider.unwrap().identifiers, [npi(NPI)], "blanks around it are left out");
    for value in [MALFORMED, "199999998", "19999999840", "199999998X"] {
        is_refused(&registry, provider("south", vec![npi("1999999976"), npi(value)]), "identifiers[1].value").await;
        is_refused(&registry, update("north", vec![npi(value)]), "identifiers[0].value").await;
        is_refused(&registry, billed_by(value), "item.npi").await;
        is_refused(&registry, listed_by(value), "identifier.value").await;
        // For a provider too, so that it cannot find out whether another provider has the number.
        is_refused(&registry.calling_as("provider:north"), billed_by(value), "item.npi").await;
    }
    let nobodys = registry.ask(billed_by("1999999976")).await.eligibility.unwrap();
    assert_eq!(nobodys.reasons[0], i32::from(Reason::CredentialNotOnFile), "one that can exist is answered");
    assert_eq!(registry.ask(listed_by(&format!("{NPI} "))).await.providers.len(), 1);

    let undated = provider("south", vec![npi(MALFORMED)]);
    let refused = registry.refusal(v1::RegisterProviderRequest { legal_name: String::new(), ..undated }).await;
    assert_eq!(refused.fields(), ["legal_name", "identifiers[0].value"], "all faults at once");
    server.stop().await;
}

/// Records of a release that did not check NPIs: written by this one, with another last digit.
#[tokio::test]
async fn an_identifier_already_on_file_is_not_checked_again() {
    let server = TestServer::start(TODAY).await;
    server.client().report(provider("north", vec![npi(NPI)])).await;
    let mut older = records(server.stop().await.path());
    for record in &mut older {
        for fact in &mut record.facts {
            if let Fact::Provider(_, ProviderFact::Registered(row)) = fact {
                row.identifiers[0].value = MALFORMED.to_owned();
            }
        }
        for change in &mut record.changes {
            if let Change::Provider { identifiers, .. } = change {
                identifiers[0].value = MALFORMED.to_owned();
            }
        }
    }
    let before = tempfile::tempdir().unwrap();
    write(before.path(), &older);
    let server = TestServer::start_on(before, TODAY).await;
    let registry = server.client();
    let answered = registry.ask(billed_by(MALFORMED)).await.eligibility.unwrap();
    assert_eq!(answered.reasons[0], i32::from(Reason::CredentialNotOnFile));
    assert_eq!(registry.ask(listed_by(MALFORMED)).await.providers.len(), 1);
    registry.calling_as("provider:north").ask(billed_by(MALFORMED)).await;
    is_refused(&registry.calling_as("provider:south"), billed_by(MALFORMED), "item.npi").await;
    let head = registry.report(update("north", vec![npi("1999999976"), npi(MALFORMED)])).await.revision;
    is_refused(&registry, provider("south", vec![npi(MALFORMED)]), "identifiers[0].value").await;
    registry.report(update("north", vec![npi("1999999976")])).await;
    is_refused(&registry, update("north", vec![npi(MALFORMED)]), "identifiers[0].value").await;
    is_refused(&registry, billed_by(MALFORMED), "item.npi").await;
    let mut then = billed_by(MALFORMED);
    then.known_at = Some(known_at(head));
    registry.ask(then).await;
    server.stop().await;
}
