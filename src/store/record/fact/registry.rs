//! The stored form of facts about the registry itself.

use uuid::Uuid;

use crate::domain::day::Day;
use crate::domain::fact::{LogHome, LogKind, RegistryFact};
use crate::domain::id::{Revision, SpecialistId};
use crate::proto::storage::registry_fact::log_moved::Kind;
use crate::proto::storage::{self, registry_fact as form};

use crate::store::record::parts::missing;
use crate::store::record::unreadable::{Read, Unreadable};

/// Encodes a fact.
pub(super) fn stored(fact: &RegistryFact) -> storage::RegistryFact {
    let fact = match fact {
        RegistryFact::EpochBegan { epoch, forked_after, why } => form::Fact::EpochBegan(form::EpochBegan {
            epoch: epoch.as_bytes().to_vec(),
            forked_after: forked_after.0,
            why: why.clone(),
        }),
        RegistryFact::DayOpened { date } => form::Fact::DayOpened(form::DayOpened { date: date.number() }),
        RegistryFact::RuleSetAdopted { id, digest, content } => form::Fact::RuleSetAdopted(form::RuleSetAdopted {
            id: id.clone(),
            digest: digest.clone(),
            content: content.clone(),
        }),
        RegistryFact::SemanticsAdopted { version } => {
            form::Fact::SemanticsAdopted(form::SemanticsAdopted { version: *version })
        }
        RegistryFact::RecordsBegin { first_day } => {
            form::Fact::RecordsBegin(form::RecordsBegin { first_day: first_day.number() })
        }
        RegistryFact::LogMoved { to } => {
            let kind = match to.kind {
                LogKind::DataDirectory => Kind::DataDirectory,
                LogKind::Database => Kind::Database,
            };
            let (id, name) = (to.id.as_bytes().to_vec(), to.name.clone());
            form::Fact::LogMoved(form::LogMoved { kind: kind.into(), id, name })
        }
        RegistryFact::SpecialistRedacted { specialist, why } => {
            form::Fact::SpecialistRedacted(form::SpecialistRedacted {
                specialist_id: specialist.number(),
                why: why.clone(),
            })
        }
    };
    storage::RegistryFact { fact: Some(fact) }
}

/// Decodes a fact.
pub(super) fn read(fact: storage::RegistryFact) -> Read<RegistryFact> {
    Ok(match missing(fact.fact, "a registry fact has no kind")? {
        form::Fact::EpochBegan(fact) => RegistryFact::EpochBegan {
            epoch: Uuid::from_slice(&fact.epoch).map_err(|_| Unreadable("an epoch is not a UUID"))?,
            forked_after: Revision(fact.forked_after),
            why: fact.why,
        },
        form::Fact::DayOpened(fact) => RegistryFact::DayOpened { date: Day::from_number(fact.date) },
        form::Fact::RuleSetAdopted(fact) => {
            RegistryFact::RuleSetAdopted { id: fact.id, digest: fact.digest, content: fact.content }
        }
        form::Fact::SemanticsAdopted(fact) => RegistryFact::SemanticsAdopted { version: fact.version },
        form::Fact::RecordsBegin(fact) => RegistryFact::RecordsBegin { first_day: Day::from_number(fact.first_day) },
        form::Fact::LogMoved(fact) => {
            let kind = match Kind::try_from(fact.kind) {
                Ok(Kind::DataDirectory) => LogKind::DataDirectory,
                Ok(Kind::Database) => LogKind::Database,
                _ => return Err(Unreadable("a log moved to an unknown kind of place")),
            };
            let id = Uuid::from_slice(&fact.id).map_err(|_| Unreadable("the id of a log is not a UUID"))?;
            RegistryFact::LogMoved { to: LogHome { kind, id, name: fact.name } }
        }
        form::Fact::SpecialistRedacted(fact) => RegistryFact::SpecialistRedacted {
            specialist: SpecialistId::from_number(fact.specialist_id),
            why: fact.why,
        },
    })
}
