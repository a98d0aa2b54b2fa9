//! Decodes requests for the feed of changes.

use uuid::Uuid;

use super::fields::Fields;
use crate::domain::decide::Rejection;
use crate::domain::id::{CredentialNumber, ProviderId, Revision};
use crate::proto::v1;

/// The requested changes, and where they begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangesAsked {
    /// Where to begin.
    pub after: After,
    /// The subjects of the changes.
    pub about: ChangesAbout,
}

/// The record after which to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After {
    /// The epoch of the revision; `None` means the current one.
    pub epoch: Option<Uuid>,
    /// The record.
    pub revision: Revision,
}

/// The subjects whose changes are requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangesAbout {
    /// All subjects.
    Everyone,
    /// These credentials.
    Credentials(Vec<CredentialNumber>),
    /// This provider and its staff.
    Provider(ProviderId),
}

/// Decodes a `WatchChanges`. `own`: the caller's provider, if the caller is one.
pub fn watch_changes(request: &v1::WatchChangesRequest, own: Option<&ProviderId>) -> Result<ChangesAsked, Rejection> {
    read(request.after.as_ref(), &request.credential_numbers, &request.provider_id, own)
}

/// Decodes a `ListChanges`, without its page. `own`: the caller's provider, if the caller is one.
pub fn list_changes(request: &v1::ListChangesRequest, own: Option<&ProviderId>) -> Result<ChangesAsked, Rejection> {
    read(request.after.as_ref(), &request.credential_numbers, &request.provider_id, own)
}

fn read(
    after: Option<&v1::ChangePosition>,
    numbers: &[String],
    provider_id: &str,
    own: Option<&ProviderId>,
) -> Result<ChangesAsked, Rejection> {
    let mut fields = Fields::default();
    let after = position(&mut fields, after);
    if !numbers.is_empty() && !provider_id.is_empty() {
        fields.refuse("provider_id", "must not be set together with credential_numbers");
    }
    let numbered = numbers.iter().enumerate();
    let credentials: Vec<CredentialNumber> =
        numbered.filter_map(|(at, number)| fields.id(&format!("credential_numbers[{at}]"), number)).collect();
    let provider: Option<ProviderId> = fields.optional_id(provider_id);
    let about = match provider.or_else(|| own.cloned()) {
        _ if !numbers.is_empty() => ChangesAbout::Credentials(credentials),
        Some(provider) => ChangesAbout::Provider(provider),
        None => ChangesAbout::Everyone,
    };
    fields.finish(Some(ChangesAsked { after, about }))
}

/// Decodes the record in a `PreviewImpact`.
pub fn previewed_record(revision: u64, epoch: &str) -> Result<After, Rejection> {
    let mut fields = Fields::default();
    let epoch = fields.optional_uuid("epoch", epoch);
    fields.finish(Some(After { epoch, revision: Revision(revision) }))
}

/// Decodes a `ListReviewItems`, without its page.
pub fn list_review_items(request: &v1::ListReviewItemsRequest) -> Result<After, Rejection> {
    let mut fields = Fields::default();
    let after = position(&mut fields, request.after.as_ref());
    fields.finish(Some(after))
}

fn position(fields: &mut Fields, after: Option<&v1::ChangePosition>) -> After {
    let epoch = after.and_then(|after| fields.within("after", |fields| fields.optional_uuid("epoch", &after.epoch)));
    After { epoch, revision: Revision(after.map_or(0, |after| after.revision)) }
}
