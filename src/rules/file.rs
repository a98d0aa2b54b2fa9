//! The format of a rule file, and its conversion to a rule set.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::value::Datetime;

use crate::domain::day::Day;
use crate::domain::fact::{CriterionOutcome, Designation, QualificationBasis};
use crate::domain::requirements::{Fee, FeeKind, LivedExperienceRule, Requirements};
use crate::domain::rule_sets::{InForceBasis, RuleSet, UnitYear};

/// A parsed rule file. Every value is checked as it is parsed, so that a mistake is reported with its line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    id: Id,
    title: Text,
    citations: Citations,
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
    citation: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Employment {
    citation: Text,
    grace_days: u32,
    qualifying_bases: Bases,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reporting {
    window_working_days: Window,
    holidays_citation: Text,
    holidays: Holidays,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Term {
    citation: Text,
    cohort_date: CohortDate,
    cohort_interval_years: Years,
    notice_days: u32,
    continuing_education_hours_per_year: Hours,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Billing {
    citation: Text,
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
    citation: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Required {
    citation: Text,
    required: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LivedExperienceEntry {
    citation: Text,
    shown_by: LivedExperienceWord,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AgeAndEducation {
    citation: Text,
    minimum_age: Age,
    enrolled_only_for: Option<DesignationWord>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Experience {
    citation: Text,
    hours: Hours,
    within_three_years: bool,
    college_year_counts: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct References {
    citation: Text,
    count: u32,
    fewer: FewerWord,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Training {
    citation: Text,
    hours: Hours,
    pre_training: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Examination {
    citation: Text,
    passing_score: Percent,
    attempts_per_training: Attempts,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DesignationEntry {
    citation: Text,
    required: bool,
    recovery_only_trained_before: Option<Date>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FeeEntry {
    kind: FeeWord,
    amount_cents: u32,
    citation: Text,
}

/// Defines the words that a file may use for the values of a domain type.
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

/// A TOML date without a time.
#[derive(Clone, Copy, Debug)]
struct Date(Day);

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
        let written = Datetime::deserialize(deserializer)?;
        let not_a_date = || D::Error::custom(format!("{written} is not a date in the years 1900 to 2200"));
        let date = written.date.filter(|_| written.time.is_none()).ok_or_else(not_a_date)?;
        Day::from_ymd(date.year.into(), date.month.into(), date.day.into()).map(Date).ok_or_else(not_a_date)
    }
}

/// Defines a value type with an additional check.
macro_rules! checked {
    ($name:ident($value:ty), $holds:expr, $mistake:literal) => {
        #[derive(Debug)]
        struct $name($value);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let value = <$value>::deserialize(deserializer)?;
                let holds: fn(&$value) -> bool = $holds;
                if holds(&value) { Ok($name(value)) } else { Err(D::Error::custom($mistake)) }
            }
        }
    };
}

checked!(
    Id(String),
    |id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.'),
    "an id consists of letters, digits, '-' and '.'"
);
checked!(Text(String), |text| !text.trim().is_empty(), "empty: state the source of this rule");
checked!(Citations(Vec<Text>), |list| !list.is_empty(), "empty: name the sources of the rules");
checked!(Bases(Vec<QualificationWord>), |list| !list.is_empty(), "empty: no provider would qualify");
checked!(Window(u32), |days| *days <= 366, "more than 366 working days");
checked!(Years(i16), |years| (1..=100).contains(years), "not a number of years from 1 to 100");
checked!(Age(u16), |years| *years <= 150, "not an age");
checked!(Hours(f64), |hours| hours.is_finite() && *hours >= 0.0, "not a number of hours, 0 or more");
checked!(Percent(f64), |score| (0.0..=100.0).contains(score), "not a score from 0 to 100");
checked!(Attempts(u32), |attempts| *attempts >= 1, "must be at least 1: otherwise nobody could pass");
checked!(
    CohortDate(Date),
    |date| (date.0.to_civil().month(), date.0.to_civil().day()) != (2, 29),
    "29 February does not exist in every year: choose a day that does"
);

/// Holidays that fall on a weekday, in order.
#[derive(Debug)]
struct Holidays(Vec<Day>);

impl<'de> Deserialize<'de> for Holidays {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Holidays, D::Error> {
        let days: Vec<Day> = Vec::<Date>::deserialize(deserializer)?.into_iter().map(|date| date.0).collect();
        match days.windows(2).find(|pair| pair[0] >= pair[1]) {
            Some(pair) => Err(D::Error::custom(format!(
                "{} after {}: list the holidays in order, each one once",
                pair[1], pair[0]
            ))),
            None => Ok(Holidays(days)),
        }
    }
}

impl RuleFile {
    /// Converts the file to a rule set.
    pub(super) fn into_rule_set(self) -> RuleSet {
        let cited = [
            self.in_force.citation,
            self.employment.citation,
            self.reporting.holidays_citation,
            self.term.citation,
            self.billing.citation,
        ];
        RuleSet {
            id: self.id.0,
            title: self.title.0,
            in_force_from: self.in_force.from.0,
            in_force_basis: self.in_force.basis.into(),
            citations: self.citations.0.into_iter().chain(cited).map(|text| text.0).collect(),
            grace_days: self.employment.grace_days,
            reporting_window_working_days: self.reporting.window_working_days.0,
            holidays: self.reporting.holidays.0,
            qualifying_bases: self.employment.qualifying_bases.0.into_iter().map(Into::into).collect(),
            term_notice_days: self.term.notice_days,
            daily_unit_limit: self.billing.daily_unit_limit,
            yearly_unit_limit: self.billing.yearly_unit_limit,
            unit_year: self.billing.unit_year.into(),
            first_cohort_date: self.term.cohort_date.0.0,
            cohort_years: self.term.cohort_interval_years.0,
            continuing_education_hours_per_year: self.term.continuing_education_hours_per_year.0,
            requirements: self.criteria.into_requirements(self.fees),
        }
    }
}

impl Criteria {
    fn into_requirements(self, fees: Vec<FeeEntry>) -> Requirements {
        let fee =
            |fee: FeeEntry| Fee { kind: fee.kind.into(), amount_cents: fee.amount_cents, citation: fee.citation.0 };
        Requirements {
            residency: self.residency.required,
            lived_experience: self.lived_experience.shown_by.into(),
            minimum_age: self.age_and_education.minimum_age.0,
            enrolled_only_for: self.age_and_education.enrolled_only_for.map(Into::into),
            literacy: self.literacy.required,
            experience_hours: self.experience.hours.0,
            experience_within_three_years: self.experience.within_three_years,
            college_year_counts: self.experience.college_year_counts,
            references: self.references.count,
            fewer_references: self.references.fewer.into(),
            training_hours: self.training.hours.0,
            pre_training: self.training.pre_training,
            passing_score: self.examination.passing_score.0,
            attempts_per_training: self.examination.attempts_per_training.0,
            designation: self.designation.required,
            recovery_only_trained_before: self.designation.recovery_only_trained_before.map(|date| date.0),
            // In the order of the criteria.
            citations: vec![
                self.residency.citation.0,
                self.lived_experience.citation.0,
                self.age_and_education.citation.0,
                self.literacy.citation.0,
                self.experience.citation.0,
                self.references.citation.0,
                self.training.citation.0,
                self.examination.citation.0,
                self.employment.citation.0,
                self.designation.citation.0,
            ],
            fees: fees.into_iter().map(fee).collect(),
        }
    }
}
