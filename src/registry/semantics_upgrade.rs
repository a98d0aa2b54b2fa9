//! Adopting a new semantics version. A release that answers recorded facts differently adopts its version in a record,
//! before anything else. The changes of that record bring every client's copy up to date.
//!
//! A copy holds the state that results from applying the changes of all records in order, whichever version published
//! them. The new state is computed from the facts. The record carries the difference, for days up to today.

use std::ops::ControlFlow;

use super::errors::ReadError;
use super::head::Head;
use super::shared::Shared;
use crate::domain::diff::{PublishedState, differences};
use crate::domain::id::Revision;
use crate::domain::provider::ProviderFile;
use crate::domain::record::Change;
use crate::domain::specialist::Specialist;
use crate::domain::timeline::{Employers, Timeline};
use crate::store::index::View as _;
use crate::store::record;

/// Returns the changes that the adoption of a semantics version publishes on top of a head, and the number of people in
/// them. Reads the whole log, once per version.
pub(super) fn changes(shared: &Shared, head: &Head, version: u32) -> Result<(Vec<Change>, u32), ReadError> {
    let known = head.history.semantics_version();
    tracing::info!(event = "semantics_adopted", from = known, to = version, "adopted a new semantics version");
    let (before, after) = what_differs(shared, head)?;
    let different = differences(&before, &after);
    let people = different.specialist_count();
    let (changes, _) = different.split(head.today);
    tracing::info!(
        event = "semantics_changes_published",
        changes = changes.len(),
        people,
        "published the changes of the new semantics version to copies"
    );
    Ok((changes, people))
}

/// Returns the state that copies hold and the state now, for every subject for which they differ. Reads the disk.
fn what_differs(shared: &Shared, head: &Head) -> Result<(PublishedState, PublishedState), ReadError> {
    let mut copied = state_of_copies(shared, head.revision)?;
    let (mut before, mut after) = (PublishedState::default(), PublishedState::default());
    after.records_begin = head.rule_sets.records_begin();
    let mut compare = |published: PublishedState| {
        let published = published.up_to(head.today);
        let copied = copied.take_same(&published);
        if !differences(&copied, &published).is_empty() {
            before.add_all(copied);
            after.add_all(published);
        }
    };
    let mut providers: Employers = Employers::default();
    shared.index.every_provider(&mut |id, facts| {
        let file = ProviderFile::new(id.clone(), facts, &head.rule_sets);
        let mut published = PublishedState::default();
        published.add_provider(&id, &file.state, &file.timeline);
        compare(published);
        providers.insert(id, file.timeline);
        ControlFlow::Continue(())
    })?;
    shared.index.every_specialist(&mut |id, facts| {
        let known = Specialist::known_at(id, &facts, Revision::LATEST);
        for credential in &known.credentials {
            let timeline = Timeline::compile(&known, credential, &providers, &head.rule_sets);
            let mut published = PublishedState::default();
            published.add_credential(&timeline, &providers);
            compare(published);
        }
        ControlFlow::Continue(())
    })?;
    // The rest belongs to subjects that are not on file any more.
    before.add_all(copied);
    Ok((before, after))
}

/// Returns the state that every copy holds.
fn state_of_copies(shared: &Shared, through: Revision) -> Result<PublishedState, ReadError> {
    let mut copied = PublishedState::default();
    for stored in shared.log.read(Revision::ZERO.next(), through) {
        let (revision, bytes) = stored?;
        record::decode(revision, &bytes)?.changes.iter().for_each(|change| copied.apply(change));
    }
    Ok(copied)
}
