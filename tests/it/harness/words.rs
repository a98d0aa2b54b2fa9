//! Formatting answers as one line of text each.

use cpss_registry::proto::google::r#type::Date;
use cpss_registry::proto::v1;
use cpss_registry::proto::v1::change::Change as Kind;

/// A date like `2026-03-02`, or a dash if there is none.
pub fn day(date: Option<Date>) -> String {
    date.map_or("-".to_owned(), |date| format!("{:04}-{:02}-{:02}", date.year, date.month, date.day))
}

fn days(first_day: Option<Date>, last_day: Option<Date>) -> String {
    let last_day = last_day.map_or(String::new(), |last_day| day(Some(last_day)));
    format!("{}..{last_day}", day(first_day))
}

/// Defines a function for the name of an enum value without its prefix.
macro_rules! word {
    ($name:ident, $kind:ident, $prefix:literal) => {
        /// The name of a value of this enum, without the prefix.
        pub fn $name(number: i32) -> &'static str {
            let word = v1::$kind::try_from(number).unwrap_or_else(|_| panic!("{number} is not in {}", $prefix));
            word.as_str_name().strip_prefix($prefix).unwrap()
        }
    };
}

word!(verdict, Verdict, "VERDICT_");
word!(standing, Standing, "STANDING_");
word!(reason, Reason, "REASON_");
word!(coverage, Coverage, "COVERAGE_");
word!(designation, Designation, "DESIGNATION_");
word!(service, ServiceStatus, "SERVICE_STATUS_");

/// A verdict with its reasons: `NOT_CONFIRMED LAPSED, NO_QUALIFYING_EMPLOYMENT`. Omits REPORTING_WINDOW_OPEN, which
/// applies on most days of a scenario.
pub fn verdict_line(verification: &v1::Verification) -> String {
    said(verification.verdict, &verification.reasons)
}

/// An eligibility with its reasons.
pub fn eligible(eligibility: &v1::Eligibility) -> String {
    assert_eq!(eligibility.eligible, verdict(eligibility.verdict).starts_with("CONFIRMED"), "{eligibility:?}");
    said(eligibility.verdict, &eligibility.reasons)
}

fn said(number: i32, reasons: &[i32]) -> String {
    let reasons: Vec<_> = reasons.iter().map(|number| reason(*number)).collect();
    let shown = reasons.iter().filter(|reason| **reason != "REPORTING_WINDOW_OPEN");
    let shown = shown.copied().collect::<Vec<_>>().join(", ");
    format!("{} {shown}", verdict(number)).trim().to_owned()
}

/// One line for each change.
pub fn lines(changes: &[v1::Change]) -> Vec<String> {
    changes.iter().map(line).collect()
}

/// One line for each change of standing.
pub fn standing_lines(changes: &[v1::Change]) -> Vec<String> {
    let standing = changes.iter().filter(|change| matches!(change.change, Some(Kind::Standing(_))));
    standing.map(line).collect()
}

fn line(change: &v1::Change) -> String {
    match change.change.as_ref().expect("a change") {
        Kind::Standing(it) => {
            let days = days(it.first_day, it.last_day);
            let (from, to) = (standing(it.from_standing), standing(it.to_standing));
            let because = v1::Reason::try_from(it.reason).unwrap() != v1::Reason::Unspecified;
            let reason = if because { format!(": {}", reason(it.reason)) } else { String::new() };
            format!("{} {days} {from} > {to}{reason}", it.credential_number)
        }
        Kind::Coverage(it) => {
            let days = days(it.first_day, it.last_day);
            format!("{} at {} {days} {}", it.credential_number, it.provider_id, coverage(it.coverage))
        }
        Kind::Designation(it) => {
            let days = days(it.first_day, it.last_day);
            let held = if it.held { "held" } else { "not held" };
            format!("{} {} {days} {held}", it.credential_number, designation(it.code))
        }
        Kind::Service(it) => format!("{} {} {}", it.provider_id, days(it.first_day, it.last_day), service(it.service)),
        Kind::Provider(it) => format!("{} {}", it.provider_id, if it.on_file { "on file" } else { "not on file" }),
        Kind::Records(it) => format!("records begin {}", day(it.first_day)),
    }
}

/// The line of a revocation for loss of employment that includes today.
pub fn revocation(number: &str, first_day: &str) -> String {
    format!("{number} {first_day}.. CURRENT > REVOKED_LOSS_OF_EMPLOYMENT: REVOKED_LOSS_OF_EMPLOYMENT")
}

/// One line for each standing period.
pub fn period_lines(periods: &[v1::StandingPeriod]) -> Vec<String> {
    let line = |period: &v1::StandingPeriod| {
        let reasons: Vec<_> = period.reasons.iter().map(|number| reason(*number)).collect();
        let days = days(period.first_day, period.last_day);
        format!("{days} {} {}", standing(period.standing), reasons.join(", ")).trim().to_owned()
    };
    periods.iter().map(line).collect()
}
