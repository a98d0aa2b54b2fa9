//! The command line: one file per command.
//!
//! Exit codes are part of the contract: 0 done, or yes; 1 failed; 2 usage error; 3 the answer is no; 4 the answer is
//! not known; 130 interrupted.

mod accept_loss;
mod act;
mod adopt_semantics;
mod affected;
mod answer_file;
mod audit;
mod backup;
mod change_text;
mod check;
mod check_log;
mod claims;
mod clients;
mod codes;
mod completions;
mod config;
mod connect;
mod create;
mod data_dir_args;
mod dates;
mod display_text;
mod evaluate;
mod export;
mod facts;
mod failure;
mod find;
mod first;
mod generate;
mod healthcheck;
mod history;
mod impact;
mod import;
mod init;
mod join;
mod lines;
pub mod list;
mod listing;
mod log;
mod message_json;
mod mirror;
mod new_file;
mod pages;
mod people;
mod personal;
mod presented;
mod profile;
mod progress;
mod provider_text;
mod providers;
mod question;
mod rebuild;
mod recording;
mod redact;
mod replica;
mod report;
mod restore;
mod restore_drill;
mod review;
mod review_items;
mod roster;
mod rotate_keys;
mod row_stream;
mod rule_sets;
mod scratch_dir;
mod serve;
mod staff;
mod statistics;
mod table;
mod terminal;
mod upgrade;
mod verify;
mod verify_answer;
mod witness;

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::builder::RangedU64ValueParser;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use self::failure::Failure;
use crate::domain::text::is_hidden;
use crate::proto::v1::Verdict;

/// The registry of record for Mississippi's Certified Peer Support Specialists.
#[derive(Debug, Parser)]
#[command(name = "cpss-registry", version, after_help = EXAMPLE)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry serve --dev
  cpss-registry verify CPS-28MS-MN2K-Z --provider region-1-cmhc

Exit codes:
  0 done, or yes   1 failed   2 usage error   3 the answer is no   4 the answer is not known   130 interrupted";

#[derive(Debug, Subcommand)]
enum Command {
    Create(create::Create),
    Init(init::Init),
    Clients(clients::Clients),
    RotateKeys(rotate_keys::RotateKeys),
    Join(join::Join),
    Replica(replica::Replica),
    Log(log::Log),
    AcceptLoss(accept_loss::AcceptLoss),
    AdoptSemantics(adopt_semantics::AdoptSemantics),
    Upgrade(upgrade::Upgrade),
    Serve(serve::Serve),
    Verify(verify::Verify),
    VerifyAnswer(verify_answer::VerifyAnswer),
    Roster(roster::Roster),
    ReadRoster(roster::ReadRoster),
    Report(report::Report),
    Staff(staff::Staff),
    Claims(claims::Claims),
    Review(review::Review),
    Evaluate(evaluate::Evaluate),
    Generate(generate::Generate),
    Import(import::Import),
    Mirror(mirror::Mirror),
    Healthcheck(healthcheck::Healthcheck),
    Config(config::ShowConfig),
    Backup(backup::Backup),
    Restore(restore::Restore),
    RestoreDrill(restore_drill::RestoreDrill),
    Check(check::Check),
    Export(export::Export),
    Rebuild(rebuild::Rebuild),
    Redact(redact::Redact),
    Act(act::Act),
    Find(find::Find),
    History(history::History),
    Affected(affected::Affected),
    ReviewItems(review_items::ReviewItems),
    Providers(providers::Providers),
    Statistics(statistics::Statistics),
    Rules(rule_sets::Rules),
    Audit(audit::SearchAudit),
    Witness(witness::WitnessLog),
    Completions(completions::Completions),
}

/// The result of a command that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Done, or the answer is yes.
    Done,
    /// Something is wrong with what the command checked. All output was printed.
    Failed,
    /// The answer is no.
    No,
    /// The answer is not known.
    NotKnown,
    /// Some rows of a list cannot be asked. All output was printed.
    Faulty,
}

impl Outcome {
    /// The result of a command with this verdict.
    fn of(verdict: Verdict) -> Outcome {
        match verdict {
            Verdict::Confirmed | Verdict::ConfirmedWithLimits => Outcome::Done,
            Verdict::NotConfirmed => Outcome::No,
            Verdict::Undetermined | Verdict::Unspecified => Outcome::NotKnown,
        }
    }
}

