//! Commands about providers: register, update, certify, suspend.

use super::{DecisionContext, Faults, File, Refusal, Rejection, Violation, provider_on_file};
use crate::domain::day::{Day, Period};
use crate::domain::fact::{Fact, Identifier, ProviderFact, ProviderPeriodKind, ProviderRow};
use crate::domain::id::ProviderId;

pub(super) fn register(
    proposed: Option<&ProviderId>,
    row: &ProviderRow,
    file: &File,
    context: &mut dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    let exists = matches!(file, File::Provider(file, _) if file.state.row.is_some());
    if let (Some(id), true) = (proposed, exists) {
        return Err(Rejection::refused(Refusal::ProviderExists, id, "a provider is on file under this id"));
    }
    refuse_malformed(&row.identifiers, None)?;
    let id = proposed.cloned().unwrap_or_else(|| context.mint_provider());
    refuse_taken(&row.identifiers, &id, context)?;
    Ok(vec![Fact::Provider(id, ProviderFact::Registered(row.clone()))])
}

pub(super) fn update(
    id: &ProviderId,
    row: &ProviderRow,
    context: &dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    let file = provider_on_file(id, context)?;
    refuse_malformed(&row.identifiers, file.state.row.as_ref())?;
    refuse_taken(&row.identifiers, id, context)?;
    Ok(vec![Fact::Provider(id.clone(), ProviderFact::Updated(row.clone()))])
}

pub(super) fn open_period(
    id: &ProviderId,
    kind: ProviderPeriodKind,
    days: Period,
    valid_through: Option<Day>,
    context: &dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    provider_on_file(id, context)?;
    Ok(vec![Fact::Provider(id.clone(), ProviderFact::PeriodOpened { kind, days, valid_through })])
}

/// Refuses malformed identifiers. An identifier that the provider already has is not checked again, because it may be
/// older than this rule.
fn refuse_malformed(identifiers: &[Identifier], on_file: Option<&ProviderRow>) -> Result<(), Rejection> {
    let has = |identifier: &Identifier| on_file.is_some_and(|row| row.identifiers.contains(identifier));
    let judged = identifiers.iter().enumerate().filter(|(_, identifier)| !has(identifier));
    let faults = judged
        .filter_map(|(at, identifier)| Some(Violation::new(format!("identifiers[{at}].value"), identifier.fault()?)));
    let faults: Faults = faults.collect();
    if faults.is_empty() { Ok(()) } else { Err(Rejection::Invalid(faults)) }
}

/// Refuses identifiers that belong to another provider.
pub(super) fn refuse_taken(
    identifiers: &[Identifier],
    id: &ProviderId,
    context: &dyn DecisionContext,
) -> Result<(), Rejection> {
    for identifier in identifiers {
        if context.owner_of(identifier).is_some_and(|owner| owner != *id) {
            let description = "this identifier belongs to another provider";
            return Err(Rejection::refused(Refusal::IdentifierTaken, &identifier.value, description));
        }
    }
    Ok(())
}
