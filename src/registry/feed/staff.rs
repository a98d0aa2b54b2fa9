//! A provider's own staff, as a feed shows it.
//!
//! Who is own staff is decided by what is known at each record, not by what is known at the head. A record therefore
//! reads the same for a watcher that starts from the beginning, for one that resumes there, and for one that asks again
//! next year; no client's copy has gaps. The record that retracts a person's only job with the provider is the last
//! record that shows that person: it tells the client that the provider does not cover the person. If the job comes
//! back into force, that record contains the differences that arose in between. Records from the time when the job
//! counted are still shown, because the provider could see them then.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::domain::day::Day;
use crate::domain::diff::{PublishedState, differences};
use crate::domain::fact::{Designation, Fact, Recorded, SpecialistFact};
use crate::domain::id::{CredentialNumber, ProviderId, Revision, SpecialistId};
use crate::domain::record::{Change, Record};
use crate::domain::retraction::{Filed as _, in_force};
use crate::registry::errors::ReadError;
use crate::registry::shared::Shared;
use crate::store::index::View as _;

/// Everyone for whom a job with a provider was ever reported. Its size depends on the provider, not on the registry.
pub(super) struct Staff {
    provider: ProviderId,
    /// The revisions at which each person alternately became own staff and stopped being own staff.
    switches: HashMap<SpecialistId, Box<[Revision]>>,
    holders: HashMap<CredentialNumber, SpecialistId>,
}

impl Staff {
    /// Returns the staff of a provider, as known now. Reads the disk.
    pub(super) fn of(shared: &Shared, provider: ProviderId) -> Result<Staff, ReadError> {
        let people = shared.index.staff(&provider)?;
        let mut staff = Staff { provider, switches: HashMap::new(), holders: HashMap::new() };
        for id in people {
            staff.read(shared, id)?;
        }
        Ok(staff)
    }

    /// True if the person is own staff, as known at a revision.
    fn includes(&self, id: SpecialistId, at: Revision) -> bool {
        self.switches.get(&id).is_some_and(|switches| switches.partition_point(|switch| *switch <= at) % 2 == 1)
    }

    /// True if the holder of the credential is own staff, as known at a revision.
    pub(super) fn has(&self, number: CredentialNumber, at: Revision) -> bool {
        self.holders.get(&number).is_some_and(|id| self.includes(*id, at))
    }

    /// Returns the changes of a record that the provider sees. Reads the disk if the record may change who is staff.
    pub(super) fn changes(&mut self, shared: &Arc<Shared>, record: &Record) -> Result<Vec<Change>, ReadError> {
        let at = record.revision;
        let concerned = self.concerned(record);
        for id in &concerned {
            self.read(shared, *id)?;
        }
        let is_new = |id: &SpecialistId| self.includes(*id, at) && !self.includes(*id, at.previous());
        let new: HashSet<SpecialistId> = concerned.into_iter().filter(is_new).collect();
        let is_shown = |number: &CredentialNumber| {
            let was_or_is = |id: &SpecialistId| self.includes(*id, at.previous()) || self.includes(*id, at);
            self.holders.get(number).is_some_and(|id| !new.contains(id) && was_or_is(id))
        };
        let sees = |change: &&Change| match change {
            Change::Standing { number, .. } | Change::Designation { number, .. } => is_shown(number),
            Change::Coverage { number, provider, .. } => *provider == self.provider && is_shown(number),
            Change::Service { provider, .. } | Change::Provider { provider, .. } => *provider == self.provider,
            Change::Records { .. } => true,
        };
        let mut changes: Vec<Change> = record.changes.iter().filter(sees).cloned().collect();
        if !new.is_empty() {
            for id in new {
                changes.extend(self.changes_on_joining(shared, id, at)?);
            }
            changes.sort_by(|one, other| sort_key(one).cmp(&sort_key(other)));
        }
        Ok(changes)
    }

    /// True if a record may change who is staff, or which credentials the staff hold.
    pub(super) fn is_changed_by(&self, record: &Record) -> bool {
        !self.concerned(record).is_empty()
    }

