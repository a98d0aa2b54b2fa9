//! The width of comments, which rustfmt leaves as they are.

use crate::harness::{files_below, read, root};

/// The maximum width of a line, in characters: that of code, in `.rustfmt.toml`.
const WIDTH: usize = 120;

#[test]
fn no_comment_is_wider_than_code_may_be() {
    assert!(read(".rustfmt.toml").contains(&format!("max_width = {WIDTH}\n")));
    let mut paths: Vec<_> = ["src", "tests"].iter().flat_map(|name| files_below(&root().join(name))).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    assert!(paths.len() > 100, "files were not found: {}", paths.len());
    let mut wide = Vec::new();
    for path in paths {
        let path = path.strip_prefix(root()).unwrap().to_str().unwrap();
        let text = read(path);
        let lines = text.lines().enumerate();
        let is_wide = |line: &str| line.trim_start().starts_with("//") && line.chars().count() > WIDTH;
        wide.extend(lines.filter(|(_, line)| is_wide(line)).map(|(at, _)| format!("{path}:{}", at + 1)));
    }
    assert_eq!(wide, Vec::<String>::new());
}
