//! Every request of the contract, from bytes to domain types.

use cpss_registry::domain::id::{ProviderId, Revision};
use cpss_registry::proto::v1;
use cpss_registry::surface::decode;
use prost::Message as _;

use super::messages::Messages;
use super::mutate::{any, mutate};
use super::{again_and_again, alone};

/// The allocation per byte of a message. The worst case is a list of empty messages: two bytes each, and a whole
/// message in memory, in a list that doubles as it grows.
const FACTOR: usize = 1024;

fn tags(revision: Revision) -> Option<u32> {
    (revision <= Revision(40)).then_some(0x1f0c_93a2)
}

fn own() -> Option<&'static ProviderId> {
    None
}

/// Defines how each request is read.
macro_rules! requests {
    ($($request:ident($name:ident) => $read:block)*) => {
        /// The function that reads the bytes of each request.
        const REQUESTS: &[(&str, fn(&[u8]))] = &[$((stringify!($request), |bytes| {
            if let Ok($name) = v1::$request::decode(bytes) $read
        }),)*];
    };
}

requests! {
    RegisterProviderRequest(request) => { drop(decode::register_provider(&request)); }
    UpdateProviderRequest(request) => { drop(decode::update_provider(&request)); }
    RecordQualificationRequest(request) => { drop(decode::record_qualification(&request)); }
    SuspendProviderRequest(request) => { drop(decode::suspend_provider(&request)); }
    CertifyPeerServiceRequest(request) => { drop(decode::certify_peer_service(&request)); }
    SuspendPeerServiceRequest(request) => { drop(decode::suspend_peer_service(&request)); }
    RegisterSpecialistRequest(request) => { drop(decode::register_specialist(&request)); }
    ChangeSpecialistNameRequest(request) => { drop(decode::change_specialist_name(&request)); }
    RecordDeathRequest(request) => { drop(decode::record_death(&request)); }
    IssueCredentialRequest(request) => { drop(decode::issue_credential(&request)); }
    RenewCredentialRequest(request) => { drop(decode::renew_credential(&request)); }
    GrantDesignationRequest(request) => { drop(decode::grant_designation(&request)); }
    SuspendCredentialRequest(request) => { drop(decode::suspend_credential(&request)); }
    LimitCredentialRequest(request) => { drop(decode::limit_credential(&request)); }
    GrantInactiveStatusRequest(request) => { drop(decode::grant_inactive_status(&request)); }
    RevokeCredentialRequest(request) => { drop(decode::revoke_credential(&request)); }
    RecordSurrenderRequest(request) => { drop(decode::record_surrender(&request)); }
    RecordRelinquishmentRequest(request) => { drop(decode::record_relinquishment(&request)); }
    RecordRetirementRequest(request) => { drop(decode::record_retirement(&request)); }
    ReinstateCredentialRequest(request) => { drop(decode::reinstate_credential(&request)); }
    SetPriorNumberRequest(request) => { drop(decode::set_prior_number(&request)); }
    ReportEmploymentStartRequest(request) => { drop(decode::report_employment_start(&request, own())); }
    ReportEmploymentEndRequest(request) => { drop(decode::report_employment_end(&request)); }
    CorrectEmploymentRequest(request) => { drop(decode::correct_employment(&request)); }
    TransferEmploymentsRequest(request) => { drop(decode::transfer_employments(&request)); }
    EndPeriodRequest(request) => { drop(decode::end_period(&request, &tags)); }
    RetractFactRequest(request) => { drop(decode::retract_fact(&request, &tags)); }
    EvaluateApplicationRequest(request) => { drop(decode::evaluate_application(&request)); }
    ImportRecordsRequest(request) => { drop(request.row.map(|row| decode::import_row(&row, &tags))); }
    WatchChangesRequest(request) => { drop(decode::watch_changes(&request, own())); }
    ListChangesRequest(request) => { drop(decode::list_changes(&request, own())); }
    FindSpecialistsRequest(request) => { drop(decode::find_specialists(&request)); }
    ListCredentialsRequest(request) => { drop(decode::list_credentials(&request)); }
    ListRuleSetsRequest(request) => { drop(request); }
    ListEmploymentsRequest(request) => { drop(decode::list_employments(&request, own())); }
    GetProviderRequest(request) => { drop(decode::get_provider(&request)); }
    ListProvidersRequest(request) => { drop(decode::list_providers(&request)); }
    GetProgramStatisticsRequest(request) => { drop(decode::get_program_statistics(&request)); }
    PreviewImpactRequest(request) => {
        use v1::preview_impact_request::Subject;
        match &request.subject {
            Some(Subject::Command(row)) => {
                for judged_as in [decode::JudgedAs::ImportRow, decode::JudgedAs::Rpc(own())] {
                    drop(decode::previewed_command(row, judged_as, &tags));
                }
            }
            Some(Subject::Revision(revision)) => drop(decode::previewed_record(*revision, &request.epoch)),
            None => {}
        }
    }
    ListReadsRequest(request) => { drop(decode::list_reads(&request)); }
    ListFactsRequest(request) => { drop(decode::list_facts(&request)); }
    ListReviewItemsRequest(request) => { drop(decode::list_review_items(&request)); }
    GetCredentialRequest(request) => { drop(decode::get_credential(&request)); }
    ListStandingPeriodsRequest(request) => { drop(decode::list_standing_periods(&request)); }
    VerifyCredentialRequest(request) => {
        let v1::VerifyCredentialRequest { item, known_at, min_revision, min_token, sign: _ } = request;
        let options = v1::StreamOptions { known_at, min_revision, min_token };
        drop(decode::asked_at(decode::verification_item(decode::ItemPath::Single, item.as_ref()), &options));
    }
    CheckBillingEligibilityRequest(request) => {
        let v1::CheckBillingEligibilityRequest { item, known_at, min_revision, min_token, sign: _ } = request;
        let options = v1::StreamOptions { known_at, min_revision, min_token };
        drop(decode::asked_at(decode::eligibility_item(decode::ItemPath::Single, item.as_ref()), &options));
    }
    ReviewEligibilityRequest(request) => {
        let v1::ReviewEligibilityRequest { item, known_at, min_revision, min_token, sign: _ } = request;
        let options = v1::StreamOptions { known_at, min_revision, min_token };
        drop(decode::asked_at(decode::review_item(decode::ItemPath::Single, item.as_ref()), &options));
    }
    BatchVerifyCredentialsRequest(request) => {
        drop(decode::known_at(request.known_at.as_ref()));
        request.items.iter().for_each(|item| drop(decode::verification_item(decode::ItemPath::Single, Some(item))));
    }
    BatchCheckBillingEligibilityRequest(request) => {
        drop(decode::known_at(request.known_at.as_ref()));
        request.items.iter().for_each(|item| drop(decode::eligibility_item(decode::ItemPath::Single, Some(item))));
    }
    BatchReviewEligibilityRequest(request) => {
        drop(decode::known_at(request.known_at.as_ref()));
        request.items.iter().for_each(|item| drop(decode::review_item(decode::ItemPath::Single, Some(item))));
    }
    StreamVerifyCredentialsRequest(request) => {
        use v1::stream_verify_credentials_request::Kind;
        match &request.kind {
            Some(Kind::Options(options)) => drop(decode::stream_options(options)),
            Some(Kind::Item(item)) => drop(decode::verification_item(decode::ItemPath::Single, Some(item))),
            None => {}
        }
    }
    StreamCheckBillingEligibilityRequest(request) => {
        if let Some(v1::stream_check_billing_eligibility_request::Kind::Item(item)) = &request.kind {
            drop(decode::eligibility_item(decode::ItemPath::Single, Some(item)));
        }
    }
    StreamReviewEligibilityRequest(request) => {
        if let Some(v1::stream_review_eligibility_request::Kind::Item(item)) = &request.kind {
            drop(decode::review_item(decode::ItemPath::Single, Some(item)));
        }
    }
    GetStatusRequest(_request) => {}
    GetCallerRequest(_request) => {}
    GetCheckpointRequest(_request) => {}
    GetInclusionProofRequest(request) => { drop(decode::inclusion_proof(&request)); }
    GetConsistencyProofRequest(request) => { drop(decode::consistency_proof(&request)); }
    GetSigningKeysRequest(_request) => {}
    StreamBackupRequest(request) => { drop(decode::kept_files(&request)); }
    ReconcileRosterRequest(request) => {
        match &request.kind {
            Some(v1::reconcile_roster_request::Kind::Options(options)) => drop(decode::roster_options(options, own())),
            Some(v1::reconcile_roster_request::Kind::Row(row)) => drop(decode::roster_row(row)),
            None => {}
        }
    }
}

