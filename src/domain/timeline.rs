//! The walk (section 4 of the specification), compiled: the standing of a credential on every day.
//!
//! Between two days on which anything about the person, an employer or the rule sets changes, the inputs of the walk
//! are the same on every day. The walk therefore evaluates only the first day of such a run by the rules, and the rest
//! of the run in one step. The only thing that changes within a run is the number of separated days, which may exceed
//! the grace period once.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::day::{Day, Period};
use super::day_runs::{Runs, RunsBuilder, union};
use super::fact::{Act, CredentialPeriodKind, Designation, RevocationBasis, SuspensionBasis};
use super::id::{CredentialNumber, ProviderId, SpecialistId};
use super::name::HeldNames;
use super::prior_number::PriorNumber;
use super::provider::ProviderTimeline;
use super::record::Coverage;
use super::rule_sets::RuleSets;
use super::sets::Designations;
use super::specialist::{Credential, Specialist};
use super::standing::{Reason, Standing};

/// A compiled credential. The lists are stored in place up to the length that most people need, so that reading all of
/// them costs one memory access instead of one for each list.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// The credential number.
    pub number: CredentialNumber,
    /// The holder.
    pub specialist: SpecialistId,
    /// Whether the issuance is retracted.
    pub void: bool,
    /// The first day of the first term.
    pub effective_from: Day,
    /// The last day of the last term.
    pub term_last_day: Option<Day>,
    /// The rule set that the credential was issued under.
    pub rule_set: Arc<str>,
    /// The state on each day.
    pub days: Runs<CredentialDay>,
    /// The days of all terms, merged.
    pub terms: SmallVec<[Period; 2]>,
    /// The holder's jobs.
    pub jobs: SmallVec<[(ProviderId, Period); 2]>,
    /// The designations granted.
    pub designations: SmallVec<[(Designation, Period); 2]>,
    /// The holder's names.
    pub names: HeldNames,
    /// The numbers of earlier certificates, in the order in which they were set.
    pub prior_numbers: Box<[PriorNumber]>,
}

/// The state of a credential on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialDay {
    /// The standing.
    pub standing: Standing,
    /// The reason of the standing itself.
    pub reason: Option<Reason>,
    /// Whether a job with a qualifying provider includes the day.
    pub employed: bool,
    /// Whether any provider covers the holder on the day.
    pub coverage: Coverage,
    /// The first day of the current separation, or of the one that led to the revocation.
    pub separated_since: Option<Day>,
}

/// The providers of a person's jobs, compiled under the same rule sets.
pub trait Providers {
    /// The timeline of a provider. `None` if the registry has no provider with this id.
    fn timeline(&self, provider: &ProviderId) -> Option<&ProviderTimeline>;

    /// The shared allocation of a provider id, so that a million timelines store it once.
    fn shared_id(&self, provider: &ProviderId) -> ProviderId;
}

impl Providers for HashMap<ProviderId, Arc<ProviderTimeline>> {
    fn timeline(&self, provider: &ProviderId) -> Option<&ProviderTimeline> {
        self.get(provider).map(Arc::as_ref)
    }

    fn shared_id(&self, provider: &ProviderId) -> ProviderId {
        self.get_key_value(provider).map_or(provider, |(shared, _)| shared).clone()
    }
}

impl Timeline {
    /// Compiles the timeline of one of a person's credentials.
    pub fn compile(
        specialist: &Specialist,
        credential: &Credential,
        providers: &impl Providers,
        rule_sets: &RuleSets,
    ) -> Timeline {
        let walk = Walk { specialist, credential, employers: employers(specialist, providers), rule_sets };
        let designations = credential.periods.iter().filter_map(|(kind, days)| match kind {
            CredentialPeriodKind::Designation(code) => Some((*code, *days)),
            CredentialPeriodKind::Suspended(_) | CredentialPeriodKind::Limited(_) | CredentialPeriodKind::Inactive => {
                None
            }
        });
        Timeline {
            number: credential.number,
            specialist: specialist.id,
            void: credential.void,
            effective_from: credential.effective_from,
            term_last_day: credential.last_term().last_day(),
            rule_set: rule_sets.shared_id(&credential.rule_set),
            days: walk.days(),
            terms: union(credential.terms.iter().copied()).into_iter().collect(),
            jobs: specialist.jobs.iter().map(|job| (providers.shared_id(&job.provider), job.days)).collect(),
            designations: designations.collect(),
            names: HeldNames::of(&specialist.names),
            prior_numbers: credential.prior_numbers.as_slice().into(),
        }
    }

    /// Whether a designation is held on a day.
    pub fn holds(&self, code: Designation, day: Day) -> bool {
        self.designations_on(day).contains(code)
    }

    /// The designations that are held on a day.
    pub fn designations_on(&self, day: Day) -> Designations {
        self.designations.iter().filter(|(_, days)| days.includes(day)).map(|(code, _)| *code).collect()
    }

