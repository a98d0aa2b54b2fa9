//! The walk (section 4 of the specification), compiled: the standing of a credential on every day.
//!
//! Between two days on which anything about the person, an employer or the rule sets changes, the inputs of the walk
//! are the same on every day. The walk therefore evaluates only the first day of such a run by the rules, and the rest
//! of the run in one step. The only thing that changes within a run is the number of separated days, which may exceed
//! the grace period once.
//!
//! The cost grows with the number of facts, not with its square: the days on which an input begins or ends are sorted,
//! and the walk counts how many periods of each input include the day.

use smallvec::SmallVec;

use super::day::{Day, Period};
use super::day_runs::{Runs, RunsBuilder};
use super::fact::{Act, CredentialPeriodKind, RevocationBasis, SuspensionBasis};
use super::provider::ProviderTimeline;
use super::record::Coverage;
use super::rule_sets::RuleSets;
use super::specialist::{Credential, Specialist};
use super::standing::{Reason, Standing};

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

/// What the walk reads, beside the jobs.
pub(super) struct Basis<'a> {
    /// Whether the issuance is retracted.
    pub(super) void: bool,
    /// The first day of the first term.
    pub(super) effective_from: Day,
    /// The days of all terms, merged.
    pub(super) terms: &'a [Period],
    /// What else the credential is subject to.
    pub(super) events: &'a Events,
}

/// What ends, suspends or limits a credential, beside its terms and the jobs. Most credentials have nothing of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Events {
    death_date: Option<Day>,
    /// Acts with the first day of their effect, in the order in which they apply.
    acts: Vec<(Day, Act)>,
    periods: Vec<(Input, Period)>,
}

impl Events {
    /// No events.
    pub(super) const NONE: Events = Events { death_date: None, acts: Vec::new(), periods: Vec::new() };

    /// The events of one of a person's credentials.
    pub(super) fn of(specialist: &Specialist, credential: &Credential) -> Events {
        // The patterns name every field, so that a new field does not compile until someone decides here, or in
        // `Basis`, whether the walk reads it.
        let Specialist { death_date, id: _, names: _, birth_date: _, credentials: _, jobs: _ } = specialist;
        let Credential {
            acts,
            periods,
            terms: _,
            effective_from: _,
            void: _,
            number: _,
            fact: _,
            rule_set: _,
            basis: _,
            prior_numbers: _,
        } = credential;
        let mut acts = acts.clone();
        acts.sort_unstable();
        let periods = periods.iter().filter_map(|(kind, days)| {
            let input = match kind {
                CredentialPeriodKind::Designation(_) => return None,
                CredentialPeriodKind::Suspended(SuspensionBasis::Disciplinary) => Input::SuspendedAsDiscipline,
                CredentialPeriodKind::Suspended(SuspensionBasis::CeAudit | SuspensionBasis::ExternalOrder) => {
                    Input::SuspendedOtherwise
                }
                CredentialPeriodKind::Limited(_) => Input::Limited,
                CredentialPeriodKind::Inactive => Input::Inactive,
            };
            Some((input, *days))
        });
        Events { death_date: *death_date, acts, periods: periods.collect() }
    }
}

/// The state of a credential on each day. `jobs` are the holder's, with the employers.
pub(super) fn walk<'a>(
    basis: Basis<'_>,
    jobs: impl Iterator<Item = (Period, &'a ProviderTimeline)>,
    rule_sets: &RuleSets,
) -> Runs<CredentialDay> {
    Walk { basis, rule_sets }.days(jobs)
}

/// An input of the walk. It holds on the days of its periods.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Input {
    /// A job with a provider that qualifies by a certificate that has not expired, and is not suspended.
    Covered,
    /// The same, if the certificate has expired.
    CoverageNotKnown,
    /// A job with a provider that qualifies and is suspended.
    NotCovered,
    InTerm,
    Inactive,
    SuspendedAsDiscipline,
    SuspendedOtherwise,
    Limited,
}

