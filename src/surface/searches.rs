//! Searches for people who may not be there: which questions and commands are one, and what a miss costs its caller
//! (`auth::misses`).
//!
//! A provider searches wherever it names a person. A payer searches where it asks by name: by holder, or with a family
//! name beside a number. Its questions by number alone are its daily work. Nobody searches among its own staff, nor for a
//! number that cannot exist. A fact's id names no person: the answer to another's fact and to none is the same.
//!
//! A search begins before anything is looked up, and ends before it is answered.

use std::time::Instant;

use tonic::Status;

use super::miss::Miss;
use super::read_audit::{Found, PersonId, REFUSED};
use super::redaction::Asker;
use super::{Contract, status, unreadable};
use crate::auth::misses::{Reservation, TooManyMisses};
use crate::domain::command::{Command, WhichJob, Who};
use crate::domain::fact::Role;
use crate::domain::id::{CredentialNumber, EmploymentId, ProviderId, SpecialistId};
use crate::domain::name::FoldedName;
use crate::registry::ReadError;
use crate::registry::question::{Ask, AskSubject};
use crate::registry::search::FactsOf;
use crate::registry::snapshot::Snapshot;

/// Who is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sought<'a> {
    person: Person<'a>,
    with_name: bool,
    with_birth_date: bool,
}

/// How a person is named. Wrong birth dates and names are counted by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Person<'a> {
    Number(CredentialNumber),
    Name(&'a FoldedName),
    Specialist(SpecialistId),
    Employment(EmploymentId),
}

/// A search that has begun. Dropped before its end, it costs what a miss costs.
#[must_use]
pub(super) struct Search<'a> {
    sought: Sought<'a>,
    reservation: Option<Reservation>,
}

impl<'a> Sought<'a> {
    /// Whom a question looks for; nobody, if there can be no such number.
    pub(super) fn by_ask(ask: &'a Ask<'_>) -> Option<Sought<'a>> {
        match &ask.subject {
            AskSubject::Number(number) => Some(Sought::by_number((*number)?, ask.family_name.is_some())),
            AskSubject::Holder(holder) => {
                Some(Sought { person: Person::Name(&holder.name), with_name: true, with_birth_date: true })
            }
        }
    }
}

impl Sought<'_> {
    /// What the audit has of it.
    fn noted(&self) -> Found {
        match self.person {
            Person::Number(number) => Found::person(Some(number), None),
            Person::Name(_) => Found::default(),
            Person::Specialist(id) => Found::named(PersonId::Specialist(id)),
            Person::Employment(id) => Found::named(PersonId::Employment(id)),
        }
    }
}

impl Sought<'static> {
    /// The holder of a credential.
    pub(super) fn by_number(number: CredentialNumber, with_name: bool) -> Sought<'static> {
        Sought { person: Person::Number(number), with_name, with_birth_date: false }
    }

    fn by_id(person: Person<'static>) -> Sought<'static> {
        Sought { person, with_name: false, with_birth_date: false }
    }

    /// Whom a command of an employer looks for.
    pub(super) fn by_command(command: &Command) -> Option<Sought<'static>> {
        match command {
            Command::StartEmployment { who, birth_date, .. } => {
                let sought = match who {
                    Who::Specialist(id) => Sought::by_id(Person::Specialist(*id)),
                    Who::Holder(number, _) => Sought::by_number(*number, true),
                };
                Some(Sought { with_birth_date: birth_date.is_some(), ..sought })
            }
            Command::EndEmployment { job: WhichJob::OpenJobOf(number), .. } => Some(Sought::by_number(*number, false)),
            Command::EndEmployment { job: WhichJob::Employment(employment), .. }
            | Command::CorrectEmployment { employment, .. } => Some(Sought::by_id(Person::Employment(*employment))),
            _ => None,
        }
    }

    /// Whose facts are looked for.
    pub(super) fn by_facts(of: &FactsOf) -> Option<Sought<'static>> {
        match of {
            FactsOf::Credential(number) => Some(Sought::by_number(*number, false)),
            FactsOf::Specialist(id) => Some(Sought::by_id(Person::Specialist(*id))),
            FactsOf::Employment(id) => Some(Sought::by_id(Person::Employment(*id))),
            FactsOf::Provider(_) => None,
        }
    }
}

