//! The imports between the files of `src`: which file uses names that another file defines.
//!
//! A re-exported name (`pub use`) counts for the file that defines it. Names used only by tests do not count.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Source;
use super::paths::{Written, module_of, tokens, written};

/// For each file: the files that it imports from, and the imported names.
pub type Imports = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// A parsed file.
struct File<'s> {
    path: &'s str,
    module: Vec<String>,
    tokens: Vec<String>,
    defines: BTreeSet<String>,
    written: Vec<Written>,
}

/// The files by module.
struct Files<'s>(BTreeMap<Vec<String>, File<'s>>);

/// The maximum number of re-exports of a name.
const MOST_REEXPORTS: usize = 8;

/// Computes the imports.
pub fn imports(sources: &[Source]) -> Imports {
    let files = Files::of(sources);
    let mut imports = Imports::new();
    for file in files.0.values() {
        for written in file.written.iter().filter(|written| file.takes(written)) {
            let path = files.absolute(file, &written.module, &written.path, MOST_REEXPORTS);
            let Some((from, name)) = path.and_then(|path| files.defining(&path, MOST_REEXPORTS)) else { continue };
            if from.path != file.path {
                let taken = imports.entry(file.path.to_owned()).or_default();
                taken.entry(from.path.to_owned()).or_default().insert(name);
            }
        }
    }
    imports
}

/// The import cycles among the files in a folder, as sentences. Without cycles the files are layers: each imports only
/// from those below it. Of cycles that share a file, only the first is returned.
pub fn circles(imports: &Imports, folder: &str) -> Vec<String> {
    let (mut found, mut named) = (Vec::new(), BTreeSet::new());
    for file in imports.keys().filter(|file| file.starts_with(folder)) {
        if let Some(circle) = circle_through(imports, folder, file)
            && circle.iter().all(|file| !named.contains(*file))
        {
            named.extend(circle.iter().copied());
            found.push(sentence(imports, &circle));
        }
    }
    found
}

/// The shortest cycle through a file.
fn circle_through<'i>(imports: &'i Imports, folder: &str, file: &'i str) -> Option<Vec<&'i str>> {
    let mut reached_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut rest = VecDeque::from([file]);
    while let Some(at) = rest.pop_front() {
        let next = imports.get(at).into_iter().flatten().map(|(next, _)| next.as_str());
        for next in next.filter(|next| next.starts_with(folder)) {
            if !reached_from.contains_key(next) {
                reached_from.insert(next, at);
                rest.push_back(next);
            }
        }
    }
    let mut circle = vec![file, *reached_from.get(file)?];
    while circle.last() != Some(&file) {
        circle.push(reached_from[circle[circle.len() - 1]]);
    }
    circle.reverse();
    Some(circle)
}

/// Describes the imports along a path of files.
fn sentence(imports: &Imports, way: &[&str]) -> String {
    let step = |step: &[&str]| {
        let names: Vec<_> = imports[step[0]][step[1]].iter().map(String::as_str).collect();
        format!("imports {} from {}", names.join(", "), step[1])
    };
    let steps: Vec<_> = way.windows(2).map(step).collect();
    format!("{} {}", way[0], steps.join(", which "))
}

