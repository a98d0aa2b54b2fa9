//! The guides for engineers name files and rooms that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::ROOMS;
use crate::harness::markdown::Document;
use crate::harness::root;

/// The guides, each with the directories that its paths are relative to.
const GUIDES: &[(&str, &[&str])] =
    &[("src/README.md", &["src", "."]), ("src/store/README.md", &["."]), ("tests/README.md", &["."])];

/// The extensions that mark a span as a path.
const EXTENSIONS: [&str; 10] = ["binpb", "json", "md", "proto", "py", "rs", "sh", "sql", "toml", "yaml"];

/// Whether a span is a path: it has a known extension, or begins with a directory of one of the bases.
fn is_path(span: &str, bases: &[&str]) -> bool {
    let has_directory = span.contains('/') && !span.contains(char::is_whitespace);
    let extension = Path::new(span).extension().and_then(|extension| extension.to_str());
    let first = span.split('/').next().unwrap_or_default();
    let is_below = !first.is_empty() && bases.iter().any(|base| root().join(base).join(first).is_dir());
    has_directory && (is_below || extension.is_some_and(|extension| EXTENSIONS.contains(&extension)))
}

/// Whether a path exists below a base. The last component may be a pattern with one `*`.
fn exists(base: &str, path: &str) -> bool {
    let path: PathBuf = root().join(base).join(path);
    let Some((start, end)) = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split_once('*'))
    else {
        return path.exists();
    };
    let siblings = fs::read_dir(path.parent().unwrap()).into_iter().flatten();
    let names = siblings.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.into_iter().any(|name| name.starts_with(start) && name.ends_with(end))
}

#[test]
fn every_path_in_the_guides_exists() {
    for (page, bases) in GUIDES {
        let paths: Vec<String> =
            Document::named(page).spans().into_iter().filter(|span| is_path(span, bases)).collect();
        assert!(paths.len() > 20, "{page}: the paths were not found: {paths:?}");
        let is_missing = |path: &&String| !bases.iter().any(|base| exists(base, path));
        let missing: Vec<&String> = paths.iter().filter(is_missing).collect();
        assert!(missing.is_empty(), "{page} names what does not exist: {missing:?}");
    }
}

#[test]
fn the_guide_lists_every_room_and_no_other() {
    let listed = Document::named("src/README.md").first_cells("## Rooms");
    let rooms: BTreeSet<String> = ROOMS.iter().map(|room| room.name.to_owned()).collect();
    assert_eq!(listed, rooms);
}