impl Search<'_> {
    /// The person was found, or nothing was looked up.
    pub(super) fn found(self) {
        if let Some(reservation) = self.reservation {
            reservation.give_back();
        }
    }
}

impl Contract {
    /// Begins a search, if the caller may miss once more. None: it is not one that is counted.
    pub(super) async fn begin_search<'a>(
        &self,
        asker: &Asker,
        sought: Option<Sought<'a>>,
        snapshot: &Snapshot,
    ) -> Result<Option<Search<'a>>, Status> {
        let counts = |sought: &Sought<'_>| match &asker.caller.role {
            Role::Provider(_) => true,
            Role::Payer => sought.with_name,
            _ => false,
        };
        let Some(sought) = sought.filter(counts) else { return Ok(None) };
        let Some(allowance) = self.misses.of(&asker.caller) else { return Ok(None) };
        // A payer's claims may have the same wrong name many times a day: it has no limit of its own for one number.
        let is_guess = sought.with_birth_date || (sought.with_name && asker.own().is_some());
        match allowance.reserve(is_guess.then_some(sought.person), Instant::now()) {
            Ok(reservation) => Ok(Some(Search { sought, reservation })),
            Err(_) if is_own_staff(asker, sought.person, snapshot).await? => Ok(None),
            Err(TooManyMisses(wait)) => {
                self.metrics.miss_refused(&asker.caller.client);
                Err(status::too_many_misses(wait))
            }
        }
    }

    /// Ends a search. What it missed is counted, unless it is about the caller's own staff. The audit must have it before
    /// the answer goes out.
    pub(super) async fn end_search(
        &self,
        asker: &Asker,
        search: Option<Search<'_>>,
        snapshot: &Snapshot,
        miss: Option<Miss>,
    ) -> Result<Option<Miss>, Status> {
        let Some(search) = search else { return Ok(None) };
        let is_counted = |miss: &Miss| match (&asker.caller.role, search.sought.person) {
            // That no credential has a number says nothing of the name beside it.
            (Role::Payer, Person::Number(_)) => *miss == Miss::NameMismatch,
            _ => true,
        };
        let miss = miss.filter(is_counted);
        let Some(miss) = miss else {
            search.found();
            return Ok(None);
        };
        if is_own_staff(asker, search.sought.person, snapshot).await? {
            search.found();
            return Ok(None);
        }
        self.metrics.missed(&asker.caller.client, miss.word());
        Ok(Some(miss))
    }
}

impl Contract {
    /// The same as [`Contract::begin_search`]; the audit has whom a refused search is about.
    pub(super) async fn begin_noted_search<'a>(
        &self,
        asker: &Asker,
        method: &'static str,
        sought: Option<Sought<'a>>,
        snapshot: &Snapshot,
    ) -> Result<Option<Search<'a>>, Status> {
        let begun = self.begin_search(asker, sought, snapshot).await;
        if let (Err(_), Some(sought)) = (&begun, &sought) {
            self.note(asker, method, snapshot, Found { verdict: Some(REFUSED), ..sought.noted() }).await?;
        }
        begun
    }

    /// Ends a search, and writes what it missed to the audit.
    pub(super) async fn conclude_search(
        &self,
        asker: &Asker,
        method: &'static str,
        search: Option<Search<'_>>,
        snapshot: &Snapshot,
        miss: Option<Miss>,
    ) -> Result<(), Status> {
        let about = search.as_ref().map(|search| search.sought.noted()).unwrap_or_default();
        match self.end_search(asker, search, snapshot, miss).await? {
            Some(miss) => self.note_miss(asker, method, snapshot, about, miss).await,
            None => Ok(()),
        }
    }
}

/// Whether a person is the caller's own staff: at the head, whatever the snapshot is of.
async fn is_own_staff(asker: &Asker, person: Person<'_>, snapshot: &Snapshot) -> Result<bool, Status> {
    let Some(own) = asker.own() else { return Ok(false) };
    match person {
        Person::Number(number) => Ok(snapshot.is_staff(own, number)),
        // Who it is would have to be looked up first.
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
