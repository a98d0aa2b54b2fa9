//! A provider's own staff: people with a past or present job with it that is not retracted, as known at the head.
//!
//! Staff membership is checked before anything about the person is read, so that refusing a person whom the caller may
//! not see takes no longer than answering for one who is not on file.

use super::errors::ReadError;
use super::shared::Shared;
use super::snapshot::Snapshot;
use super::timeline_cache::Looked;
use crate::domain::id::{CredentialNumber, EmploymentId, ProviderId, SpecialistId};
use crate::domain::specialist_file::SpecialistFile;
use crate::store::incident::Incident;
use crate::store::index::View as _;

impl Shared {
    /// True if the holder of a credential is staff of a provider. Does not read the disk once every timeline is in
    /// memory.
    pub(super) fn is_staff(&self, provider: &ProviderId, number: CredentialNumber) -> bool {
        match self.timeline_cache.see().look(number) {
            Looked::Here(resident) => resident.timeline.is_of_staff(provider),
            Looked::Unknown => false,
            Looked::NotHere => self.is_staff_on_disk(provider, number).unwrap_or_else(|error| {
                static UNREADABLE: Incident = Incident::new();
                if let Some(times) = UNREADABLE.occurred() {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(
                        event = "staff_unreadable",
                        times,
                        error,
                        "could not determine whether a person is staff"
                    );
                }
                false
            }),
        }
    }

    /// Like [`Shared::is_staff`], from the disk. Does not read the file of a person who never had a reported job with
    /// the provider.
    fn is_staff_on_disk(&self, provider: &ProviderId, number: CredentialNumber) -> Result<bool, ReadError> {
        let Some(id) = self.index.specialist_of_credential(number)? else { return Ok(false) };
        if !self.index.was_staff(provider, id)? {
            return Ok(false);
        }
        Ok(self.resident(number)?.is_some_and(|resident| resident.timeline.is_of_staff(provider)))
    }
}

impl Snapshot {
    /// True if the holder of a credential is staff of a provider, as known at the head rather than at this snapshot.
    /// Does not read the disk once every timeline is in memory.
    pub fn is_staff(&self, provider: &ProviderId, number: CredentialNumber) -> bool {
        self.shared.is_staff(provider, number)
    }

    /// True if a person, credentialed or not, is staff of a provider, as known at the head rather than at this
    /// snapshot. Reads the disk, but the person's file only if a job with the provider was ever reported.
    pub fn has_on_staff(&self, provider: &ProviderId, id: SpecialistId) -> Result<bool, ReadError> {
        if !self.shared.index.was_staff(provider, id)? {
            return Ok(false);
        }
        let file = SpecialistFile::new(id, self.shared.index.specialist_facts(id)?);
        Ok(file.known_now().is_staff_of(provider))
    }

    /// True if a job belongs to a person who is staff of the provider, as in [`Snapshot::has_on_staff`].
    pub fn has_job(&self, provider: &ProviderId, employment: EmploymentId) -> Result<bool, ReadError> {
        match self.shared.index.specialist_of_employment(employment)? {
            Some(id) => self.has_on_staff(provider, id),
            None => Ok(false),
        }
    }
}
