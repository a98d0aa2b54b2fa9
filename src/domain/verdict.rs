//! The verdict on a credential, and the eligibility of a claim: sections 5 and 6 of the specification.
//!
//! Everything here is computed from compiled timelines, without allocating.

use super::day::{Day, Period};
use super::provider::ProviderTimeline;
use super::record::{Coverage, ServiceStatus};
use super::rule_sets::RuleSets;
use super::sets::{Designations, Reasons};
use super::standing::{Reason, Standing, Verdict};
use super::timeline::Timeline;
use super::walk::CredentialDay;

/// The result of the lookup of a question's subject, before any day is evaluated.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// A credential.
    Credential(&'a Timeline),
    /// No such credential, or nobody with that name and birth date has one.
    Nothing,
    /// No such credential, and no such number can exist.
    Mistyped,
    /// Several people match.
    Several,
}

/// The provider in a question.
#[derive(Clone, Copy, Debug)]
pub struct AskedProvider<'a> {
    /// The id. Empty if no provider has the identifier in the question.
    pub id: &'a str,
    /// The provider's timeline. `None` if it is not on file.
    pub timeline: Option<&'a ProviderTimeline>,
}

/// A question about one day.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The result of the lookup.
    pub found: Found<'a>,
    /// The day.
    pub as_of: Day,
    /// The provider in the question, if any.
    pub provider: Option<AskedProvider<'a>>,
    /// The designations in the question.
    pub designations: Designations,
    /// Whether this is a billing question. If so, the certification of the provider's peer support service counts too.
    pub billing: bool,
    /// How the name in the question compares with the holder's names, if a name was given.
    pub name: Option<NameMatch>,
}

/// How a name compares with the names of a holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameMatch {
    /// It is the current name.
    Current,
    /// It is a former name.
    Former,
    /// The holder never had this name.
    Never,
}

/// The state at the revision of a question, except for the subject.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The rule sets. `None` in the empty registry.
    pub rule_sets: Option<&'a RuleSets>,
    /// Today. `None` in the empty registry.
    pub today: Option<Day>,
}

/// The answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// All reasons.
    pub reasons: Reasons,
    /// The requested designations that are not held.
    pub missing: Designations,
    /// The standing. `None` if a reason stands alone.
    pub standing: Option<Standing>,
    /// Whether the holder may practice. `None` if a reason stands alone.
    pub may_practice: Option<bool>,
    /// The reporting window of the day.
    pub settlement: Settlement,
}

/// The reporting window of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The last day for reports. `None` if the list of holidays does not reach that far.
    pub settles_on: Option<Day>,
    /// Whether the last day for reports has passed.
    pub settled: bool,
}

impl Known<'_> {
    /// The reporting window of a day.
    pub fn settlement(self, day: Day) -> Settlement {
        let settles_on = self.rule_sets.and_then(|rule_sets| rule_sets.settles_on(day));
        let settled = settles_on.zip(self.today).is_some_and(|(settles, today)| today > settles);
        Settlement { settles_on, settled }
    }
}

