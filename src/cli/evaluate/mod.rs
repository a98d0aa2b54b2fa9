//! `evaluate`: asks a server to judge an application, without recording anything.

mod answer;
mod request;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::connect::Connection;
use super::failure::Failure;
use super::{Outcome, block_on, message_json, print, print_json, terminal};
use crate::proto::v1::credential_service_client::CredentialServiceClient;
use crate::proto::v1::{CriterionOutcome, EvaluateApplicationRequest, EvaluateApplicationResponse};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Evaluate an application: exit 0 if eligible, 3 if not, 4 if the registrar must decide
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Evaluate {
    /// The application, as a JSON file
    #[arg(value_name = "FILE.json")]
    file: PathBuf,
    #[command(flatten)]
    connection: Connection,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = r#"Examples:
  cpss-registry evaluate application.json
  cpss-registry evaluate application.json --endpoint http://127.0.0.1:50051 --json

The file has the fields of EvaluateApplicationRequest. A missing field means that the applicant did not state it:
  {
    "specialist_id": "SP-GC4W-MBDQ-N",
    "effective_from": "2026-04-01",
    "designations": ["ADULT_AND_RECOVERY"],
    "application": {
      "applied_on": "2026-03-02",
      "mississippi_resident": true,
      "lived_experience": "SELF",
      "recovery_attested": true,
      "education": "HIGH_SCHOOL_DIPLOMA",
      "literate": true,
      "experience_hours": 120,
      "experience_within_three_years": true,
      "college_year_within_three_years": false,
      "references": 2,
      "trainings": [
        {"completed_on": "2026-03-09", "designation": "ADULT_AND_RECOVERY", "hours": 34, "pre_training_completed": true}
      ],
      "exam_attempts": [{"taken_on": "2026-03-16", "score": 81.5}],
      "sponsoring_provider_id": "region-1-cmhc",
      "requests_scholarship": false
    }
  }"#;

impl Evaluate {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let request = read_application(&self.file)?;
        let specialist = request.specialist_id.clone();
        let evaluation = block_on(self.ask(request))?;
        if self.json {
            print_json(&message_json::of("EvaluateApplicationResponse", &evaluation)?)?;
        } else {
            print(&answer::text(&specialist, &evaluation, Some(terminal::table_width())))?;
        }
        Ok(outcome(&evaluation))
    }

    async fn ask(&self, request: EvaluateApplicationRequest) -> Result<EvaluateApplicationResponse, Failure> {
        let channel = self.connection.open(TIMEOUT).await?;
        let asked = CredentialServiceClient::new(channel).evaluate_application(request).await;
        Ok(asked.map_err(|status| Failure::answered(&status))?.into_inner())
    }
}

/// Reads the file of an application.
pub fn read_application(path: &Path) -> Result<EvaluateApplicationRequest, Failure> {
    let file = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::usage(vec![format!("cannot read {file}: {error}")]))?;
    request::read(&text).map_err(|mut wrong| {
        wrong.insert(0, format!("{file} is not an application"));
        Failure::usage(wrong)
    })
}

fn outcome(evaluation: &EvaluateApplicationResponse) -> Outcome {
    if !evaluation.eligible {
        Outcome::No
    } else if is_undetermined(evaluation) {
        Outcome::NotKnown
    } else {
        Outcome::Done
    }
}

/// Whether any criterion is undetermined, so that the registrar must decide.
fn is_undetermined(evaluation: &EvaluateApplicationResponse) -> bool {
    evaluation.criteria.iter().any(|result| result.outcome() == CriterionOutcome::Undetermined)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::{CriterionResult, Designation};

    #[test]
    fn the_file_in_the_help_can_be_read() {
        let shown = &EXAMPLE[EXAMPLE.find("  {").unwrap()..];
        let request = request::read(shown).unwrap();
        assert_eq!(request.designations, [Designation::AdultAndRecovery as i32]);
        let application = request.application.unwrap();
        assert_eq!((application.experience_hours, application.references), (120.0, 2));
        assert_eq!(application.trainings[0].hours, 34.0);
    }

    #[test]
    fn the_exit_code_says_yes_no_or_not_known() {
        let with = |eligible, outcome: CriterionOutcome| EvaluateApplicationResponse {
            criteria: vec![CriterionResult { outcome: outcome.into(), ..CriterionResult::default() }],
            eligible,
            ..EvaluateApplicationResponse::default()
        };
        assert_eq!(outcome(&with(true, CriterionOutcome::Met)), Outcome::Done);
        assert_eq!(outcome(&with(true, CriterionOutcome::Undetermined)), Outcome::NotKnown);
        assert_eq!(outcome(&with(false, CriterionOutcome::Unmet)), Outcome::No);
        assert_eq!(outcome(&with(false, CriterionOutcome::Undetermined)), Outcome::No);
    }
}
