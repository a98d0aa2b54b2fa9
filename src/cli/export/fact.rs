//! The JSON form of a fact: its kind, as in the contract, and its fields.

use serde_json::{Value, json};

use super::Epochs;
use super::fields::{Fields, identifiers, word};
use crate::domain::fact::{
    Act, CredentialPeriodKind, Fact, Issuance, PeriodEnd, ProviderFact, ProviderPeriodKind, ProviderRow, RegistryFact,
    Retraction, SpecialistFact,
};
use crate::domain::id::FactId;
use crate::domain::name::PersonName;

/// The fields of a fact.
pub(super) fn fields(id: FactId, fact: &Fact, epochs: &Epochs) -> Fields {
    let written = |id: FactId| fact_id(id, epochs);
    let (subject, said) = match fact {
        Fact::Registry(fact) => (Fields::default(), registry(fact)),
        Fact::Provider(id, fact) => (Fields::default().text("provider_id", id), provider(fact, &written)),
        Fact::Specialist(id, fact) => (Fields::default().text("specialist_id", id), specialist(fact, &written)),
    };
    Fields::default().with("fact_id", written(id)).and(said.0).and(subject).and(said.1)
}

/// The id of a fact as in the contract.
fn fact_id(id: FactId, epochs: &Epochs) -> String {
    format!("{:08x}-{}-{}", epochs.of(id.revision).as_fields().0, id.revision, id.index)
}

/// The kind of a fact, and its other fields.
type Said = (Fields, Fields);

fn said(kind: &str, fields: Fields) -> Said {
    (Fields::of_kind(kind), fields)
}

fn none() -> Fields {
    Fields::default()
}

fn registry(fact: &RegistryFact) -> Said {
    match fact {
        RegistryFact::EpochBegan { epoch, forked_after, why } => said(
            "EPOCH_BEGAN",
            none().text("epoch", epoch).with("forked_after", forked_after.0).with("why", why.as_str()),
        ),
        RegistryFact::DayOpened { date } => said("DAY_OPENED", none().text("date", date)),
        RegistryFact::RuleSetAdopted { id, digest, content } => said(
            "RULE_SET_ADOPTED",
            none().with("rule_set_id", id.as_str()).with("sha256", digest.as_str()).with("content", content.as_str()),
        ),
        RegistryFact::SemanticsAdopted { version } => said("SEMANTICS_ADOPTED", none().with("version", *version)),
        RegistryFact::RecordsBegin { first_day } => said("RECORDS_BEGIN", none().text("first_day", first_day)),
        RegistryFact::LogMoved { to } => {
            said("LOG_MOVED", none().word("to", to.kind).text("log_id", to.id).with("name", to.name.as_str()))
        }
        RegistryFact::SpecialistRedacted { specialist, why } => {
            said("SPECIALIST_REDACTED", none().text("specialist_id", specialist).with("why", why.as_str()))
        }
    }
}

fn provider(fact: &ProviderFact, written: &dyn Fn(FactId) -> String) -> Said {
    match fact {
        ProviderFact::Registered(row) => said("PROVIDER_REGISTERED", provider_row(row)),
        ProviderFact::Updated(row) => said("PROVIDER_UPDATED", provider_row(row)),
        ProviderFact::PeriodOpened { kind, days, valid_through } => {
            let (kind, basis) = match kind {
                ProviderPeriodKind::Qualified(basis) => ("PROVIDER_QUALIFIED", none().word("basis", basis)),
                ProviderPeriodKind::Suspended => ("PROVIDER_SUSPENDED", none()),
                ProviderPeriodKind::PeerServiceCertified => ("PEER_SERVICE_CERTIFIED", none()),
                ProviderPeriodKind::PeerServiceSuspended => ("PEER_SERVICE_SUSPENDED", none()),
            };
            said(kind, basis.days(*days).day("valid_through", *valid_through))
        }
        ProviderFact::PeriodEnded(end) => period_end(end, written),
        ProviderFact::Retracted(fact) => retraction(fact, written),
    }
}

fn provider_row(row: &ProviderRow) -> Fields {
    none()
        .with("legal_name", row.legal_name.as_str())
        .word("facility_type", row.facility_type)
        .with("county", row.county.as_str())
        .with("identifiers", identifiers(&row.identifiers))
}

