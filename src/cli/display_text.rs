//! The values of the contract as text for people.

use jiff::Timestamp;

use crate::domain::standing::{self, Weight};
use crate::proto::google::r#type::Date;
use crate::proto::v1::{Designation, PersonName, Reason, ReviewReason, Standing, Verdict};
use crate::surface::encode::WireEnum as _;

/// The effect of a reason on the verdict, as the registry defines it.
pub fn weight(reason: Reason) -> Weight {
    standing::Reason::from_number(reason.into()).map_or(Weight::Information, standing::Reason::weight)
}

/// Whether a credential with this standing is lost, so that a term alone does not restore it.
pub fn is_lost(of: Standing) -> bool {
    use Standing::{Deceased, Relinquished, Retired, RevokedDisciplinary, RevokedLossOfEmployment, Surrendered, Void};
    let lost = [Deceased, Relinquished, Retired, RevokedDisciplinary, RevokedLossOfEmployment, Surrendered, Void];
    lost.contains(&of)
}

/// The text of a reason. The list of reasons is open: a reason that this program does not know is shown by number.
pub fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Unspecified => "No reason was given.",
        Reason::CredentialNotOnFile => "No such credential is on file.",
        Reason::NameMismatch => "The family name is not, and never was, the holder's.",
        Reason::SpecialistAmbiguous => "Several people match. Ask with the credential number.",
        Reason::NotYetEffective => "The credential takes effect after that day.",
        Reason::Void => "The credential was issued in error and counts as never issued.",
        Reason::Deceased => "The holder has died.",
        Reason::RevokedLossOfEmployment => "Revoked, because employment was lost. This is not discipline.",
        Reason::RevokedDisciplinary => "Revoked as discipline.",
        Reason::Surrendered => "The holder surrendered the credential.",
        Reason::Relinquished => "The holder relinquished the credential.",
        Reason::Retired => "The holder retired.",
        Reason::Lapsed => "The term ended and was not renewed.",
        Reason::Suspended => "Suspended as discipline.",
        Reason::SuspendedNonDisciplinary => "Suspended. This is not discipline.",
        Reason::Inactive => "Inactive: held, but not for practice.",
        Reason::SeparatedMayNotPractice => "Between jobs: still held, but not for practice.",
        Reason::NoQualifyingEmployment => "No job that day in the state mental health system.",
        Reason::ProviderNotOnFile => "The provider is not on file.",
        Reason::NotEmployedByProvider => "Not employed by that provider that day.",
        Reason::ProviderNotQualified => "The provider was not in the state mental health system that day.",
        Reason::ProviderSuspended => "The provider was suspended that day.",
        Reason::DesignationNotHeld => "A requested designation is not held.",
        Reason::ServiceNotCertified => "The provider's peer support service was not certified that day.",
        Reason::DateBeforeRecords => "Employment on that day is older than the registry's records.",
        Reason::ProviderRenewalNotRecorded => "The employer's certificate has expired and no renewal is on record.",
        Reason::DateInFuture => "The day is in the future: the answer may change.",
        Reason::NumberMistyped => "The number cannot exist. Look for a typing error.",
        Reason::Limited => "The credential is limited. Ask the registrar for the limitation.",
        Reason::ReportingWindowOpen => "May change: employers may still report about that day.",
        Reason::TermEndsSoon => "The term ends soon and is not renewed yet.",
        Reason::NameIsFormer => "The name given is a former name of the holder.",
        Reason::ServiceHistoryUnknown => "No certification of the service is on record for that day or earlier.",
        Reason::NameRedacted => "The holder's names were redacted, so no name was checked.",
    }
}

/// An answer in whole sentences: the verdict, if it is yes, and then its reasons, the decisive ones first.
pub fn sentence(verdict: Verdict, reasons: &[i32]) -> String {
    let yes = match verdict {
        Verdict::Confirmed => Some("Confirmed."),
        Verdict::ConfirmedWithLimits => Some("Confirmed, with limits."),
        Verdict::NotConfirmed | Verdict::Undetermined | Verdict::Unspecified => None,
    };
    let of_weight = |wanted| {
        let known = reasons.iter().filter_map(|number| Reason::try_from(*number).ok());
        known.filter(move |known| weight(*known) == wanted).map(reason)
    };
    let texts = [Weight::Fails, Weight::Unknown, Weight::Information].into_iter().flat_map(of_weight);
    yes.into_iter().chain(texts).collect::<Vec<_>>().join(" ")
}