impl<'s> Files<'s> {
    /// Parses the files that are not only for tests.
    fn of(sources: &'s [Source]) -> Files<'s> {
        let mut files = BTreeMap::new();
        let mut tests = Vec::new();
        for source in sources.iter().filter(|source| source.path != "src/main.rs") {
            let module = module_of(&source.path);
            let (tokens, of_tests) = without_tests(&tokens(&source.text));
            tests.extend(of_tests.into_iter().map(|name| [module.clone(), vec![name]].concat()));
            let (defines, written) = (defined(&tokens), written(&tokens, &module));
            files.insert(module.clone(), File { path: &source.path, module, tokens, defines, written });
        }
        files.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        Files(files)
    }

    /// Resolves a path to one from the root of the crate. `None`: it belongs to another crate or to something in scope.
    fn absolute(&self, file: &File<'_>, module: &[String], path: &[String], most: usize) -> Option<Vec<String>> {
        let most = most.checked_sub(1)?;
        let supers = path.iter().take_while(|name| *name == "super").count();
        let (base, rest) = match path.first()?.as_str() {
            "crate" => (Vec::new(), &path[1..]),
            "self" => (module.to_vec(), &path[1..]),
            "super" => (module[..module.len().checked_sub(supers)?].to_vec(), &path[supers..]),
            first => {
                let child = [&file.module[..], &path[..1]].concat();
                if self.0.contains_key(&child) || file.defines.contains(first) {
                    (file.module.clone(), path)
                } else {
                    let given = file.gives(first).filter(|given| given.path != path)?;
                    (self.absolute(file, &given.module, &given.path, most)?, &path[1..])
                }
            }
        };
        Some(
            base.into_iter()
                .chain(rest.iter().filter(|name| !["self", "*"].contains(&name.as_str())).cloned())
                .collect(),
        )
    }

    /// The file that defines the last name of a path, and its name there. `None`: the path names a file itself.
    fn defining(&self, path: &[String], most: usize) -> Option<(&File<'s>, String)> {
        let most = most.checked_sub(1)?;
        let (file, rest) = (0..=path.len()).rev().find_map(|at| Some((self.0.get(&path[..at])?, &path[at..])))?;
        let name = rest.first()?;
        if let Some(given) = file.gives(name).filter(|_| !file.defines.contains(name)) {
            let mut path = self.absolute(file, &given.module, &given.path, most)?;
            path.extend(rest[1..].iter().cloned());
            return self.defining(&path, most);
        }
        Some((file, name.clone()))
    }
}

impl File<'_> {
    /// The declaration that imports a name into the file.
    fn gives(&self, name: &str) -> Option<&Written> {
        self.written.iter().find(|written| written.gives.as_deref() == Some(name))
    }

    /// Whether a file uses a path itself, and does not only re-export it.
    fn takes(&self, written: &Written) -> bool {
        let is_used = |name: &String| self.tokens.iter().filter(|token| *token == name).count() > 1;
        !written.is_reexport || written.gives.as_ref().is_some_and(is_used)
    }
}

/// Removes items that are compiled only for tests. Also returns the test modules in files of their own.
fn without_tests(tokens: &[String]) -> (Vec<String>, Vec<String>) {
    const FOR_TESTS: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut kept, mut modules) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..].iter().map(String::as_str).take(FOR_TESTS.len()).eq(FOR_TESTS) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += FOR_TESTS.len();
        let mut open = 0_usize;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.as_str() {
                "{" => open += 1,
                "}" if open == 1 => break,
                "}" => open -= 1,
                ";" if open == 0 => {
                    if tokens[at - 3] == "mod" {
                        modules.push(tokens[at - 2].clone());
                    }
                    break;
                }
                _ => {}
            }
        }
    }
    (kept, modules)
}

/// The names that a file defines.
fn defined(tokens: &[String]) -> BTreeSet<String> {
    const ITEMS: [&str; 10] =
        ["struct", "enum", "union", "trait", "fn", "const", "static", "type", "mod", "macro_rules"];
    let mut open = 0_usize;
    let mut defined = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" => open += 1,
            "}" => open = open.saturating_sub(1),
            item if open == 0 && ITEMS.contains(&item) => {
                let name = tokens[at + 1..].iter().find(|token| !["!", "mut"].contains(&token.as_str()));
                // `mod name;` declares a file of its own.
                if item != "mod" || tokens.get(at + 2).is_some_and(|token| token == "{") {
                    defined.extend(name.filter(|name| !ITEMS.contains(&name.as_str())).cloned());
                }
            }
            _ => {}
        }
    }
    defined
}
