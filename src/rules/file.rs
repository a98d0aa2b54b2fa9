//! The form of a rule file, and how it becomes a rule set.

use serde::Deserialize;
use toml::value::Datetime;

use crate::domain::day::Day;
use crate::domain::evaluation::{Fee, FeeKind, LivedExperienceRule, Requirements};
use crate::domain::fact::{CriterionOutcome, Designation, QualificationBasis};
use crate::domain::law::{InForceBasis, RuleSet, UnitYear};

/// A rule file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    id: String,
    title: String,
    citations: Vec<String>,
    in_force: InForce,
    employment: Employment,
    reporting: Reporting,
    term: Term,
    billing: Billing,
    criteria: Criteria,
    #[serde(default)]
    fees: Vec<FeeEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InForce {
    from: Date,
    basis: BasisWord,
    citation: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Employment {
    citation: String,
    grace_days: u32,
    qualifying_bases: Vec<QualificationWord>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reporting {
    window_working_days: u32,
    holidays_citation: String,
    holidays: Vec<Date>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Term {
    citation: String,
    cohort_date: Date,
    cohort_interval_years: i16,
    notice_days: u32,
    continuing_education_hours_per_year: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Billing {
    citation: String,
    daily_unit_limit: u32,
    yearly_unit_limit: u32,
    unit_year: UnitYearWord,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Criteria {
    residency: Required,
    lived_experience: LivedExperienceEntry,
    age_and_education: AgeAndEducation,
    literacy: Required,
    experience: Experience,
    references: References,
    training: Training,
    examination: Examination,
    employment: Cited,
    designation: DesignationEntry,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cited {
    citation: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Required {
    citation: String,
    required: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LivedExperienceEntry {
    citation: String,
    shown_by: LivedExperienceWord,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AgeAndEducation {
    citation: String,
    minimum_age: u16,
    enrolled_only_for: Option<DesignationWord>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Experience {
    citation: String,
    hours: f64,
    within_three_years: bool,
    college_year_counts: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct References {
    citation: String,
    count: u32,
    fewer: FewerWord,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Training {
    citation: String,
    hours: f64,
    pre_training: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Examination {
    citation: String,
    passing_score: f64,
    attempts_per_training: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DesignationEntry {
    citation: String,
    required: bool,
    recovery_only_trained_before: Option<Date>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FeeEntry {
    kind: FeeWord,
    amount_cents: u32,
    citation: String,
}

/// Declares the words that a file may use for the values of a domain type.
macro_rules! words {
    ($name:ident for $domain:ty { $($word:ident = $value:expr,)+ }) => {
        #[derive(Clone, Copy, Debug, Deserialize)]
        #[allow(clippy::enum_variant_names, reason = "the words of the contract")]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        enum $name { $($word,)+ }

        impl From<$name> for $domain {
            fn from(word: $name) -> $domain {
                match word { $($name::$word => $value,)+ }
            }
        }
    };
}

words!(BasisWord for InForceBasis {
    Stated = InForceBasis::Stated,
    Inferred = InForceBasis::Inferred,
    Unknown = InForceBasis::Unknown,
});
words!(QualificationWord for QualificationBasis {
    DmhOperated = QualificationBasis::DmhOperated,
    DmhCertified = QualificationBasis::DmhCertified,
    DmhFunded = QualificationBasis::DmhFunded,
    DmhLicensed = QualificationBasis::DmhLicensed,
});
words!(UnitYearWord for UnitYear {
    StateFiscal = UnitYear::StateFiscal,
    Calendar = UnitYear::Calendar,
});
words!(LivedExperienceWord for LivedExperienceRule {
    SelfIdentification = LivedExperienceRule::SelfIdentified,
    RecoveryAttestation = LivedExperienceRule::RecoveryAttested,
});
words!(FewerWord for CriterionOutcome {
    Unmet = CriterionOutcome::Unmet,
    Undetermined = CriterionOutcome::Undetermined,
});
words!(FeeWord for FeeKind {
    Application = FeeKind::Application,
    Training = FeeKind::Training,
});
words!(DesignationWord for Designation {
    AdultAndRecovery = Designation::AdultAndRecovery,
    ParentCaregiver = Designation::ParentCaregiver,
    YoungAdult = Designation::YoungAdult,
    ForensicPeerRecovery = Designation::ForensicPeerRecovery,
    RecoveryOnly = Designation::RecoveryOnly,
});

/// A date as TOML has it, without a time.
#[derive(Clone, Copy, Debug)]
struct Date(Day);

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
        let written = Datetime::deserialize(deserializer)?;
        let not_a_date = || serde::de::Error::custom(format!("{written} is not a date in the years 1900 to 2200"));
        let date = written.date.filter(|_| written.time.is_none()).ok_or_else(not_a_date)?;
        Day::from_ymd(date.year.into(), date.month.into(), date.day.into()).map(Date).ok_or_else(not_a_date)
    }
}

impl RuleFile {
    /// What the form alone cannot say is wrong, in words.
    fn mistake(&self) -> Option<&'static str> {
        if self.id.is_empty() || !self.id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.') {
            return Some("id must be made of letters, digits, '-' and '.'");
        }
        if self.employment.qualifying_bases.is_empty() {
            return Some("employment.qualifying_bases is empty: no provider would qualify");
        }
        if !self.reporting.holidays.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            return Some("reporting.holidays must be in order, each once");
        }
        if self.term.cohort_interval_years < 1 {
            return Some("term.cohort_interval_years must be at least 1");
        }
        None
    }

    /// The rule set that the file describes.
    pub(super) fn into_rule_set(self) -> Result<RuleSet, &'static str> {
        if let Some(mistake) = self.mistake() {
            return Err(mistake);
        }
        let cited = [
            self.in_force.citation,
            self.employment.citation,
            self.reporting.holidays_citation,
            self.term.citation,
            self.billing.citation,
        ];
        Ok(RuleSet {
            id: self.id,
            title: self.title,
            in_force_from: self.in_force.from.0,
            in_force_basis: self.in_force.basis.into(),
            citations: self.citations.into_iter().chain(cited).collect(),
            grace_days: self.employment.grace_days,
            reporting_window_working_days: self.reporting.window_working_days,
            holidays: self.reporting.holidays.into_iter().map(|date| date.0).collect(),
            qualifying_bases: self.employment.qualifying_bases.into_iter().map(Into::into).collect(),
            term_notice_days: self.term.notice_days,
            daily_unit_limit: self.billing.daily_unit_limit,
            yearly_unit_limit: self.billing.yearly_unit_limit,
            unit_year: self.billing.unit_year.into(),
            first_cohort_date: self.term.cohort_date.0,
            cohort_years: self.term.cohort_interval_years,
            continuing_education_hours_per_year: self.term.continuing_education_hours_per_year,
            requirements: self.criteria.into_requirements(self.fees),
        })
    }
}

impl Criteria {
    fn into_requirements(self, fees: Vec<FeeEntry>) -> Requirements {
        let fee = |fee: FeeEntry| Fee { kind: fee.kind.into(), amount_cents: fee.amount_cents, citation: fee.citation };
        Requirements {
            residency: self.residency.required,
            lived_experience: self.lived_experience.shown_by.into(),
            minimum_age: self.age_and_education.minimum_age,
            enrolled_only_for: self.age_and_education.enrolled_only_for.map(Into::into),
            literacy: self.literacy.required,
            experience_hours: self.experience.hours,
            experience_within_three_years: self.experience.within_three_years,
            college_year_counts: self.experience.college_year_counts,
            references: self.references.count,
            fewer_references: self.references.fewer.into(),
            training_hours: self.training.hours,
            pre_training: self.training.pre_training,
            passing_score: self.examination.passing_score,
            attempts_per_training: self.examination.attempts_per_training,
            designation: self.designation.required,
            recovery_only_trained_before: self.designation.recovery_only_trained_before.map(|date| date.0),
            // In the order of the criteria.
            citations: vec![
                self.residency.citation,
                self.lived_experience.citation,
                self.age_and_education.citation,
                self.literacy.citation,
                self.experience.citation,
                self.references.citation,
                self.training.citation,
                self.examination.citation,
                self.employment.citation,
                self.designation.citation,
            ],
            fees: fees.into_iter().map(fee).collect(),
        }
    }
}
