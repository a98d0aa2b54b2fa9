//! The check of an answered row: it binds the answer to the question that was asked.
//!
//! `review` asks the questions of a file of answers again. A spreadsheet may have changed the file since: a column was
//! sorted alone, a cell was overwritten, rows were lost. The check of a row has its place among all rows, and a digest
//! of what was asked and answered. The digest is of values: a file that was sorted as a whole, or saved in another form
//! or encoding, still passes. It has no key: it finds mistakes, not forgery. Of a family name it has one byte, from
//! which nobody can find the name by guessing.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use super::provider::provider_text;
use crate::domain::id::CredentialNumber;
use crate::domain::name::fold_family;
use crate::domain::prior_number::PriorNumber;
use crate::proto::v1::EligibilityItem;
use crate::proto::v1::eligibility_item::Subject;

/// The number of bytes of the digest that are kept.
const KEPT: usize = 8;

/// The check of a row of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowCheck {
    /// The place of the row, starting at 1.
    pub row: u64,
    /// The number of rows.
    pub rows: u64,
    digest: [u8; KEPT],
}

/// A claim, and the answer to it.
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
}

impl RowCheck {
    /// The check of a row. `None`: the row has no answer.
    pub fn of(row: u64, rows: u64, answered: Option<AnsweredClaim<'_>>) -> RowCheck {
        let mut digest = Sha256::new();
        let mut add = |part: &[u8]| {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        };
        add(&row.to_le_bytes());
        add(&rows.to_le_bytes());
        if let Some(AnsweredClaim { claim, epoch, revision, verdict }) = answered {
            add(subject(claim).as_bytes());
            add(provider_text(claim.billing_provider.as_ref()).trim().as_bytes());
            let day = claim.date_of_service.unwrap_or_default();
            add(format!("{}-{}-{}", day.year, day.month, day.day).as_bytes());
            add(&some_of_name(&claim.family_name));
            add(&claim.designation.to_le_bytes());
            for count in [claim.units, claim.units_billed_that_day, claim.units_billed_that_year] {
                add(&count.map_or(Vec::new(), |count| count.to_le_bytes().to_vec()));
            }
            add(epoch.to_ascii_lowercase().as_bytes());
            add(&revision.to_le_bytes());
            add(verdict.as_bytes());
        }
        let digest: [u8; 32] = digest.finalize().into();
        let mut kept = [0; KEPT];
        kept.copy_from_slice(&digest[..KEPT]);
        RowCheck { row, rows, digest: kept }
    }
}

/// The number of a claim, as the registry reads it.
fn subject(claim: &EligibilityItem) -> String {
    match &claim.subject {
        Some(Subject::CredentialNumber(number)) => {
            let read = number.parse::<CredentialNumber>();
            format!("number {}", read.map_or_else(|_| number.clone(), |read| read.to_string()))
        }
        Some(Subject::PriorNumber(number)) => {
            let read = number.parse::<PriorNumber>();
            format!("prior {}", read.as_ref().map_or(number.as_str(), PriorNumber::as_str))
        }
        None => String::new(),
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

impl fmt::Display for RowCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A spreadsheet takes it for neither a number nor a date.
        write!(f, "row-{}-of-{}-", self.row, self.rows)?;
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
        let ["row", row, "of", rows, digits] = parts[..] else { return Err(NotACheck) };
        let number = |text: &str| text.parse::<u32>().map(u64::from).map_err(|_| NotACheck);
        let (row, rows) = (number(row)?, number(rows)?);
        if digits.len() != 2 * KEPT || !(1..=rows).contains(&row) {
            return Err(NotACheck);
        }
        let digest = u64::from_str_radix(digits, 16).map_err(|_| NotACheck)?.to_be_bytes();
        Ok(RowCheck { row, rows, digest })
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

    fn check(claim: &EligibilityItem) -> RowCheck {
        RowCheck::of(2, 3, Some(AnsweredClaim { claim, epoch: EPOCH, revision: 57, verdict: "CONFIRMED" }))
    }

    #[test]
    fn a_check_is_read_as_it_was_written() {
        for check in [check(&claim()), RowCheck::of(1, 1, None)] {
            assert_eq!(check.to_string().parse(), Ok(check));
        }
        for text in [
            "",
            "row-1-of-4294967296-00000000000000aa",
            "row-0-of-3-00000000000000aa",
            "row-4-of-3-00000000000000aa",
            "row-1-of-3-aa",
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
        let answered = AnsweredClaim { claim: &claim, epoch: EPOCH, revision: 57, verdict: "CONFIRMED" };
        let other = "5f0c4a51-3a0e-4c5b-9d0e-2f6f7a1f0002";
        for changed in [
            AnsweredClaim { epoch: other, ..answered },
            AnsweredClaim { revision: 58, ..answered },
            AnsweredClaim { verdict: "NOT_CONFIRMED", ..answered },
        ] {
            assert_ne!(RowCheck::of(2, 3, Some(changed)), check(&claim));
        }
        assert_ne!(RowCheck::of(2, 3, None).to_string(), check(&claim).to_string());
        assert_ne!(RowCheck::of(1, 3, Some(answered)).digest, check(&claim).digest);
    }

    #[test]
    fn few_names_of_many_have_the_check_of_a_name() {
        let of = |name: &str| check(&EligibilityItem { family_name: name.to_owned(), ..claim() });
        let alike = (0..2560).filter(|number| of(&format!("Example{number}")) == of("O'Neal")).count();
        assert!((2..40).contains(&alike), "{alike}");
    }
}
