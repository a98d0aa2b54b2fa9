//! CredentialService: the registrar's commands about people and credentials, and the registrar's queries.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::mutation::mutate;
use super::read_audit::{AuditEntry, PersonId};
use super::redaction::context;
use super::{Contract, answer, day_asked, decode, encode, status, unreadable, whole};
use crate::auth::Caller;
use crate::domain::day::Day;
use crate::domain::decide::evaluate_application;
use crate::domain::rule_sets::{RuleSet, RuleSets};
use crate::proto::v1;
use crate::proto::v1::credential_service_server::CredentialService;
use crate::registry::snapshot::KnownAt;

#[tonic::async_trait]
impl CredentialService for Contract {
    async fn register_specialist(
        &self,
        request: Request<v1::RegisterSpecialistRequest>,
    ) -> Result<Response<v1::RegisterSpecialistResponse>, Status> {
        mutate!(
            self,
            request,
            "CredentialService/RegisterSpecialist",
            |message: &v1::RegisterSpecialistRequest, _: &Caller| decode::register_specialist(message),
            RegisterSpecialistResponse { specialist; possible_duplicates }
        )
    }

    async fn change_specialist_name(
        &self,
        request: Request<v1::ChangeSpecialistNameRequest>,
    ) -> Result<Response<v1::ChangeSpecialistNameResponse>, Status> {
        mutate!(
            self,
            request,
            "CredentialService/ChangeSpecialistName",
            |message: &v1::ChangeSpecialistNameRequest, _: &Caller| decode::change_specialist_name(message),
            ChangeSpecialistNameResponse { specialist }
        )
    }

    async fn record_death(
        &self,
        request: Request<v1::RecordDeathRequest>,
    ) -> Result<Response<v1::RecordDeathResponse>, Status> {
        mutate!(
            self,
            request,
            "CredentialService/RecordDeath",
            |message: &v1::RecordDeathRequest, _: &Caller| decode::record_death(message),
            RecordDeathResponse { specialist }
        )
    }

    async fn issue_credential(
        &self,
        request: Request<v1::IssueCredentialRequest>,
    ) -> Result<Response<v1::IssueCredentialResponse>, Status> {
        mutate!(
            self,
            request,
            "CredentialService/IssueCredential",
            |message: &v1::IssueCredentialRequest, _: &Caller| decode::issue_credential(message),
            IssueCredentialResponse { credential }
        )
    }

    async fn renew_credential(
        &self,
        request: Request<v1::RenewCredentialRequest>,
    ) -> Result<Response<v1::RenewCredentialResponse>, Status> {
        mutate!(
            self,
            request,
            "CredentialService/RenewCredential",
            |message: &v1::RenewCredentialRequest, _: &Caller| decode::renew_credential(message),
            RenewCredentialResponse { credential }
        )
    }

    async fn grant_designation(
        &self,
        request: Request<v1::GrantDesignationRequest>,
    ) -> Result<Response<v1::GrantDesignationResponse>, Status> {
        mutate!(
            self,
            request,
            "CredentialService/GrantDesignation",
            |message: &v1::GrantDesignationRequest, _: &Caller| decode::grant_designation(message),
            GrantDesignationResponse { credential }
        )
    }

    async fn suspend_credential(
        &self,
        request: Request<v1::SuspendCredentialRequest>,
    ) -> Result<Response<v1::SuspendCredentialResponse>, Status> {
        mutate!(
            self,
            request,
            "CredentialService/SuspendCredential",
            |message: &v1::SuspendCredentialRequest, _: &Caller| decode::suspend_credential(message),
            SuspendCredentialResponse { credential }
        )
    }

    async fn limit_credential(
        &self,
        request: Request<v1::LimitCredentialRequest>,
    ) -> Result<Response<v1::LimitCredentialResponse>, Status> {
        mutate!(
            self,
            request,
            "CredentialService/LimitCredential",
            |message: &v1::LimitCredentialRequest, _: &Caller| decode::limit_credential(message),
            LimitCredentialResponse { credential }
        )
    }