/// The number of inputs.
const INPUTS: usize = Input::Limited as usize + 1;

/// What happens on a day.
#[derive(Clone, Copy)]
enum Turn {
    /// A period of an input begins.
    Begins(Input),
    /// A period of an input ended on the day before.
    Ended(Input),
    /// Something else may change.
    Other,
}

/// What happens on each day, in order.
struct Turns(SmallVec<[(Day, Turn); 16]>);

impl Turns {
    /// Adds a day. Nothing happens on [`Day::FOREVER`].
    fn add(&mut self, day: Day, turn: Turn) {
        if day < Day::FOREVER {
            self.0.push((day, turn));
        }
    }

    /// Adds a period of an input.
    fn add_period(&mut self, days: Period, input: Input) {
        if !days.is_empty() {
            self.add(days.start, Turn::Begins(input));
            self.add(days.end, Turn::Ended(input));
        }
    }

    /// Adds the days on which a job counts.
    fn add_job(&mut self, days: Period, provider: &ProviderTimeline) {
        for (days, on) in provider.days.within(days).filter(|(_, on)| on.qualifies) {
            let input = match (on.suspended, on.current) {
                (true, _) => Input::NotCovered,
                (false, true) => Input::Covered,
                (false, false) => Input::CoverageNotKnown,
            };
            self.add_period(days, input);
        }
    }
}

/// How many periods of each input include the day.
#[derive(Default)]
struct Counts([u32; INPUTS]);

impl Counts {
    fn apply(&mut self, turn: Turn) {
        match turn {
            Turn::Begins(input) => self.0[input as usize] += 1,
            Turn::Ended(input) => self.0[input as usize] -= 1,
            Turn::Other => {}
        }
    }

    fn has(&self, input: Input) -> bool {
        self.0[input as usize] > 0
    }

    fn is_employed(&self) -> bool {
        self.has(Input::Covered) || self.has(Input::CoverageNotKnown) || self.has(Input::NotCovered)
    }

    fn coverage(&self) -> Coverage {
        if self.has(Input::Covered) {
            Coverage::Covered
        } else if self.has(Input::CoverageNotKnown) {
            Coverage::NotKnown
        } else {
            Coverage::NotCovered
        }
    }

    /// The reason of a suspension. Discipline comes first.
    fn suspended(&self) -> Option<Reason> {
        if self.has(Input::SuspendedAsDiscipline) {
            Some(Reason::Suspended)
        } else {
            self.has(Input::SuspendedOtherwise).then_some(Reason::SuspendedNonDisciplinary)
        }
    }
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
    basis: Basis<'a>,
    rule_sets: &'a RuleSets,
}