/// The contract's name of a value, without the prefix of its enum. A value that this program does not know is shown by
/// number.
pub fn code<E: TryFrom<i32>>(number: i32, name: fn(&E) -> &'static str, prefix: &str) -> String {
    E::try_from(number).map_or_else(|_| number.to_string(), |value| name(&value).trim_start_matches(prefix).to_owned())
}

/// A fault of a row without its line, for where the line stands already.
pub fn without_line(line: u64, fault: &str) -> &str {
    fault.strip_prefix(&format!("line {line}, ")).unwrap_or(fault)
}

/// A number of rows.
pub fn rows(count: u64) -> String {
    format!("{count} {}", if count == 1 { "row" } else { "rows" })
}

/// A date in ISO format.
pub fn day(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
}

/// An instant for people, in a form that the flags accept: to the second, in Chicago time.
pub fn instant(instant: Timestamp) -> String {
    match instant.in_tz("America/Chicago") {
        Ok(local) => local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        Err(_) => instant.to_string(),
    }
}

/// An instant of the contract in a table, beside its revision.
pub fn moment(time: prost_types::Timestamp) -> String {
    Timestamp::new(time.seconds, time.nanos).map(instant).unwrap_or_default()
}

/// An instant of the contract with the whole fraction of its second, so that `--known-at` takes it for the same
/// instant.
pub fn exact_moment(time: prost_types::Timestamp) -> String {
    let exact = |instant: Timestamp| {
        let local = instant.in_tz("America/Chicago");
        local.map_or(instant.to_string(), |local| local.strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string())
    };
    Timestamp::new(time.seconds, time.nanos).map(exact).unwrap_or_default()
}

/// A name of the contract as words: `PSYCHIATRIC_HOSPITAL` is `psychiatric hospital`.
pub fn words(code: &str) -> String {
    code.to_lowercase().replace('_', " ").replace("dmh", "DMH")
}

/// Why a fact should be reviewed.
pub fn review_reason(reason: ReviewReason) -> &'static str {
    match reason {
        ReviewReason::Unspecified => "no reason was given",
        ReviewReason::RevokedCredentialRevived => {
            "a start brought back a credential that was revoked when a job elsewhere was lost"
        }
        ReviewReason::LikelyDuplicate => "somebody with this name and birth date was on file already",
        ReviewReason::StartAfterDeath => "a job was reported for days after a death",
        ReviewReason::SettledDaysCorrected => "days were changed whose reporting window had passed",
    }
}

/// The text of a standing.
pub fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Unspecified => "not set",
        Standing::NotIssued => "not issued yet",
        Standing::Void => "void",
        Standing::Deceased => "holder deceased",
        Standing::RevokedLossOfEmployment => "revoked on loss of employment",
        Standing::RevokedDisciplinary => "revoked as discipline",
        Standing::Surrendered => "surrendered",
        Standing::Relinquished => "relinquished",
        Standing::Retired => "retired",
        Standing::Lapsed => "lapsed",
        Standing::Suspended => "suspended",
        Standing::Inactive => "inactive",
        Standing::Separated => "separated",
        Standing::Limited => "limited",
        Standing::Current => "current",
    }
}

/// The text of a verdict.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unspecified => "NOT SET",
        Verdict::Confirmed => "CONFIRMED",
        Verdict::ConfirmedWithLimits => "CONFIRMED WITH LIMITS",
        Verdict::NotConfirmed => "NOT CONFIRMED",
        Verdict::Undetermined => "UNDETERMINED",
    }
}

/// The name of a designation.
pub fn designation(designation: Designation) -> &'static str {
    match designation {
        Designation::Unspecified => "not set",
        Designation::AdultAndRecovery => "Adult and Recovery",
        Designation::ParentCaregiver => "Parent/Caregiver",
        Designation::YoungAdult => "Young Adult",
        Designation::ForensicPeerRecovery => "Forensic Peer Recovery",
        Designation::RecoveryOnly => "Recovery only",
    }
}