    /// Whether any of the `notice` days after `day` is in no term.
    pub fn term_ends_within(&self, day: Day, notice: u32) -> bool {
        let last = day.plus(i32::try_from(notice).unwrap_or(i32::MAX / 4));
        let term = self.terms.iter().find(|term| term.includes(day.next()));
        notice > 0 && term.is_none_or(|term| term.end <= last)
    }

    /// Whether a job with the provider includes the day.
    pub fn has_job_with(&self, provider: &str, day: Day) -> bool {
        self.jobs.iter().any(|(employer, days)| employer.as_str() == provider && days.includes(day))
    }
}

fn employers<'a>(specialist: &Specialist, providers: &'a impl Providers) -> Vec<(Period, &'a ProviderTimeline)> {
    let jobs = specialist.jobs.iter();
    jobs.filter_map(|job| Some((job.days, providers.timeline(&job.provider)?))).collect()
}

/// Whether the person is employed on a day, and the coverage by any provider.
pub fn employment_on(jobs: &[(Period, &ProviderTimeline)], day: Day) -> (bool, Coverage) {
    let mut employed = false;
    let mut coverage = Coverage::NotCovered;
    for (_, provider) in jobs.iter().filter(|(days, _)| days.includes(day)) {
        let on = provider.days.at(day);
        employed |= on.qualifies;
        if on.qualifies && !on.suspended && coverage != Coverage::Covered {
            coverage = if on.current { Coverage::Covered } else { Coverage::NotKnown };
        }
    }
    (employed, coverage)
}

/// The inputs of the walk on a day. They are the same on every day of a run.
#[derive(Clone, Copy)]
struct Inputs {
    employed: bool,
    coverage: Coverage,
    in_term: bool,
    in_renewal: bool,
    inactive: bool,
    suspended: Option<Reason>,
    limited: bool,
}

/// The state that the walk carries from one day to the next.
#[derive(Clone, Copy)]
struct State {
    standing: Standing,
    reason: Option<Reason>,
    held: bool,
    separated_days: u32,
    separated_since: Option<Day>,
}

struct Walk<'a> {
    specialist: &'a Specialist,
    credential: &'a Credential,
    employers: Vec<(Period, &'a ProviderTimeline)>,
    rule_sets: &'a RuleSets,
}

