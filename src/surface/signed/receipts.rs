//! Signed receipts of reports.

use tonic::Status;

use super::words::day;
use super::{Signer, sign};
use crate::proof::claims::Claims;
use crate::proof::jws;
use crate::registry::Evidence;
use crate::surface::accepted::Accepted;
use crate::surface::{Contract, status, unreadable};

impl Accepted {
    /// Returns the signed receipt of the record; empty if the request did not ask for one, or was only validated.
    pub(in crate::surface) async fn signed_receipt(
        &self,
        contract: &Contract,
        signer: Signer,
        method: &str,
    ) -> Result<String, Status> {
        let Some(keys) = signer.filter(|_| self.is_recorded()) else { return Ok(String::new()) };
        let evidence = contract.registry.evidence(self.record()).await.map_err(|error| unreadable(&error))?;
        let Evidence { digest, recorded_at, client, request_id } = evidence.ok_or_else(status::data_loss)?;
        let mut claims = contract.claims(self.context(), method);
        claims.text("request_id", &request_id.map(|id| id.to_string()).unwrap_or_default());
        claims.object("recorded", |claims| {
            claims.text("epoch", &self.epoch);
            claims.number("revision", self.revision());
            claims.text("time", &recorded_at.to_string());
            claims.text("client", &client);
            claims.text("digest", &digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        });
        claims.object("about", |claims| self.about(contract, claims));
        sign(&keys, jws::RECEIPT, claims)
    }

    /// Writes the ids of what the report is about, and the days of a job.
    fn about(&self, contract: &Contract, claims: &mut Claims) {
        claims.text("fact_id", &self.fact_id());
        if let Some(job) = self.employment(contract) {
            claims.text("employment_id", &job.employment_id);
            claims.text("credential_number", &job.credential_number);
            claims.text("specialist_id", &job.specialist_id);
            claims.text("provider_id", &job.provider_id);
            day(claims, "first_day", job.first_day.as_ref());
            day(claims, "last_day", job.last_day.as_ref());
        } else if let Some(credential) = self.credential(contract) {
            claims.text("credential_number", &credential.credential_number);
            claims.text("specialist_id", &credential.specialist_id);
        } else if let Some(provider) = self.provider(contract) {
            claims.text("provider_id", &provider.provider_id);
        } else if let Some(specialist) = self.specialist(contract) {
            claims.text("specialist_id", &specialist.specialist_id);
        }
    }
}
