//! Finds the credential that bears a prior number, as known at a snapshot's revision.

use std::sync::Arc;

use super::errors::ReadError;
use super::snapshot::Snapshot;
use crate::domain::id::{FactId, ProviderId};
use crate::domain::prior_number::PriorNumber;
use crate::domain::timeline::Timeline;
use crate::store::index::View as _;

impl Snapshot {
    /// Returns the credential that bears a prior number: the one that is not void, or otherwise the last one issued.
    pub async fn bearer(&self, prior: PriorNumber) -> Result<Option<Arc<Timeline>>, ReadError> {
        self.off_thread(move |snapshot| snapshot.bearer_of(&prior)).await
    }

    /// Like [`Snapshot::bearer`], but on the calling thread. Reads the disk.
    pub fn bearer_of(&self, prior: &PriorNumber) -> Result<Option<Arc<Timeline>>, ReadError> {
        let mut bearing = Vec::new();
        for (number, _) in self.shared.index.credentials_with_prior(prior)? {
            let known = self.read_timeline(number)?;
            bearing.extend(known.filter(|timeline| timeline.prior_numbers().contains(prior)));
        }
        if let Some(at) = bearing.iter().position(|timeline| !timeline.void) {
            return Ok(Some(bearing.swap_remove(at)));
        }
        let mut last: Option<(Option<FactId>, Arc<Timeline>)> = None;
        for timeline in bearing {
            let issued = self.issuance_of(&timeline)?;
            if last.as_ref().is_none_or(|(before, _)| *before < issued) {
                last = Some((issued, timeline));
            }
        }
        Ok(last.map(|(_, timeline)| timeline))
    }

    /// Returns the fact that issued a credential. Reads the disk.
    fn issuance_of(&self, timeline: &Timeline) -> Result<Option<FactId>, ReadError> {
        let known = self.file(timeline.specialist)?.map(|file| Arc::clone(file.known_now()));
        Ok(known.and_then(|known| Some(known.credential(timeline.number)?.fact)))
    }

    /// True if the credential that bears a prior number is that of a provider's staff, as known at the head rather than
    /// at this snapshot. Reads the disk, but nothing about a person who is not staff.
    pub fn is_borne_by_staff(&self, provider: &ProviderId, prior: &PriorNumber) -> Result<bool, ReadError> {
        let ever = self.shared.index.credentials_with_prior(prior)?;
        if !ever.iter().any(|(number, _)| self.is_staff(provider, *number)) {
            return Ok(false);
        }
        let bearer = self.bearer_of(prior)?;
        Ok(bearer.is_some_and(|bearer| self.is_staff(provider, bearer.number)))
    }
}
