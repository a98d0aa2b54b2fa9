//! Questions: what a caller asks of a snapshot, and the answer.

use super::errors::ReadError;
use super::people::FoundHolder;
use super::snapshot::Snapshot;
use super::timeline_cache::Looked;
use crate::domain::day::Day;
use crate::domain::fact::Identifier;
use crate::domain::id::CredentialNumber;
use crate::domain::name::Holder;
use crate::domain::prior_number::PriorNumber;
use crate::domain::provider::ProviderFile;
use crate::domain::sets::Designations;
use crate::domain::standing::Verdict;
use crate::domain::timeline::Timeline;
use crate::domain::verdict::{AskedProvider, CoverageLimits, Finding, Found, NameMatch, Question, Units};

/// A question about one credential on one day.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask<'a> {
    /// The credential that the question is about.
    pub subject: AskSubject,
    /// A family name that must match the holder's, folded.
    pub family_name: Option<String>,
    /// The day; `None` means today.
    pub as_of: Option<Day>,
    /// The provider that the question names, if any.
    pub provider: Option<AskProvider<'a>>,
    /// The designations that the question requires.
    pub designations: Designations,
}

/// How a question identifies the credential.
#[derive(Clone, Debug, PartialEq)]
pub enum AskSubject {
    /// By number; `None` for a number that cannot exist.
    Number(Option<CredentialNumber>),
    /// By the number of an earlier certificate; `None` for a text that no certificate can bear.
    PriorNumber(Option<PriorNumber>),
    /// By name and birth date.
    Holder(Holder),
}

/// How a question names a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskProvider<'a> {
    /// By id, as the caller wrote it.
    Id(&'a str),
    /// By its identifier in another registry.
    Identifier(Identifier),
}

/// An answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The day that the answer is about.
    pub as_of: Day,
    /// The verdict and its reasons.
    pub finding: Finding,
    /// The number of the credential that was found, even if the answer has a reason that is given alone.
    pub found: Option<CredentialNumber>,
    /// The credential; `None` if the answer has a reason that is given alone.
    pub timeline: Option<&'a Timeline>,
}

/// The question names no day, and the empty registry has no today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("as_of must be given: the empty registry has no today")]
pub struct NoToday;

/// The result of the lookup for a question.
#[derive(Clone, Copy, Debug)]
enum LookedUp<'a> {
    Credential(&'a Timeline, Option<NameMatch>),
    Nothing,
    Mistyped,
    Several,
}

impl Ask<'_> {
    /// Returns the number that the question asks about, if it asks by a number that can exist.
    pub fn number(&self) -> Option<CredentialNumber> {
        match &self.subject {
            AskSubject::Number(number) => *number,
            AskSubject::PriorNumber(_) | AskSubject::Holder(_) => None,
        }
    }

    /// Returns the id of the provider that the question names, if it names one by id.
    pub(super) fn provider_id(&self) -> Option<&str> {
        match self.provider {
            Some(AskProvider::Id(id)) => Some(id),
            Some(AskProvider::Identifier(_)) | None => None,
        }
    }

    /// Returns a copy that borrows nothing: everything but the id of the provider.
    pub(super) fn without_provider_id(&self) -> Ask<'static> {
        let Ask { subject, family_name, as_of, provider, designations } = self;
        let provider = match provider {
            Some(AskProvider::Identifier(identifier)) => Some(AskProvider::Identifier(identifier.clone())),
            Some(AskProvider::Id(_)) | None => None,
        };
        let (subject, family_name) = (subject.clone(), family_name.clone());
        Ask { subject, family_name, as_of: *as_of, provider, designations: *designations }
    }
}

impl Snapshot {
    /// Returns the day that a question is about.
    pub fn day_asked(&self, as_of: Option<Day>) -> Result<Day, NoToday> {
        as_of.or(self.today).ok_or(NoToday)
    }

