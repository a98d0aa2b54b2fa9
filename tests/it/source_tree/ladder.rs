//! Layers of files: each imports only from layers below, so there are no import cycles.

use super::imports::{Imports, circles, imports};
use super::{Source, source_tree};

/// The folder whose files are layers. Its `mod.rs` only declares and re-exports.
const LADDER: &str = "src/registry/";
const ITS_MOD: &str = "src/registry/mod.rs";

/// Import cycles in the layered folder, and names that its `mod.rs` defines.
fn breaks(imports: &Imports) -> Vec<String> {
    let mut found = circles(imports, LADDER);
    for (file, from) in imports {
        if let Some(names) = from.get(ITS_MOD) {
            found.push(format!("{file} imports {names:?} from {ITS_MOD}, which must define nothing"));
        }
    }
    found
}

/// Import cycles in `src`. A file may use what the `mod.rs` of its own or an enclosing folder defines.
fn circles_of_src(imports: &Imports) -> Vec<String> {
    let mut imports = imports.clone();
    for (file, from) in &mut imports {
        from.retain(|other, _| other.strip_suffix("mod.rs").is_none_or(|folder| !file.starts_with(folder)));
    }
    circles(&imports, "src/")
}

#[test]
fn in_registry_each_file_imports_only_from_those_below_it() {
    let imports = imports(source_tree());
    let ladder: Vec<_> = imports.iter().filter(|(file, _)| file.starts_with(LADDER)).collect();
    assert!(ladder.iter().map(|(_, from)| from.len()).sum::<usize>() > 200, "the imports were not found: {ladder:?}");
    let found = breaks(&imports);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn no_two_files_of_src_import_each_other() {
    let found = circles_of_src(&imports(source_tree()));
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// The imports of some files of a folder.
fn imports_of(folder: &str, files: &[(&str, &str)]) -> Imports {
    let source = |(name, text): &(&str, &str)| Source::of(&format!("{folder}{name}"), text);
    imports(&files.iter().map(source).collect::<Vec<_>>())
}

const A_AND_B: &str = "src/registry/a.rs imports B from src/registry/b.rs, which imports A from src/registry/a.rs";

#[test]
fn two_files_that_import_each_other_are_found_in_any_spelling() {
    let face = "mod a; mod b; pub use self::b::B; use self::a::A as First;";
    for (a, b) in [
        ("use super::b::B; pub struct A;", "use super::a::A; pub struct B;"),
        ("pub struct A(super::b::B);", "pub struct B; fn f() { let x = crate::registry::a::A; }"),
        ("use super::{b::{B}}; pub struct A;", "pub struct B; mod inner { use super::super::a::A; }"),
        ("use super::B; pub struct A;", "use crate::registry::First; pub struct B;"),
        ("use super::b; pub struct A(b::B);", "use super::a as other; pub struct B(other::A);"),
        ("use super::b::B as C; pub struct A;", "use super::a::{self, A}; pub enum B {}"),
        ("pub use super::b::B; pub struct A(B);", "pub fn f(a: super::a::A) {} pub trait B {}"),
    ] {
        let imports = imports_of(LADDER, &[("mod.rs", face), ("a.rs", a), ("b.rs", b)]);
        assert_eq!(breaks(&imports), [A_AND_B], "{a} {b}");
        assert_eq!(circles_of_src(&imports), [A_AND_B], "{a} {b}");
    }
    let (a, b) = ("use super::b::B; pub struct A;", "use super::a::A; pub struct B;");
    let elsewhere = imports_of("src/store/", &[("mod.rs", face), ("a.rs", a), ("b.rs", b)]);
    assert_eq!(circles_of_src(&elsewhere), [A_AND_B.replace("registry", "store")]);
}

#[test]
fn a_circle_through_several_files_is_found() {
    let files = [
        ("a.rs", "use super::b::B; pub struct A;"),
        ("b.rs", "use super::deep::c::C; pub struct B;"),
        ("deep/c.rs", "use crate::registry::a::A; pub struct C;"),
    ];
    let imports = imports_of(LADDER, &files);
    let circle = "src/registry/a.rs imports B from src/registry/b.rs, which imports C from src/registry/deep/c.rs, which \
                  imports A from src/registry/a.rs";
    assert_eq!(breaks(&imports), [circle]);
    assert_eq!(circles_of_src(&imports), [circle]);
}

#[test]
fn definitions_in_a_mod_file_may_be_used_in_its_folder_but_not_in_the_layers() {
    let files = [("mod.rs", "mod a; pub struct M(a::A);"), ("a.rs", "pub struct A; fn f(m: super::M) {}")];
    assert_eq!(circles_of_src(&imports_of("src/store/", &files)), [""; 0]);
    let ladder = breaks(&imports_of(LADDER, &files));
    assert_eq!(ladder.len(), 2, "{ladder:?}");
    assert!(
        ladder[0].starts_with("src/registry/a.rs imports M from src/registry/mod.rs, which imports A"),
        "{ladder:?}"
    );
    assert!(ladder[1].ends_with("must define nothing"), "{ladder:?}");
}

#[test]
fn layers_without_cycles_are_accepted() {
    for (a, b) in [
        ("pub struct A;", "use super::a::A; pub struct B;"),
        ("pub struct A; #[cfg(test)] mod tests { use super::super::b::B; }", "use super::a::A; pub struct B;"),
        ("pub struct A; #[cfg(test)] pub fn f() { super::b::B; }", "use super::a::A; pub struct B;"),
        ("pub struct A; // use super::b::B;", "use super::a::A; pub struct B;"),
        ("pub struct A; pub use super::b::B;", "use super::a::A; pub struct B;"),
    ] {
        let face = "mod a; mod b; #[cfg(test)] mod tests; pub use self::b::B;";
        let tests = "use super::a::A; pub fn f() {}";
        let imports = imports_of(LADDER, &[("mod.rs", face), ("a.rs", a), ("b.rs", b), ("tests.rs", tests)]);
        assert_eq!(breaks(&imports), [""; 0], "{a} {b}");
        assert!(imports["src/registry/b.rs"]["src/registry/a.rs"].contains("A"), "{imports:?}");
    }
}