/// A full name, given name first.
pub fn full_name(name: &PersonName) -> String {
    let parts = [&name.given_name, &name.family_name, &name.suffix];
    parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The names of designations, given by their numbers.
pub fn designations(numbers: &[i32]) -> String {
    let known = numbers.iter().filter_map(|number| Designation::try_from(*number).ok());
    known.map(designation).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::FacilityType;

    #[test]
    fn an_instant_is_shown_to_the_second_in_chicago_time() {
        for (exact, shown) in [
            ("2026-03-01T15:04:05.000000123Z", "2026-03-01T09:04:05-06:00"),
            ("2026-07-01T04:59:59.999999Z", "2026-06-30T23:59:59-05:00"),
        ] {
            assert_eq!(instant(exact.parse().unwrap()), shown);
        }
    }

    #[test]
    fn an_exact_instant_is_read_as_the_same_instant() {
        for (nanos, shown) in
            [(0, "09:04:05-06:00"), (120_000, "09:04:05.00012-06:00"), (1, "09:04:05.000000001-06:00")]
        {
            let time = prost_types::Timestamp { seconds: 1_772_377_445, nanos };
            assert_eq!(exact_moment(time), format!("2026-03-01T{shown}"));
            assert_eq!(exact_moment(time).parse::<Timestamp>().unwrap().subsec_nanosecond(), nanos);
        }
    }

    #[test]
    fn a_sentence_says_first_what_decides() {
        let reasons = [Reason::NotEmployedByProvider, Reason::ReportingWindowOpen].map(i32::from);
        assert_eq!(
            sentence(Verdict::NotConfirmed, &reasons),
            "Not employed by that provider that day. May change: employers may still report about that day."
        );
        assert_eq!(sentence(Verdict::Confirmed, &[]), "Confirmed.");
    }

    /// The words of the page for a person, which is a script.
    const PAGE: &str = include_str!("../http/page/words.js");

    #[test]
    fn the_page_for_a_person_uses_the_same_words() {
        let json = PAGE.split_once("export default").unwrap().1.trim().trim_end_matches(';');
        let words: serde_json::Value = serde_json::from_str(json).unwrap();
        let of =
            |group: &str, name: &str, field: &str| words[group][name][field].as_str().unwrap_or_default().to_owned();
        for known in standing::Reason::ALL {
            let known = Reason::try_from(known.number()).unwrap();
            assert_eq!(of("reasons", known.as_str_name(), "text"), reason(known), "{known:?}");
            assert_eq!(of("reasons", known.as_str_name(), "weight"), format!("{:?}", weight(known)).to_lowercase());
        }
        for number in 1.. {
            let Ok(known) = Standing::try_from(number) else { break };
            assert_eq!(of("standings", known.as_str_name(), "name"), standing(known));
        }
        for number in 1.. {
            let Ok(known) = Verdict::try_from(number) else { break };
            assert_eq!(of("verdicts", known.as_str_name(), "name"), verdict(known));
        }
        for number in 1.. {
            let Ok(known) = Designation::try_from(number) else { break };
            assert_eq!(words["designations"][known.as_str_name()], designation(known));
        }
        for number in 1.. {
            let Ok(known) = ReviewReason::try_from(number) else { break };
            assert_eq!(words["reviews"][known.as_str_name()], review_reason(known));
        }
        for number in 1.. {
            let Ok(known) = FacilityType::try_from(number) else { break };
            assert!(words["facilities"][known.as_str_name()].is_string(), "{known:?}");
        }
    }

    #[test]
    fn the_page_for_a_person_cites_the_rule_sets() {
        let json = PAGE.split_once("export default").unwrap().1.trim().trim_end_matches(';');
        let words: serde_json::Value = serde_json::from_str(json).unwrap();
        let shipped = [include_str!("../rules/cpss-guide.toml"), include_str!("../rules/cpssp-2025.toml")];
        let mut cited = 0;
        for text in shipped {
            let rules: toml::Value = toml::from_str(text).unwrap();
            for (rule, citation) in words["citations"][rules["id"].as_str().unwrap()].as_object().unwrap() {
                let found = rules.get(rule).unwrap_or_else(|| &rules["criteria"][rule]);
                assert_eq!(found["citation"].as_str(), citation.as_str(), "{rule}");
                cited += 1;
            }
        }
        assert!(cited >= 5, "{cited}");
    }

    #[test]
    fn a_reason_has_the_same_effect_here_as_in_the_registry() {
        for known in standing::Reason::ALL {
            let reason = Reason::try_from(known.number()).unwrap();
            assert_eq!(weight(reason), known.weight(), "{reason:?}");
        }
        assert_eq!(weight(Reason::Unspecified), Weight::Information);
    }
}