    /// Answers a question about a day and passes the answer to `use_answer`. If `billing` is set, the provider's peer
    /// support service counts too. Answers from memory if possible, without copying.
    pub async fn answer<T>(
        &self,
        ask: &Ask<'_>,
        as_of: Day,
        billing: bool,
        use_answer: impl FnOnce(&Answer<'_>) -> T,
    ) -> Result<T, ReadError> {
        let find = |looked_up: LookedUp<'_>| use_answer(&self.find(ask, as_of, billing, looked_up));
        let number = match &ask.subject {
            AskSubject::Number(None) => return Ok(find(LookedUp::Mistyped)),
            AskSubject::Number(Some(number)) => *number,
            AskSubject::PriorNumber(prior) => {
                let bearer = match prior {
                    Some(prior) => self.bearer(prior.clone()).await?,
                    None => None,
                };
                return Ok(find(bearer.as_ref().map_or(LookedUp::Nothing, |found| LookedUp::Credential(found, None))));
            }
            AskSubject::Holder(holder) => {
                return Ok(find(match &self.holder(holder.clone()).await? {
                    FoundHolder::Several => LookedUp::Several,
                    FoundHolder::One(Some(timeline), name) => LookedUp::Credential(timeline, Some(*name)),
                    FoundHolder::Nobody | FoundHolder::One(None, _) => LookedUp::Nothing,
                }));
            }
        };
        {
            let seen = self.shared.timeline_cache.see();
            match seen.look(number) {
                Looked::Unknown => return Ok(find(LookedUp::Nothing)),
                Looked::Here(resident) if resident.changed_at <= self.revision => {
                    return Ok(find(LookedUp::Credential(&resident.timeline, None)));
                }
                Looked::Here(_) | Looked::NotHere => {}
            }
        }
        let timeline = self.timeline(number).await?;
        Ok(find(timeline.as_ref().map_or(LookedUp::Nothing, |timeline| LookedUp::Credential(timeline, None))))
    }

    /// Returns the verdict on a claim, whose question is by number. Reads the disk.
    pub(super) fn read_verdict(&self, ask: &Ask<'_>, as_of: Day) -> Result<Verdict, ReadError> {
        let timeline = match &ask.subject {
            AskSubject::Number(Some(number)) => self.read_timeline(*number)?,
            AskSubject::PriorNumber(Some(prior)) => self.bearer_of(prior)?,
            AskSubject::Number(None) | AskSubject::PriorNumber(None) | AskSubject::Holder(_) => None,
        };
        let looked_up = timeline.as_ref().map_or(LookedUp::Nothing, |timeline| LookedUp::Credential(timeline, None));
        Ok(self.find(ask, as_of, true, looked_up).finding.verdict)
    }

    fn find<'a>(&self, ask: &Ask<'_>, as_of: Day, billing: bool, looked_up: LookedUp<'a>) -> Answer<'a> {
        let finding = match &ask.provider {
            None => self.judge(ask, as_of, billing, looked_up, None),
            Some(asked) => {
                let judge = |file: Option<&ProviderFile>| {
                    let provider = AskedProvider {
                        id: file.map_or("", |file| file.id.as_str()),
                        timeline: file.filter(|file| file.state.row.is_some()).map(|file| file.timeline.as_ref()),
                    };
                    self.judge(ask, as_of, billing, looked_up, Some(provider))
                };
                let seen = match asked {
                    AskProvider::Id(id) => self.see_provider(id, |file| judge(Some(file))),
                    AskProvider::Identifier(identifier) => {
                        self.provider_with(identifier).map(|file| judge(Some(&file)))
                    }
                };
                seen.unwrap_or_else(|| judge(None))
            }
        };
        let found = if let LookedUp::Credential(timeline, _) = looked_up { Some(timeline) } else { None };
        let timeline = found.filter(|_| finding.standing.is_some());
        Answer { as_of, finding, found: found.map(|timeline| timeline.number), timeline }
    }

    fn judge(
        &self,
        ask: &Ask<'_>,
        as_of: Day,
        billing: bool,
        looked_up: LookedUp<'_>,
        provider: Option<AskedProvider<'_>>,
    ) -> Finding {
        let question = Question {
            found: match looked_up {
                LookedUp::Credential(timeline, _) => Found::Credential(timeline),
                LookedUp::Nothing => Found::Nothing,
                LookedUp::Mistyped => Found::Mistyped,
                LookedUp::Several => Found::Several,
            },
            as_of,
            provider,
            designations: ask.designations,
            billing,
            name: match looked_up {
                LookedUp::Credential(_, Some(name)) => Some(name),
                LookedUp::Credential(timeline, None) => {
                    ask.family_name.as_ref().map(|family| compare(family, timeline))
                }
                LookedUp::Nothing | LookedUp::Mistyped | LookedUp::Several => None,
            },
        };
        question.answer(self.known())
    }

    /// Returns the limits that accompany a claim's verdict; `None` for the empty registry.
    pub fn coverage_limits(&self, day: Day, units: Option<Units>, eligible: bool) -> Option<CoverageLimits> {
        self.rule_sets().map(|rule_sets| rule_sets.coverage_limits(day, units, eligible))
    }
}

fn compare(family: &str, timeline: &Timeline) -> NameMatch {
    timeline.names.folded().fold(NameMatch::Never, |so_far, (_, name)| match so_far {
        _ if name == family => NameMatch::Current,
        NameMatch::Never => NameMatch::Never,
        NameMatch::Current | NameMatch::Former => NameMatch::Former,
    })
}
