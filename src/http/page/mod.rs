//! The page for a person: one document, one style, and a few small scripts. It asks by the Connect protocol, as any
//! other client.

pub(super) const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// What a browser may do with the document: run its own scripts, show its own style, and call this server.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                                 img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The mark of a document that asks its reader for a token, and of one that does not.
const ASKED: &str = "data-identity=\"asked\"";
const GIVEN: &str = "data-identity=\"given\"";

/// A part of the page, by its path.
pub(super) struct Part {
    pub(super) path: &'static str,
    pub(super) media: &'static str,
    pub(super) text: &'static str,
}

/// The path of the document.
pub(super) const DOCUMENT: &str = "/";

/// Every part, the document first.
pub(super) static PARTS: [Part; 40] = [
    Part { path: DOCUMENT, media: HTML, text: include_str!("page.html") },
    Part { path: "/page/page.css", media: STYLE, text: include_str!("page.css") },
    Part { path: "/page/acting.js", media: SCRIPT, text: include_str!("acting.js") },
    Part { path: "/page/acts.js", media: SCRIPT, text: include_str!("acts.js") },
    Part { path: "/page/answer.js", media: SCRIPT, text: include_str!("answer.js") },
    Part { path: "/page/application.js", media: SCRIPT, text: include_str!("application.js") },
    Part { path: "/page/csv.js", media: SCRIPT, text: include_str!("csv.js") },
    Part { path: "/page/dates.js", media: SCRIPT, text: include_str!("dates.js") },
    Part { path: "/page/dom.js", media: SCRIPT, text: include_str!("dom.js") },
    Part { path: "/page/effects.js", media: SCRIPT, text: include_str!("effects.js") },
    Part { path: "/page/explain.js", media: SCRIPT, text: include_str!("explain.js") },
    Part { path: "/page/facts.js", media: SCRIPT, text: include_str!("facts.js") },
    Part { path: "/page/form.js", media: SCRIPT, text: include_str!("form.js") },
    Part { path: "/page/history.js", media: SCRIPT, text: include_str!("history.js") },
    Part { path: "/page/latest.js", media: SCRIPT, text: include_str!("latest.js") },
    Part { path: "/page/letter.js", media: SCRIPT, text: include_str!("letter.js") },
    Part { path: "/page/list.js", media: SCRIPT, text: include_str!("list.js") },
    Part { path: "/page/lookup.js", media: SCRIPT, text: include_str!("lookup.js") },
    Part { path: "/page/page.js", media: SCRIPT, text: include_str!("page.js") },
    Part { path: "/page/people.js", media: SCRIPT, text: include_str!("people.js") },
    Part { path: "/page/proposed.js", media: SCRIPT, text: include_str!("proposed.js") },
    Part { path: "/page/providers.js", media: SCRIPT, text: include_str!("providers.js") },
    Part { path: "/page/providers_desk.js", media: SCRIPT, text: include_str!("providers_desk.js") },
    Part { path: "/page/qr.js", media: SCRIPT, text: include_str!("qr.js") },
    Part { path: "/page/question.js", media: SCRIPT, text: include_str!("question.js") },
    Part { path: "/page/record.js", media: SCRIPT, text: include_str!("record.js") },
    Part { path: "/page/refusals.js", media: SCRIPT, text: include_str!("refusals.js") },
    Part { path: "/page/registrar.js", media: SCRIPT, text: include_str!("registrar.js") },
    Part { path: "/page/registry.js", media: SCRIPT, text: include_str!("registry.js") },
    Part { path: "/page/repeated.js", media: SCRIPT, text: include_str!("repeated.js") },
    Part { path: "/page/report.js", media: SCRIPT, text: include_str!("report.js") },
    Part { path: "/page/roster.js", media: SCRIPT, text: include_str!("roster.js") },
    Part { path: "/page/rows.js", media: SCRIPT, text: include_str!("rows.js") },
    Part { path: "/page/statistics.js", media: SCRIPT, text: include_str!("statistics.js") },
    Part { path: "/page/timeline.js", media: SCRIPT, text: include_str!("timeline.js") },
    Part { path: "/page/trouble.js", media: SCRIPT, text: include_str!("trouble.js") },
    Part { path: "/page/unfold.js", media: SCRIPT, text: include_str!("unfold.js") },
    Part { path: "/page/unsent.js", media: SCRIPT, text: include_str!("unsent.js") },
    Part { path: "/page/watch.js", media: SCRIPT, text: include_str!("watch.js") },
    Part { path: "/page/words.js", media: SCRIPT, text: include_str!("words.js") },
];

/// The text of a part as it is served: without indentation, and without lines that are comments.
pub(super) fn served(part: &Part) -> String {
    let lines = part.text.lines().map(str::trim_start);
    lines.filter(|line| !line.is_empty() && !line.starts_with("//")).flat_map(|line| [line, "\n"]).collect()
}