impl Question<'_> {
    /// Evaluates the question.
    pub fn answer(&self, known: Known<'_>) -> Finding {
        let mut reasons = Reasons::default();
        let mut missing = Designations::default();
        let mut standing = None;
        let mut may_practice = None;
        match self.found {
            Found::Nothing => reasons.add(Reason::CredentialNotOnFile),
            Found::Mistyped => {
                reasons.add(Reason::CredentialNotOnFile);
                reasons.add(Reason::NumberMistyped);
            }
            Found::Several => reasons.add(Reason::SpecialistAmbiguous),
            Found::Credential(timeline) if self.name == Some(NameMatch::Never) && !timeline.names.is_redacted() => {
                reasons.add(Reason::NameMismatch);
            }
            Found::Credential(timeline) => {
                let day = *timeline.days.at(self.as_of);
                standing = Some(day.standing);
                may_practice = Some(day.standing.allows_practice() && day.coverage != Coverage::NotCovered);
                missing = self.add_reasons(timeline, day, known, &mut reasons);
            }
        }
        if known.today.is_some_and(|today| self.as_of > today) {
            reasons.add(Reason::DateInFuture);
        }
        let settlement = known.settlement(self.as_of);
        if !settlement.settled {
            reasons.add(Reason::ReportingWindowOpen);
        }
        Finding { verdict: reasons.verdict(), reasons, missing, standing, may_practice, settlement }
    }

    /// Adds the reasons that follow from the timeline, and returns the designations that are missing.
    fn add_reasons(
        &self,
        timeline: &Timeline,
        day: CredentialDay,
        known: Known<'_>,
        reasons: &mut Reasons,
    ) -> Designations {
        if let Some(reason) = day.reason {
            reasons.add(reason);
        }
        let has_records = known.rule_sets.is_none_or(|rule_sets| rule_sets.has_records_for(self.as_of));
        let unemployed = self.as_of >= timeline.effective_from && !day.employed;
        match self.provider {
            Some(provider) => self.add_provider_reasons(timeline, provider, has_records, reasons),
            None => match day.coverage {
                Coverage::Covered => {}
                Coverage::NotKnown => reasons.add(Reason::ProviderRenewalNotRecorded),
                Coverage::NotCovered if !has_records => reasons.add(Reason::DateBeforeRecords),
                Coverage::NotCovered if day.employed => reasons.add(Reason::ProviderSuspended),
                Coverage::NotCovered => {}
            },
        }
        if unemployed && !reasons.contains(Reason::DateBeforeRecords) {
            reasons.add(Reason::NoQualifyingEmployment);
        }
        let missing = self.designations.without(timeline.designations_on(self.as_of));
        if !missing.is_empty() {
            reasons.add(Reason::DesignationNotHeld);
        }
        let notice = known.rule_sets.map_or(0, |rule_sets| rule_sets.in_force_on(self.as_of).term_notice_days);
        if day.standing.is_held() && timeline.term_ends_within(self.as_of, notice) {
            reasons.add(Reason::TermEndsSoon);
        }
        if timeline.names.is_redacted() {
            reasons.add(Reason::NameRedacted);
        } else if self.name == Some(NameMatch::Former) {
            reasons.add(Reason::NameIsFormer);
        }
        missing
    }

    /// Adds the reasons that follow from the provider in the question: exactly one that fails or is unknown, or none;
    /// for billing, also that of the service.
    fn add_provider_reasons(
        &self,
        timeline: &Timeline,
        provider: AskedProvider<'_>,
        has_records: bool,
        reasons: &mut Reasons,
    ) {
        let on = provider.timeline.map(|timeline| *timeline.days.at(self.as_of));
        let employs = timeline.has_job_with(provider.id, self.as_of);
        let covers = employs && on.is_some_and(|on| on.qualifies && !on.suspended);
        if covers && on.is_some_and(|on| !on.current) {
            reasons.add(Reason::ProviderRenewalNotRecorded);
        }
        if !covers && !has_records {
            reasons.add(Reason::DateBeforeRecords);
        }
        match on {
            None => reasons.add(Reason::ProviderNotOnFile),
            Some(_) if covers || !has_records => {}
            Some(_) if !employs => reasons.add(Reason::NotEmployedByProvider),
            Some(on) if !on.qualifies => reasons.add(Reason::ProviderNotQualified),
            Some(_) => reasons.add(Reason::ProviderSuspended),
        }
        if self.billing {
            match on.map_or(ServiceStatus::NotKnown, |on| on.service) {
                ServiceStatus::Certified => {}
                ServiceStatus::NotCertified => reasons.add(Reason::ServiceNotCertified),
                ServiceStatus::NotKnown => reasons.add(Reason::ServiceHistoryUnknown),
            }
        }
    }
}

/// The numbers of units in a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Units {
    /// Units claimed.
    pub claimed: u32,
    /// Units already billed for the person served on that day.
    pub billed_that_day: u32,
    /// Units already billed for the person served in that year.
    pub billed_that_year: u32,
}

/// The limits of Medicaid coverage, which do not affect the verdict (source 000: 6 units a day, 200 a year, no
/// copayment).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoverageLimits {
    /// Units per day.
    pub daily: u32,
    /// Units per year.
    pub yearly: u32,
    /// The year.
    pub year: Period,
    /// The payable units and the limits exceeded, if the claim gave its numbers.
    pub payable: Option<Payable>,
}

/// The payable part of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payable {
    /// The payable units.
    pub units: u32,
    /// Whether the claim exceeds the rest of the daily limit.
    pub daily_limit_exceeded: bool,
    /// Whether the claim exceeds the rest of the yearly limit.
    pub yearly_limit_exceeded: bool,
}

impl RuleSets {
    /// The coverage limits on a day, and the payable units.
    pub fn coverage_limits(&self, day: Day, units: Option<Units>, eligible: bool) -> CoverageLimits {
        let rules = self.in_force_on(day);
        let payable = units.map(|units| {
            let left_that_day = rules.daily_unit_limit.saturating_sub(units.billed_that_day);
            let left_that_year = rules.yearly_unit_limit.saturating_sub(units.billed_that_year);
            Payable {
                units: if eligible { units.claimed.min(left_that_day).min(left_that_year) } else { 0 },
                daily_limit_exceeded: units.claimed > left_that_day,
                yearly_limit_exceeded: units.claimed > left_that_year,
            }
        });
        let (daily, yearly) = (rules.daily_unit_limit, rules.yearly_unit_limit);
        CoverageLimits { daily, yearly, year: rules.unit_year.around(day), payable }
    }
}
