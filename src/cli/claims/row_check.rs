//! The check of an answered row: it binds the answer to the question that was asked.
//!
//! `review` asks the questions of a file of answers again. A spreadsheet may have changed the file since: a column was
//! sorted alone, a cell was overwritten, rows were lost, two files were put together. The check of a row has its place
//! among all rows of its list, and a digest of the claim number and of what was asked and answered. The digest is of
//! values: a file that was sorted as a whole, or saved in another form or encoding, still passes. It has no key: it
//! finds mistakes, not forgery. Of a family name it has one byte, from which nobody can find the name by guessing.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use super::list_id::ListId;
use super::provider::provider_text;
use super::whole_number::whole_number;
use crate::domain::id::CredentialNumber;
use crate::domain::name::fold_family;
use crate::domain::prior_number::PriorNumber;
use crate::proto::v1::EligibilityItem;
use crate::proto::v1::eligibility_item::Subject;

/// The number of bytes of the digest that are kept.
const KEPT: usize = 8;

/// Which row of which list a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The list.
    pub list: ListId,
    /// The place of the row, starting at 1.
    pub row: u64,
    /// The number of rows of the list.
    pub rows: u64,
}

/// The check of a row of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowCheck {
    /// Which row it is.
    pub place: Place,
    digest: [u8; KEPT],
}

/// A claim, and the answer to it, as the cells of a row have it.
#[derive(Clone, Copy, Debug)]
pub struct AnsweredClaim<'a> {
    /// The claim.
    pub claim: &'a EligibilityItem,
    /// The epoch of the answer.
    pub epoch: &'a str,
    /// The revision of the answer.
    pub revision: u64,
    /// The verdict.
    pub verdict: &'a str,
    /// Whether the claim is eligible.
    pub eligible: &'a str,
    /// The number of the credential.
    pub number_on_record: &'a str,
    /// The units within the limits. Empty: they were not checked.
    pub payable_units: &'a str,
}

impl RowCheck {
    /// The check of a row with the number of a claim, which may be empty. `None`: the row has no answer.
    pub fn of(place: Place, claim_id: &str, answered: Option<AnsweredClaim<'_>>) -> RowCheck {
        let mut digest = Sha256::new();
        let mut add = |part: &[u8]| {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        };
        add(place.to_string().as_bytes());
        add(value(claim_id).as_bytes());
        if let Some(answered) = answered {
            let claim = answered.claim;
            add(subject(claim).as_bytes());
            add(provider_text(claim.billing_provider.as_ref()).trim().as_bytes());
            let day = claim.date_of_service.unwrap_or_default();
            add(format!("{}-{}-{}", day.year, day.month, day.day).as_bytes());
            add(&some_of_name(&claim.family_name));
            add(&claim.designation.to_le_bytes());
            for count in [claim.units, claim.units_billed_that_day, claim.units_billed_that_year] {
                add(&count.map_or(Vec::new(), |count| count.to_le_bytes().to_vec()));
            }
            add(answered.epoch.to_ascii_lowercase().as_bytes());
            add(&answered.revision.to_le_bytes());
            add(answered.verdict.as_bytes());
            add(answered.eligible.to_ascii_lowercase().as_bytes());
            add(number(answered.number_on_record).as_bytes());
            add(value(answered.payable_units).as_bytes());
        }
        let digest: [u8; 32] = digest.finalize().into();
        let mut kept = [0; KEPT];
        kept.copy_from_slice(&digest[..KEPT]);
        RowCheck { place, digest: kept }
    }
}

/// The number of a claim, as the registry reads it.
fn subject(claim: &EligibilityItem) -> String {
    match &claim.subject {
        Some(Subject::CredentialNumber(text)) => format!("number {}", number(text)),
        Some(Subject::PriorNumber(number)) => {
            let read = number.parse::<PriorNumber>();
            format!("prior {}", read.as_ref().map_or(number.as_str(), PriorNumber::as_str))
        }
        None => String::new(),
    }
}

/// A credential number in its canonical form; another text as it is.
pub fn number(text: &str) -> String {
    text.parse::<CredentialNumber>().map_or_else(|_| text.to_owned(), |read| read.to_string())
}