/// The document for those whose connection identifies them.
pub(super) fn identified() -> String {
    let [document, ..] = &PARTS;
    served(document).replace(ASKED, GIVEN)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::gzip::packed;

    /// What a browser may load, and what all parts may have together before they are packed.
    const MOST_LOADED: usize = 150 * 1024;
    const MOST_BYTES: usize = 240 * 1024;
    const MOST_LINES: usize = 400;

    #[test]
    fn the_page_is_small_and_its_files_are_short() {
        let bytes: usize = PARTS.iter().map(|part| served(part).len()).sum();
        assert!(bytes < MOST_BYTES, "{bytes}");
        let loaded: usize = PARTS.iter().map(|part| packed(served(part).as_bytes()).unwrap().len()).sum();
        assert!(loaded < MOST_LOADED, "{loaded}");
        for part in &PARTS {
            assert!(part.text.lines().count() < MOST_LINES, "{}", part.path);
        }
    }

    #[test]
    fn no_text_of_a_script_goes_over_the_end_of_a_line() {
        for part in PARTS.iter().filter(|part| part.media == SCRIPT) {
            for line in part.text.lines().filter(|line| !line.trim_start().starts_with("//")) {
                assert_eq!(line.matches('`').count() % 2, 0, "{}: {line}", part.path);
            }
        }
    }

    #[test]
    fn the_document_names_every_script_and_nothing_elsewhere() {
        let document = PARTS[0].text;
        let linked: BTreeSet<&str> = ["href=\"", "src=\""]
            .iter()
            .flat_map(|name| document.split(name).skip(1))
            .filter_map(|rest| rest.split('"').next())
            .filter(|target| !target.starts_with('#') && !["data:,", "/docs"].contains(target))
            .collect();
        assert_eq!(linked, PARTS[1..].iter().map(|part| part.path).collect());
        for part in &PARTS {
            let elsewhere = part.text.replace("http://www.w3.org/2000/svg", "");
            assert!(!elsewhere.contains("://"), "{} names another host", part.path);
        }
    }

    #[test]
    fn nothing_in_the_page_makes_markup_of_a_text() {
        for part in &PARTS {
            for way in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", " style="]
            {
                assert!(!part.text.contains(way), "{} uses {way}", part.path);
            }
        }
        for place in
            ["localStorage", "sessionStorage", "indexedDB", "document.cookie", "pushState", "replaceState", "caches"]
        {
            assert!(PARTS.iter().all(|part| !part.text.contains(place)), "{place} keeps what was asked");
        }
    }

    /// The texts in quotes of a list that begins with `name` and ends with `];`.
    fn listed<'a>(source: &'a str, name: &str) -> BTreeSet<&'a str> {
        let (_, list) = source.split_once(name).unwrap();
        let (list, _) = list.split_once("];").unwrap();
        list.split('"').skip(1).step_by(2).collect()
    }

    #[test]
    fn the_page_and_the_command_line_know_the_same_reasons_for_which_nothing_was_recorded() {
        let page = listed(include_str!("record.js"), "const NOT_BEGUN = [");
        let command_line = listed(include_str!("../../cli/recording/mod.rs"), "const REASONS: [&str; 12] = [");
        assert_eq!(page, command_line);
    }

    #[test]
    fn the_page_tells_messages_apart_by_what_they_contain() {
        const CREDENTIAL: &str = include_str!("../../domain/decide/credential.rs");
        const AMEND: &str = include_str!("../../domain/decide/amend.rs");
        const EMPLOYMENT: &str = include_str!("../../domain/decide/employment.rs");
        const PROVIDER: &str = include_str!("../../domain/decide/provider.rs");
        const RETRACT: &str = include_str!("../../domain/decide/retract.rs");
        const STATUS: &str = include_str!("../../surface/status.rs");
        let refusals = include_str!("refusals.js");
        let origins = [
            ("the day before", CREDENTIAL),
            ("and is not lost before", CREDENTIAL),
            ("no term of the credential includes", CREDENTIAL),
            ("it is revoked on that day", CREDENTIAL),
            ("a renewal takes effect after", CREDENTIAL),
            ("the window for reports about", EMPLOYMENT),
            ("the registrar took away days", AMEND),
            ("the registrar reported this amendment", AMEND),
            ("the start of this job was retracted", EMPLOYMENT),
            ("this fact was retracted", RETRACT),
            ("by a later registration", RETRACT),
            ("a provider is on file under this id", PROVIDER),
            ("the index is damaged", STATUS),
            ("a part of the log is damaged", STATUS),
        ];
        for (part, messages) in origins {
            assert!(messages.lines().any(|line| line.contains('"') && line.contains(part)), "no message has {part}");
            assert!(refusals.contains(&format!("\"{part}\"")), "the page does not look for {part}");
        }
        let looked_for = refusals.matches("    [\"").count() + refusals.matches("byMessage([[").count();
        let included = refusals.matches("message.includes(\"").count();
        assert_eq!(looked_for + included, origins.len());
    }

    #[test]
    fn only_the_mark_differs_for_those_who_are_identified() {
        assert_eq!(PARTS[0].path, DOCUMENT);
        assert_eq!(PARTS[0].text.matches(ASKED).count(), 1);
        assert_eq!(identified().replace(GIVEN, ASKED), served(&PARTS[0]));
    }
}
