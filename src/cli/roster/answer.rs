//! The answer to a row, as the cells that are added to it.

use crate::cli::display_text::{code, day, sentence};
use crate::proto::v1::verification_result::Outcome as Fared;
use crate::proto::v1::{Pinned, Reason, Standing, Verdict, VerificationResult};

/// The columns added for the answers. `epoch`, `known_at_revision` and `as_of` are what it takes to ask again.
pub const ANSWER: [&str; 13] = [
    "verdict",
    "sentence",
    "standing",
    "reasons",
    "number_on_record",
    "holder",
    "effective_from",
    "term_last_day",
    "as_of",
    "settles_on",
    "known_at_revision",
    "epoch",
    "refused",
];

/// The answer columns of a result.
pub fn answers(result: &VerificationResult, pinned: &Pinned) -> Vec<String> {
    let Some(Fared::Verification(verification)) = &result.outcome else {
        let mut cells = vec![String::new(); ANSWER.len() - 1];
        cells.push(why_refused(result).unwrap_or_default().to_owned());
        return cells;
    };
    let reasons = verification.reasons.iter().map(|reason| code(*reason, Reason::as_str_name, "REASON_"));
    let answer = verification.answer.as_ref();
    let credential = verification.credential.as_ref();
    let date = |date| Option::map_or(date, String::new(), day);
    vec![
        code(verification.verdict, Verdict::as_str_name, "VERDICT_"),
        sentence(verification.verdict(), &verification.reasons),
        verification.standing.map_or(String::new(), |standing| code(standing, Standing::as_str_name, "STANDING_")),
        reasons.collect::<Vec<_>>().join(" "),
        verification.credential_number.clone(),
        credential.map_or(String::new(), |credential| credential.display_name.clone()),
        date(credential.and_then(|credential| credential.effective_from)),
        date(credential.and_then(|credential| credential.term_last_day)),
        date(answer.and_then(|answer| answer.as_of)),
        date(answer.and_then(|answer| answer.settles_on)),
        pinned.revision.to_string(),
        pinned.epoch.clone(),
        String::new(),
    ]
}

/// Why the question of a row was refused, if it was.
pub fn why_refused(result: &VerificationResult) -> Option<&str> {
    match &result.outcome {
        Some(Fared::Verification(_)) => None,
        Some(Fared::Error(status)) => Some(&status.message),
        None => Some("it was not answered"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_THE_PAGE: &str = include_str!("../../http/page/csv.js");

    #[test]
    fn the_page_adds_the_same_columns_in_plain_words() {
        let line = OF_THE_PAGE.lines().find_map(|line| line.strip_prefix("export const COLUMNS = ")).unwrap();
        let json = line.trim_start_matches("{ ").trim_end_matches(" };");
        let columns = json.split(", ").map(|column| column.split_once(": ").unwrap());
        let columns: Vec<[String; 2]> =
            columns.map(|(name, title)| [name, title].map(|text| serde_json::from_str(text).unwrap())).collect();
        // There an answer says in words what `reasons` says in codes, and why a row has none.
        let shared = ANSWER.iter().filter(|name| !["reasons", "refused"].contains(name));
        assert!(columns.iter().map(|[name, _]| name).eq(shared), "{columns:?}");
        assert!(columns.iter().all(|[_, title]| !title.contains('_')), "{columns:?}");
    }
}
