//! The text output of an answer.

use jiff::Timestamp;

use crate::cli::display_text::{self, code, day};
use crate::domain::standing::Weight;
use crate::proto::v1::{Answer, Credential, Designation, Reason, Verification};

/// The answer as text: the verdict, the reasons, the day, and the state of knowledge.
pub fn text(asked: &str, verification: &Verification) -> String {
    let mut lines = Lines(String::new());
    lines.0.push_str(&format!("{}  {asked}\n\n", display_text::verdict(verification.verdict())));
    if verification.standing.is_some() {
        lines.line("standing", display_text::standing(verification.standing()));
    }
    if let Some(credential) = &verification.credential {
        lines.credential(credential);
    }
    lines.reasons(verification);
    if let Some(answer) = &verification.answer {
        lines.0.push('\n');
        lines.answer(answer);
    }
    lines.0
}

/// Lines of a label and a text, in two columns.
struct Lines(String);

impl Lines {
    fn line(&mut self, label: &str, text: &str) {
        if !text.is_empty() {
            self.0.push_str(&format!("  {label:<12}  {text}\n"));
        }
    }

    fn credential(&mut self, credential: &Credential) {
        self.line("holder", &credential.display_name);
        self.line("designations", &listed(&credential.designations));
        let through = credential.term_last_day.map(|last| format!("to {}", day(last)));
        self.line("term", &through.unwrap_or_default());
        if let Some(first) = credential.separation_first_day {
            self.line("no job since", &day(first));
        }
    }

    /// Adds all reasons, labeled by their effect on the verdict.
    fn reasons(&mut self, verification: &Verification) {
        for (weight, label) in
            [(Weight::Fails, "because"), (Weight::Unknown, "not known"), (Weight::Information, "note")]
        {
            let mut label = label;
            for number in &verification.reasons {
                let (its_weight, text) = match Reason::try_from(*number) {
                    Ok(reason) => (display_text::weight(reason), display_text::reason(reason)),
                    Err(_) => (Weight::Information, "This program does not know this reason."),
                };
                if its_weight == weight {
                    self.line(label, &format!("{text} ({})", code(*number, Reason::as_str_name, "REASON_")));
                    label = "";
                }
            }
            if weight == Weight::Fails && !verification.missing_designations.is_empty() {
                self.line("not held", &listed(&verification.missing_designations));
            }
        }
    }

    fn answer(&mut self, answer: &Answer) {
        self.line("as of", &answer.as_of.map(day).unwrap_or_default());
        let revision = answer.known_at_revision;
        let known_at = instant(answer).map_or_else(
            || format!("revision {revision}"),
            |recorded_at| format!("revision {revision}, recorded {}", display_text::instant(recorded_at)),
        );
        self.line("known at", &known_at);
        let settled = match (answer.settled, answer.settles_on.map(day)) {
            (true, Some(date)) => format!("yes, reports were due by {date}"),
            (false, Some(date)) => format!("no, reports may come in until {date}"),
            (settled, None) => if settled { "yes" } else { "no" }.to_owned(),
        };
        self.line("settled", &settled);
        self.line("rules", &answer.rule_set_id);
    }
}

/// When the record `known_at_revision` was recorded.
pub(super) fn instant(answer: &Answer) -> Option<Timestamp> {
    answer.known_at_time.and_then(|time| Timestamp::new(time.seconds, time.nanos).ok())
}

fn listed(designations: &[i32]) -> String {
    let known = designations.iter().filter_map(|number| Designation::try_from(*number).ok());
    known.map(display_text::designation).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::google::r#type::Date;
    use crate::proto::v1::{Standing, Verdict};

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
  holder        Bernice O'Neal
  designations  Adult and Recovery, Parent/Caregiver
  term          to 2027-09-30
  because       Not employed by that provider that day. (NOT_EMPLOYED_BY_PROVIDER)
                A requested designation is not held. (DESIGNATION_NOT_HELD)
  not held      Young Adult
  note          May change: employers may still report about that day. (REPORTING_WINDOW_OPEN)
                This program does not know this reason. (99)

  as of         2026-03-01
  known at      revision 57, recorded 2026-03-01T09:04:05-06:00
  settled       no, reports may come in until 2026-03-19
  rules         cpssp-2025
";
        assert_eq!(text("CPS-0000-0001-Y", &verification), expected);
    }
}
