//! Searches for people who may not be on file: which questions and commands count as one, and the charge for a miss
//! (`auth::misses`).
//!
//! A provider searches whenever it names a person. A payer searches when it asks by name (by holder, or by number with
//! a family name), and when it asks by prior number: a prior number has no check character, and may be one of a short
//! sequence, so it can be guessed. Its questions by credential number alone are its normal work and do not count.
//! Requests about the caller's own staff do not count either, nor do requests for a number that cannot exist. A request
//! by a fact's id is not a search: the answer for someone else's fact is the same as for no fact.
//!
//! A search begins before anything is looked up, and ends before its answer is sent.

use std::time::Instant;

use tonic::Status;

use super::miss::Miss;
use super::read_audit::{AuditEntry, PersonId, REFUSED};
use super::redaction::CallContext;
use super::{Contract, status, unreadable};
use crate::auth::misses::{Reservation, TooManyMisses};
use crate::domain::command::{Command, WhichJob, Who};
use crate::domain::fact::Role;
use crate::domain::id::{CredentialNumber, EmploymentId, ProviderId, SpecialistId};
use crate::domain::name::FoldedName;
use crate::domain::prior_number::PriorNumber;
use crate::registry::ReadError;
use crate::registry::question::{Ask, AskSubject};
use crate::registry::search::FactsOf;
use crate::registry::snapshot::Snapshot;

/// The person that is searched for.
#[derive(Clone, Copy, Debug)]
pub(super) struct SearchTarget<'a> {
    person: Person<'a>,
    with_name: bool,
    with_birth_date: bool,
}

/// How the search names the person. Wrong birth dates and names are counted per value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Person<'a> {
    Number(CredentialNumber),
    PriorNumber(&'a PriorNumber),
    Name(&'a FoldedName),
    Specialist(SpecialistId),
    Employment(EmploymentId),
}

/// A search in progress. If it is dropped before [`Contract::end_search`], it is charged as a miss.
#[must_use]
pub(super) struct Search<'a> {
    target: SearchTarget<'a>,
    reservation: Option<Reservation>,
}

impl<'a> SearchTarget<'a> {
    /// Returns the person that a question searches for; `None` if the number cannot exist.
    pub(super) fn by_ask(ask: &'a Ask<'_>) -> Option<SearchTarget<'a>> {
        match &ask.subject {
            AskSubject::Number(number) => Some(SearchTarget::by_number((*number)?, ask.family_name.is_some())),
            AskSubject::PriorNumber(prior) => Some(SearchTarget {
                person: Person::PriorNumber(prior.as_ref()?),
                with_name: ask.family_name.is_some(),
                with_birth_date: false,
            }),
            AskSubject::Holder(holder) => {
                Some(SearchTarget { person: Person::Name(&holder.name), with_name: true, with_birth_date: true })
            }
        }
    }
}

impl SearchTarget<'_> {
    /// Returns the audit entry of the search.
    pub(super) fn audit_entry(&self) -> AuditEntry {
        match self.person {
            Person::Number(number) => AuditEntry::person(Some(number), None),
            Person::PriorNumber(_) | Person::Name(_) => AuditEntry::default(),
            Person::Specialist(id) => AuditEntry::named(PersonId::Specialist(id)),
            Person::Employment(id) => AuditEntry::named(PersonId::Employment(id)),
        }
    }
}

impl SearchTarget<'static> {
    /// Searches for the holder of a credential.
    pub(super) fn by_number(number: CredentialNumber, with_name: bool) -> SearchTarget<'static> {
        SearchTarget { person: Person::Number(number), with_name, with_birth_date: false }
    }

    fn by_id(person: Person<'static>) -> SearchTarget<'static> {
        SearchTarget { person, with_name: false, with_birth_date: false }
    }

    /// Returns the person that an employer's command searches for.
    pub(super) fn by_command(command: &Command) -> Option<SearchTarget<'static>> {
        match command {
            Command::StartEmployment { who, birth_date, .. } => {
                let target = match who {
                    Who::Specialist(id) => SearchTarget::by_id(Person::Specialist(*id)),
                    Who::Holder(number, _) => SearchTarget::by_number(*number, true),
                };
                Some(SearchTarget { with_birth_date: birth_date.is_some(), ..target })
            }
            Command::EndEmployment { job: WhichJob::OpenJobOf(number), .. } => {
                Some(SearchTarget::by_number(*number, false))
            }
            Command::EndEmployment { job: WhichJob::Employment(employment), .. }
            | Command::CorrectEmployment { employment, .. } => {
                Some(SearchTarget::by_id(Person::Employment(*employment)))
            }
            _ => None,
        }
    }

    /// Returns the person whose facts are searched for.
    pub(super) fn by_facts(of: &FactsOf) -> Option<SearchTarget<'static>> {
        match of {
            FactsOf::Credential(number) => Some(SearchTarget::by_number(*number, false)),
            FactsOf::Specialist(id) => Some(SearchTarget::by_id(Person::Specialist(*id))),
            FactsOf::Employment(id) => Some(SearchTarget::by_id(Person::Employment(*id))),
            FactsOf::Provider(_) => None,
        }
    }
}