impl Walk<'_> {
    fn days<'p>(&self, jobs: impl Iterator<Item = (Period, &'p ProviderTimeline)>) -> Runs<CredentialDay> {
        let Turns(turns) = self.turns(jobs);
        let mut days = RunsBuilder::default();
        let mut inputs = Counts::default();
        let mut state =
            State { standing: Standing::Current, reason: None, held: true, separated_days: 0, separated_since: None };
        let mut each = turns.chunk_by(|(one, _), (next, _)| one == next).peekable();
        while let Some(of_day @ [(start, _), ..]) = each.next() {
            let start = *start;
            let end = each.peek().and_then(|next| next.first()).map_or(Day::FOREVER, |(day, _)| *day);
            of_day.iter().for_each(|(_, turn)| inputs.apply(*turn));
            let mut add = |day: Day, state: State| days.push(day, day_of(state, &inputs));
            if start < self.basis.effective_from {
                add(start, NOT_YET_ISSUED);
                continue;
            }
            state = self.first_step(start, state, &inputs);
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
    fn first_step(&self, day: Day, yesterday: State, inputs: &Counts) -> State {
        let ended =
            |standing, reason| State { standing, reason, held: false, separated_days: 0, separated_since: None };
        if self.basis.void {
            return ended(Standing::Void, Some(Reason::Void));
        }
        if self.basis.events.death_date.is_some_and(|death| day > death) {
            return ended(Standing::Deceased, Some(Reason::Deceased));
        }
        let acts = self.acts_on(day);
        if let Some((standing, reason)) = effect_of(acts, yesterday.held) {
            return ended(standing, Some(reason));
        }
        let mut state = yesterday;
        if !state.held {
            let reinstated = acts.contains(&(day, Act::Reinstated));
            // It lapsed after the end of a term. So this is a later term, which a renewal began.
            let renewed = state.standing == Standing::Lapsed && inputs.has(Input::InTerm);
            if !reinstated && !renewed {
                return state;
            }
            state = State { held: true, separated_days: 0, separated_since: None, ..state };
        }
        if !inputs.has(Input::InTerm) {
            return ended(Standing::Lapsed, Some(Reason::Lapsed));
        }
        if inputs.is_employed() || inputs.has(Input::Inactive) || !self.rule_sets.has_records_for(day) {
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

    /// The acts that take effect on a day.
    fn acts_on(&self, day: Day) -> &[(Day, Act)] {
        let acts = &self.basis.events.acts;
        let before = acts.partition_point(|(from, _)| *from < day);
        let acts = acts.get(before..).unwrap_or_default();
        acts.get(..acts.partition_point(|(from, _)| *from == day)).unwrap_or_default()
    }

    /// The grace period of the rule set in force on the first separated day.
    fn grace(&self, state: State) -> u32 {
        state.separated_since.map_or(0, |first| self.rule_sets.in_force_on(first).grace_days)
    }

    /// The days on which any input of the walk may change, and the days after an act.
    fn turns<'p>(&self, jobs: impl Iterator<Item = (Period, &'p ProviderTimeline)>) -> Turns {
        let Basis { effective_from, terms, events, void: _ } = &self.basis;
        let Events { death_date, acts, periods } = events;
        let mut turns = Turns(SmallVec::new());
        let others = [Day::BEGINNING, *effective_from].into_iter();
        let others = others.chain(death_date.map(Day::next)).chain(self.rule_sets.records_begin());
        others.chain(acts.iter().flat_map(|(day, _)| [*day, day.next()])).for_each(|day| turns.add(day, Turn::Other));
        terms.iter().for_each(|term| turns.add_period(*term, Input::InTerm));
        periods.iter().for_each(|(input, days)| turns.add_period(*days, *input));
        jobs.for_each(|(days, provider)| turns.add_job(days, provider));
        // Most facts are reported in the order of their days: a stable sort finds the sorted parts.
        turns.0.sort_by_key(|(day, _)| *day);
        turns
    }
}

/// The result of the first act of a day that has an effect.
fn effect_of(acts: &[(Day, Act)], held: bool) -> Option<(Standing, Reason)> {
    acts.iter().find_map(|(_, act)| match act {
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

fn held_standing(state: State, inputs: &Counts) -> (Standing, Option<Reason>) {
    if let suspended @ Some(_) = inputs.suspended() {
        (Standing::Suspended, suspended)
    } else if inputs.has(Input::Inactive) {
        (Standing::Inactive, Some(Reason::Inactive))
    } else if state.separated_days > 0 {
        (Standing::Separated, Some(Reason::SeparatedMayNotPractice))
    } else if inputs.has(Input::Limited) {
        (Standing::Limited, Some(Reason::Limited))
    } else {
        (Standing::Current, None)
    }
}

fn day_of(state: State, inputs: &Counts) -> CredentialDay {
    CredentialDay {
        standing: state.standing,
        reason: state.reason,
        employed: inputs.is_employed(),
        coverage: inputs.coverage(),
        separated_since: state.separated_since,
    }
}
