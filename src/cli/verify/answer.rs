//! The text output of an answer.

use crate::cli::display_text::{self, code, day, designations};
use crate::cli::lines::Lines;
use crate::domain::standing::Weight;
use crate::proto::v1::{Credential, Reason, Verification};

/// The answer as text: the verdict, the reasons, the day, and the state of knowledge.
pub fn text(asked: &str, provider: &str, verification: &Verification, limit: Option<usize>) -> String {
    let heading = format!("{}  {asked}", display_text::verdict(verification.verdict()));
    let mut lines = Lines::under(&heading, limit);
    if verification.standing.is_some() {
        lines.line("standing", display_text::standing(verification.standing()));
    }
    lines.line("provider", provider);
    if let Some(credential) = &verification.credential {
        add_credential(&mut lines, credential);
    }
    add_reasons(&mut lines, verification);
    if let Some(answer) = &verification.answer {
        lines.answer(answer);
    }
    lines.into_text()
}

fn add_credential(lines: &mut Lines, credential: &Credential) {
    lines.line("holder", &credential.display_name);
    lines.line("designations", &designations(&credential.designations));
    let through = credential.term_last_day.map(|last| format!("to {}", day(last)));
    lines.line("term", &through.unwrap_or_default());
    lines.line("prior number", &credential.prior_numbers.join(", "));
    if let Some(first) = credential.separation_first_day {
        lines.line("no job since", &day(first));
    }
}

/// Adds all reasons, labeled by their effect on the verdict.
fn add_reasons(lines: &mut Lines, verification: &Verification) {
    for (weight, label) in [(Weight::Fails, "because"), (Weight::Unknown, "not known"), (Weight::Information, "note")] {
        let mut label = label;
        for number in &verification.reasons {
            let (its_weight, text) = match Reason::try_from(*number) {
                Ok(reason) => (display_text::weight(reason), display_text::reason(reason)),
                Err(_) => (Weight::Information, "This program does not know this reason."),
            };
            if its_weight == weight {
                lines.line(label, &format!("{text} ({})", code(*number, Reason::as_str_name, "REASON_")));
                label = "";
            }
        }
        if weight == Weight::Fails && !verification.missing_designations.is_empty() {
            lines.line("not held", &designations(&verification.missing_designations));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::google::r#type::Date;
    use crate::proto::v1::{Answer, Designation, Standing, Verdict};

    fn date(year: i32, month: i32, day: i32) -> Option<Date> {
        Some(Date { year, month, day })
    }

    #[test]
    fn an_answer_fits_on_a_screen() {
        let credential = Credential {
            display_name: "Bernice O'Neal".into(),
            designations: vec![Designation::AdultAndRecovery.into(), Designation::ParentCaregiver.into()],
            effective_from: date(2024, 6, 2),
            term_last_day: date(2027, 9, 30),
            prior_numbers: vec!["MS00417".into(), "1998/3".into()],
            ..Credential::default()
        };
        let answer = Answer {
            as_of: date(2026, 3, 1),
            known_at_revision: 57,
            known_at_time: Some(prost_types::Timestamp { seconds: 1_772_377_445, nanos: 123 }),
            rule_set_id: "cpssp-2025".into(),
            settles_on: date(2026, 3, 19),
            ..Answer::default()
        };
        let verification = Verification {
            verdict: Verdict::NotConfirmed.into(),
            standing: Some(Standing::Current.into()),
            reasons: vec![
                Reason::NotEmployedByProvider.into(),
                Reason::DesignationNotHeld.into(),
                Reason::ReportingWindowOpen.into(),
                99,
            ],
            missing_designations: vec![Designation::YoungAdult.into()],
            credential: Some(credential),
            answer: Some(answer),
            ..Verification::default()
        };
        let expected = "\
NOT CONFIRMED  CPS-0000-0001-Y

  standing      current
  provider      region-1-cmhc
  holder        Bernice O'Neal
  designations  Adult and Recovery, Parent/Caregiver
  term          to 2027-09-30
  prior number  MS00417, 1998/3
  because       Not employed by that provider that day. (NOT_EMPLOYED_BY_PROVIDER)
                A requested designation is not held. (DESIGNATION_NOT_HELD)
  not held      Young Adult
  note          May change: employers may still report about that day. (REPORTING_WINDOW_OPEN)
                This program does not know this reason. (99)

  as of         2026-03-01
  known at      revision 57, recorded 2026-03-01T09:04:05.000000123-06:00
  settled       no, reports may come in until 2026-03-19
  rules         cpssp-2025
";
        assert_eq!(text("CPS-0000-0001-Y", "region-1-cmhc", &verification, None), expected);
    }
}