/// The value of a cell. A spreadsheet may write a whole number in another form, and takes zeros from its beginning.
fn value(text: &str) -> String {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match whole_number(text) {
        Some(number) => number.to_string(),
        None if is_digits => text.trim_start_matches('0').to_owned(),
        None => text.to_owned(),
    }
}

/// One byte of the digest of a family name; nothing if no name was given.
fn some_of_name(family_name: &str) -> Vec<u8> {
    if family_name.is_empty() {
        return Vec::new();
    }
    let digest: [u8; 32] = Sha256::digest(fold_family(family_name)).into();
    vec![digest[0]]
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row-{}-of-{}-list-{}", self.row, self.rows, self.list)
    }
}

impl fmt::Display for RowCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A spreadsheet takes it for neither a number nor a date.
        write!(f, "{}-", self.place)?;
        self.digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that is not a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotACheck;

impl FromStr for RowCheck {
    type Err = NotACheck;

    fn from_str(text: &str) -> Result<RowCheck, NotACheck> {
        let parts: Vec<&str> = text.split('-').collect();
        let ["row", row, "of", rows, "list", list, digits] = parts[..] else { return Err(NotACheck) };
        let number = |text: &str| text.parse::<u32>().map(u64::from).map_err(|_| NotACheck);
        let (row, rows) = (number(row)?, number(rows)?);
        if digits.len() != 2 * KEPT || !(1..=rows).contains(&row) {
            return Err(NotACheck);
        }
        let list = list.parse().map_err(|_| NotACheck)?;
        let digest = u64::from_str_radix(digits, 16).map_err(|_| NotACheck)?.to_be_bytes();
        Ok(RowCheck { place: Place { list, row, rows }, digest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::google::r#type::Date;
    use crate::proto::v1::Designation;
    use crate::proto::v1::eligibility_item::BillingProvider;

    const EPOCH: &str = "5f0c4a51-3a0e-4c5b-9d0e-2f6f7a1f0001";

    fn claim() -> EligibilityItem {
        EligibilityItem {
            subject: Some(Subject::CredentialNumber("CPS-28MS-MN2K-Z".to_owned())),
            billing_provider: Some(BillingProvider::ProviderId("region-1-cmhc".to_owned())),
            date_of_service: Some(Date { year: 2026, month: 2, day: 20 }),
            family_name: "O'Neal".to_owned(),
            units: Some(4),
            ..EligibilityItem::default()
        }
    }

    fn place(row: u64) -> Place {
        Place { list: "00c0ffee".parse().unwrap(), row, rows: 3 }
    }

    fn answered(claim: &EligibilityItem) -> AnsweredClaim<'_> {
        AnsweredClaim {
            claim,
            epoch: EPOCH,
            revision: 57,
            verdict: "CONFIRMED",
            eligible: "yes",
            number_on_record: "CPS-28MS-MN2K-Z",
            payable_units: "4",
        }
    }

    fn check(claim: &EligibilityItem) -> RowCheck {
        RowCheck::of(place(2), "00417", Some(answered(claim)))
    }

    #[test]
    fn a_check_is_read_as_it_was_written() {
        for check in [check(&claim()), RowCheck::of(place(1), "", None)] {
            assert_eq!(check.to_string().parse(), Ok(check));
        }
        for text in [
            "",
            "row-1-of-4294967296-list-00c0ffee-00000000000000aa",
            "row-0-of-3-list-00c0ffee-00000000000000aa",
            "row-4-of-3-list-00c0ffee-00000000000000aa",
            "row-1-of-3-list-00c0ffee-aa",
            "row-1-of-3-list-c0ffee-00000000000000aa",
            "row-1-of-3-list-00coffee-00000000000000aa",
            "row-1-of-3-00000000000000aa",
            "row-1-of-3",
        ] {
            assert_eq!(text.parse::<RowCheck>(), Err(NotACheck), "{text}");
        }
    }

    #[test]
    fn what_means_the_same_has_the_same_check() {
        let same: [fn(&mut EligibilityItem); 3] = [
            |claim| claim.subject = Some(Subject::CredentialNumber("cps28msmn2kz".to_owned())),
            |claim| claim.family_name = "ONEAL".to_owned(),
            |claim| claim.correlation_id = "7".to_owned(),
        ];
        for change in same {
            let mut changed = claim();
            change(&mut changed);
            assert_eq!(check(&changed), check(&claim()), "{changed:?}");
        }
        let prior = |number: &str| {
            check(&EligibilityItem { subject: Some(Subject::PriorNumber(number.to_owned())), ..claim() })
        };
        assert_eq!(prior("MS-00417"), prior("ms 00417"));
        assert_ne!(prior("MS-00417"), prior("MS-417"));

        let claim = claim();
        let same = AnsweredClaim {
            eligible: "YES",
            number_on_record: "cps28msmn2kz",
            payable_units: "4.00",
            ..answered(&claim)
        };
        for claim_id in ["417", "417.0", "00417"] {
            assert_eq!(RowCheck::of(place(2), claim_id, Some(same)), check(&claim), "{claim_id}");
        }
    }

    #[test]
    fn a_claim_number_counts_by_its_value() {
        let alike = |one: &str, other: &str| RowCheck::of(place(2), one, None) == RowCheck::of(place(2), other, None);
        assert!(alike("1200", "1,200") && alike("0022612345678901234567", "22612345678901234567"));
        for (one, other) in [("417", "418"), ("A-417", "A-0417"), ("417", ""), ("22612345678901234567", "2.26E+19")] {
            assert!(!alike(one, other), "{one} {other}");
        }
    }

    #[test]
    fn every_part_of_the_question_and_of_the_answer_counts() {
        let changes: [fn(&mut EligibilityItem); 10] = [
            |claim| claim.subject = Some(Subject::CredentialNumber("CPS-DTMK-QJA9-B".to_owned())),
            |claim| claim.subject = Some(Subject::PriorNumber("CPS-28MS-MN2K-Z".to_owned())),
            |claim| claim.billing_provider = Some(BillingProvider::Npi("region-1-cmhc".to_owned())),
            |claim| claim.date_of_service = Some(Date { year: 2026, month: 2, day: 21 }),
            |claim| claim.family_name = String::new(),
            |claim| claim.family_name = "Merriweather".to_owned(),
            |claim| claim.designation = Designation::YoungAdult.into(),
            |claim| claim.units = None,
            |claim| claim.units_billed_that_day = Some(4),
            |claim| (claim.units, claim.units_billed_that_year) = (None, Some(4)),
        ];
        for change in changes {
            let mut changed = claim();
            change(&mut changed);
            assert_ne!(check(&changed), check(&claim()), "{changed:?}");
        }
        let claim = claim();
        let answered = answered(&claim);
        let other = "5f0c4a51-3a0e-4c5b-9d0e-2f6f7a1f0002";
        for changed in [
            AnsweredClaim { epoch: other, ..answered },
            AnsweredClaim { revision: 58, ..answered },
            AnsweredClaim { verdict: "NOT_CONFIRMED", ..answered },
            AnsweredClaim { eligible: "no", ..answered },
            AnsweredClaim { number_on_record: "CPS-DTMK-QJA9-B", ..answered },
            AnsweredClaim { payable_units: "40", ..answered },
            AnsweredClaim { payable_units: "", ..answered },
        ] {
            assert_ne!(RowCheck::of(place(2), "00417", Some(changed)), check(&claim), "{changed:?}");
        }
        assert_ne!(RowCheck::of(place(2), "00417", None), check(&claim));
        assert_ne!(RowCheck::of(place(2), "00418", Some(answered)), check(&claim));
        assert_ne!(RowCheck::of(place(1), "00417", Some(answered)).digest, check(&claim).digest);
        let elsewhere = Place { list: "00c0ffef".parse().unwrap(), ..place(2) };
        assert_ne!(RowCheck::of(elsewhere, "00417", Some(answered)).digest, check(&claim).digest);
    }

    #[test]
    fn few_names_of_many_have_the_check_of_a_name() {
        let of = |name: &str| check(&EligibilityItem { family_name: name.to_owned(), ..claim() });
        let alike = (0..2560).filter(|number| of(&format!("Example{number}")) == of("O'Neal")).count();
        assert!((2..40).contains(&alike), "{alike}");
    }
}
