//! A key of the configuration as shown to people: its command-line help and its entry in the example file.

const WIDTH: usize = 120;

const HEAD: &str =
    "Configuration of `cpss-registry serve --config FILE`. `cpss-registry config --example` prints this file.";

const RULES: &str = "Every key has a flag, which overrides the file. A key that is left out has the default shown here. \
                     An unknown key is refused at start. Environment variables are not read. The file contains no secrets, \
                     only the paths of files that do.";

/// A key of the configuration file, with its flag.
pub(super) struct Key {
    /// Its name, after that of its table and a dot if it is in one.
    pub(super) name: &'static str,
    pub(super) flag: &'static str,
    /// The lines of its documentation. The first paragraph is the flag's help.
    pub(super) doc: &'static [&'static str],
    /// True if the file writes the value in quotes.
    pub(super) is_text: bool,
    /// The default. None if the key is not set by default.
    pub(super) default: Option<String>,
    pub(super) dev_default: Option<String>,
    pub(super) example: Option<Example>,
}

/// A value that the example file shows for a key without a default.
pub(super) enum Example {
    /// Shown as a line in effect.
    Set(&'static str),
    /// Shown as a comment.
    Unset(&'static str),
}

impl Key {
    /// The text of the flag in `--help`.
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

    /// True if the file has a table of this name.
    pub(super) fn is_table(name: &str) -> bool {
        Key::all().iter().any(|key| key.table() == Some(name))
    }

    /// The table of the file that the key is in.
    fn table(&self) -> Option<&'static str> {
        self.name.rsplit_once('.').map(|(table, _)| table)
    }

    /// The key's entry in the example file.
    fn entry(&self) -> String {
        let flag = self.flag;
        let name = self.name.rsplit_once('.').map_or(self.name, |(_, name)| name);
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

/// The example file: every key, with its meaning and its default.
pub fn example() -> String {
    let mut text = format!("{}#\n{}", comments(HEAD), comments(RULES));
    let mut begun = None;
    for key in Key::all() {
        let table = key.table();
        if begun != table {
            table.inspect(|table| text.push_str(&format!("\n[{table}]\n")));
            begun = table;
        }
        text.push_str(&key.entry());
    }
    text
}

/// The first paragraph of a doc comment.
pub(super) fn summary(doc: &[&str]) -> String {
    paragraph(doc.iter().take_while(|line| !line.is_empty()))
}

fn paragraph<'a>(lines: impl Iterator<Item = &'a &'a str>) -> String {
    lines.map(|line| line.trim()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Formats a text as TOML comments, wrapped at the page width.
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
