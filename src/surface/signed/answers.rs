//! The claims of signed answers. Every field of an answer is listed, so that a new field does not compile until it is
//! claimed here, or left out on purpose.

use prost::Message;

use super::words::{day, designation, fact_kind, instant, limit_reason, list, reason, standing, verdict};
use crate::domain::id::{CredentialNumber, Revision};
use crate::domain::prior_number::PriorNumber;
use crate::proof::claims::Claims;
use crate::proto::v1;
use crate::proto::v1::eligibility_item::{BillingProvider, Subject as Claimed};
use crate::proto::v1::verification_item::Subject;
use crate::registry::Registry;

/// A response that can be signed.
pub(in crate::surface) trait Signable: Message + Default {
    /// The method, with its service.
    const METHOD: &'static str;
    /// The field of the signed answer.
    const FIELD: u32;
    /// What asks.
    type Asked;

    /// Writes what was asked and what is answered.
    fn claim(&self, asked: &Self::Asked, claims: &mut Claims, registry: &Registry);
}

impl Signable for v1::VerifyCredentialResponse {
    const METHOD: &'static str = "VerificationService/VerifyCredential";
    const FIELD: u32 = 2;
    type Asked = Option<v1::VerificationItem>;

    fn claim(&self, asked: &Self::Asked, claims: &mut Claims, registry: &Registry) {
        let (Some(item), Some(verification)) = (asked, &self.verification) else { return };
        claims.object("asked", |asked| {
            let by = match &item.subject {
                Some(Subject::PriorNumber(number)) => {
                    prior_number(asked, number);
                    "prior_number"
                }
                Some(Subject::Holder(_)) => "holder",
                Some(Subject::CredentialNumber(_)) | None => "credential_number",
            };
            asked.text("by", by);
            asked.text("credential_number", &verification.credential_number);
            asked.flag("family_name_checked", is_checked(&item.family_name, &verification.reasons));
            asked.text("provider_id", &item.provider_id);
            list(asked, "designations", &item.designations, designation);
        });
        answer(claims, verification.answer.as_ref(), registry);
        claims.object("answered", |answered| verification_claims(answered, verification));
    }
}

fn verification_claims(claims: &mut Claims, verification: &v1::Verification) {
    let v1::Verification {
        verdict: of,
        holds_credential,
        may_use_title,
        may_practice,
        standing: on_the_day,
        reasons,
        missing_designations,
        credential: shown,
        // These are claimed elsewhere.
        answer: _,
        credential_number: _,
    } = verification;
    claims.text("verdict", verdict(*of));
    list(claims, "reasons", reasons, reason);
    for (name, seen) in
        [("holds_credential", holds_credential), ("may_use_title", may_use_title), ("may_practice", may_practice)]
    {
        if let Some(seen) = seen {
            claims.flag(name, *seen);
        }
    }
    claims.text("standing", on_the_day.map_or("", standing));
    list(claims, "missing_designations", missing_designations, designation);
    if let Some(shown) = shown {
        claims.object("credential", |claims| credential(claims, shown));
    }
}

fn credential(claims: &mut Claims, shown: &v1::Credential) {
    let v1::Credential {
        credential_number,
        specialist_id,
        // A statement never has a name.
        display_name: _,
        standing: on_the_day,
        effective_from,
        term_last_day,
        designations,
        issued_rule_set_id,
        prior_numbers,
        separation_first_day,
    } = shown;
    claims.text("credential_number", credential_number);
    claims.text("specialist_id", specialist_id);
    claims.text("standing", standing(*on_the_day));
    day(claims, "effective_from", effective_from.as_ref());
    day(claims, "term_last_day", term_last_day.as_ref());
    list(claims, "designations", designations, designation);
    claims.text("issued_rule_set_id", issued_rule_set_id);
    claims.texts("prior_numbers", prior_numbers);
    day(claims, "separation_first_day", separation_first_day.as_ref());
}

impl Signable for v1::CheckBillingEligibilityResponse {
    const METHOD: &'static str = "VerificationService/CheckBillingEligibility";
    const FIELD: u32 = 2;
    type Asked = Option<v1::EligibilityItem>;