fn specialist(fact: &SpecialistFact, written: &dyn Fn(FactId) -> String) -> Said {
    match fact {
        SpecialistFact::Registered { name, birth_date } => {
            let person = person_name(name);
            said(
                "SPECIALIST_REGISTERED",
                if name.is_redacted() { person } else { person.text("birth_date", birth_date) },
            )
        }
        SpecialistFact::NameChanged { name } => said("NAME_CHANGED", person_name(name)),
        SpecialistFact::Died { death_date } => said("SPECIALIST_DIED", none().text("death_date", death_date)),
        SpecialistFact::CredentialIssued(issued) => said("CREDENTIAL_ISSUED", issuance(issued)),
        SpecialistFact::CredentialRenewed { number, term } => said(
            "CREDENTIAL_RENEWED",
            none()
                .text("credential_number", number)
                .text("effective_from", term.start)
                .day("term_last_day", term.last_day()),
        ),
        SpecialistFact::PeriodOpened { number, kind, days } => {
            let (kind, more) = credential_period(kind);
            said(kind, none().text("credential_number", number).and(more).days(*days))
        }
        SpecialistFact::Acted { number, act, effective_from } => {
            let (kind, more) = self::act(*act);
            let dated = none().text("credential_number", number).text("effective_from", effective_from);
            said(kind, dated.and(more))
        }
        SpecialistFact::PriorNumberSet { number, prior } => {
            said("PRIOR_NUMBER_SET", none().text("credential_number", number).text("prior_number", prior))
        }
        SpecialistFact::EmploymentStarted { employment, provider, position, supervised, days } => said(
            "EMPLOYMENT_STARTED",
            none()
                .text("employment_id", employment)
                .text("provider_id", provider)
                .with("position", position.as_str())
                .with("supervised", *supervised)
                .days(*days),
        ),
        SpecialistFact::EmploymentEnded { employment, last_day, reason } => said(
            "EMPLOYMENT_ENDED",
            none().text("employment_id", employment).text("last_day", last_day).word("reason", reason),
        ),
        SpecialistFact::EmploymentCorrected { employment, days } => {
            said("EMPLOYMENT_CORRECTED", none().text("employment_id", employment).days(*days))
        }
        SpecialistFact::PeriodEnded(end) => period_end(end, written),
        SpecialistFact::Retracted(fact) => retraction(fact, written),
    }
}

fn person_name(name: &PersonName) -> Fields {
    if name.is_redacted() {
        return none().with("redacted", true);
    }
    let suffix = if name.suffix.is_empty() { none() } else { none().with("suffix", name.suffix.as_str()) };
    none().with("given_name", name.given.as_str()).with("family_name", name.family.as_str()).and(suffix)
}

fn issuance(issued: &Issuance) -> Fields {
    let criterion = |(criterion, outcome): &(_, _)| json!({ "criterion": word(criterion), "outcome": word(outcome) });
    let note = &issued.decision_note;
    let note = if note.is_empty() { none() } else { none().with("decision_note", note.as_str()) };
    none()
        .text("credential_number", issued.number)
        .text("effective_from", issued.term.start)
        .day("term_last_day", issued.term.last_day())
        .word("basis", issued.basis)
        .with("rule_set_id", issued.rule_set.as_str())
        .with("designations", issued.designations.iter().map(|code| Value::from(word(code))).collect::<Value>())
        .with("criteria", issued.findings.iter().map(criterion).collect::<Value>())
        .and(note)
}

fn credential_period(kind: &CredentialPeriodKind) -> (&'static str, Fields) {
    match kind {
        CredentialPeriodKind::Designation(code) => ("DESIGNATION_GRANTED", none().word("code", code)),
        CredentialPeriodKind::Suspended(basis) => ("SUSPENDED", none().word("basis", basis)),
        CredentialPeriodKind::Limited(text) => ("LIMITED", none().with("text", text.as_str())),
        CredentialPeriodKind::Inactive => ("INACTIVE_GRANTED", none()),
    }
}

fn act(act: Act) -> (&'static str, Fields) {
    match act {
        Act::Revoked(basis) => ("REVOKED", none().word("basis", basis)),
        Act::Surrendered => ("SURRENDERED", none()),
        Act::Relinquished => ("RELINQUISHED", none()),
        Act::Retired => ("RETIRED", none()),
        Act::Reinstated => ("REINSTATED", none()),
    }
}

fn period_end(end: &PeriodEnd, written: &dyn Fn(FactId) -> String) -> Said {
    let ended = none().with("target_fact_id", written(end.target)).text("last_day", end.last_day);
    said("PERIOD_ENDED", ended.with("reason", end.reason.as_str()))
}

fn retraction(retraction: &Retraction, written: &dyn Fn(FactId) -> String) -> Said {
    let target = none().with("target_fact_id", written(retraction.target));
    said("FACT_RETRACTED", target.with("reason", retraction.reason.as_str()))
}
