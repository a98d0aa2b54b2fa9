//! Moves the free text of facts out of their stored form and back. Free text can be redacted, so it is stored with
//! names and birth dates.

use crate::proto::storage::specialist_fact::{self, period_opened::Kind};
use crate::proto::storage::{Fact, fact::Subject, provider_fact};

/// Removes the text from a fact and returns it. Empty if the fact has none.
pub(super) fn take(fact: &mut Fact) -> String {
    text_of(fact).map(std::mem::take).unwrap_or_default()
}

/// Puts the text back into a fact, if its kind has text.
pub(super) fn put_back(fact: &mut Fact, text: String) {
    if let Some(field) = text_of(fact) {
        *field = text;
    }
}

/// The free text of a fact, if its kind has one.
fn text_of(fact: &mut Fact) -> Option<&mut String> {
    match fact.subject.as_mut()? {
        // Facts about the registry and its rules contain no personal data.
        Subject::Registry(_) => None,
        Subject::Provider(fact) => match fact.fact.as_mut()? {
            provider_fact::Fact::PeriodEnded(end) => Some(&mut end.reason),
            provider_fact::Fact::Retracted(retraction) => Some(&mut retraction.reason),
            provider_fact::Fact::Registered(_)
            | provider_fact::Fact::Updated(_)
            | provider_fact::Fact::PeriodOpened(_) => None,
        },
        Subject::Specialist(fact) => text_of_specialist(fact.fact.as_mut()?),
    }
}

fn text_of_specialist(fact: &mut specialist_fact::Fact) -> Option<&mut String> {
    use specialist_fact::Fact as Of;
    match fact {
        Of::CredentialIssued(issued) => Some(&mut issued.decision_note),
        Of::PeriodOpened(opened) => match opened.kind.as_mut()? {
            Kind::Limited(text) => Some(text),
            Kind::Designation(_) | Kind::Suspended(_) | Kind::Inactive(_) => None,
        },
        Of::EmploymentStarted(started) => Some(&mut started.position),
        Of::PeriodEnded(end) => Some(&mut end.reason),
        Of::Retracted(retraction) => Some(&mut retraction.reason),
        Of::Registered(_)
        | Of::NameChanged(_)
        | Of::Died(_)
        | Of::CredentialRenewed(_)
        | Of::Acted(_)
        | Of::PriorNumberSet(_)
        | Of::EmploymentEnded(_)
        | Of::EmploymentCorrected(_) => None,
    }
}
