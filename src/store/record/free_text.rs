//! The free text of facts, taken out of their stored form and put back: it can be redacted, and so it is kept with the
//! names and birth dates.

use crate::proto::storage::specialist_fact::{self, period_opened::Kind};
use crate::proto::storage::{Fact, fact::Subject, provider_fact};

/// Takes the text out of a fact. Empty if it has none.
pub(super) fn take(fact: &mut Fact) -> String {
    text_of(fact).map(std::mem::take).unwrap_or_default()
}

/// Puts the text back into a fact that has a place for one.
pub(super) fn put_back(fact: &mut Fact, text: String) {
    if let Some(place) = text_of(fact) {
        *place = text;
    }
}

/// Where a fact has its free text, if it is of a kind that has one.
fn text_of(fact: &mut Fact) -> Option<&mut String> {
    match fact.subject.as_mut()? {
        // What the registry says of itself, and the rules, are nobody's personal matter.
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
        | Of::EmploymentEnded(_)
        | Of::EmploymentCorrected(_) => None,
    }
}
