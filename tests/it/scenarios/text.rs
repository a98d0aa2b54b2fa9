//! The language of the scenarios: files, scenarios, lines, clauses.

use std::collections::{BTreeMap, VecDeque};

use cpss_registry::proto::google::r#type::Date;

/// The words that begin a clause. No person, provider, job or fact may have one of these names.
const KEYWORDS: &str = "applied as because born called ce county decision education examined family for from hours \
                        known medicaid named note npi numbered on position prior recovery references request resident rules score \
                        to trained type units unsupervised valid with";

/// The line before the steps that all scenarios of a file share.
const BACKGROUND: &str = "background:";

/// A line of a file. A line that starts with `|` continues the previous one.
#[derive(Clone)]
pub struct Line {
    /// The line number.
    pub number: usize,
    /// The text.
    pub text: String,
}

/// A scenario. It begins with an empty registry.
pub struct Scenario {
    /// What it is about.
    pub title: String,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// The scenarios of a file, each with the background lines first. Text before them is a comment.
pub fn scenarios(file: &str) -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    let mut background: Option<Vec<Line>> = None;
    for (at, text) in file.lines().enumerate() {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if let Some(title) = text.strip_prefix("scenario: ") {
            let lines = background.clone().unwrap_or_default();
            scenarios.push(Scenario { title: title.to_owned(), lines });
            continue;
        }
        if text == BACKGROUND {
            background = Some(Vec::new());
            continue;
        }
        let lines = scenarios.last_mut().map(|scenario| &mut scenario.lines).or(background.as_mut());
        let Some(lines) = lines else { continue };
        match lines.last_mut() {
            Some(line) if text.starts_with('|') => {
                line.text.push(' ');
                line.text.push_str(text);
            }
            _ => lines.push(Line { number: at + 1, text: text.to_owned() }),
        }
    }
    scenarios
}

/// A command or a question: the words before the first keyword, and the words of each keyword.
pub struct Clauses {
    head: VecDeque<String>,
    clauses: BTreeMap<&'static str, Vec<String>>,
}

impl Clauses {
    /// Parses a text.
    pub fn of(text: &str) -> Result<Clauses, String> {
        let mut head = VecDeque::new();
        let mut clauses: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        let mut open = None;
        for word in text.split_whitespace() {
            match (KEYWORDS.split(' ').find(|keyword| *keyword == word), open) {
                (Some(keyword), _) => {
                    if clauses.insert(keyword, Vec::new()).is_some() {
                        return Err(format!("{keyword} occurs twice"));
                    }
                    open = Some(keyword);
                }
                (None, Some(keyword)) => clauses.entry(keyword).or_default().push(word.to_owned()),
                (None, None) => head.push_back(word.to_owned()),
            }
        }
        Ok(Clauses { head, clauses })
    }

    /// The words before the first keyword.
    pub fn head(&mut self) -> Vec<String> {
        self.head.drain(..).collect()
    }

    /// Whether a keyword without words occurs. Consumes it.
    pub fn has(&mut self, keyword: &str) -> bool {
        self.clauses.remove(keyword).is_some()
    }

    /// The words of a clause. Consumes it.
    pub fn text(&mut self, keyword: &str) -> Option<String> {
        self.clauses.remove(keyword).map(|words| words.join(" "))
    }

    /// The words of a required clause. Consumes it.
    pub fn need(&mut self, keyword: &str) -> Result<String, String> {
        self.text(keyword).ok_or(format!("{keyword} is missing"))
    }

    /// The date of a clause.
    pub fn day(&mut self, keyword: &str) -> Result<Option<Date>, String> {
        self.text(keyword).map(|text| day(&text)).transpose()
    }

    /// The date of a clause of two words, such as `as of 2026-03-02`.
    pub fn day_of(&mut self, keyword: &str, second: &str) -> Result<Option<Date>, String> {
        let Some(text) = self.text(keyword) else { return Ok(None) };
        let date =
            text.strip_prefix(second).ok_or(format!("{keyword} {second} is meant, and {keyword} {text} said"))?;
        day(date.trim()).map(Some)
    }

    /// A number.
    pub fn amount(&mut self, keyword: &str) -> Result<Option<f64>, String> {
        self.text(keyword).map(|text| text.parse().map_err(|_| format!("{text} is not a number"))).transpose()
    }

    /// Fails if anything was not consumed.
    pub fn finish(self) -> Result<(), String> {
        match self.clauses.first_key_value() {
            Some((keyword, words)) => Err(format!("{keyword} {words:?} is not expected here")),
            None if self.head.is_empty() => Ok(()),
            None => Err(format!("{:?} is not expected here", self.head)),
        }
    }
}

/// Parses a date, even one that does not exist: `2026-02-30`, `2026-02-0`.
pub fn day(text: &str) -> Result<Date, String> {
    let parts: Vec<i32> = text.split('-').map(str::parse).collect::<Result<_, _>>().map_err(|_| no_date(text))?;
    match parts[..] {
        [year, month, day] => Ok(Date { year, month, day }),
        _ => Err(no_date(text)),
    }
}

fn no_date(text: &str) -> String {
    format!("{text} is not a date")
}
