//! Who a credential number stands for.

use super::connect::Service;
use super::failure::Failure;
use crate::proto::v1::GetCredentialRequest;
use crate::proto::v1::verification_service_client::VerificationServiceClient;

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
