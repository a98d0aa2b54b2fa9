//! Compiles the public contract and the storage format. No `protoc` is needed.
//!
//! The descriptor set of the contract goes to `OUT_DIR/descriptors.bin`, for server reflection. That of the storage
//! format goes to `OUT_DIR/storage_descriptors.bin`, for a test.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::method_options::IdempotencyLevel::NoSideEffects;
use prost_types::{DescriptorProto, FileDescriptorSet, ServiceDescriptorProto};
use tonic_prost_build::manual;

/// The public contract.
const CONTRACT: &str = "proto";
/// The package of the contract.
const PACKAGE: &str = "ms.dmh.credential.v1";
/// The codec of its messages (`proto/bounds.rs`).
const CODEC: &str = "crate::proto::bounds::BoundedCodec";
/// The service whose answers are encoded already (`surface/preencoded.rs`).
const PREENCODED: &str = "VerificationService";
/// The storage format.
const STORED: &str = "src/store/proto";

fn main() -> Result<(), Box<dyn Error>> {
    let contract = compile(CONTRACT)?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), contract.encode_file_descriptor_set())?;
    // Google's comments contain indented examples, which rustdoc would run as tests.
    let generator = tonic_prost_build::configure().disable_comments([".google"]).codec_path(CODEC);
    generator.compile_fds(contract.file_descriptor_set())?;
    let files = contract.file_descriptor_set();
    serve_written(&files);
    fs::write(out.join("v1_values.rs"), values_of_enums(&files, PACKAGE))?;
    fs::write(out.join("v1_servers.rs"), servers(&files))?;
    fs::write(out.join("v1_services.rs"), services(&files))?;
    fs::write(out.join("v1_shapes.rs"), shapes(&files)?)?;

    // Messages with personal data get a `Debug` of their own that prints none.
    let personal = ["PersonalFields", "PersonalPart", "SealedRecord"];
    let compiled = compile(STORED)?;
    fs::write(out.join("storage_descriptors.bin"), compiled.encode_file_descriptor_set())?;
    let stored = compiled.file_descriptor_set();
    fs::write(out.join("storage_values.rs"), values_of_enums(&stored, "ms.dmh.credential.storage.v1"))?;
    tonic_prost_build::configure()
        .skip_debug(personal.map(|message| format!("ms.dmh.credential.storage.v1.{message}")))
        .compile_fds(stored)?;
    Ok(())
}

/// Compiles all proto files of a root directory, with their comments.
fn compile(root: &str) -> Result<protox::Compiler, Box<dyn Error>> {
    println!("cargo:rerun-if-changed={root}");
    let mut files = Vec::new();
    collect(Path::new(root), &mut files)?;
    files.sort();
    let mut compiler = protox::Compiler::new([root])?;
    compiler.include_source_info(true).include_imports(true).open_files(files)?;
    Ok(compiler)
}

/// The services of the contract.
fn described(files: &FileDescriptorSet) -> impl Iterator<Item = &ServiceDescriptorProto> {
    files.file.iter().filter(|file| file.package() == PACKAGE).flat_map(|file| &file.service)
}

/// Generates a macro that passes the generated server of every service, except the preencoded one, to another macro.
fn servers(files: &FileDescriptorSet) -> String {
    let names = described(files).map(ServiceDescriptorProto::name).filter(|name| *name != PREENCODED);
    let servers: Vec<_> = names.map(|name| format!("{}_server::{name}Server", snake(name))).collect();
    format!(
        "macro_rules! servers {{\n($with:ident!($($head:tt)*)) => {{ $with! {{ $($head)* {} }} }};\n}}\n\
         pub(crate) use servers;\n",
        servers.join(" ")
    )
}

/// Generates the list of services with their methods (`proto::SERVICES`).
fn services(files: &FileDescriptorSet) -> String {
    let messages = files.file.iter().filter(|file| file.package() == PACKAGE).flat_map(|file| &file.message_type);
    let is_of_many =
        |message: &&DescriptorProto| message.field.iter().any(|field| ["items", "page_size"].contains(&field.name()));
    let of_many: Vec<_> = messages.filter(is_of_many).map(|message| format!(".{PACKAGE}.{}", message.name())).collect();
    let described = described(files).map(|service| {
        let name = service.name();
        let methods = service.method.iter().map(|method| {
            let is_read = method.options.as_ref().is_some_and(|options| options.idempotency_level() == NoSideEffects);
            format!(
                "Method {{ path: \"/{PACKAGE}.{name}/{method}\", service: \"{name}\", name: \"{method}\", \
                 streams: {}, takes_many: {}, writes: {} }},\n",
                method.client_streaming() || method.server_streaming(),
                of_many.iter().any(|request| request == method.input_type()),
                !is_read,
                method = method.name(),
            )
        });
        format!("Service {{ name: \"{PACKAGE}.{name}\", methods: &[\n{}] }},\n", methods.collect::<String>())
    });
    format!("&[\n{}]", described.collect::<String>())
}

