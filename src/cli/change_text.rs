//! Changes as sentences.

use super::display_text::{code, day, designation, standing, words};
use crate::proto::google::r#type::Date;
use crate::proto::v1::change::Change as Kind;
use crate::proto::v1::{Change, Coverage, ServiceStatus, StandingChange};

/// A credential by its number. One that a command would add has none yet.
fn of_credential(number: &str) -> &str {
    if number.is_empty() { "the new credential" } else { number }
}

/// A change as a sentence. It names the person by the credential.
pub fn change(change: &Change) -> String {
    match &change.change {
        Some(Kind::Standing(it)) => standing_change(it),
        Some(Kind::Coverage(it)) => {
            let job = match it.coverage() {
                Coverage::Covered => "a job that counts at",
                Coverage::NotCovered => "no job that counts at",
                Coverage::NotKnown | Coverage::Unspecified => "not known to have a job that counts at",
            };
            let days = days(it.first_day, it.last_day);
            format!("{}: {job} {} {days}", of_credential(&it.credential_number), it.provider_id)
        }
        Some(Kind::Designation(it)) => {
            let held = if it.held { "held" } else { "not held" };
            let (of, days) = (designation(it.code()), days(it.first_day, it.last_day));
            format!("{}: the designation {of} is {held} {days}", of_credential(&it.credential_number))
        }
        Some(Kind::Service(it)) => {
            let status = words(&code(it.service, ServiceStatus::as_str_name, "SERVICE_STATUS_"));
            format!("{}: the peer support service is {status} {}", it.provider_id, days(it.first_day, it.last_day))
        }
        Some(Kind::Provider(it)) if it.on_file => format!("{} is on file, with its identifiers", it.provider_id),
        Some(Kind::Provider(it)) => format!("{} is not on file", it.provider_id),
        Some(Kind::Records(it)) => {
            format!("records of employment are complete from {}", it.first_day.map(day).unwrap_or_default())
        }
        None => "a change that this program does not know".to_owned(),
    }
}

/// The credential that a change is about, and its days. Empty: it is about none.
pub fn whose_days(change: &Change) -> (&str, Option<Date>, Option<Date>) {
    match &change.change {
        Some(Kind::Standing(it)) => (&it.credential_number, it.first_day, it.last_day),
        Some(Kind::Coverage(it)) => (&it.credential_number, it.first_day, it.last_day),
        Some(Kind::Designation(it)) => (&it.credential_number, it.first_day, it.last_day),
        Some(Kind::Service(it)) => ("", it.first_day, it.last_day),
        Some(Kind::Records(it)) => ("", it.first_day, None),
        Some(Kind::Provider(_)) | None => ("", None, None),
    }
}

fn standing_change(it: &StandingChange) -> String {
    let (to, from) = (standing(it.to_standing()), standing(it.from_standing()));
    let number = of_credential(&it.credential_number);
    format!("{number}: {to} {}, instead of {from}", days(it.first_day, it.last_day))
}

/// A run of days.
pub fn days(first: Option<Date>, last: Option<Date>) -> String {
    match (first.map(day), last.map(day)) {
        (Some(first), Some(last)) if first == last => format!("on {first}"),
        (Some(first), Some(last)) => format!("from {first} to {last}"),
        (Some(first), None) => format!("from {first} on"),
        (None, Some(last)) => format!("until {last}"),
        (None, None) => "on all days".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::{CoverageChange, Standing};

    #[test]
    fn a_change_names_who_what_and_when() {
        let date = |day| Some(Date { year: 2026, month: 3, day });
        let standing = StandingChange {
            credential_number: "CPS-1".into(),
            first_day: date(1),
            from_standing: Standing::Current.into(),
            to_standing: Standing::RevokedLossOfEmployment.into(),
            ..StandingChange::default()
        };
        let text = change(&Change { change: Some(Kind::Standing(standing)) });
        assert_eq!(text, "CPS-1: revoked on loss of employment from 2026-03-01 on, instead of current");
        let coverage = CoverageChange {
            credential_number: "CPS-1".into(),
            provider_id: "region-1".into(),
            first_day: date(1),
            last_day: date(1),
            coverage: Coverage::NotCovered.into(),
        };
        let text = change(&Change { change: Some(Kind::Coverage(coverage)) });
        assert_eq!(text, "CPS-1: no job that counts at region-1 on 2026-03-01");
        let issued = StandingChange { to_standing: Standing::Current.into(), ..StandingChange::default() };
        let text = change(&Change { change: Some(Kind::Standing(issued)) });
        assert!(text.starts_with("the new credential: current"), "{text}");
    }

    #[test]
    fn the_page_for_a_person_says_the_same_about_coverage() {
        let script = include_str!("../http/page/words.js");
        let json = script.split_once("export default").unwrap().1.trim().trim_end_matches(';');
        let words: serde_json::Value = serde_json::from_str(json).unwrap();
        for number in 1.. {
            let Ok(coverage) = Coverage::try_from(number) else { break };
            let change = CoverageChange {
                credential_number: "CPS-1".into(),
                provider_id: "region-1".into(),
                coverage: number,
                ..CoverageChange::default()
            };
            let text = super::change(&Change { change: Some(Kind::Coverage(change)) });
            let job = words["coverages"][coverage.as_str_name()].as_str().unwrap();
            assert_eq!(text, format!("CPS-1: {job} region-1 on all days"));
        }
    }
}
