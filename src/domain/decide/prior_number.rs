//! Commands that make a credential bear a prior number. The number must be unique among credentials that are not void.

use super::{DecisionContext, Holder, Refusal, Rejection};
use crate::domain::fact::{Fact, SpecialistFact};
use crate::domain::id::CredentialNumber;
use crate::domain::prior_number::PriorNumber;
use crate::domain::specialist::Specialist;

/// Records a prior number. Setting it again on the same credential is accepted, and changes nothing.
pub(super) fn set(
    holder: &Holder<'_>,
    prior: &PriorNumber,
    context: &mut dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    let number = holder.number;
    refuse_taken(prior, number, context)?;
    Ok(vec![Fact::Specialist(holder.file.id, SpecialistFact::PriorNumberSet { number, prior: prior.clone() })])
}

/// Refuses a prior number that another credential bears that is not void.
pub(super) fn refuse_taken(
    prior: &PriorNumber,
    number: CredentialNumber,
    context: &mut dyn DecisionContext,
) -> Result<(), Rejection> {
    match context.bearer_of(prior) {
        Some(bearer) if bearer != number => {
            let description =
                format!("the prior number is on record for {bearer}, which is not VOID: retract it there first");
            Err(Rejection::refused(Refusal::PriorNumberTaken, bearer, description))
        }
        _ => Ok(()),
    }
}

/// Refuses to restore a credential or a prior number of it, if another credential has the prior number by now.
pub(super) fn refuse_restored(
    before: &Specialist,
    after: &Specialist,
    context: &mut dyn DecisionContext,
) -> Result<(), Rejection> {
    let bears = |specialist: &Specialist, number: CredentialNumber, prior: &PriorNumber| {
        let credential = specialist.credential(number).filter(|credential| !credential.void);
        credential.is_some_and(|credential| credential.prior_numbers.contains(prior))
    };
    for credential in after.credentials.iter().filter(|credential| !credential.void) {
        for prior in &credential.prior_numbers {
            if !bears(before, credential.number, prior) {
                refuse_taken(prior, credential.number, context)?;
            }
        }
    }
    Ok(())
}