#[test]
fn every_request_of_the_contract_is_here() {
    let _alone = alone();
    let mut of_the_contract: Vec<_> =
        Messages::of_the_contract().methods.into_iter().map(|(_, request)| request).collect();
    let mut here: Vec<_> = REQUESTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    of_the_contract.sort();
    here.sort();
    assert_eq!(here, of_the_contract);
}

/// Reads the bytes as the request whose number precedes them.
fn read(bytes: &[u8]) {
    if let [at, bytes @ ..] = bytes {
        REQUESTS[usize::from(*at) % REQUESTS.len()].1(bytes);
    }
}

#[test]
fn requests() {
    let _alone = alone();
    let messages = Messages::of_the_contract();
    let make = |random: &mut fastrand::Rng| {
        let at = random.u8(..u8::try_from(REQUESTS.len()).unwrap());
        let mut bytes = match random.u8(..8) {
            0 => any(random, 4096),
            // A list with as many empty messages as fit.
            1 => [random.u8(..16) << 3 | 2, 0].repeat(random.usize(..8192)),
            _ => messages.make(random, REQUESTS[usize::from(at)].0),
        };
        mutate(random, &mut bytes);
        bytes.insert(0, at);
        bytes
    };
    again_and_again("requests", FACTOR, make, read);
}
