//! The imports between the files of `src`: which file uses names that another file defines.
//!
//! A re-exported name (`pub use`) counts for the file that defines it. Names used only by tests do not count.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Source;
use super::code::{Written, from_root};

/// For each file: the files that it imports from, and the imported names.
pub type Imports = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// The files by module.
struct Files<'s>(BTreeMap<&'s [String], &'s Source>);

/// The maximum number of re-exports of a name.
const MOST_REEXPORTS: usize = 8;

/// Computes the imports.
pub fn imports(sources: &[Source]) -> Imports {
    let files = Files::of(sources);
    let mut imports = Imports::new();
    for file in files.0.values() {
        for written in named(file).filter(|written| takes(file, written)) {
            let path = files.absolute(file, &written.module, &written.path, MOST_REEXPORTS);
            let Some((from, name)) = path.and_then(|path| files.defining(&path, MOST_REEXPORTS)) else { continue };
            if from.path != file.path {
                let taken = imports.entry(file.path.clone()).or_default();
                taken.entry(from.path.clone()).or_default().insert(name);
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
    /// The files that are not only for tests.
    fn of(sources: &'s [Source]) -> Files<'s> {
        let tests: Vec<_> = sources.iter().flat_map(|source| &source.code.test_modules).collect();
        let is_for_tests = |source: &&Source| tests.iter().any(|test| source.module.starts_with(test));
        let files = sources.iter().filter(|source| source.path != "src/main.rs" && !is_for_tests(source));
        Files(files.map(|source| (&source.module[..], source)).collect())
    }

    /// Resolves a path to one from the root of the crate. `None`: it belongs to another crate or to something in scope.
    fn absolute(&self, file: &Source, module: &[String], path: &[String], most: usize) -> Option<Vec<String>> {
        let most = most.checked_sub(1)?;
        if let Some(path) = from_root(path, module) {
            return Some(path);
        }
        let first = &path[0];
        let child = [&file.module[..], &path[..1]].concat();
        let base = if self.0.contains_key(&child[..]) || file.code.defines.contains(first) {
            child
        } else {
            let given = gives(file, first).filter(|given| given.path != path)?;
            self.absolute(file, &given.module, &given.path, most)?
        };
        from_root(&[&["self".to_owned()], &path[1..]].concat(), &base)
    }

    /// The file that defines the last name of a path, and its name there. `None`: the path names a file itself.
    fn defining(&self, path: &[String], most: usize) -> Option<(&'s Source, String)> {
        let most = most.checked_sub(1)?;
        let (file, rest) = (0..=path.len()).rev().find_map(|at| Some((*self.0.get(&path[..at])?, &path[at..])))?;
        let name = rest.first()?;
        if let Some(given) = gives(file, name).filter(|_| !file.code.defines.contains(name)) {
            let mut path = self.absolute(file, &given.module, &given.path, most)?;
            path.extend(rest[1..].iter().cloned());
            return self.defining(&path, most);
        }
        Some((file, name.clone()))
    }
}

/// What a file names outside of its tests.
fn named(file: &Source) -> impl Iterator<Item = &Written> {
    file.code.written.iter().filter(|written| !written.is_for_tests)
}

/// The declaration that imports a name into the file.
fn gives<'s>(file: &'s Source, name: &str) -> Option<&'s Written> {
    named(file).find(|written| written.gives.as_deref() == Some(name))
}

/// Whether a file uses a path itself, and does not only re-export it.
fn takes(file: &Source, written: &Written) -> bool {
    let is_used = |name: &String| file.code.occurrences.get(name).is_some_and(|count| *count > 1);
    !written.is_reexport || written.gives.as_ref().is_some_and(is_used)
}
