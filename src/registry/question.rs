//! Questions: what is asked of a snapshot, and what it answers.

use std::sync::Arc;

use super::errors::ReadError;
use super::snapshot::{FoundHolder, Resident, Snapshot};
use crate::domain::day::Day;
use crate::domain::fact::Identifier;
use crate::domain::id::CredentialNumber;
use crate::domain::name::Holder;
use crate::domain::provider::ProviderFile;
use crate::domain::timeline::Timeline;
use crate::domain::verdict::{AskedProvider, CoverageLimits, Designations, Finding, Found, NameMatch, Question, Units};

/// A question about one credential on one day.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// Whose credential.
    pub subject: AskSubject,
    /// A family name that must be the holder's, folded.
    pub family_name: Option<String>,
    /// The day; unset: today.
    pub as_of: Option<Day>,
    /// The provider that the question names.
    pub provider: Option<AskProvider>,
    /// The designations that it asks for.
    pub designations: Designations,
}

/// Whose credential a question is about.
#[derive(Clone, Debug, PartialEq)]
pub enum AskSubject {
    /// By number; none: a number that cannot exist.
    Number(Option<CredentialNumber>),
    /// By name and birth date.
    Holder(Holder),
}

/// How a question names a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskProvider {
    /// By id, as it was given.
    Id(String),
    /// By its number in another registry.
    Identifier(Identifier),
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The day it is about.
    pub as_of: Day,
    /// The verdict and its reasons.
    pub finding: Finding,
    /// The credential, unless a reason stands alone.
    pub timeline: Option<Arc<Timeline>>,
}

/// The day of a question is not given, and there is no today yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("as_of must be given: the empty registry has no today")]
pub struct NoToday;

/// What was looked up for a question.
#[derive(Debug)]
enum LookedUp {
    Credential(Arc<Timeline>, Option<NameMatch>),
    Nothing,
    Several,
}

impl Snapshot {
    /// The day that a question is about.
    pub fn day_asked(&self, as_of: Option<Day>) -> Result<Day, NoToday> {
        as_of.or(self.today).ok_or(NoToday)
    }

    /// Answers a question about a day. `billing`: the provider's peer support service counts too.
    pub async fn answer(&self, ask: &Ask, as_of: Day, billing: bool) -> Result<Answer, ReadError> {
        let looked_up = match &ask.subject {
            AskSubject::Number(None) => LookedUp::Nothing,
            AskSubject::Number(Some(number)) => match self.resident(*number) {
                Resident::Unknown => LookedUp::Nothing,
                Resident::Unchanged(timeline) => LookedUp::Credential(timeline, None),
                Resident::Changed(_) | Resident::NotHere => self
                    .timeline(*number)
                    .await?
                    .map_or(LookedUp::Nothing, |timeline| LookedUp::Credential(timeline, None)),
            },
            AskSubject::Holder(holder) => match self.holder(holder.clone()).await? {
                FoundHolder::Several => LookedUp::Several,
                FoundHolder::One(Some(timeline), name) => LookedUp::Credential(timeline, Some(name)),
                FoundHolder::Nobody | FoundHolder::One(None, _) => LookedUp::Nothing,
            },
        };
        Ok(self.find(ask, as_of, billing, looked_up))
    }

    fn find(&self, ask: &Ask, as_of: Day, billing: bool, looked_up: LookedUp) -> Answer {
        let provider = ask.provider.as_ref().map(|asked| self.asked_provider(asked));
        let question = Question {
            found: match &looked_up {
                LookedUp::Credential(timeline, _) => Found::Credential(timeline),
                LookedUp::Nothing => Found::Nothing,
                LookedUp::Several => Found::Several,
            },
            as_of,
            provider: provider.as_ref().map(|file| AskedProvider {
                id: file.as_ref().map_or("", |file| file.id.as_str()),
                timeline: file.as_ref().filter(|file| file.state.row.is_some()).map(|file| file.timeline.as_ref()),
            }),
            designations: ask.designations,
            billing,
            name: match &looked_up {
                LookedUp::Credential(_, Some(name)) => Some(*name),
                LookedUp::Credential(timeline, None) => {
                    ask.family_name.as_ref().map(|family| compare(family, timeline))
                }
                LookedUp::Nothing | LookedUp::Several => None,
            },
        };
        let finding = question.answer(self.known());
        let timeline = match looked_up {
            LookedUp::Credential(timeline, _) if finding.standing.is_some() => Some(timeline),
            _ => None,
        };
        Answer { as_of, finding, timeline }
    }

    /// The provider that a question names, if any fact of it is known.
    fn asked_provider(&self, asked: &AskProvider) -> Option<Arc<ProviderFile>> {
        match asked {
            AskProvider::Id(id) => self.provider(id),
            AskProvider::Identifier(identifier) => self.provider_with(identifier),
        }
    }

    /// The limits beside a claim's verdict; none in the empty registry.
    pub fn coverage_limits(&self, day: Day, units: Option<Units>, eligible: bool) -> Option<CoverageLimits> {
        self.law().map(|law| law.coverage_limits(day, units, eligible))
    }
}

fn compare(family: &str, timeline: &Timeline) -> NameMatch {
    timeline.names.folded().fold(NameMatch::Never, |so_far, (_, name)| match so_far {
        _ if name == family => NameMatch::Current,
        NameMatch::Never => NameMatch::Never,
        NameMatch::Current | NameMatch::Former => NameMatch::Former,
    })
}
