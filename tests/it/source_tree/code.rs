//! What the code of a file names, read with `syn`.

use std::collections::{BTreeMap, BTreeSet};

use syn::buffer::{Cursor, TokenBuffer};
use syn::ext::IdentExt as _;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Ident, ImplItemFn, Item, ItemConst, ItemEnum, ItemExternCrate, ItemForeignMod, ItemImpl, ItemMod,
    ItemStatic, ItemStruct, ItemTrait, ItemTraitAlias, ItemType, ItemUnion, ItemUse, Macro, MetaList, Path, UseTree,
    Visibility,
};

/// What the code of a file names.
#[derive(Default)]
pub struct Code {
    /// The paths of two names or more, and what the file declares with `use`.
    pub written: Vec<Written>,
    /// The macros that it calls.
    pub calls: Vec<Call>,
    /// The names that it defines, except those only for tests.
    pub defines: BTreeSet<String>,
    /// The modules only for tests that are in files of their own.
    pub test_modules: Vec<Vec<String>>,
    /// How often each name occurs, except in code only for tests.
    pub occurrences: BTreeMap<String, usize>,
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
    /// Whether it is compiled only for tests.
    pub is_for_tests: bool,
}

/// A call of a macro.
pub struct Call {
    /// The path of the macro.
    pub path: Vec<String>,
    /// The name that its input begins with.
    pub first: Option<String>,
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

/// A path that begins with `crate`, `self`, or `super`, from the root of the crate. `None`: another path.
pub fn from_root(path: &[String], module: &[String]) -> Option<Vec<String>> {
    let (mut base, mut rest) = match path.first()?.as_str() {
        "crate" => (&[][..], &path[1..]),
        "self" => (module, &path[1..]),
        "super" => (module, path),
        _ => return None,
    };
    while rest.first().is_some_and(|name| name == "super") {
        (base, rest) = (&base[..base.len().saturating_sub(1)], &rest[1..]);
    }
    let names = base.iter().chain(rest).filter(|name| *name != "self" && *name != "*");
    Some(names.cloned().collect())
}

impl Code {
    /// Reads the text of the file of a module.
    pub fn read(text: &str, module: &[String]) -> syn::Result<Code> {
        let file = syn::parse_file(text)?;
        let mut reader = Reader { code: Code::default(), module: module.to_vec(), is_for_tests: false };
        reader.visit_file(&file);
        let items = file.items.iter().map(parts).filter(|(attributes, _)| !attributes.iter().any(is_for_tests));
        reader.code.defines = items.filter_map(|(_, defined)| defined.map(name)).collect();
        Ok(reader.code)
    }
}

/// Collects names while it visits a file.
struct Reader {
    code: Code,
    module: Vec<String>,
    is_for_tests: bool,
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        self.behind(parts(item).0, |reader| visit::visit_item(reader, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.behind(&item.attrs, |reader| visit::visit_impl_item_fn(reader, item));
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(name(&item.ident));
        if self.is_for_tests && item.content.is_none() {
            self.code.test_modules.push(self.module.clone());
        }
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.read_tree(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
        visit::visit_item_use(self, item);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if path.segments.len() > 1 {
            self.add(names(path), None, false);
        }
        visit::visit_path(self, path);
    }

    fn visit_ident(&mut self, ident: &'ast Ident) {
        if !self.is_for_tests {
            *self.code.occurrences.entry(name(ident)).or_default() += 1;
        }
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        let body = TokenBuffer::new2(call.tokens.clone());
        self.call(names(&call.path), body.begin());
        self.read_tokens(body.begin(), &[]);
        visit::visit_macro(self, call);
    }

    fn visit_meta_list(&mut self, list: &'ast MetaList) {
        self.read_tokens(TokenBuffer::new2(list.tokens.clone()).begin(), &[]);
        visit::visit_meta_list(self, list);
    }
}

impl Reader {
    /// Reads what these attributes apply to.
    fn behind(&mut self, attributes: &[Attribute], read: impl FnOnce(&mut Reader)) {
        let outside = self.is_for_tests;
        self.is_for_tests |= attributes.iter().any(is_for_tests);
        read(self);
        self.is_for_tests = outside;
    }

    fn add(&mut self, path: Vec<String>, gives: Option<String>, is_reexport: bool) {
        let (module, is_for_tests) = (self.module.clone(), self.is_for_tests);
        self.code.written.push(Written { module, path, gives, is_reexport, is_for_tests });
    }

    fn call(&mut self, path: Vec<String>, body: Cursor<'_>) {
        self.code.calls.push(Call { path, first: body.ident().map(|(first, _)| name(&first)) });
    }

    /// Adds each path of a declaration, with its last name or its alias.
    fn read_tree(&mut self, tree: &UseTree, parent: &[String], is_reexport: bool) {
        let below = |last: String| [parent, &[last]].concat();
        match tree {
            UseTree::Path(tree) => self.read_tree(&tree.tree, &below(name(&tree.ident)), is_reexport),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.read_tree(tree, parent, is_reexport)),
            UseTree::Glob(_) => self.add(below("*".to_owned()), Some("*".to_owned()), is_reexport),
            UseTree::Rename(tree) => self.add(below(name(&tree.ident)), Some(name(&tree.rename)), is_reexport),
            UseTree::Name(tree) => {
                let path = below(name(&tree.ident));
                let gives = path.iter().rfind(|name| *name != "self").cloned();
                self.add(path, gives, is_reexport);
            }
        }
    }

    /// Reads tokens without a grammar, such as the input of a macro. `parent` is the path that a group continues.
    fn read_tokens(&mut self, mut rest: Cursor<'_>, parent: &[String]) {
        while !rest.eof() {
            let (mut path, mut is_continued) = (parent.to_vec(), false);
            while let Some((ident, after)) = rest.ident() {
                self.visit_ident(&ident);
                path.push(name(&ident));
                let separator = separator(after);
                (rest, is_continued) = (separator.unwrap_or(after), separator.is_some());
                if !is_continued {
                    break;
                }
            }
            if let Some(('!', after)) = rest.punct().map(|(mark, after)| (mark.as_char(), after))
                && let Some((body, ..)) = after.any_group()
            {
                self.call(path.clone(), body);
            }
            let (names, group) = (path.len() - parent.len(), rest.any_group());
            // The end of a path may be a variable, as in `tonic::$name`.
            if names > 0 && if is_continued { group.is_none() } else { path.len() > 1 } {
                self.add(path.clone(), None, false);
            }
            if let Some((inside, .., after)) = group {
                self.read_tokens(inside, if is_continued { &path } else { &[] });
                rest = after;
            } else if names == 0 {
                rest = rest.token_tree().unwrap().1;
            }
        }
    }
}

/// What follows a `::`.
fn separator(rest: Cursor<'_>) -> Option<Cursor<'_>> {
    (0..2).try_fold(rest, |rest, _| rest.punct().filter(|(mark, _)| mark.as_char() == ':').map(|(_, after)| after))
}

fn name(ident: &Ident) -> String {
    ident.unraw().to_string()
}

fn names(path: &Path) -> Vec<String> {
    path.segments.iter().map(|segment| name(&segment.ident)).collect()
}

/// Whether an attribute is `cfg(test)`.
fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.parse_args::<Ident>().is_ok_and(|condition| condition == "test")
}

/// The attributes of an item, and the name that it defines in its file.
fn parts(item: &Item) -> (&[Attribute], Option<&Ident>) {
    match item {
        Item::Const(ItemConst { attrs, ident, .. })
        | Item::Enum(ItemEnum { attrs, ident, .. })
        | Item::Static(ItemStatic { attrs, ident, .. })
        | Item::Struct(ItemStruct { attrs, ident, .. })
        | Item::Trait(ItemTrait { attrs, ident, .. })
        | Item::TraitAlias(ItemTraitAlias { attrs, ident, .. })
        | Item::Type(ItemType { attrs, ident, .. })
        | Item::Union(ItemUnion { attrs, ident, .. }) => (attrs, Some(ident)),
        Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
        Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
        // `mod name;` declares a file of its own.
        Item::Mod(item) => (&item.attrs, item.content.is_some().then_some(&item.ident)),
        Item::ExternCrate(ItemExternCrate { attrs, .. })
        | Item::ForeignMod(ItemForeignMod { attrs, .. })
        | Item::Impl(ItemImpl { attrs, .. })
        | Item::Use(ItemUse { attrs, .. }) => (attrs, None),
        _ => (&[], None),
    }
}

#[test]
fn paths_are_found_in_trees_bodies_modules_within_and_macros() {
    let text = r##"
        use std::fmt::{self, Display as _};
        pub use self::log::Log; // use crate::nothing;
        use super::{engine::{Engine, Options}, *};
        mod inner { fn f<'a>(x: &'a str) -> super::Kept { crate::domain::day::Day::new('"', "::", r#"tonic::x"#) } }
        fn g() { assert!(one::<u8>(self::two::Two::<u8>::new(), [::three::x!({ super::super::four::f() })])); }
        macro_rules! m { ($x:expr) => { use $crate::{five, six::{Six, Seven}}; tonic::$x }; }
    "##;
    let module = ["store".to_owned(), "index".to_owned()];
    let written = Code::read(text, &module).unwrap().written;
    let paths = written.iter().map(|written| match from_root(&written.path, &written.module) {
        Some(path) => path.join("::"),
        None => format!("{} elsewhere", written.path[0]),
    });
    assert_eq!(
        paths.collect::<Vec<_>>(),
        [
            "std elsewhere",
            "std elsewhere",
            "store::index::log::Log",
            "store::engine::Engine",
            "store::engine::Options",
            "store",
            "store::index::Kept",
            "domain::day::Day::new",
            "one elsewhere",
            "store::index::two::Two",
            "three elsewhere",
            "four::f",
            "five",
            "six::Six",
            "six::Seven",
            "tonic elsewhere",
        ]
    );
}
