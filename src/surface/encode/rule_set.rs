//! Encodes rule sets, and the results of evaluating applications by them.

use super::enum_map::{WireEnum, numbers};
use super::time::date;
use crate::domain::day::Day;
use crate::domain::evaluation::{Applicant, Application, Assessment, evaluate};
use crate::domain::fact::CriterionOutcome;
use crate::domain::id::Revision;
use crate::domain::requirements::Fee;
use crate::domain::rule_sets::RuleSet;
use crate::proto::v1;

/// An adopted rule set.
#[derive(Clone, Copy, Debug)]
pub struct AdoptedRules<'a> {
    /// The rule set.
    pub set: &'a RuleSet,
    /// SHA-256 of its content, in hexadecimal.
    pub digest: &'a str,
    /// The record that adopted it.
    pub revision: Revision,
    /// The last day on which the set is in force, if another set follows.
    pub in_force_to: Option<Day>,
}

/// Encodes a rule set.
pub fn rule_set(rules: &AdoptedRules<'_>) -> v1::RuleSet {
    let set = rules.set;
    let year = |day: Option<&Day>| day.map_or(0, |day| day.to_civil().year().unsigned_abs().into());
    v1::RuleSet {
        rule_set_id: set.id.clone(),
        title: set.title.clone(),
        in_force_from: Some(date(set.in_force_from)),
        in_force_to: rules.in_force_to.map(date),
        in_force_basis: set.in_force_basis.number(),
        digest: rules.digest.to_owned(),
        grace_days: set.grace_days,
        reporting_window_working_days: set.reporting_window_working_days,
        holidays: set.holidays.iter().copied().map(date).collect(),
        holidays_first_year: year(set.holidays.first()),
        holidays_last_year: year(set.holidays.last()),
        qualifying_bases: numbers(set.qualifying_bases.iter().copied()),
        term_notice_days: set.term_notice_days,
        daily_unit_limit: set.daily_unit_limit,
        yearly_unit_limit: set.yearly_unit_limit,
        unit_year: set.unit_year.number(),
        continuing_education_hours_per_year: set.continuing_education_hours_per_year,
        cohort_date: Some(date(set.first_cohort_date)),
        cohort_interval_years: set.cohort_years.unsigned_abs().into(),
        criteria: criteria(set),
        fees: set.requirements.fees.iter().map(|it| fee(it, false)).collect(),
        citations: set.citations.clone(),
        adopted_revision: rules.revision.0,
    }
}

/// Derives the criteria of a rule set from its evaluation of an empty application, so that their wording cannot differ
/// from that of evaluations.
fn criteria(set: &RuleSet) -> Vec<v1::RuleSetCriterion> {
    let day = set.in_force_from;
    let blank = Application {
        applied_on: day,
        mississippi_resident: false,
        lived_experience: None,
        recovery_attested: false,
        education: None,
        literate: false,
        experience_hours: 0.0,
        experience_within_three_years: false,
        college_year_within_three_years: false,
        references: 0,
        trainings: Vec::new(),
        exam_attempts: Vec::new(),
        sponsoring_provider: None,
        requests_scholarship: false,
    };
    let nobody = Applicant {
        birth_date: day,
        effective_from: day,
        designations: &[],
        employed: false,
        supervised: false,
        employed_when_applying: false,
    };
    let asked_for = |assessment: Assessment| v1::RuleSetCriterion {
        criterion: assessment.criterion.number(),
        is_required: assessment.outcome != CriterionOutcome::NotRequired,
        required: assessment.required,
        citation: assessment.citation,
    };
    evaluate(set, &blank, &nobody).criteria.into_iter().map(asked_for).collect()
}

/// Encodes the result of a criterion.
pub fn criterion_result(assessment: &Assessment) -> v1::CriterionResult {
    v1::CriterionResult {
        criterion: assessment.criterion.number(),
        outcome: assessment.outcome.number(),
        found: assessment.found.clone(),
        required: assessment.required.clone(),
        citation: assessment.citation.clone(),
    }
}

/// Encodes a fee. `scholarship_requested`: whether the application requests a scholarship for it.
pub fn fee(fee: &Fee, scholarship_requested: bool) -> v1::Fee {
    v1::Fee {
        kind: fee.kind.number(),
        amount_cents: fee.amount_cents,
        scholarship_requested,
        citation: fee.citation.clone(),
    }
}
