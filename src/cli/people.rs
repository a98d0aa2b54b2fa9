//! Who a credential number stands for.

use super::connect::Service;
use super::facts::facts_of;
use super::failure::Failure;
use crate::proto::v1::list_facts_request::Subject;
use crate::proto::v1::verification_service_client::VerificationServiceClient;
use crate::proto::v1::{Fact, GetCredentialRequest, PersonName};

/// The id of a person, by the id itself or by the credential number.
pub async fn specialist_of(service: Service, who: String) -> Result<String, Failure> {
    if who.to_uppercase().starts_with("SP") {
        return Ok(who);
    }
    let request = GetCredentialRequest { credential_number: who, ..GetCredentialRequest::default() };
    let answered = VerificationServiceClient::new(service).get_credential(request).await;
    let answered = answered.map_err(|status| Failure::answered(&status))?.into_inner();
    Ok(answered.credential.unwrap_or_default().specialist_id)
}

/// The name of a person, as on record.
pub async fn name_of(service: Service, specialist_id: String) -> Result<PersonName, Failure> {
    let found = facts_of(service, Some(Subject::SpecialistId(specialist_id)), None).await?;
    Ok(name_in(&found.facts).cloned().unwrap_or_default())
}

/// The name in facts about a person: the one that was recorded last and is not retracted.
pub fn name_in(facts: &[Fact]) -> Option<&PersonName> {
    let mut names = facts.iter().filter(|fact| !fact.retracted).filter_map(|fact| fact.name.as_ref());
    names.next_back()
}