impl Search<'_> {
    /// Ends the search without a charge: the person was found, or nothing was looked up.
    pub(super) fn found(self) {
        if let Some(reservation) = self.reservation {
            reservation.give_back();
        }
    }
}

impl Contract {
    /// Begins a search, if the caller has a miss left. Returns `None` if the search does not count.
    pub(super) async fn begin_search<'a>(
        &self,
        context: &CallContext,
        target: Option<SearchTarget<'a>>,
        snapshot: &Snapshot,
    ) -> Result<Option<Search<'a>>, Status> {
        let counts = |target: &SearchTarget<'_>| match &context.caller.role {
            Role::Provider(_) => true,
            Role::Payer => target.with_name || matches!(target.person, Person::PriorNumber(_)),
            _ => false,
        };
        let Some(target) = target.filter(counts) else { return Ok(None) };
        let Some(allowance) = self.misses.of(&context.caller) else { return Ok(None) };
        // Payers have no separate limit per number: their claims may repeat the same wrong name many times a day.
        let is_guess = target.with_birth_date || (target.with_name && context.own().is_some());
        match allowance.reserve(is_guess.then_some(target.person), Instant::now()) {
            Ok(reservation) => Ok(Some(Search { target, reservation })),
            Err(_) if is_own_staff(context, target.person, snapshot).await? => Ok(None),
            Err(TooManyMisses(wait)) => {
                self.metrics.miss_refused(&context.caller.client);
                Err(status::too_many_misses(wait))
            }
        }
    }

    /// Ends a search. Counts a miss, unless it concerns the caller's own staff. The returned miss must be in the audit
    /// before the answer is sent.
    pub(super) async fn end_search(
        &self,
        context: &CallContext,
        search: Option<Search<'_>>,
        snapshot: &Snapshot,
        miss: Option<Miss>,
    ) -> Result<Option<Miss>, Status> {
        let Some(search) = search else { return Ok(None) };
        let is_counted = |miss: &Miss| match (&context.caller.role, search.target.person) {
            // A number without a credential reveals nothing about the name.
            (Role::Payer, Person::Number(_)) => *miss == Miss::NameMismatch,
            _ => true,
        };
        let miss = miss.filter(is_counted);
        let Some(miss) = miss else {
            search.found();
            return Ok(None);
        };
        if is_own_staff(context, search.target.person, snapshot).await? {
            search.found();
            return Ok(None);
        }
        self.metrics.missed(&context.caller.client, miss.name());
        Ok(Some(miss))
    }
}

impl Contract {
    /// Like [`Contract::begin_search`], and writes a refused search to the audit.
    pub(super) async fn begin_audited_search<'a>(
        &self,
        context: &CallContext,
        method: &'static str,
        target: Option<SearchTarget<'a>>,
        snapshot: &Snapshot,
    ) -> Result<Option<Search<'a>>, Status> {
        let begun = self.begin_search(context, target, snapshot).await;
        if let (Err(_), Some(target)) = (&begun, &target) {
            self.audit_read(context, method, snapshot, AuditEntry { verdict: Some(REFUSED), ..target.audit_entry() })
                .await?;
        }
        begun
    }

    /// Ends a search, and writes its miss to the audit.
    pub(super) async fn conclude_search(
        &self,
        context: &CallContext,
        method: &'static str,
        search: Option<Search<'_>>,
        snapshot: &Snapshot,
        miss: Option<Miss>,
    ) -> Result<(), Status> {
        let about = search.as_ref().map(|search| search.target.audit_entry()).unwrap_or_default();
        match self.end_search(context, search, snapshot, miss).await? {
            Some(miss) => self.audit_miss(context, method, snapshot, about, miss).await,
            None => Ok(()),
        }
    }
}

/// True if a person is the caller's own staff, as known at the head rather than at the snapshot.
async fn is_own_staff(context: &CallContext, person: Person<'_>, snapshot: &Snapshot) -> Result<bool, Status> {
    let Some(own) = context.own() else { return Ok(false) };
    match person {
        Person::Number(number) => Ok(snapshot.is_staff(own, number)),
        Person::PriorNumber(prior) => {
            let prior = prior.clone();
            off_thread(own, snapshot, move |own, snapshot| snapshot.is_borne_by_staff(own, &prior)).await
        }
        // Checking this would require the search itself.
        Person::Name(_) => Ok(false),
        Person::Specialist(id) => off_thread(own, snapshot, move |own, snapshot| snapshot.has_on_staff(own, id)).await,
        Person::Employment(id) => off_thread(own, snapshot, move |own, snapshot| snapshot.has_job(own, id)).await,
    }
}

async fn off_thread(
    own: &ProviderId,
    snapshot: &Snapshot,
    read: impl FnOnce(&ProviderId, &Snapshot) -> Result<bool, ReadError> + Send + 'static,
) -> Result<bool, Status> {
    let own = own.clone();
    snapshot.off_thread(move |snapshot| read(&own, snapshot)).await.map_err(|error| unreadable(&error))
}
