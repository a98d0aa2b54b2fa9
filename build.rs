//! Compiles every contract under `proto/`, the public one and the stored form, without a `protoc` on the machine.
//!
//! The descriptor set goes to `OUT_DIR/descriptors.bin`, where server reflection takes it from.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

const INCLUDE: &str = "proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={INCLUDE}");
    let mut files = Vec::new();
    collect(Path::new(INCLUDE), &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new([INCLUDE])?;
    compiler.include_source_info(true).include_imports(true).open_files(files)?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;

    // Google's comments hold indented examples, which rustdoc would take for tests.
    // `PersonalFields` has a `Debug` of its own that shows nothing.
    tonic_prost_build::configure()
        .disable_comments([".google"])
        .skip_debug(["ms.dmh.credential.storage.v1.PersonalFields"])
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

/// Finds the contracts, so that a new file needs no line here.
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
