//! Sections 5 and 6: the verdict with all its reasons, settlement, and the payable units of a claim.

use cpss_registry::domain::day::Day;
use cpss_registry::domain::fact::Designation;
use cpss_registry::domain::id::ProviderId;
use cpss_registry::domain::record::{Coverage, ServiceStatus};
use cpss_registry::domain::rule_sets::UnitYear;
use cpss_registry::domain::standing::{Reason, Standing, Verdict};
use cpss_registry::domain::verdict::{NameMatch, Units};

use super::facts::{Model, ModelCredential, ModelPerson};
use super::standing::Walked;

/// The result of looking up the subject.
#[derive(Clone, Copy)]
pub enum Subject<'a> {
    Credential(&'a ModelPerson, &'a ModelCredential, &'a Walked),
    Nothing,
    /// A number that cannot exist.
    Mistyped,
    Several,
}

/// A question about one day.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub subject: Subject<'a>,
    pub day: Day,
    pub provider: Option<&'a ProviderId>,
    pub designations: &'a [Designation],
    pub billing: bool,
    pub name: Option<NameMatch>,
}

/// The answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub verdict: Verdict,
    pub reasons: Vec<Reason>,
    pub missing: Vec<Designation>,
    pub standing: Option<Standing>,
    pub may_practice: Option<bool>,
}

impl Answer {
    /// "`eligible` is exactly: the verdict for (C, D, P) is CONFIRMED or CONFIRMED_WITH_LIMITS", service included.
    pub fn is_eligible(&self) -> bool {
        matches!(self.verdict, Verdict::Confirmed | Verdict::ConfirmedWithLimits)
    }
}

/// "Any failure → NOT_CONFIRMED; else any unknown → UNDETERMINED; else CONFIRMED_WITH_LIMITS if LIMITED, else
/// CONFIRMED."
fn verdict(reasons: &[Reason]) -> Verdict {
    let unknown = [
        Reason::SpecialistAmbiguous,
        Reason::DateBeforeRecords,
        Reason::ProviderRenewalNotRecorded,
        Reason::DateInFuture,
    ];
    let information = [
        Reason::NumberMistyped,
        Reason::Limited,
        Reason::ReportingWindowOpen,
        Reason::TermEndsSoon,
        Reason::NameIsFormer,
        Reason::ServiceHistoryUnknown,
        Reason::NameRedacted,
    ];
    if reasons.iter().any(|reason| !unknown.contains(reason) && !information.contains(reason)) {
        Verdict::NotConfirmed
    } else if reasons.iter().any(|reason| unknown.contains(reason)) {
        Verdict::Undetermined
    } else if reasons.contains(&Reason::Limited) {
        Verdict::ConfirmedWithLimits
    } else {
        Verdict::Confirmed
    }
}

impl Model {
    /// "The 14th working day after D (rule set: weekends and its list of observed state holidays do not count)"; after
    /// the last year of the list it is unset.
    pub fn settles_on(&self, day: Day) -> Option<Day> {
        let set = self.rule_set_on(day)?;
        let mut counted = 0;
        let mut settles = day;
        while counted < set.reporting_window_working_days {
            settles = settles.next();
            if !settles.is_weekend() && !set.holidays.contains(&settles) {
                counted += 1;
            }
        }
        let last_year = set.holidays.iter().max()?.to_civil().year();
        (settles.to_civil().year() <= last_year).then_some(settles)
    }

    /// "`settled` = today > `settles_on`, by dates alone."
    pub fn is_settled(&self, day: Day) -> bool {
        self.settles_on(day).zip(self.today).is_some_and(|(settles, today)| today > settles)
    }

    pub fn answer(&self, asked: Asked<'_>) -> Answer {
        let mut reasons = Vec::new();
        let (mut missing, mut standing, mut may_practice) = (Vec::new(), None, None);
        match asked.subject {
            Subject::Nothing => reasons.push(Reason::CredentialNotOnFile),
            // "A number that cannot exist is not on file and NUMBER_MISTYPED, also in the empty registry."
            Subject::Mistyped => reasons.extend([Reason::CredentialNotOnFile, Reason::NumberMistyped]),
            Subject::Several => reasons.push(Reason::SpecialistAmbiguous),
            Subject::Credential(person, ..) if asked.name == Some(NameMatch::Never) && !person.is_redacted => {
                reasons.push(Reason::NameMismatch);
            }
            Subject::Credential(person, credential, walked) => {
                let on = walked.on(asked.day);
                standing = Some(on.standing);
                // "`may_practice` = CURRENT or LIMITED, and covered on D"
                let covered = !self.covering(person, asked.day).is_empty();
                may_practice = Some(matches!(on.standing, Standing::Current | Standing::Limited) && covered);
                // "Designations are read from the grants alone."
                let held = |code| credential.designations.iter().any(|(c, days)| *c == code && days.include(asked.day));
                missing = asked.designations.iter().copied().filter(|code| !held(*code)).collect();
                reasons.extend(on.reason);
                self.look_at_employment(asked, person, credential, &mut reasons);
                if !missing.is_empty() {
                    reasons.push(Reason::DesignationNotHeld);
                }
                if asked.billing {
                    match asked.provider.map(|provider| self.service(provider, asked.day)) {
                        Some(ServiceStatus::NotCertified) => reasons.push(Reason::ServiceNotCertified),
                        Some(ServiceStatus::NotKnown) => reasons.push(Reason::ServiceHistoryUnknown),
                        Some(ServiceStatus::Certified) | None => {}
                    }
                }
                if on.held && self.term_ends_soon(credential, asked.day) {
                    reasons.push(Reason::TermEndsSoon);
                }
                // "Of a redacted holder family names are not checked and NAME_REDACTED (information, last) is said"
                if person.is_redacted {
                    reasons.push(Reason::NameRedacted);
                } else if asked.name == Some(NameMatch::Former) {
                    reasons.push(Reason::NameIsFormer);
                }
            }
        }
        // "... nothing else is said but DATE_IN_FUTURE, REPORTING_WINDOW_OPEN and NUMBER_MISTYPED"
        if self.today.is_some_and(|today| asked.day > today) {
            reasons.push(Reason::DateInFuture);
        }
        if !self.is_settled(asked.day) {
            reasons.push(Reason::ReportingWindowOpen);
        }
        let verdict = verdict(&reasons);
        reasons.sort();
        Answer { verdict, reasons, missing, standing, may_practice }
    }

