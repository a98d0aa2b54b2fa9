//! A key of the configuration, described for people: its help on the command line and its entry in the example file.

const WIDTH: usize = 120;

const HEAD: &str =
    "Configuration of `cpss-registry serve --config FILE`. `cpss-registry config --example` prints this file.";

const RULES: &str = "Every key has a flag, which wins over the file. A key that is left out has the default shown here. A key \
                     that the program does not know is refused at start. No environment variable changes any of this. The \
                     file holds no secrets: it has the paths of the files that do.";

/// A key of the file, with its flag.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) flag: &'static str,
    /// The lines of its documentation. The first paragraph is the help of the flag.
    pub(super) doc: &'static [&'static str],
    /// Whether a file gives it in quotes.
    pub(super) is_text: bool,
    /// None: it is not set.
    pub(super) default: Option<String>,
    pub(super) dev_default: Option<String>,
    pub(super) example: Option<Example>,
}

/// A value that the example file shows for a key without a default.
pub(super) enum Example {
    /// As a line in effect.
    Set(&'static str),
    /// As a comment.
    Unset(&'static str),
}

impl Key {
    /// What `--help` says of its flag.
    pub(super) fn help(&self) -> String {
        let summary = summary(self.doc);
        let none = || "none".to_owned();
        let default = match (&self.default, &self.dev_default) {
            (None, None) => return summary,
            (default, dev) if default == dev => default.clone().unwrap_or_else(none),
            (default, dev) => {
                let [default, dev] = [default, dev].map(|value| value.clone().unwrap_or_else(none));
                format!("{default}, with --dev {dev}")
            }
        };
        format!("{summary} [default: {default}]")
    }

    /// What the example file says of it.
    fn entry(&self) -> String {
        let Key { name, flag, .. } = self;
        let more = paragraph(self.doc.iter().skip_while(|line| !line.is_empty()));
        let text = format!("{}. {more}", summary(self.doc));
        let (comment, value) = match (&self.default, &self.example) {
            (Some(default), _) => ("", default.as_str()),
            (None, Some(Example::Set(value))) => ("", *value),
            (None, Some(Example::Unset(value))) => ("# ", *value),
            (None, None) => ("# ", ""),
        };
        let value = if self.is_text { format!("\"{value}\"") } else { value.to_owned() };
        format!("\n{}# Flag: {flag}\n{comment}{name} = {value}\n", comments(text.trim_end()))
    }
}

/// The example file: every key, with what it means and its default.
pub fn example() -> String {
    let entries: String = Key::all().iter().map(Key::entry).collect();
    format!("{}#\n{}{entries}", comments(HEAD), comments(RULES))
}

/// The first paragraph of a documentation.
pub(super) fn summary(doc: &[&str]) -> String {
    paragraph(doc.iter().take_while(|line| !line.is_empty()))
}

fn paragraph<'a>(lines: impl Iterator<Item = &'a &'a str>) -> String {
    lines.map(|line| line.trim()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A text as comments of TOML, no line of them wider than a page.
fn comments(text: &str) -> String {
    let mut lines = String::from("#");
    let mut width = 1;
    for word in text.split(' ') {
        if width + 1 + word.len() > WIDTH {
            lines.push_str("\n#");
            width = 1;
        }
        lines.push(' ');
        lines.push_str(word);
        width += 1 + word.len();
    }
    lines.push('\n');
    lines
}