/// Runs the program with these arguments and returns its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    // All files are created for their owner only, whichever library creates them.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let parsed = match Arguments::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            // If printing fails, the exit code still reports the result.
            drop(error.print());
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let ended = match parsed.command {
        Command::Create(create) => create.run(),
        Command::Init(init) => init.run(),
        Command::Clients(clients) => clients.run(),
        Command::RotateKeys(rotate) => rotate.run(),
        Command::Join(join) => join.run(),
        Command::Replica(replica) => replica.run(),
        Command::Log(log) => log.run(),
        Command::AcceptLoss(accept) => accept.run(),
        Command::AdoptSemantics(adopt) => adopt.run(),
        Command::Upgrade(upgrade) => upgrade.run(),
        Command::Serve(serve) => serve.run(),
        Command::Verify(verify) => verify.run(),
        Command::VerifyAnswer(verify) => verify.run(),
        Command::Roster(roster) => roster.run(),
        Command::ReadRoster(read) => read.run(),
        Command::Staff(staff) => staff.run(),
        Command::Report(report) => report.run(),
        Command::Claims(claims) => claims.run(),
        Command::Review(review) => review.run(),
        Command::Evaluate(evaluate) => evaluate.run(),
        Command::Generate(generate) => generate.run(),
        Command::Import(import) => import.run(),
        Command::Mirror(mirror) => mirror.run(),
        Command::Healthcheck(healthcheck) => healthcheck.run(),
        Command::Config(config) => config.run(),
        Command::Backup(backup) => backup.run(),
        Command::Restore(restore) => restore.run(),
        Command::RestoreDrill(drill) => drill.run(),
        Command::Check(check) => check.run(),
        Command::Export(export) => export.run(),
        Command::Rebuild(rebuild) => rebuild.run(),
        Command::Redact(redact) => redact.run(),
        Command::Act(act) => act.run(),
        Command::Find(find) => find.run(),
        Command::History(history) => history.run(),
        Command::Affected(affected) => affected.run(),
        Command::ReviewItems(items) => items.run(),
        Command::Providers(providers) => providers.run(),
        Command::Statistics(statistics) => statistics.run(),
        Command::Rules(rules) => rules.run(),
        Command::Audit(audit) => audit.run(),
        Command::Witness(witness) => witness.run(),
        Command::Completions(completions) => completions.run(),
    };
    match ended {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::FAILURE,
        Ok(Outcome::No) => ExitCode::from(3),
        Ok(Outcome::NotKnown) => ExitCode::from(4),
        Ok(Outcome::Faulty) => ExitCode::from(2),
        Err(failure) => {
            print_aside(&failure.to_string());
            failure.exit_code()
        }
    }
}

/// Runs a command's future on the current thread.
fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::of("cannot start", &error))?.block_on(future)
}

/// Runs the future of a command that asks nobody, until it ends or is interrupted. Then the future is dropped, with the
/// files that are not whole yet.
fn block_on_until_interrupted<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    block_on(async {
        let ended = ended_by_signal()?;
        tokio::select! {
            finished = future => finished,
            () = ended => Err(Failure::interrupted("interrupted: nothing was written")),
        }
    })
}

/// Catches SIGTERM and SIGINT from now on. The future ends at the first one.
fn ended_by_signal() -> Result<impl Future<Output = ()>, Failure> {
    let caught = |kind| signal(kind).map_err(|error| Failure::of("cannot listen for signals", &error));
    let (mut terminated, mut interrupted) = (caught(SignalKind::terminate())?, caught(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    })
}

/// Parses a count, from 1 on.
fn counts(most: usize) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=most as u64)
}

/// Prints a text. A closed pipe is not a failure.
fn print(text: &str) -> Result<(), Failure> {
    print_raw(&shown(text))
}

/// Escapes invisible characters, so that nothing on record can control the terminal.
fn shown(text: &str) -> String {
    written_out(text, |character| character.escape_unicode().to_string())
}

fn written_out(text: &str, escape: impl Fn(char) -> String) -> String {
    let mut written = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => written.push(character),
            hidden if is_hidden(hidden) => written.push_str(&escape(hidden)),
            shown => written.push(shown),
        }
    }
    written
}

fn print_raw(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// Prints bytes as they are. A closed pipe is not a failure.
fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::of("cannot print", &error)),
        _ => Ok(()),
    }
}

/// Prints a text to standard error. A failure to do so is ignored: the exit code still reports the result.
fn print_aside(text: &str) {
    drop(std::io::stderr().write_all(shown(text).as_bytes()));
}

/// A value as formatted JSON text.
fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::of("cannot write JSON", &error))?;
    Ok(format!("{}\n", escaped_in_json(&text)))
}

/// Escapes invisible characters in JSON. They occur only in strings, and four hexadecimal digits encode each of them.
fn escaped_in_json(text: &str) -> String {
    written_out(text, |character| format!("\\u{:04x}", u32::from(character)))
}

/// Prints one JSON object.
fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    print_raw(&json(value)?)
}

/// Prints one JSON object on one line.
fn print_json_line(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::of("cannot write JSON", &error))?;
    print_raw(&format!("{}\n", escaped_in_json(&text)))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn printed_text_cannot_control_the_terminal() {
        let text = "Ann\u{1b}[2J\u{202e}\u{9b}\u{200d}\tŻ\n";
        assert_eq!(shown(text), "Ann\\u{1b}[2J\\u{202e}\\u{9b}\u{200d}\tŻ\n");
        let json = json(&[text]).unwrap();
        assert!(!json.chars().any(|character| character != '\n' && is_hidden(character)), "{json}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&json).unwrap(), [text]);
    }

    #[test]
    fn the_command_definition_is_valid_and_every_command_has_an_example() {
        let mut command = Arguments::command();
        command.build();
        command.clone().debug_assert();
        has_examples(&mut command);
    }

    fn has_examples(command: &mut clap::Command) {
        let help = command.render_help().to_string();
        assert!(help.contains("Example"), "{help}");
        for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
            has_examples(sub);
        }
    }
}
