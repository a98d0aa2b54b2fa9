//! Another version of the walk is adopted: a release that answers recorded facts otherwise says so in a record, before
//! anything else, and every copy learns from its changes what is answered otherwise now.
//!
//! What copies hold is what the feed has told so far, whichever version told it: the changes of all records, applied in
//! order. What is answered now is worked out from the facts. The record carries the difference, for days up to today.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::batch::Batch;
use super::errors::{ReadError, SubmitError};
use super::head::Head;
use super::shared::Shared;
use crate::domain::diff::{PublishedState, differences};
use crate::domain::fact::RegistryFact;
use crate::domain::id::{ProviderId, Revision};
use crate::domain::provider::{ProviderFile, ProviderTimeline};
use crate::domain::specialist::SpecialistFile;
use crate::domain::timeline::Timeline;
use crate::store::index::View as _;
use crate::store::record;

/// Records that this version of the walk answers from now on, if an earlier one did so far. Nothing else is in the
/// batch. Reads all of the log, once in the life of a version.
pub(super) fn adopt(batch: &mut Batch<'_>, version: u32) -> Result<(), SubmitError> {
    let known = batch.head.history.semantics_version();
    if known == version {
        return Ok(());
    }
    tracing::info!(event = "semantics_adopted", from = known, to = version, "adopted a new semantics version");
    let (before, after) = what_differs(batch.shared, &batch.head)?;
    let different = differences(&before, &after);
    let people = different.specialist_count();
    let (changes, _) = different.split(batch.head.today);
    tracing::info!(
        event = "semantics_changes_published",
        changes = changes.len(),
        people,
        "published the changes of the new semantics version to copies"
    );
    batch.add_own(RegistryFact::SemanticsAdopted { version }, changes, people, Vec::new())
}

/// What copies were told, and what is answered now: of whatever these are not the same for. Reads the disk.
fn what_differs(shared: &Shared, head: &Head) -> Result<(PublishedState, PublishedState), ReadError> {
    let mut heard = what_was_told(shared, head.revision)?;
    let (mut before, mut after) = (PublishedState::default(), PublishedState::default());
    after.records_begin = head.rule_sets.records_begin();
    let mut compare = |told: PublishedState| {
        let told = told.up_to(head.today);
        let heard = heard.take_same(&told);
        if !differences(&heard, &told).is_empty() {
            before.add_all(heard);
            after.add_all(told);
        }
    };
    let mut providers: HashMap<ProviderId, Arc<ProviderTimeline>> = HashMap::new();
    shared.index.every_provider(&mut |id, facts| {
        let file = ProviderFile::new(id.clone(), facts, &head.rule_sets);
        let mut told = PublishedState::default();
        told.add_provider(&id, &file.state, &file.timeline);
        compare(told);
        providers.insert(id, file.timeline);
        ControlFlow::Continue(())
    })?;
    shared.index.every_specialist(&mut |id, facts| {
        let known = SpecialistFile { id, facts }.known_now();
        for credential in &known.credentials {
            let timeline = Timeline::compile(&known, credential, &providers, &head.rule_sets);
            let mut told = PublishedState::default();
            told.add_credential(&timeline, &providers);
            compare(told);
        }
        ControlFlow::Continue(())
    })?;
    // What is left was told of what there is nothing of.
    before.add_all(heard);
    Ok((before, after))
}

/// What every copy holds.
fn what_was_told(shared: &Shared, through: Revision) -> Result<PublishedState, ReadError> {
    let mut heard = PublishedState::default();
    for stored in shared.log.read(Revision::ZERO.next(), through) {
        let (revision, bytes) = stored?;
        record::decode(revision, &bytes)?.changes.iter().for_each(|change| heard.hear(change));
    }
    Ok(heard)
}
