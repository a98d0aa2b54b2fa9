//! Parsing Rust just enough to find the paths that a file uses.

/// A path that a file uses, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A path in this crate: `store::log::Log`.
    Ours(String),
    /// The first name of another path: a crate, or something in scope.
    Foreign(String),
}

/// A path as written in a file.
#[derive(Debug)]
pub struct Written {
    /// The module that contains it.
    pub module: Vec<String>,
    /// Its names, including `super` and the like.
    pub path: Vec<String>,
    /// The name that a declaration introduces. `None`: it is not a declaration.
    pub gives: Option<String>,
    /// Whether the declaration is a `pub use`.
    pub is_reexport: bool,
}

/// The module of a file: `src/grpc/decode/mod.rs` is `grpc::decode`. Empty for the root of the crate.
pub fn module_of(path: &str) -> Vec<String> {
    let path = path.strip_prefix("src/").unwrap().strip_suffix(".rs").unwrap();
    let mut names: Vec<_> = path.split('/').map(str::to_owned).collect();
    if names.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        names.pop();
    }
    names
}

/// The tokens of a text, without comments and string and character literals. `::` is one token.
pub fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(skipped) = quoted(rest) {
            rest = &rest[skipped..];
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(rest[..end].to_owned());
            rest = &rest[end..];
        } else {
            let token = if rest.starts_with("::") { "::" } else { &rest[..first.len_utf8()] };
            if !first.is_whitespace() {
                tokens.push(token.to_owned());
            }
            rest = &rest[token.len()..];
        }
    }
    tokens
}

/// The length of the comment or literal at the start of a text, or of the prefix of a raw identifier or a lifetime.
fn quoted(text: &str) -> Option<usize> {
    let through = |end: &str, from: usize| Some(text[from..].find(end).map_or(text.len(), |at| from + at + end.len()));
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return through("*/", 2);
    }
    for (start, end) in [("r#\"", "\"#"), ("br#\"", "\"#"), ("r\"", "\""), ("br\"", "\"")] {
        if text.starts_with(start) {
            return through(end, start.len());
        }
    }
    if text.starts_with("r#") {
        return Some(2);
    }
    if let Some(start) = ["\"", "b\"", "c\""].into_iter().find(|start| text.starts_with(start)) {
        return Some(start.len() + escaped(&text[start.len()..], '"'));
    }
    let character = text.strip_prefix('\'')?;
    let mut inside = character.chars();
    let is_character = inside.next()? == '\\' || inside.next() == Some('\'');
    Some(if is_character { 1 + escaped(character, '\'') } else { 1 })
}

/// The length of a text up to and including the first unescaped `end`.
fn escaped(text: &str, end: char) -> usize {
    let mut escaping = false;
    for (at, character) in text.char_indices() {
        if !escaping && character == end {
            return at + end.len_utf8();
        }
        escaping = !escaping && character == '\\';
    }
    text.len()
}

/// All paths in the tokens of a module, resolved.
pub fn named(tokens: &[String], module: &[String]) -> Vec<Named> {
    written(tokens, module).iter().filter_map(|written| resolved(&written.path, &written.module)).collect()
}

/// All paths in the tokens of a module, as written.
pub fn written(tokens: &[String], module: &[String]) -> Vec<Written> {
    let mut module = module.to_vec();
    // The open braces; true for those of a module.
    let mut open = Vec::new();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let before = at.checked_sub(1).map(|before| tokens[before].as_str());
        let is_module = token == "mod" && tokens.get(at + 2).is_some_and(|token| token == "{");
        let is_declared = before == Some("use");
        if is_module {
            module.push(tokens[at + 1].clone());
            open.push(true);
            at += 3;
        } else if token == "{" && !is_declared {
            open.push(false);
            at += 1;
        } else if token == "}" {
            if open.pop() == Some(true) {
                module.pop();
            }
            at += 1;
        } else if is_declared || (before != Some("::") && tokens.get(at + 1).is_some_and(|next| next == "::")) {
            let is_reexport = is_declared && at > 1 && ["pub", ")"].contains(&tokens[at - 2].as_str());
            let mut paths = Vec::new();
            at = read_tree(tokens, at, &[], &mut paths);
            found.extend(paths.into_iter().map(|(path, name)| {
                let gives = Some(name).filter(|_| is_declared);
                Written { module: module.clone(), path, gives, is_reexport }
            }));
        } else {
            at += 1;
        }
    }
    found
}

/// Parses a path, or a tree of paths, from `at`. Adds each with its last name or its alias. Returns the position after
/// it.
fn read_tree(tokens: &[String], mut at: usize, parent: &[String], paths: &mut Vec<(Vec<String>, String)>) -> usize {
    let mut path = parent.to_vec();
    while let Some(token) = tokens.get(at) {
        if token == "{" {
            at += 1;
            while tokens.get(at).is_some_and(|token| token != "}") {
                at = if tokens[at] == "," { at + 1 } else { read_tree(tokens, at, &path, paths) };
            }
            return at + 1;
        }
        if token == "::" {
            at += 1;
            continue;
        }
        let is_name = token.chars().all(|c| c.is_alphanumeric() || c == '_') || token == "*";
        if !is_name {
            break;
        }
        path.push(token.clone());
        at += 1;
        if tokens.get(at).is_none_or(|next| next != "::") {
            break;
        }
    }
    if path.len() > parent.len() {
        let renamed = tokens.get(at + 1).filter(|_| tokens[at] == "as");
        let last = path.iter().rfind(|name| *name != "self");
        let name = renamed.or(last).cloned().unwrap_or_default();
        paths.push((path, name));
        return if renamed.is_some() { at + 2 } else { at };
    }
    at + 1
}

fn resolved(path: &[String], module: &[String]) -> Option<Named> {
    let supers = path.iter().take_while(|name| *name == "super").count();
    let (base, rest) = match path.first()?.as_str() {
        "crate" => (&[][..], &path[1..]),
        "self" => (module, &path[1..]),
        "super" => (&module[..module.len().saturating_sub(supers)], &path[supers..]),
        foreign => return Some(Named::Foreign(foreign.to_owned())),
    };
    let names: Vec<_> = base.iter().chain(rest).filter(|name| *name != "self" && *name != "*").cloned().collect();
    // A path to the root of the crate names no room.
    (!names.is_empty()).then(|| Named::Ours(names.join("::")))
}

#[test]
fn paths_are_found_in_trees_bodies_and_modules_within() {
    let text = r##"
        use std::fmt::{self, Display as _};
        pub use self::log::Log; // use crate::nothing;
        use super::{engine::{Engine, Options}, *};
        mod inner { fn f<'a>(x: &'a str) -> super::Kept { crate::domain::day::Day::new('"', "::", r#"tonic::x"#) } }
    "##;
    let module = ["store".to_owned(), "index".to_owned()];
    let ours = |path: &str| Named::Ours(path.to_owned());
    let foreign = |name: &str| Named::Foreign(name.to_owned());
    assert_eq!(
        named(&tokens(text), &module),
        [
            foreign("std"),
            foreign("std"),
            ours("store::index::log::Log"),
            ours("store::engine::Engine"),
            ours("store::engine::Options"),
            ours("store"),
            ours("store::index::Kept"),
            ours("domain::day::Day::new"),
        ]
    );
}
