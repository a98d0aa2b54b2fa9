//! The text and JSON output of an evaluation.

use serde::Serialize;

use crate::cli::display_text::code;
use crate::proto::v1::{
    Criterion, CriterionOutcome, CriterionResult, EvaluateApplicationResponse, Fee, FeeKind, SelectionPriority,
};

/// The columns of the table with their widths.
const COLUMNS: [(&str, usize); 5] =
    [("criterion", 17), ("outcome", 12), ("found", 24), ("required", 27), ("citation", 30)];

/// The evaluation as text.
pub fn text(specialist: &str, evaluation: &EvaluateApplicationResponse) -> String {
    let mut text = format!("{}  {specialist}, under rule set {}\n\n", heading(evaluation), evaluation.rule_set_id);
    let rule = COLUMNS.map(|(_, width)| "-".repeat(width));
    let mut rows = vec![COLUMNS.map(|(name, _)| name.to_owned()), rule];
    rows.extend(evaluation.criteria.iter().map(cells));
    for row in &rows {
        write_row(&mut text, row);
    }
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

fn cells(result: &CriterionResult) -> [String; 5] {
    [
        code(result.criterion, Criterion::as_str_name, "CRITERION_"),
        code(result.outcome, CriterionOutcome::as_str_name, "CRITERION_OUTCOME_"),
        result.found.clone(),
        result.required.clone(),
        result.citation.clone(),
    ]
}

/// Writes the cells of a row side by side, each wrapped to the width of its column.
fn write_row(text: &mut String, row: &[String; 5]) {
    let mut columns = COLUMNS.iter().zip(row).map(|((_, width), cell)| (*width, broken(cell, *width)));
    let columns: [(usize, Vec<String>); 5] = std::array::from_fn(|_| columns.next().unwrap_or_default());
    let height = columns.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0);
    for at in 0..height {
        let cells = columns.iter().map(|(width, lines)| {
            let line = lines.get(at).map_or("", String::as_str);
            format!("  {line:<width$}")
        });
        text.push_str(cells.collect::<String>().trim_end());
        text.push('\n');
    }
}

/// Wraps a text into lines of at most `width` characters, between words. A longer word is not split.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
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

/// The evaluation as one JSON object, with the contract's names for keys and values.
#[derive(Serialize)]
pub struct Json<'a> {
    criteria: Vec<JsonCriterion<'a>>,
    eligible: bool,
    rule_set_id: &'a str,
    selection_priority: String,
    fees: Vec<JsonFee<'a>>,
    known_at_revision: Option<u64>,
}

#[derive(Serialize)]
struct JsonCriterion<'a> {
    criterion: String,
    outcome: String,
    found: &'a str,
    required: &'a str,
    citation: &'a str,
}

#[derive(Serialize)]
struct JsonFee<'a> {
    kind: String,
    amount_cents: u32,
    scholarship_requested: bool,
    citation: &'a str,
}

impl<'a> Json<'a> {
    /// Builds the JSON object.
    pub fn of(evaluation: &'a EvaluateApplicationResponse) -> Json<'a> {
        let criterion = |result: &'a CriterionResult| JsonCriterion {
            criterion: code(result.criterion, Criterion::as_str_name, ""),
            outcome: code(result.outcome, CriterionOutcome::as_str_name, ""),
            found: &result.found,
            required: &result.required,
            citation: &result.citation,
        };
        let fee = |fee: &'a Fee| JsonFee {
            kind: code(fee.kind, FeeKind::as_str_name, ""),
            amount_cents: fee.amount_cents,
            scholarship_requested: fee.scholarship_requested,
            citation: &fee.citation,
        };
        Json {
            criteria: evaluation.criteria.iter().map(criterion).collect(),
            eligible: evaluation.eligible,
            rule_set_id: &evaluation.rule_set_id,
            selection_priority: code(evaluation.selection_priority, SelectionPriority::as_str_name, ""),
            fees: evaluation.fees.iter().map(fee).collect(),
            known_at_revision: evaluation.answer.as_ref().map(|answer| answer.known_at_revision),
        }
    }
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

  criterion          outcome       found                     required                     citation
  -----------------  ------------  ------------------------  ---------------------------  ------------------------------
  RESIDENCY          NOT_REQUIRED  not looked at             not required                 source 002: “so it is written,
                                                                                          and at some length”
  REFERENCES         UNDETERMINED  1 reference               2 references                 source 002: “so it is written,
                                                                                          and at some length”

  selection  first: employed with a provider (EMPLOYED)
  fees       $30.05 application, scholarship requested (source 001)
";
        assert_eq!(text("SP-1", &evaluation()), expected);
    }

    #[test]
    fn json_uses_the_contracts_names() {
        let json = serde_json::to_value(Json::of(&evaluation())).unwrap();
        assert_eq!(json["criteria"][1]["criterion"], "CRITERION_REFERENCES");
        assert_eq!(json["criteria"][1]["outcome"], "CRITERION_OUTCOME_UNDETERMINED");
        assert_eq!(json["fees"][0]["kind"], "FEE_KIND_APPLICATION");
        assert_eq!(json["selection_priority"], "SELECTION_PRIORITY_EMPLOYED");
        assert_eq!((json["eligible"].as_bool(), json["known_at_revision"].is_null()), (Some(true), true));
    }
}