    /// The rows "fails: employment" and "unknown" of the table.
    fn look_at_employment(
        &self,
        asked: Asked<'_>,
        person: &ModelPerson,
        credential: &ModelCredential,
        reasons: &mut Vec<Reason>,
    ) {
        let day = asked.day;
        let employed = self.is_employed(person, day);
        let coverage = match asked.provider {
            Some(provider) => self.coverage_by(provider, person, day),
            None => self.coverage(person, day),
        };
        let mut found = Vec::new();
        if day >= credential.effective_from && !employed {
            found.push(Reason::NoQualifyingEmployment);
        }
        match asked.provider {
            Some(provider) => {
                if self.provider(provider).is_none_or(|provider| provider.row.is_none()) {
                    found.push(Reason::ProviderNotOnFile);
                } else if !self.has_job_with(person, provider, day) {
                    found.push(Reason::NotEmployedByProvider);
                } else if !self.qualifies(provider, day) {
                    found.push(Reason::ProviderNotQualified);
                } else if self.is_suspended(provider, day) {
                    found.push(Reason::ProviderSuspended);
                }
            }
            None if employed && coverage == Coverage::NotCovered => found.push(Reason::ProviderSuspended),
            None => {}
        }
        if self.records_begin.is_some_and(|first| day < first) && coverage == Coverage::NotCovered {
            // "It then replaces NO_QUALIFYING_EMPLOYMENT, NOT_EMPLOYED_BY_PROVIDER, PROVIDER_NOT_QUALIFIED and
            // PROVIDER_SUSPENDED."
            found.retain(|reason| *reason == Reason::ProviderNotOnFile);
            found.push(Reason::DateBeforeRecords);
        }
        if coverage == Coverage::NotKnown {
            found.push(Reason::ProviderRenewalNotRecorded);
        }
        reasons.extend(found);
    }

    /// "A day in D+1…D+90 is in no term": the rule set defines the 90 days.
    fn term_ends_soon(&self, credential: &ModelCredential, day: Day) -> bool {
        let notice = self.rule_set_on(day).map_or(0, |set| set.term_notice_days);
        let notice = i32::try_from(notice).expect("a few days");
        (1..=notice).any(|later| !credential.has_term_on(day.plus(later)))
    }

    /// The first and last day of the year of the yearly limit.
    pub fn unit_year(&self, day: Day) -> (Day, Day) {
        let calendar = self.rule_set_on(day).is_some_and(|set| set.unit_year == UnitYear::Calendar);
        let first_month = if calendar { 1 } else { 7 };
        let this_year = i32::from(day.to_civil().year());
        let first_days = (this_year - 1..=this_year + 1).filter_map(|year| Day::from_ymd(year, first_month, 1));
        let (before, after): (Vec<Day>, Vec<Day>) = first_days.partition(|first| *first <= day);
        (*before.last().expect("the year before"), after.first().expect("the year after").previous())
    }

    /// Payable units, and whether the daily and the yearly limit are exceeded.
    pub fn payable(&self, day: Day, units: Units, eligible: bool) -> (u32, bool, bool) {
        let (daily, yearly) = self
            .rule_set_on(day)
            .map_or((0, 0), |set| (i64::from(set.daily_unit_limit), i64::from(set.yearly_unit_limit)));
        let left_that_day = (daily - i64::from(units.billed_that_day)).max(0);
        let left_that_year = (yearly - i64::from(units.billed_that_year)).max(0);
        let claimed = i64::from(units.claimed);
        let payable = if eligible { claimed.min(left_that_day).min(left_that_year) } else { 0 };
        (u32::try_from(payable).expect("never below 0"), claimed > left_that_day, claimed > left_that_year)
    }
}
