use std::collections::BTreeSet;
use std::path::Path;

use super::ordered::Ordered;
use super::*;
use crate::proto::SERVICES;

/// The committed document.
fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("proto/openapi.json")
}

fn document() -> Ordered {
    openapi::document(&Contract::new().unwrap())
}

fn written(document: &Ordered) -> String {
    serde_json::to_string_pretty(document).unwrap() + "\n"
}

#[test]
fn the_committed_document_is_current() {
    let committed = std::fs::read_to_string(path()).unwrap();
    let is_current = committed == written(&document());
    assert!(is_current, "write it: cargo test --lib http::reference::tests::write -- --ignored");
}

#[test]
#[ignore = "it writes proto/openapi.json"]
fn write() {
    std::fs::write(path(), written(&document())).unwrap();
}

#[test]
fn every_method_has_an_example_and_there_are_no_others() {
    let examples: Ordered = serde_json::from_str(include_str!("examples.json")).unwrap();
    let examples: BTreeSet<_> = examples.fields().iter().map(|(name, _)| name.clone()).collect();
    let methods = SERVICES.iter().flat_map(|service| service.methods);
    let methods: BTreeSet<_> = methods.map(|method| format!("{}/{}", method.service, method.name)).collect();
    assert_eq!(examples, methods);
}

#[test]
fn every_method_message_and_field_is_described() {
    let document = document();
    for method in SERVICES.iter().flat_map(|service| service.methods) {
        let operation = document.at(&["paths", method.path, "post"]).unwrap_or_else(|| panic!("{}", method.path));
        assert!(!operation.text("description").is_empty(), "{}", method.path);
        assert!(operation.at(&["responses", "200"]).is_some(), "{}", method.path);
    }
    let schemas = document.at(&["components", "schemas"]).unwrap().fields();
    assert!(schemas.len() > 150, "{}", schemas.len());
    for (name, schema) in schemas.iter().filter(|(name, _)| !name.starts_with("google.")) {
        assert!(!schema.text("description").is_empty(), "{name}");
        for (field, of) in schema.get("properties").map_or(&[][..], Ordered::fields) {
            assert!(!of.text("description").is_empty() || name.starts_with("Error"), "{name}.{field}");
        }
    }
}

#[test]
fn the_rules_for_all_messages_are_in_the_introduction() {
    let document = document();
    let introduction = document.get("info").unwrap().text("description");
    assert!(introduction.contains("America/Chicago") && introduction.contains("Bearer TOKEN"), "{introduction}");
}

#[test]
fn every_link_of_the_page_leads_somewhere_and_nothing_is_fetched() {
    let page = Reference::of(&Contract::new().unwrap()).page;
    let values = |name: &str| {
        let begin = format!(" {name}=\"");
        let values = page.split(&begin).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        values.collect::<Vec<_>>()
    };
    let ids: BTreeSet<_> = values("id").into_iter().collect();
    assert_eq!(ids.len(), values("id").len(), "an id twice");
    let links = values("href");
    assert!(links.len() > 500, "{}", links.len());
    for link in links {
        let is_known = link == "/openapi.json" || link.strip_prefix('#').is_some_and(|id| ids.contains(id));
        assert!(is_known, "{link}");
    }
    for method in SERVICES.iter().flat_map(|service| service.methods) {
        assert!(page.contains(&format!("https://$REGISTRY{}", method.path)), "{} has no line", method.path);
    }
    for fetched in ["<script", "<link", "<img", "<iframe", "src=", "@import", "url(", "style=", "onclick"] {
        assert!(!page.contains(fetched), "{fetched}");
    }
}

#[test]
fn the_policy_allows_the_style_of_the_page() {
    let page = Reference::of(&Contract::new().unwrap()).page;
    let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let digest = STANDARD.encode(Sha256::digest(style));
    assert!(policy().contains(&format!("style-src 'sha256-{digest}'")), "{}", policy());
}