    fn claim(&self, asked: &Self::Asked, claims: &mut Claims, registry: &Registry) {
        let (Some(item), Some(found)) = (asked, &self.eligibility) else { return };
        claims.object("asked", |asked| claim_asked(asked, item, found));
        answer(claims, found.answer.as_ref(), registry);
        claims.object("answered", |answered| eligibility(answered, found));
    }
}

fn claim_asked(claims: &mut Claims, item: &v1::EligibilityItem, found: &v1::Eligibility) {
    let v1::EligibilityItem {
        subject,
        billing_provider,
        date_of_service,
        family_name,
        designation: needed,
        units,
        units_billed_that_day,
        units_billed_that_year,
        // The caller's own text may say anything.
        correlation_id: _,
    } = item;
    if let Some(Claimed::PriorNumber(prior)) = subject {
        claims.text("by", "prior_number");
        prior_number(claims, prior);
    } else {
        claims.text("by", "credential_number");
    }
    claims.text("credential_number", &found.credential_number);
    claims.flag("family_name_checked", is_checked(family_name, &found.reasons));
    match billing_provider {
        Some(BillingProvider::ProviderId(id)) => claims.text("provider_id", id),
        Some(BillingProvider::Npi(npi)) => claims.text("npi", npi.trim()),
        Some(BillingProvider::MedicaidId(id)) => claims.text("medicaid_id", id.trim()),
        None => {}
    }
    day(claims, "date_of_service", date_of_service.as_ref());
    let needed: &[i32] = if *needed == 0 { &[] } else { &[*needed] };
    list(claims, "designations", needed, designation);
    for (name, count) in [
        ("units", units),
        ("units_billed_that_day", units_billed_that_day),
        ("units_billed_that_year", units_billed_that_year),
    ] {
        if let Some(count) = count {
            claims.number(name, *count);
        }
    }
}

fn eligibility(claims: &mut Claims, found: &v1::Eligibility) {
    // These two are claimed elsewhere.
    let v1::Eligibility { eligible, verdict: of, reasons, coverage, answer: _, credential_number: _ } = found;
    claims.flag("eligible", *eligible);
    claims.text("verdict", verdict(*of));
    list(claims, "reasons", reasons, reason);
    let Some(v1::CoverageLimits {
        daily_unit_limit,
        yearly_unit_limit,
        year_first_day,
        year_last_day,
        payable_units,
        limit_reasons,
    }) = coverage
    else {
        return;
    };
    claims.object("coverage", |claims| {
        claims.number("daily_unit_limit", *daily_unit_limit);
        claims.number("yearly_unit_limit", *yearly_unit_limit);
        day(claims, "year_first_day", year_first_day.as_ref());
        day(claims, "year_last_day", year_last_day.as_ref());
        if let Some(units) = payable_units {
            claims.number("payable_units", *units);
        }
        list(claims, "limit_reasons", limit_reasons, limit_reason);
    });
}

impl Signable for v1::ReviewEligibilityResponse {
    const METHOD: &'static str = "VerificationService/ReviewEligibility";
    const FIELD: u32 = 2;
    type Asked = Option<v1::ReviewItem>;

    fn claim(&self, asked: &Self::Asked, claims: &mut Claims, registry: &Registry) {
        let Some(v1::ReviewItem { claim: Some(item), relied_on }) = asked else { return };
        let Some(v1::Review { then: Some(then), now: Some(now), flipped, eligible_changed, changed_at, fact_kinds }) =
            &self.review
        else {
            return;
        };
        claims.object("asked", |asked| {
            claim_asked(asked, item, now);
            if let Some(v1::ReliedOn { epoch, revision }) = relied_on {
                asked.object("relied_on", |claims| {
                    claims.text("epoch", epoch);
                    claims.number("revision", revision.unwrap_or_default());
                });
            }
        });
        answer(claims, now.answer.as_ref(), registry);
        claims.object("answered", |answered| {
            eligibility(answered, now);
            answered.object("then", |claims| {
                answer(claims, then.answer.as_ref(), registry);
                eligibility(claims, then);
            });
            answered.flag("flipped", *flipped);
            answered.flag("eligible_changed", *eligible_changed);
            if let Some(v1::ChangedAt { epoch, revision, recorded_at }) = changed_at {
                answered.object("changed_at", |claims| {
                    claims.text("epoch", epoch);
                    claims.number("revision", *revision);
                    instant(claims, "time", recorded_at.as_ref());
                });
            }
            list(answered, "fact_kinds", fact_kinds, fact_kind);
        });
    }
}

