//! Checks that a scenario does not disclose names in the audit, or foreseen changes to a provider.

use std::collections::BTreeSet;
use std::path::Path;

use cpss_registry::proto::v1::import_row::Command;

use super::command::BORN;
use super::send::Sent;
use super::text::Line;
use crate::harness::Client;

/// The names and birth dates of a scenario that occur in its audit. There must be none.
pub fn written_down(data: &Path, lines: &[Line]) -> impl Iterator<Item = String> {
    let audit = std::fs::read_to_string(data.join("audit/reads.jsonl")).unwrap_or_default().to_lowercase();
    let words: BTreeSet<String> = words(&audit).collect();
    let mut personal = vec![BORN.to_owned()];
    for line in lines {
        let said: Vec<&str> = line.text.split_whitespace().collect();
        for pair in said.windows(2).filter(|pair| ["named", "person", "born"].contains(&pair[0])) {
            personal.extend(pair[1].split('/').filter(|name| name.chars().count() > 2).map(str::to_lowercase));
        }
    }
    // A digest easily contains three given letters: names are searched as words, dates literally.
    let is_there = move |name: &String| {
        let is_date = name.starts_with(|first: char| first.is_ascii_digit());
        if is_date { audit.contains(name.as_str()) } else { self::words(name).any(|word| words.contains(&word)) }
    };
    personal.into_iter().filter(is_there)
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    words.filter(|word| word.chars().count() > 2).map(str::to_owned)
}

/// Whether the caller may not see what a command would change: a provider, about a person who is not on its staff yet.
pub fn sees_nothing_before(sent: &Sent, client: &Client) -> bool {
    matches!(sent.command, Command::ReportEmploymentStart(_)) && client.is("provider")
}
