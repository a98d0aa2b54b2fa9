//! The comments of the contract's files, which its descriptors carry.

use std::collections::HashMap;

use prost_reflect::{
    DescriptorPool, EnumDescriptor, EnumValueDescriptor, FieldDescriptor, FileDescriptor, MessageDescriptor,
    MethodDescriptor, OneofDescriptor, ServiceDescriptor,
};

/// Where the comment of a whole file stands: before its line `syntax`.
const SYNTAX: &[i32] = &[12];

/// The comments of all files: by the name of the file, and by the path of what they describe.
pub(super) struct Comments(HashMap<String, HashMap<Vec<i32>, String>>);

/// Something in a file that may have a comment.
pub(super) trait Commented {
    /// The name of its file.
    fn file(&self) -> FileDescriptor;
    /// Its path in the file.
    fn place(&self) -> &[i32];
}

macro_rules! commented {
    ($($descriptor:ident)*) => {
        $(impl Commented for $descriptor {
            fn file(&self) -> FileDescriptor {
                self.parent_file()
            }

            fn place(&self) -> &[i32] {
                self.path()
            }
        })*
    };
}

commented! { EnumDescriptor EnumValueDescriptor FieldDescriptor MessageDescriptor MethodDescriptor OneofDescriptor ServiceDescriptor }

impl Comments {
    /// Reads the comments of all files.
    pub(super) fn of(pool: &DescriptorPool) -> Comments {
        let of_file = |file: FileDescriptor| {
            let described = file.file_descriptor_proto();
            let places = described.source_code_info.iter().flat_map(|info| &info.location);
            let comments = places.map(|place| (place.path.clone(), plain(place.leading_comments())));
            (file.name().to_owned(), comments.collect())
        };
        Comments(pool.files().map(of_file).collect())
    }

    /// The comment of something, or nothing.
    pub(super) fn on(&self, described: &impl Commented) -> &str {
        self.at(described.file().name(), described.place())
    }

    /// The comment at the beginning of a file, or nothing.
    pub(super) fn on_file(&self, name: &str) -> &str {
        self.at(name, SYNTAX)
    }

    fn at(&self, file: &str, place: &[i32]) -> &str {
        self.0.get(file).and_then(|places| places.get(place)).map_or("", String::as_str)
    }
}

/// The text of a comment, without the blank after `//` that begins its lines.
fn plain(comment: &str) -> String {
    let lines = comment.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}