/// Generates the shapes of requests and of the messages in them, for `proto/bounds.rs`, and marks which messages are
/// requests.
fn shapes(files: &FileDescriptorSet) -> Result<String, Box<dyn Error>> {
    let messages: BTreeMap<String, &DescriptorProto> = files
        .file
        .iter()
        .flat_map(|file| {
            file.message_type.iter().map(move |message| (format!(".{}.{}", file.package(), message.name()), message))
        })
        .collect();
    let requests: BTreeSet<_> =
        described(files).flat_map(|service| &service.method).map(|method| method.input_type().to_owned()).collect();
    let mut shapes = String::new();
    let (mut open, mut seen): (Vec<_>, _) = (requests.iter().cloned().collect(), requests.clone());
    while let Some(full) = open.pop() {
        let message =
            messages.get(&full).ok_or_else(|| format!("{full} is used in a request, but no file defines it"))?;
        shapes += &format!("static {}: Shape = Shape(&[\n{}]);\n", constant(&full), fields(message));
        let held = message.field.iter().filter(|field| field.r#type() == Type::Message);
        open.extend(held.map(|field| field.type_name().to_owned()).filter(|held| seen.insert(held.clone())));
    }
    for (full, _) in messages.iter().filter(|(full, _)| full.starts_with(&format!(".{PACKAGE}."))) {
        let shape = if requests.contains(full) { format!("Some(&{})", constant(full)) } else { "None".to_owned() };
        let name = full.rsplit('.').next().unwrap_or(full);
        shapes += &format!("impl Bounded for v1::{name} {{ const SHAPE: Option<&'static Shape> = {shape}; }}\n");
    }
    Ok(shapes)
}

/// Generates the fields of a message that are lists or messages.
fn fields(message: &DescriptorProto) -> String {
    let mut fields = String::new();
    for field in &message.field {
        let is_list = field.label() == Label::Repeated;
        let holds = match field.r#type() {
            Type::Message => format!("Message(&{})", constant(field.type_name())),
            _ if !is_list => continue,
            Type::String | Type::Bytes => "Texts".to_owned(),
            _ => "Numbers".to_owned(),
        };
        let (number, name) = (field.number(), field.name());
        fields +=
            &format!("Field {{ number: {number}, name: \"{name}\", is_list: {is_list}, holds: Holds::{holds} }},\n");
    }
    fields
}

/// The name of a message's shape.
fn constant(full: &str) -> String {
    full.trim_start_matches('.').replace('.', "_").to_uppercase()
}

/// Generates a second server for a service, whose responses are already encoded.
fn serve_written(files: &FileDescriptorSet) {
    for service in described(files).filter(|service| service.name() == PREENCODED) {
        let message = |full: &str| format!("crate::proto::v1::{}", full.rsplit('.').next().unwrap_or(full));
        let mut served = manual::Service::builder().name(service.name()).package(PACKAGE);
        for method in &service.method {
            let mut built = manual::Method::builder()
                .name(snake(method.name()))
                .route_name(method.name())
                .input_type(message(method.input_type()))
                .output_type(format!("crate::surface::preencoded::Preencoded<{}>", message(method.output_type())))
                .codec_path("crate::surface::preencoded::PreencodedCodec");
            if method.client_streaming() {
                built = built.client_streaming();
            }
            if method.server_streaming() {
                built = built.server_streaming();
            }
            served = served.method(built.build());
        }
        manual::Builder::new().build_client(false).compile(&[served.build()]);
    }
}

/// Generates a macro that passes the values of an enum to another macro: `values!(Reason => map!(…))` becomes `map! { …
/// NameMismatch, … }`. So a mapping between an enum of the domain and its counterpart in a package need not list the
/// values.
fn values_of_enums(files: &FileDescriptorSet, package: &str) -> String {
    let mut arms = String::new();
    for list in files.file.iter().filter(|file| file.package() == package).flat_map(|file| &file.enum_type) {
        let prefix = format!("{}_", snake(list.name()).to_uppercase());
        let names = list.value.iter().map(|value| camel(value.name().strip_prefix(&prefix).unwrap_or(value.name())));
        let values: Vec<_> = names.filter(|name| name != "Unspecified").collect();
        arms += &format!(
            "({} => $with:ident!($($head:tt)*)) => {{ $with! {{ $($head)* {} }} }};\n",
            list.name(),
            values.join(", ")
        );
    }
    format!("macro_rules! values {{\n{arms}}}\npub(crate) use values;\n")
}

/// The name that prost gives to a value such as `SO_MANY_WORDS`.
fn camel(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let (first, rest) = word.split_at(1.min(word.len()));
        first.to_uppercase() + &rest.to_lowercase()
    });
    match words.collect::<String>() {
        keyword if keyword == "Self" => "Self_".to_owned(),
        name => name,
    }
}

/// Converts a name to snake case.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// Finds all proto files, so that a new file needs no change here.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
