//! Comments as HTML. Comments are plain CommonMark: paragraphs, lists, code in backticks, and indented examples.

use std::fmt::Write as _;

use crate::http::escape::escaped;

/// A comment as HTML.
pub(super) fn html(comment: &str) -> String {
    let mut html = String::new();
    for block in comment.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let lines: Vec<_> = block.lines().collect();
        if lines.iter().all(|line| line.starts_with("    ")) {
            // Writing to a string never fails.
            write!(html, "<pre>{}</pre>", escaped(block)).unwrap_or_default();
            continue;
        }
        let first = lines.iter().position(|line| item(line).is_some()).unwrap_or(lines.len());
        let (before, list) = lines.split_at(first);
        if !before.is_empty() {
            write!(html, "<p>{}</p>", inline(&before.join(" "))).unwrap_or_default();
        }
        if !list.is_empty() {
            write!(html, "<ul>{}</ul>", items(list)).unwrap_or_default();
        }
    }
    html
}

/// The text of a line that begins an item of a list.
fn item(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("* ").or_else(|| line.strip_prefix("- "))
}

/// Items with the lines that go on with them.
fn items(lines: &[&str]) -> String {
    let mut items: Vec<String> = Vec::new();
    for line in lines {
        match (item(line), items.last_mut()) {
            (Some(begun), _) => items.push(begun.to_owned()),
            (None, Some(last)) => {
                last.push(' ');
                last.push_str(line.trim());
            }
            (None, None) => items.push((*line).to_owned()),
        }
    }
    items.iter().map(|item| format!("<li>{}</li>", inline(item))).collect()
}

/// A text with its code in backticks.
fn inline(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(at, part)| if at % 2 == 0 { escaped(part) } else { format!("<code>{}</code>", escaped(part)) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_paragraphs_lists_and_code() {
        let comment =
            "A `<code>` and\nmore.\n\nA list:\n\n  - One\n    goes on.\n  - Two.\n\n    an example\n\n* `A`: b";
        let expected = "<p>A <code>&lt;code&gt;</code> and more.</p><p>A list:</p>\
            <ul><li>One goes on.</li><li>Two.</li></ul><pre>    an example</pre><ul><li><code>A</code>: b</li></ul>";
        assert_eq!(html(comment), expected);
        assert_eq!(html("x < y & \"z\""), "<p>x &lt; y &amp; &quot;z&quot;</p>");
    }
}