    async fn grant_inactive_status(
        &self,
        request: Request<v1::GrantInactiveStatusRequest>,
    ) -> Result<Response<v1::GrantInactiveStatusResponse>, Status> {
        mutate!(
            self,
            request,
            "CredentialService/GrantInactiveStatus",
            |message: &v1::GrantInactiveStatusRequest, _: &Caller| decode::grant_inactive_status(message),
            GrantInactiveStatusResponse { credential }
        )
    }

    async fn revoke_credential(
        &self,
        request: Request<v1::RevokeCredentialRequest>,
    ) -> Result<Response<v1::RevokeCredentialResponse>, Status> {
        mutate!(
            self,
            request,
            "CredentialService/RevokeCredential",
            |message: &v1::RevokeCredentialRequest, _: &Caller| decode::revoke_credential(message),
            RevokeCredentialResponse { credential }
        )
    }

    async fn record_surrender(
        &self,
        request: Request<v1::RecordSurrenderRequest>,
    ) -> Result<Response<v1::RecordSurrenderResponse>, Status> {
        mutate!(
            self,
            request,
            "CredentialService/RecordSurrender",
            |message: &v1::RecordSurrenderRequest, _: &Caller| decode::record_surrender(message),
            RecordSurrenderResponse { credential }
        )
    }

    async fn record_relinquishment(
        &self,
        request: Request<v1::RecordRelinquishmentRequest>,
    ) -> Result<Response<v1::RecordRelinquishmentResponse>, Status> {
        mutate!(
            self,
            request,
            "CredentialService/RecordRelinquishment",
            |message: &v1::RecordRelinquishmentRequest, _: &Caller| decode::record_relinquishment(message),
            RecordRelinquishmentResponse { credential }
        )
    }

    async fn record_retirement(
        &self,
        request: Request<v1::RecordRetirementRequest>,
    ) -> Result<Response<v1::RecordRetirementResponse>, Status> {
        mutate!(
            self,
            request,
            "CredentialService/RecordRetirement",
            |message: &v1::RecordRetirementRequest, _: &Caller| decode::record_retirement(message),
            RecordRetirementResponse { credential }
        )
    }

    async fn reinstate_credential(
        &self,
        request: Request<v1::ReinstateCredentialRequest>,
    ) -> Result<Response<v1::ReinstateCredentialResponse>, Status> {
        mutate!(
            self,
            request,
            "CredentialService/ReinstateCredential",
            |message: &v1::ReinstateCredentialRequest, _: &Caller| decode::reinstate_credential(message),
            ReinstateCredentialResponse { credential }
        )
    }

    async fn set_prior_number(
        &self,
        request: Request<v1::SetPriorNumberRequest>,
    ) -> Result<Response<v1::SetPriorNumberResponse>, Status> {
        mutate!(
            self,
            request,
            "CredentialService/SetPriorNumber",
            |message: &v1::SetPriorNumberRequest, _: &Caller| decode::set_prior_number(message),
            SetPriorNumberResponse { credential }
        )
    }