impl Signable for v1::GetCredentialResponse {
    const METHOD: &'static str = "VerificationService/GetCredential";
    const FIELD: u32 = 3;
    type Asked = v1::GetCredentialRequest;

    fn claim(&self, asked: &Self::Asked, claims: &mut Claims, registry: &Registry) {
        claims.object("asked", |claims| {
            number(claims, &asked.credential_number);
            claims.flag("family_name_checked", !asked.family_name.is_empty());
        });
        answer(claims, self.answer.as_ref(), registry);
        claims.object("answered", |answered| {
            if let Some(shown) = &self.credential {
                answered.object("credential", |claims| credential(claims, shown));
            }
        });
    }
}

impl Signable for v1::ListStandingPeriodsResponse {
    const METHOD: &'static str = "VerificationService/ListStandingPeriods";
    const FIELD: u32 = 3;
    type Asked = v1::ListStandingPeriodsRequest;

    fn claim(&self, asked: &Self::Asked, claims: &mut Claims, registry: &Registry) {
        claims.object("asked", |claims| {
            number(claims, &asked.credential_number);
            day(claims, "first_day", asked.first_day.as_ref());
            day(claims, "last_day", asked.last_day.as_ref());
        });
        answer(claims, self.answer.as_ref(), registry);
        claims.object("answered", |answered| {
            answered.objects("periods", &self.periods, |claims, period| {
                let v1::StandingPeriod { first_day, last_day, standing: of, reasons } = period;
                day(claims, "first_day", first_day.as_ref());
                day(claims, "last_day", last_day.as_ref());
                claims.text("standing", standing(*of));
                list(claims, "reasons", reasons, reason);
            });
        });
    }
}

/// True if a family name was compared: one was given, and those of the holder are not redacted.
fn is_checked(family_name: &str, reasons: &[i32]) -> bool {
    !family_name.is_empty() && !reasons.contains(&v1::Reason::NameRedacted.into())
}

/// Writes a credential number that was asked about, in its canonical form.
fn number(claims: &mut Claims, asked: &str) {
    claims.text("by", "credential_number");
    if let Ok(number) = asked.parse::<CredentialNumber>() {
        claims.text("credential_number", &number.to_string());
    }
}

/// Writes a prior number that was asked about, in its canonical form.
fn prior_number(claims: &mut Claims, asked: &str) {
    if let Ok(number) = asked.parse::<PriorNumber>() {
        claims.text("prior_number", &number.to_string());
    }
}

/// Writes the day, the state of knowledge and the rules of an answer.
fn answer(claims: &mut Claims, answer: Option<&v1::Answer>, registry: &Registry) {
    let Some(answer) = answer else { return };
    let v1::Answer {
        as_of,
        epoch,
        known_at_revision,
        known_at_time,
        rule_set_id,
        semantics_version,
        settled,
        settles_on,
        head_confirmed_at,
        // It says the same as the epoch and the revision, for this registry alone.
        token: _,
    } = answer;
    day(claims, "as_of", as_of.as_ref());
    claims.object("known_at", |claims| {
        claims.text("epoch", epoch);
        claims.number("revision", *known_at_revision);
        instant(claims, "time", known_at_time.as_ref());
        instant(claims, "head_confirmed_at", head_confirmed_at.as_ref());
    });
    claims.flag("settled", *settled);
    day(claims, "settles_on", settles_on.as_ref());
    claims.object("rule_set", |claims| {
        claims.text("id", rule_set_id);
        let history = &registry.head().history;
        let adopted = history.adopted(Revision::LATEST).find(|adopted| adopted.set.id == *rule_set_id);
        claims.texts("citations", adopted.iter().flat_map(|adopted| &adopted.set.citations));
    });
    claims.number("semantics_version", *semantics_version);
}
