//! Files that operators write: the list of clients, the configuration, rule sets, certificates.

use std::fs;

use cpss_registry::auth::clients::Clients;
use cpss_registry::cli::list::columns::{FAMILY_NAME, NUMBER};
use cpss_registry::cli::list::{Columns, List, ListArgs};
use cpss_registry::registry::clock;
use cpss_registry::rules;
use cpss_registry::server::config::{Config, Flags};
use cpss_registry::server::listener::certificates::CertificateFiles;
use cpss_registry::server::setup::{self, Setup};
use fastrand::Rng;

use super::mutate::{any, bent_text};
#[cfg(feature = "workbooks")]
use super::workbook::{self, Put};
use super::{ALLOCATED, again_and_again, alone};

const STAFF: Columns =
    Columns { known: &[NUMBER, FAMILY_NAME], needs: &[&["number"]], answers: &["verdict"], has_flags: true };

/// Parsed tables and errors are larger than their text.
const FACTOR: usize = 1024;

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Inputs made from valid text with faults, and sometimes random bytes.
fn bent(whole: &[String]) -> impl FnMut(&mut Rng) -> Vec<u8> {
    move |random| match random.u8(..8) {
        0 => String::from_utf8_lossy(&any(random, 512)).into_owned().into_bytes(),
        1 => ["[", "a.", "{a=", "[[client]]\n", "\"\"\"", "name = 1\n"][random.usize(..6)]
            .repeat(random.usize(..300))
            .into_bytes(),
        _ => bent_text(random, random.clone().choice(whole).unwrap()),
    }
}

#[test]
fn lists_of_clients() {
    let _alone = alone();
    let digest = "0123456789abcdef".repeat(4);
    let whole = format!(
        "[[client]]\nname = \"hr\"\nsan_uri = \"urn:cpss:client:hr\"\nrole = \"provider\"\nprovider_id = \"region-1\"\n\
         [[client]]\nname = \"b\"\ntoken_sha256 = \"{digest}\"\nrole = \"payer\"\n"
    );
    again_and_again("lists of clients", FACTOR, bent(&[whole]), |bytes| drop(Clients::read(text(bytes))));
}

#[test]
fn staff_lists() {
    let _alone = alone();
    let whole = [
        "\u{feff}badge,credential_number,family_name\r\n7,CPS-0000-0001-Y,\"O'Neal, Jr\"\r\n8,CPS-X,\r\n".to_owned(),
        "credential_number\nCPS-0000-0001-Y\n\nCPS-0000-0002-W\n".to_owned(),
    ];
    again_and_again("staff lists", FACTOR, bent(&whole), |bytes| {
        if let Ok(list) = List::of_bytes(bytes, &STAFF, &ListArgs::default()) {
            list.rows().for_each(drop);
        }
    });
}

#[test]
fn a_long_list_is_read_in_steady_memory() {
    let _alone = alone();
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("long.csv");
    let rows = "CPS-0000-0001-Y,Roe,\"some, notes\"\n".repeat(100_000);
    fs::write(&path, format!("credential_number,family_name,notes\n{rows}")).unwrap();
    ALLOCATED.reset_peak_usage();
    let before = ALLOCATED.current_usage();
    let list = List::open(&path, &STAFF, &ListArgs::default()).unwrap();
    assert_eq!(list.rows().map(Result::unwrap).filter(|row| row.faults().is_empty()).count(), 100_000);
    let allocated = ALLOCATED.peak_usage().saturating_sub(before);
    assert!(allocated < 1024 * 1024, "{allocated} bytes for a list of {}", rows.len());
}

#[cfg(feature = "workbooks")]
const ROWS: &[&[Put]] = &[
    &[Put::Text("Cert #"), Put::Text("Last Name")],
    &[Put::Text("CPS-0000-0001-Y"), Put::Formula("Roe"), Put::Day(45718.0)],
    &[Put::Number(7.0), Put::WithoutValue, Put::Error],
];

#[cfg(feature = "workbooks")]
#[test]
fn workbooks() {
    let _alone = alone();
    let parts = workbook::parts(&[("Staff", ROWS)]);
    // One part of each workbook is damaged.
    let make = |random: &mut Rng| {
        let mut parts: Vec<_> = parts.iter().map(|(name, text)| (name.clone(), text.clone().into_bytes())).collect();
        let at = random.usize(..parts.len());
        let whole = text(&parts[at].1).to_owned();
        parts[at].1 = bent_text(random, &whole);
        workbook::packed(&parts)
    };
    again_and_again("workbooks", FACTOR, make, |bytes| {
        if let Ok(list) = List::of_bytes(bytes, &STAFF, &ListArgs::default()) {
            list.rows().for_each(drop);
        }
    });
}

#[test]
fn rule_sets() {
    let _alone = alone();
    let whole = rules::shipped().unwrap().into_iter().map(|shipped| shipped.content).collect::<Vec<_>>();
    again_and_again("rule sets", FACTOR, bent(&whole), |bytes| drop(rules::read("bent.toml", text(bytes))));
}

#[test]
fn configurations() {
    let _alone = alone();
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("config.toml");
    let flags = Flags { config: Some(path.to_str().unwrap().to_owned()), dev: true, ..Flags::default() };
    let example = include_str!("../../deploy/config.example.toml").to_owned();
    let bare: String = example
        .lines()
        .filter(|line| (line.contains(" = ") || line.starts_with('[')) && !line.starts_with('#'))
        .fold(String::new(), |all, line| all + line + "\n");
    again_and_again("configurations", FACTOR, bent(&[example, bare]), |bytes| {
        fs::write(&path, bytes).unwrap();
        drop(Config::read(&flags));
    });
}

#[test]
fn certificates() {
    let _alone = alone();
    let scratch = tempfile::tempdir().unwrap();
    setup::set_up(scratch.path(), &Setup { days: 1, ..Setup::default() }).unwrap();
    let names = ["server.crt", "server.key", "ca.crt"];
    let whole = names.map(|name| fs::read_to_string(scratch.path().join(name)).unwrap());
    let now = clock::now();
    let files = CertificateFiles {
        certificate: scratch.path().join(names[0]),
        key: scratch.path().join(names[1]),
        client_ca: Some(scratch.path().join(names[2])),
    };
    // The first byte selects which of the three has faults.
    let make = |random: &mut Rng| {
        let at = random.u8(..3);
        let mut bytes = bent(&whole[usize::from(at)..=usize::from(at)])(random);
        bytes.insert(0, at);
        bytes
    };
    again_and_again("certificates", FACTOR, make, |bytes| {
        let at = usize::from(bytes[0]);
        fs::write(scratch.path().join(names[at]), &bytes[1..]).unwrap();
        drop(files.read(now));
        fs::write(scratch.path().join(names[at]), &whole[at]).unwrap();
    });
}