    async fn evaluate_application(
        &self,
        request: Request<v1::EvaluateApplicationRequest>,
    ) -> Result<Response<v1::EvaluateApplicationResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let asked = decode::evaluate_application(&request).map_err(|rejection| status::rejected(&rejection))?;
        let snapshot = self.pin_at(KnownAt::Head).await?;
        let file = snapshot.specialist(asked.specialist).await.map_err(|error| unreadable(&error))?;
        let known = file.map(|file| Arc::clone(file.known_now())).filter(|known| known.is_on_file());
        let credential = known.as_ref().and_then(|known| known.the_credential());
        let found = AuditEntry {
            number: credential.map(|credential| credential.number),
            as_of: Some(asked.application.applied_on),
            ..AuditEntry::named(PersonId::Specialist(asked.specialist))
        };
        self.audit_read(&context, "CredentialService/EvaluateApplication", &snapshot, found).await?;
        let known = known.ok_or_else(|| status::not_found("specialist", &request.specialist_id))?;
        let grounds = snapshot.grounds().ok_or_else(status::internal)?;
        let evaluation =
            evaluate_application(&asked, &known, &grounds).map_err(|rejection| status::rejected(&rejection))?;
        let scholarship = evaluation.scholarship_requested;
        Ok(Response::new(v1::EvaluateApplicationResponse {
            criteria: evaluation.criteria.iter().map(encode::criterion_result).collect(),
            eligible: evaluation.is_eligible(),
            rule_set_id: evaluation.rule_set.clone(),
            selection_priority: encode::WireEnum::number(evaluation.selection_priority),
            fees: evaluation.fees.iter().map(|fee| encode::fee(fee, scholarship)).collect(),
            answer: Some(answer(&snapshot, asked.application.applied_on)),
        }))
    }

    async fn find_specialists(
        &self,
        request: Request<v1::FindSpecialistsRequest>,
    ) -> Result<Response<v1::FindSpecialistsResponse>, Status> {
        self.people(request).await
    }

    async fn list_credentials(
        &self,
        request: Request<v1::ListCredentialsRequest>,
    ) -> Result<Response<v1::ListCredentialsResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let asked = decode::list_credentials(&request);
        let (filter, known_at) = asked.map_err(|rejection| status::rejected(&rejection))?;
        let page = self.page(&context, &request, known_at).await?;
        let as_of = day_asked(&page.snapshot, "as_of", filter.as_of)?;
        let window = page.window.clone();
        let about =
            AuditEntry { id: filter.specialist.map(PersonId::Specialist), as_of: Some(as_of), ..AuditEntry::default() };
        let search = page.snapshot.off_thread(move |snapshot| snapshot.credentials(&filter, as_of, window));
        let found = search.await.map_err(|error| unreadable(&error))?;
        let cut = page.cut(found, |timeline| encode::credential(timeline, as_of));
        let numbers = cut.entries.iter().map(|timeline| Some(timeline.number));
        self.audit_list(&context, "CredentialService/ListCredentials", &page.snapshot, about, numbers).await?;
        Ok(Response::new(v1::ListCredentialsResponse {
            credentials: cut.messages,
            next_page_token: cut.next_page_token,
            answer: Some(answer(&page.snapshot, as_of)),
        }))
    }

    async fn list_rule_sets(
        &self,
        request: Request<v1::ListRuleSetsRequest>,
    ) -> Result<Response<v1::ListRuleSetsResponse>, Status> {
        let request = request.into_inner();
        let known_at = decode::known_at(request.known_at.as_ref()).map_err(|rejection| status::rejected(&rejection))?;
        let snapshot = self.pin_at(known_at).await?;
        let adopted = snapshot.adopted_rules();
        let rule_sets = adopted.iter().map(|adopted| {
            encode::rule_set(&encode::AdoptedRules {
                set: &adopted.set,
                digest: &adopted.digest,
                revision: adopted.revision,
                in_force_to: snapshot.rule_sets().and_then(|rule_sets| in_force_to(&adopted.set, rule_sets)),
            })
        });
        let today = day_asked(&snapshot, "as_of", None)?;
        let rule_sets = rule_sets.collect();
        let response = v1::ListRuleSetsResponse { rule_sets, answer: Some(answer(&snapshot, today)) };
        Ok(Response::new(whole(response, "ask with an earlier known_at, for fewer rule sets")?))
    }
}

/// Returns the last day on which a set is in force: the day before the next set begins.
fn in_force_to(set: &RuleSet, rule_sets: &RuleSets) -> Option<Day> {
    rule_sets.boundaries().find(|day| *day > set.in_force_from).map(Day::previous)
}