    /// Returns the people whose staff status or credentials a record may change.
    fn concerned(&self, record: &Record) -> BTreeSet<SpecialistId> {
        let concerned = |fact: &Fact| match fact {
            Fact::Specialist(id, SpecialistFact::EmploymentStarted { provider, .. }) => {
                (*provider == self.provider).then_some(*id)
            }
            Fact::Specialist(id, SpecialistFact::Retracted(_) | SpecialistFact::CredentialIssued(_)) => {
                self.switches.contains_key(id).then_some(*id)
            }
            Fact::Registry(_) | Fact::Provider(..) => None,
            Fact::Specialist(
                _,
                SpecialistFact::Registered { .. }
                | SpecialistFact::NameChanged { .. }
                | SpecialistFact::Died { .. }
                | SpecialistFact::CredentialRenewed { .. }
                | SpecialistFact::PeriodOpened { .. }
                | SpecialistFact::Acted { .. }
                | SpecialistFact::PriorNumberSet { .. }
                | SpecialistFact::EmploymentEnded { .. }
                | SpecialistFact::EmploymentCorrected { .. }
                | SpecialistFact::PeriodEnded(_),
            ) => None,
        };
        record.facts.iter().filter_map(concerned).collect()
    }

    fn read(&mut self, shared: &Shared, id: SpecialistId) -> Result<(), ReadError> {
        let facts = shared.index.specialist_facts(id)?;
        for recorded in &facts {
            if let SpecialistFact::CredentialIssued(issuance) = &recorded.fact {
                self.holders.insert(issuance.number, id);
            }
        }
        self.switches.insert(id, switches(&facts, &self.provider));
        Ok(())
    }

    /// Returns the changes to show for a person who becomes own staff: everything published up to the record's today,
    /// or, if the person was own staff before, the differences since the last record shown.
    fn changes_on_joining(
        &self,
        shared: &Arc<Shared>,
        id: SpecialistId,
        at: Revision,
    ) -> Result<Vec<Change>, ReadError> {
        let switches = self.switches.get(&id).map(Box::as_ref).unwrap_or_default();
        let ceased = switches.iter().take_while(|switch| **switch < at).last();
        let before = match ceased {
            None => PublishedState::default(),
            Some(ceased) => {
                let (published, today) = published_of(shared, id, *ceased)?;
                published.up_to(today)
            }
        };
        let (after, today) = published_of(shared, id, at)?;
        let (mut changes, _) = differences(&before, &after).split(today);
        let is_here = |change: &Change| match change {
            Change::Coverage { provider, .. } => *provider == self.provider,
            Change::Standing { .. }
            | Change::Designation { .. }
            | Change::Service { .. }
            | Change::Provider { .. }
            | Change::Records { .. } => true,
        };
        changes.retain(is_here);
        Ok(changes)
    }
}

/// Returns the revisions at which a person alternately becomes staff of a provider and stops being staff.
fn switches(facts: &[Recorded<SpecialistFact>], provider: &ProviderId) -> Box<[Revision]> {
    let starts_here = |fact: &SpecialistFact| fact.starts_job().is_some_and(|(_, employer)| employer == provider);
    let mut switches: Vec<Revision> = Vec::new();
    for recorded in facts {
        let at = recorded.id.revision;
        if !starts_here(&recorded.fact) && recorded.fact.retracts().is_none() {
            continue;
        }
        let is_staff = in_force(facts, at).any(|recorded| starts_here(&recorded.fact));
        if is_staff == switches.len().is_multiple_of(2) {
            switches.push(at);
        }
    }
    switches.into()
}

/// Returns the published state of a person as known at a revision, and that revision's today. Reads the disk.
fn published_of(shared: &Arc<Shared>, id: SpecialistId, at: Revision) -> Result<(PublishedState, Day), ReadError> {
    let snapshot = shared.at(at)?;
    let mut published = PublishedState::default();
    if let Some(file) = snapshot.file(id)? {
        let known = file.known_now();
        let employers = snapshot.employers(known);
        for credential in &known.credentials {
            if let Some(timeline) = snapshot.compile_of(known, credential.number) {
                published.add_credential(&timeline, &employers);
            }
        }
    }
    Ok((published, snapshot.today.unwrap_or(Day::BEGINNING)))
}

/// The sort key of a change within its record: kind, subject, first day.
type SortKey<'a> = (u8, Option<CredentialNumber>, Option<&'a ProviderId>, Option<Designation>, Option<Day>);

fn sort_key(change: &Change) -> SortKey<'_> {
    match change {
        Change::Standing { number, days, .. } => (0, Some(*number), None, None, Some(days.start)),
        Change::Coverage { number, provider, days, .. } => (1, Some(*number), Some(provider), None, Some(days.start)),
        Change::Designation { number, code, days, .. } => (2, Some(*number), None, Some(*code), Some(days.start)),
        Change::Service { provider, days, .. } => (3, None, Some(provider), None, Some(days.start)),
        Change::Provider { provider, .. } => (4, None, Some(provider), None, None),
        Change::Records { .. } => (5, None, None, None, None),
    }
}
