//! Decodes questions about credentials and claims.
//!
//! A credential number, prior number or provider id that cannot exist is not refused: the question is answered, as not
//! on file.

use super::ask::{AnsweredClaim, Claim, ItemPath};
use super::fields::{Fields, LONGEST_CORRELATION_ID, MAX_DESIGNATIONS};
use crate::domain::decide::Rejection;
use crate::domain::fact::{Designation, Identifier, IdentifierKind};
use crate::domain::id::Revision;
use crate::domain::name::{FoldedName, Holder};
use crate::domain::sets::Designations;
use crate::domain::verdict::Units;
use crate::proto::v1;
use crate::proto::v1::eligibility_item::{BillingProvider, Subject as Claimed};
use crate::proto::v1::known_at::Point;
use crate::proto::v1::verification_item::Subject;
use crate::registry::question::{Ask, AskProvider, AskSubject};
use crate::registry::snapshot::{AtLeast, Knowledge, KnownAt};
use crate::registry::token::Token;

/// Decodes a question about a credential.
pub fn verification_item(path: ItemPath, item: Option<&v1::VerificationItem>) -> Result<Ask<'_>, Rejection> {
    let mut fields = Fields::default();
    let ask = fields.message(path, item, |fields, item| {
        let subject = subject(fields, item);
        let as_of = fields.optional_day("as_of", item.as_of);
        let designations = designations(fields, &item.designations);
        let provider = (!item.provider_id.is_empty()).then_some(AskProvider::Id(&item.provider_id));
        correlation_id(fields, &item.correlation_id);
        let family_name = fields.optional_folded_family_name("family_name", &item.family_name);
        Some(Ask { subject: subject?, family_name, as_of, provider, designations })
    });
    fields.finish(ask)
}

fn subject(fields: &mut Fields, item: &v1::VerificationItem) -> Option<AskSubject> {
    match &item.subject {
        None => {
            fields.refuse("subject", "required: credential_number, prior_number or holder");
            None
        }
        Some(Subject::CredentialNumber(number)) => self::number(fields, number),
        Some(Subject::PriorNumber(number)) => prior_number(fields, number),
        Some(Subject::Holder(holder)) => {
            if !item.family_name.is_empty() {
                fields.refuse("family_name", "must not be set together with holder");
            }
            fields.within("holder", |fields| {
                let name = fields.name("name", holder.name.as_ref());
                let birth_date = fields.day("birth_date", holder.birth_date);
                let name: FoldedName = name?.folded();
                Some(AskSubject::Holder(Holder { name, birth_date: birth_date? }))
            })
        }
    }
}

fn number(fields: &mut Fields, number: &str) -> Option<AskSubject> {
    if number.is_empty() {
        fields.refuse("credential_number", "required");
        return None;
    }
    Some(AskSubject::Number(number.parse().ok()))
}

fn prior_number(fields: &mut Fields, number: &str) -> Option<AskSubject> {
    if number.is_empty() {
        fields.refuse("prior_number", "required");
        return None;
    }
    Some(AskSubject::PriorNumber(number.parse().ok()))
}

/// Reads the designations that must all be held. Duplicates are ignored.
fn designations(fields: &mut Fields, numbers: &[i32]) -> Designations {
    if !fields.check_count("designations", numbers.len(), MAX_DESIGNATIONS) {
        return Designations::default();
    }
    let numbered = numbers.iter().enumerate();
    numbered.filter_map(|(at, number)| fields.enum_value_in::<Designation>("designations", at, *number)).collect()
}

fn correlation_id(fields: &mut Fields, text: &str) {
    if text.len() > LONGEST_CORRELATION_ID {
        fields.optional_text("correlation_id", text, LONGEST_CORRELATION_ID);
    }
}

/// Decodes a question about a claim.
pub fn eligibility_item(path: ItemPath, item: Option<&v1::EligibilityItem>) -> Result<Claim<'_>, Rejection> {
    let mut fields = Fields::default();
    let claim = fields.message(path, item, claim);
    fields.finish(claim)
}

/// Decodes a claim that was answered earlier.
pub fn review_item(path: ItemPath, item: Option<&v1::ReviewItem>) -> Result<AnsweredClaim<'_>, Rejection> {
    let mut fields = Fields::default();
    let answered = fields.message(path, item, |fields, item| {
        let claim = fields.message("claim", item.claim.as_ref(), claim);
        let relied_on = fields.message("relied_on", item.relied_on.as_ref(), |fields, relied_on| {
            let epoch = fields.optional_uuid("epoch", &relied_on.epoch);
            if relied_on.revision.is_none() {
                fields.refuse("revision", "required: known_at_revision of the earlier answer");
            }
            Some((epoch, Revision(relied_on.revision?)))
        });
        let (claim, (epoch, revision)) = claim.zip(relied_on)?;
        Some(AnsweredClaim { claim, epoch, revision })
    });
    fields.finish(answered)
}