impl Walk<'_> {
    fn days(&self) -> Runs<CredentialDay> {
        let mut days = RunsBuilder::default();
        let boundaries = self.boundaries();
        let mut state =
            State { standing: Standing::Current, reason: None, held: true, separated_days: 0, separated_since: None };
        for (at, start) in boundaries.iter().copied().enumerate() {
            let end = boundaries.get(at + 1).copied().unwrap_or(Day::FOREVER);
            let inputs = self.inputs(start);
            let mut add = |day: Day, state: State| days.push(day, day_of(state, inputs));
            if start < self.credential.effective_from {
                add(start, NOT_YET_ISSUED);
                continue;
            }
            state = self.first_step(start, state, inputs);
            add(start, state);
            let rest = u32::try_from(i64::from(end.number()) - i64::from(start.number()) - 1).unwrap_or(0);
            if state.separated_days > 0 && state.held {
                // Every further day of the run is one more separated day. The grace period may end within the run.
                let left = self.grace(state).saturating_sub(state.separated_days);
                if rest > left {
                    state = revoked_for_loss(state);
                    add(start.plus(i32::try_from(left).unwrap_or(i32::MAX / 4) + 1), state);
                } else {
                    state.separated_days += rest;
                }
            }
        }
        days.finish()
    }

    /// Evaluates one day by the rules, from the state of the previous day.
    fn first_step(&self, day: Day, yesterday: State, inputs: Inputs) -> State {
        let ended =
            |standing, reason| State { standing, reason, held: false, separated_days: 0, separated_since: None };
        if self.credential.void {
            return ended(Standing::Void, Some(Reason::Void));
        }
        if self.specialist.death_date.is_some_and(|death| day > death) {
            return ended(Standing::Deceased, Some(Reason::Deceased));
        }
        if let Some((standing, reason)) = self.act_on(day, yesterday.held) {
            return ended(standing, Some(reason));
        }
        let mut state = yesterday;
        if !state.held {
            let reinstated = self.credential.acts.contains(&(day, Act::Reinstated));
            let renewed = state.standing == Standing::Lapsed && inputs.in_renewal;
            if !reinstated && !renewed {
                return state;
            }
            state = State { held: true, separated_days: 0, separated_since: None, ..state };
        }
        if !inputs.in_term {
            return ended(Standing::Lapsed, Some(Reason::Lapsed));
        }
        if inputs.employed || inputs.inactive || !self.rule_sets.has_records_for(day) {
            state.separated_days = 0;
            state.separated_since = None;
        } else {
            state.separated_days += 1;
            state.separated_since = state.separated_since.or(Some(day));
            if state.separated_days > self.grace(state) {
                return revoked_for_loss(state);
            }
        }
        let (standing, reason) = held_standing(state, inputs);
        State { standing, reason, ..state }
    }

    /// The result of the first act of the day that has an effect.
    fn act_on(&self, day: Day, held: bool) -> Option<(Standing, Reason)> {
        let mut acts: Vec<Act> =
            self.credential.acts.iter().filter(|(from, _)| *from == day).map(|(_, act)| *act).collect();
        acts.sort_unstable();
        acts.into_iter().find_map(|act| match act {
            Act::Revoked(RevocationBasis::Disciplinary) => {
                Some((Standing::RevokedDisciplinary, Reason::RevokedDisciplinary))
            }
            Act::Reinstated => None,
            _ if !held => None,
            Act::Revoked(RevocationBasis::LossOfEmployment) => {
                Some((Standing::RevokedLossOfEmployment, Reason::RevokedLossOfEmployment))
            }
            Act::Surrendered => Some((Standing::Surrendered, Reason::Surrendered)),
            Act::Relinquished => Some((Standing::Relinquished, Reason::Relinquished)),
            Act::Retired => Some((Standing::Retired, Reason::Retired)),
        })
    }

    /// The grace period of the rule set in force on the first separated day.
    fn grace(&self, state: State) -> u32 {
        state.separated_since.map_or(0, |first| self.rule_sets.in_force_on(first).grace_days)
    }

    /// The days on which any input of the walk may change, and the days after an act.
    fn boundaries(&self) -> Vec<Day> {
        let Walk { specialist, credential, employers, rule_sets } = self;
        // The patterns name every field, so that a new field does not compile until someone decides here whether it has
        // days.
        let Specialist { death_date, id: _, names: _, birth_date: _, credentials: _, jobs: _ } = specialist;
        let Credential {
            effective_from,
            terms,
            acts,
            periods,
            number: _,
            fact: _,
            void: _,
            rule_set: _,
            basis: _,
            prior_numbers: _,
        } = credential;
        let mut days = vec![Day::BEGINNING, *effective_from];
        let periods = periods.iter().map(|(_, period)| period);
        days.extend(periods.chain(terms).flat_map(|period| [period.start, period.end]));
        for (job, provider) in employers {
            days.extend([job.start, job.end]);
            days.extend(provider.days.boundaries().filter(|day| job.includes(*day)));
        }
        days.extend(death_date.map(Day::next));
        days.extend(acts.iter().flat_map(|(day, _)| [*day, day.next()]));
        days.extend(rule_sets.records_begin());
        days.sort_unstable();
        days.dedup();
        days.retain(|day| *day < Day::FOREVER);
        days
    }

    fn inputs(&self, day: Day) -> Inputs {
        let (employed, coverage) = employment_on(&self.employers, day);
        let mut inputs = Inputs {
            employed,
            coverage,
            in_term: self.credential.terms.iter().any(|term| term.includes(day)),
            in_renewal: self.credential.terms.iter().skip(1).any(|term| term.includes(day)),
            inactive: false,
            suspended: None,
            limited: false,
        };
        for (kind, _) in self.credential.periods.iter().filter(|(_, days)| days.includes(day)) {
            match kind {
                CredentialPeriodKind::Designation(_) => {}
                CredentialPeriodKind::Suspended(SuspensionBasis::Disciplinary) => {
                    inputs.suspended = Some(Reason::Suspended);
                }
                CredentialPeriodKind::Suspended(SuspensionBasis::CeAudit | SuspensionBasis::ExternalOrder) => {
                    inputs.suspended = inputs.suspended.or(Some(Reason::SuspendedNonDisciplinary));
                }
                CredentialPeriodKind::Limited(_) => inputs.limited = true,
                CredentialPeriodKind::Inactive => inputs.inactive = true,
            }
        }
        inputs
    }
}

const NOT_YET_ISSUED: State = State {
    standing: Standing::NotIssued,
    reason: Some(Reason::NotYetEffective),
    held: false,
    separated_days: 0,
    separated_since: None,
};

fn revoked_for_loss(state: State) -> State {
    let (standing, reason) = (Standing::RevokedLossOfEmployment, Some(Reason::RevokedLossOfEmployment));
    State { standing, reason, held: false, ..state }
}

fn held_standing(state: State, inputs: Inputs) -> (Standing, Option<Reason>) {
    if inputs.suspended.is_some() {
        (Standing::Suspended, inputs.suspended)
    } else if inputs.inactive {
        (Standing::Inactive, Some(Reason::Inactive))
    } else if state.separated_days > 0 {
        (Standing::Separated, Some(Reason::SeparatedMayNotPractice))
    } else if inputs.limited {
        (Standing::Limited, Some(Reason::Limited))
    } else {
        (Standing::Current, None)
    }
}

fn day_of(state: State, inputs: Inputs) -> CredentialDay {
    CredentialDay {
        standing: state.standing,
        reason: state.reason,
        employed: inputs.employed,
        coverage: inputs.coverage,
        separated_since: state.separated_since,
    }
}
