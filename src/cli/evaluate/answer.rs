//! The text output of an evaluation.

use crate::cli::display_text::code;
use crate::cli::table::table;
use crate::proto::v1::{
    Criterion, CriterionOutcome, CriterionResult, EvaluateApplicationResponse, Fee, FeeKind, SelectionPriority,
};

/// The columns of the table.
const COLUMNS: [&str; 5] = ["criterion", "outcome", "found", "required", "citation"];

/// The evaluation as text.
pub fn text(specialist: &str, evaluation: &EvaluateApplicationResponse, limit: Option<usize>) -> String {
    let mut text = format!("{}  {specialist}, under rule set {}\n\n", heading(evaluation), evaluation.rule_set_id);
    let rows: Vec<Vec<String>> = evaluation.criteria.iter().map(cells).collect();
    text.push_str(&table(&COLUMNS, &rows, limit));
    text.push_str(&format!("\n  selection  {}\n", priority(evaluation.selection_priority())));
    let mut label = "fees";
    for fee in &evaluation.fees {
        text.push_str(&format!("  {label:<9}  {}\n", fee_text(fee)));
        label = "";
    }
    text
}

fn heading(evaluation: &EvaluateApplicationResponse) -> &'static str {
    match (evaluation.eligible, super::is_undetermined(evaluation)) {
        (true, false) => "ELIGIBLE",
        (true, true) => "ELIGIBLE, IF THE REGISTRAR DECIDES SO",
        (false, _) => "NOT ELIGIBLE",
    }
}

fn cells(result: &CriterionResult) -> Vec<String> {
    vec![
        code(result.criterion, Criterion::as_str_name, "CRITERION_"),
        code(result.outcome, CriterionOutcome::as_str_name, "CRITERION_OUTCOME_"),
        result.found.clone(),
        result.required.clone(),
        result.citation.clone(),
    ]
}

fn priority(priority: SelectionPriority) -> &'static str {
    match priority {
        SelectionPriority::Unspecified => "not set",
        SelectionPriority::Employed => "first: employed with a provider (EMPLOYED)",
        SelectionPriority::Sponsored => "second: sponsored for possible hire (SPONSORED)",
        SelectionPriority::Marketability => "third: seeking to be more marketable (MARKETABILITY)",
    }
}

fn fee_text(fee: &Fee) -> String {
    let what = match fee.kind() {
        FeeKind::Unspecified => "unknown fee",
        FeeKind::Application => "application",
        FeeKind::Training => "training",
    };
    let scholarship = if fee.scholarship_requested { ", scholarship requested" } else { "" };
    format!("${}.{:02} {what}{scholarship} ({})", fee.amount_cents / 100, fee.amount_cents % 100, fee.citation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluation() -> EvaluateApplicationResponse {
        let result = |criterion: Criterion, outcome: CriterionOutcome, found: &str, required: &str| CriterionResult {
            criterion: criterion.into(),
            outcome: outcome.into(),
            found: found.into(),
            required: required.into(),
            citation: "source 002: “so it is written, and at some length”".into(),
        };
        EvaluateApplicationResponse {
            criteria: vec![
                result(Criterion::Residency, CriterionOutcome::NotRequired, "not looked at", "not required"),
                result(Criterion::References, CriterionOutcome::Undetermined, "1 reference", "2 references"),
            ],
            eligible: true,
            rule_set_id: "cpssp-2025".into(),
            selection_priority: SelectionPriority::Employed.into(),
            fees: vec![Fee {
                kind: FeeKind::Application.into(),
                amount_cents: 3005,
                scholarship_requested: true,
                citation: "source 001".into(),
            }],
            answer: None,
        }
    }

    #[test]
    fn an_evaluation_is_a_table() {
        let expected = "\
ELIGIBLE, IF THE REGISTRAR DECIDES SO  SP-1, under rule set cpssp-2025

  criterion   outcome       found          required      citation
  ----------  ------------  -------------  ------------  -----------------------------------------------
  RESIDENCY   NOT_REQUIRED  not looked at  not required  source 002: “so it is written, and at some
                                                         length”
  REFERENCES  UNDETERMINED  1 reference    2 references  source 002: “so it is written, and at some
                                                         length”

  selection  first: employed with a provider (EMPLOYED)
  fees       $30.05 application, scholarship requested (source 001)
";
        assert_eq!(text("SP-1", &evaluation(), Some(104)), expected);
    }
}