fn claim<'a>(fields: &mut Fields, item: &'a v1::EligibilityItem) -> Option<Claim<'a>> {
    let subject = claimed_for(fields, item);
    let provider = billing_provider(fields, item.billing_provider.as_ref());
    let date_of_service = fields.day("date_of_service", item.date_of_service);
    let designation = fields.optional_enum_value::<Designation>("designation", item.designation);
    correlation_id(fields, &item.correlation_id);
    let family_name = fields.optional_folded_family_name("family_name", &item.family_name);
    let ask = Ask {
        subject: subject?,
        family_name,
        as_of: date_of_service,
        provider: Some(provider?),
        designations: designation.into_iter().collect(),
    };
    Some(Claim { ask, date_of_service: date_of_service?, units: units(item) })
}

fn claimed_for(fields: &mut Fields, item: &v1::EligibilityItem) -> Option<AskSubject> {
    match &item.subject {
        None => {
            fields.refuse("subject", "required: credential_number or prior_number");
            None
        }
        Some(Claimed::CredentialNumber(number)) => self::number(fields, number),
        Some(Claimed::PriorNumber(number)) => prior_number(fields, number),
    }
}

fn billing_provider<'a>(fields: &mut Fields, provider: Option<&'a BillingProvider>) -> Option<AskProvider<'a>> {
    let Some(provider) = provider else {
        fields.refuse("billing_provider", "required: provider_id, npi or medicaid_id");
        return None;
    };
    let (field, kind, value) = match provider {
        BillingProvider::ProviderId(id) => ("provider_id", None, id),
        BillingProvider::Npi(value) => ("npi", Some(IdentifierKind::Npi), value),
        BillingProvider::MedicaidId(value) => ("medicaid_id", Some(IdentifierKind::MedicaidId), value),
    };
    let value = if kind.is_some() { value.trim() } else { value };
    if value.is_empty() {
        fields.refuse(field, "required");
        return None;
    }
    Some(match kind {
        None => AskProvider::Id(value),
        Some(kind) => {
            let identifier = Identifier { kind, value: value.to_owned() };
            if let Some(fault) = identifier.fault() {
                fields.refuse_unless_on_file(field, fault);
            }
            AskProvider::Identifier(identifier)
        }
    })
}

/// Returns the units of a claim; `None` unless all three numbers are given.
fn units(item: &v1::EligibilityItem) -> Option<Units> {
    Some(Units {
        claimed: item.units?,
        billed_that_day: item.units_billed_that_day?,
        billed_that_year: item.units_billed_that_year?,
    })
}

/// Combines a question with the state of knowledge to answer from. Reports the faults of both.
pub fn asked_at<T>(question: Result<T, Rejection>, options: &v1::StreamOptions) -> Result<(T, Knowledge), Rejection> {
    match (question, stream_options(options)) {
        (Err(Rejection::Invalid(mut faults)), Err(Rejection::Invalid(more))) => {
            faults.append(more);
            Err(Rejection::Invalid(faults))
        }
        (question, knowledge) => Ok((question?, knowledge?)),
    }
}

/// Decodes the state of knowledge for one or more questions.
pub fn stream_options(options: &v1::StreamOptions) -> Result<Knowledge, Rejection> {
    let mut fields = Fields::default();
    let known_at = fields.known_at(options.known_at.as_ref());
    let at_least = fields.at_least(options);
    let both = || Some(Knowledge { known_at: known_at?, at_least: at_least? });
    fields.finish(both())
}

/// Decodes the state of knowledge in a request's field `known_at`.
pub fn known_at(known_at: Option<&v1::KnownAt>) -> Result<KnownAt, Rejection> {
    let mut fields = Fields::default();
    let read = fields.known_at(known_at);
    fields.finish(read)
}

impl Fields {
    /// Reads the minimum state of knowledge.
    fn at_least(&mut self, options: &v1::StreamOptions) -> Option<AtLeast> {
        if options.min_token.is_empty() {
            return Some(AtLeast::Revision(Revision(options.min_revision)));
        }
        if options.min_revision != 0 {
            self.refuse("min_token", "must not be set together with min_revision");
            return None;
        }
        let token = Token::read(&options.min_token);
        if token.is_none() {
            self.refuse("min_token", "not a token: send one exactly as an answer or a mutation returned it");
        }
        token.map(AtLeast::Token)
    }

    /// Reads the state of knowledge in a request's field `known_at`.
    pub(super) fn known_at(&mut self, known_at: Option<&v1::KnownAt>) -> Option<KnownAt> {
        let Some(known_at) = known_at else { return Some(KnownAt::Head) };
        self.within("known_at", |fields| {
            let epoch = fields.optional_uuid("epoch", &known_at.epoch);
            match known_at.point {
                None => Some(KnownAt::Head),
                Some(Point::Revision(revision)) => Some(KnownAt::Revision(epoch, Revision(revision))),
                Some(Point::Time(time)) => Some(KnownAt::Time(epoch, fields.instant("time", time)?)),
            }
        })
    }

    /// Reads an instant.
    pub(super) fn instant(&mut self, field: &str, instant: prost_types::Timestamp) -> Option<jiff::Timestamp> {
        let is_whole = (0..1_000_000_000).contains(&instant.nanos);
        let read = jiff::Timestamp::new(instant.seconds, instant.nanos).ok().filter(|_| is_whole);
        if read.is_none() {
            self.refuse(field, "not an instant of the years 1 to 9999");
        }
        read
    }
}
