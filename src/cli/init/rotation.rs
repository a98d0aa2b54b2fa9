//! `init --rotate-ca`: replaces the authority in steps.

use std::path::Path;

use clap::ValueEnum;
use serde::Serialize;

use super::super::failure::Failure;
use super::super::{Outcome, print, print_json};
use crate::server::setup::{Rotation, Signer, begin_rotation, finish_rotation};

/// A step of the rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Step {
    /// Make a second authority, which signs from now on
    Begin,
    /// Drop the first authority
    Finish,
}

#[derive(Serialize)]
struct Report<'a> {
    directory: &'a Path,
    trusted: Vec<Authority<'a>>,
    dropped: Vec<Authority<'a>>,
}

#[derive(Serialize)]
struct Authority<'a> {
    name: &'a str,
    expires: String,
}

fn reported(signers: &[Signer]) -> Vec<Authority<'_>> {
    signers.iter().map(|signer| Authority { name: &signer.name, expires: signer.expires.to_string() }).collect()
}

/// Does one step.
pub(super) fn run(directory: &Path, step: Step, json: bool) -> Result<Outcome, Failure> {
    let done = match step {
        Step::Begin => begin_rotation(directory),
        Step::Finish => finish_rotation(directory),
    };
    let Rotation { trusted, dropped } = done.map_err(|error| Failure::of("cannot rotate", &error))?;
    if json {
        print_json(&Report { directory, trusted: reported(&trusted), dropped: reported(&dropped) })?;
        return Ok(Outcome::Done);
    }
    let directory = directory.display();
    let names = |signers: &[Signer]| {
        let lines = signers.iter().map(|signer| format!("  {}, which expires on {:.0}\n", signer.name, signer.expires));
        lines.collect::<String>()
    };
    let trusted = names(&trusted);
    print(&match step {
        Step::Begin => format!(
            "{directory}/ca.crt has two authorities now, and the first one signs:\n{trusted}\
             A running server accepts the certificates of both within two seconds, or on SIGHUP. Nobody is refused.\n\n\
             1. Send {directory}/ca.crt to every client, also to those with tokens.\n\
             2. For each client with a certificate:\n     cpss-registry init {directory} --client NAME --renew\n\
             3. When every client has the new ca.crt:\n     cpss-registry init {directory} --renew\n\
             4. When every client has its new certificate:\n     cpss-registry init {directory} --rotate-ca finish\n"
        ),
        Step::Finish => format!(
            "{directory}/ca.crt has one authority now:\n{trusted}\
             These are dropped:\n{}\
             A running server refuses their certificates within two seconds, or on SIGHUP, also on open connections. \
             Send {directory}/ca.crt to every client.\n",
            names(&dropped)
        ),
    })?;
    Ok(Outcome::Done)
}
