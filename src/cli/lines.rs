//! Facts as lines of a label and a text, in two columns within the width of the terminal.

use super::display_text::{day, exact_moment};
use super::table::labeled;
use crate::proto::v1::Answer;

/// The width of the column of labels.
const LABEL: usize = 12;

/// Lines of a label and a text.
pub struct Lines {
    text: String,
    limit: Option<usize>,
}

impl Lines {
    /// Begins with a heading.
    pub fn under(heading: &str, limit: Option<usize>) -> Lines {
        Lines { text: format!("{heading}\n\n"), limit }
    }

    /// Adds a line, unless the text is empty.
    pub fn line(&mut self, label: &str, text: &str) {
        if !text.is_empty() {
            self.text.push_str(&labeled(label, text, LABEL, self.limit));
        }
    }

    /// Adds the day, the state of knowledge and the rules of an answer, behind an empty line.
    pub fn answer(&mut self, answer: &Answer) {
        self.text.push('\n');
        self.line("as of", &answer.as_of.map(day).unwrap_or_default());
        let revision = answer.known_at_revision;
        let known_at = answer.known_at_time.map_or_else(
            || format!("revision {revision}"),
            |recorded_at| format!("revision {revision}, recorded {}", exact_moment(recorded_at)),
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

    /// The lines as one text.
    pub fn into_text(self) -> String {
        self.text
    }
}
