//! What a genuine statement says, for people.

use jiff::Timestamp;
use serde_json::Value;

use crate::cli::display_text;
use crate::cli::lines::Lines;
use crate::proof::jws::{ANSWER, Statement};
use crate::proto::v1::{Reason, Standing, Verdict};

/// The statement as text. `included`: the size of the tree that its record was proven to be in.
pub fn of(statement: &Statement, included: Option<u64>, limit: Option<usize>) -> String {
    let claims = Value::Object(statement.claims.clone());
    let kind = if statement.typ == ANSWER { "signed answer" } else { "signed receipt" };
    let mut lines = Lines::under(&format!("GENUINE  {kind} of the registry {}", text(&claims["iss"])), limit);
    let signed_at = claims["iat"].as_i64().and_then(|second| Timestamp::from_second(second).ok());
    lines.line("signed", &signed_at.map(|at| at.to_string()).unwrap_or_default());
    lines.line("by key", &statement.kid);
    lines.line("for", &format!("the client {} ({})", text(&claims["aud"]), text(&claims["role"])));
    lines.line("method", &text(&claims["method"]));
    if statement.typ == ANSWER {
        answer(&mut lines, &claims);
    } else {
        receipt(&mut lines, &claims, included);
    }
    lines.into_text()
}

fn answer(lines: &mut Lines, claims: &Value) {
    let (asked, answered) = (&claims["asked"], &claims["answered"]);
    lines.line("asked about", &text(&asked["credential_number"]));
    lines.line("prior number", &text(&asked["prior_number"]));
    for name in ["provider_id", "npi", "medicaid_id"] {
        lines.line("provider", &text(&asked[name]));
    }
    lines.line("designations", &text(&asked["designations"]));
    lines.line("as of", &text(&claims["as_of"]));
    let verdict = answered["verdict"].as_str().and_then(Verdict::from_str_name);
    lines.line("verdict", verdict.map(display_text::verdict).unwrap_or_default());
    let standing = answered["standing"].as_str().and_then(Standing::from_str_name);
    lines.line("standing", standing.map(display_text::standing).unwrap_or_default());
    let mut label = "reasons";
    for name in answered["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let sentence = Reason::from_str_name(name).map_or("This program does not know it.", display_text::reason);
        lines.line(label, &format!("{sentence} ({name})"));
        label = "";
    }
    let known_at = &claims["known_at"];
    lines.line("known at", &moment(known_at));
    lines.line("rules", &text(&claims["rule_set"]["id"]));
    lines.line("sources", &text(&claims["rule_set"]["citations"]));
    lines.line("settled", if claims["settled"] == true { "yes" } else { "no, reports may still come in" });
}

fn receipt(lines: &mut Lines, claims: &Value, included: Option<u64>) {
    let (recorded, about) = (&claims["recorded"], &claims["about"]);
    lines.line("request", &text(&claims["request_id"]));
    lines.line("recorded", &moment(recorded));
    lines.line("digest", &text(&recorded["digest"]));
    for (label, name) in [
        ("fact", "fact_id"),
        ("job", "employment_id"),
        ("credential", "credential_number"),
        ("specialist", "specialist_id"),
        ("provider", "provider_id"),
        ("first day", "first_day"),
        ("last day", "last_day"),
    ] {
        lines.line(label, &text(&about[name]));
    }
    let proven = included.map(|size| format!("the record is in the tree of {size} records that the registry signed"));
    lines.line("proof", &proven.unwrap_or("the file has no `inclusion_proof`: none was checked".to_owned()));
}

/// A state of knowledge, or a record.
fn moment(of: &Value) -> String {
    let (revision, time, epoch) = (text(&of["revision"]), text(&of["time"]), text(&of["epoch"]));
    format!("revision {revision}, recorded {time}, in the epoch {epoch}")
}

/// A claim as text. Empty if there is none.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
