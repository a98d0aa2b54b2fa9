//! Section 4: the walk, one day after the other.

use cpss_registry::domain::day::Day;
use cpss_registry::domain::fact::{Act, RevocationBasis, SuspensionBasis};
use cpss_registry::domain::standing::{Reason, Standing};

use super::facts::{Days, Model, ModelCredential, ModelPerson};

/// The state of the walk at the end of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkedDay {
    pub standing: Standing,
    /// The reason of the standing itself.
    pub reason: Option<Reason>,
    pub held: bool,
    /// The number of separated days up to this one.
    pub separated: u32,
    /// The first day of the current separation, or of the one that led to the revocation.
    pub separated_since: Option<Day>,
}

/// Every day from `effective_from` to the horizon.
#[derive(Debug)]
pub struct Walked {
    effective_from: Day,
    days: Vec<WalkedDay>,
}

impl Walked {
    pub fn on(&self, day: Day) -> WalkedDay {
        if day < self.effective_from {
            return unheld(Standing::NotIssued);
        }
        self.days[usize::try_from(day.number() - self.effective_from.number()).expect("not before the first day")]
    }
}

fn unheld(standing: Standing) -> WalkedDay {
    WalkedDay { standing, reason: own_reason(standing, false), held: false, separated: 0, separated_since: None }
}

/// "Its own reason is the value of the same name, but NOT_ISSUED: NOT_YET_EFFECTIVE, SEPARATED:
/// SEPARATED_MAY_NOT_PRACTICE, SUSPENDED: SUSPENDED or SUSPENDED_NON_DISCIPLINARY, CURRENT: none."
fn own_reason(standing: Standing, disciplinary: bool) -> Option<Reason> {
    match standing {
        Standing::NotIssued => Some(Reason::NotYetEffective),
        Standing::Void => Some(Reason::Void),
        Standing::Deceased => Some(Reason::Deceased),
        Standing::RevokedLossOfEmployment => Some(Reason::RevokedLossOfEmployment),
        Standing::RevokedDisciplinary => Some(Reason::RevokedDisciplinary),
        Standing::Surrendered => Some(Reason::Surrendered),
        Standing::Relinquished => Some(Reason::Relinquished),
        Standing::Retired => Some(Reason::Retired),
        Standing::Lapsed => Some(Reason::Lapsed),
        Standing::Suspended if disciplinary => Some(Reason::Suspended),
        Standing::Suspended => Some(Reason::SuspendedNonDisciplinary),
        Standing::Inactive => Some(Reason::Inactive),
        Standing::Separated => Some(Reason::SeparatedMayNotPractice),
        Standing::Limited => Some(Reason::Limited),
        Standing::Current => None,
    }
}

fn any_includes(periods: &[Days], day: Day) -> bool {
    periods.iter().any(|days| days.include(day))
}

impl ModelCredential {
    fn has_act(&self, act: Act, day: Day) -> bool {
        self.acts.contains(&(day, act))
    }

    pub fn has_term_on(&self, day: Day) -> bool {
        self.term.include(day) || any_includes(&self.renewals, day)
    }

    fn is_suspended(&self, day: Day) -> bool {
        self.suspensions.iter().any(|(_, days)| days.include(day))
    }

    /// "... unless a disciplinary one includes D too."
    fn is_suspended_by_discipline(&self, day: Day) -> bool {
        self.suspensions.iter().any(|(basis, days)| *basis == SuspensionBasis::Disciplinary && days.include(day))
    }

    /// Step 3. "Of several Revoked on a day: DISCIPLINARY before LOSS_OF_EMPLOYMENT; an act without effect lets the
    /// next kind count."
    fn act_on(&self, day: Day, held: bool) -> Option<Standing> {
        let acts = [
            (Act::Revoked(RevocationBasis::Disciplinary), Standing::RevokedDisciplinary),
            (Act::Revoked(RevocationBasis::LossOfEmployment), Standing::RevokedLossOfEmployment),
            (Act::Surrendered, Standing::Surrendered),
            (Act::Relinquished, Standing::Relinquished),
            (Act::Retired, Standing::Retired),
        ];
        for (act, standing) in acts {
            let has_effect = held || standing == Standing::RevokedDisciplinary;
            if self.has_act(act, day) && has_effect {
                return Some(standing);
            }
        }
        None
    }
}

impl Model {
    /// Walks from `effective_from` to the horizon.
    pub fn walk(&self, person: &ModelPerson, credential: &ModelCredential, horizon: Day) -> Walked {
        // "The day before `effective_from` counts as held, with `separated` = 0."
        let mut before = WalkedDay { held: true, ..unheld(Standing::NotIssued) };
        let mut walked = Walked { effective_from: credential.effective_from, days: Vec::new() };
        let mut day = credential.effective_from;
        while day <= horizon {
            before = self.walk_day(person, credential, day, before);
            walked.days.push(before);
            day = day.next();
        }
        walked
    }

    fn walk_day(&self, person: &ModelPerson, credential: &ModelCredential, day: Day, before: WalkedDay) -> WalkedDay {
        // 1.
        if credential.void {
            return unheld(Standing::Void);
        }
        // 2.
        if person.death_date.is_some_and(|death_date| day > death_date) {
            return unheld(Standing::Deceased);
        }
        // 3.
        if let Some(standing) = credential.act_on(day, before.held) {
            return unheld(standing);
        }
        // 4.
        let mut separated = before.separated;
        if !before.held {
            let renewed = before.standing == Standing::Lapsed && any_includes(&credential.renewals, day);
            if !(credential.has_act(Act::Reinstated, day) || renewed) {
                return before;
            }
            separated = 0;
        }
        // 5.
        if !credential.has_term_on(day) {
            return unheld(Standing::Lapsed);
        }
        // 6.
        let inactive = any_includes(&credential.inactive, day);
        let on_record = self.records_begin.is_none_or(|first_day| day >= first_day);
        separated = if !self.is_employed(person, day) && !inactive && on_record { separated + 1 } else { 0 };
        let separated_since =
            (separated > 0).then(|| day.plus(1 - i32::try_from(separated).expect("a separation within the window")));
        // "`grace_days` is that of the rule set in force on the first separated day."
        let grace_days = separated_since.and_then(|first| self.rule_set_on(first)).map_or(0, |set| set.grace_days);
        if separated > grace_days {
            return WalkedDay { separated_since, ..unheld(Standing::RevokedLossOfEmployment) };
        }
        // 7.
        let standing = if credential.is_suspended(day) {
            Standing::Suspended
        } else if inactive {
            Standing::Inactive
        } else if separated > 0 {
            Standing::Separated
        } else if any_includes(&credential.limitations, day) {
            Standing::Limited
        } else {
            Standing::Current
        };
        let reason = own_reason(standing, credential.is_suspended_by_discipline(day));
        WalkedDay { standing, reason, held: true, separated, separated_since }
    }
}
