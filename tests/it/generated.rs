//! Generated registries: reproducible, accepted like any other, and correct on every day.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use cpss_registry::domain::day::Day;
use cpss_registry::domain::fact::{Fact, Recorded};
use cpss_registry::domain::id::Revision;
use cpss_registry::domain::record::Record;
use cpss_registry::proto::v1::Verdict;
use cpss_registry::rules;
use cpss_registry::server::generate::{Credential, Options, Summary, generate};
use cpss_registry::store::disk::RealDisk;
use cpss_registry::store::log::{FileLog, Log, LogOptions};
use cpss_registry::store::record::decode;
use tempfile::TempDir;

use super::harness::TestServer;
use super::harness::requests::{date, verify_with};
use super::model::Model;
use super::model::expected_changes::{Copy, Span, Table};

const THROUGH: &str = "2026-03-02";

struct Generated {
    data: TempDir,
    summary: Summary,
    credentials: Vec<Credential>,
}

fn options(directory: &Path, specialists: u32, seed: u64) -> Options {
    Options {
        data_dir: directory.to_owned(),
        specialists,
        providers: 6,
        seed,
        begins_on: "2022-06-15".parse().unwrap(),
        through: THROUGH.parse().unwrap(),
    }
}

fn generated(specialists: u32, seed: u64) -> Generated {
    let data = tempfile::tempdir().unwrap();
    let mut credentials = Vec::new();
    let list = &mut |credential| {
        credentials.push(credential);
        Ok(())
    };
    let summary = generate(&options(data.path(), specialists, seed), &mut |_| {}, list).unwrap();
    Generated { data, summary, credentials }
}

/// All bytes of the log.
fn log_bytes(data: &Path) -> Vec<u8> {
    let mut names: Vec<_> = fs::read_dir(data.join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.iter().flat_map(|name| fs::read(name).unwrap()).collect()
}

fn records(data: &Path) -> Vec<Record> {
    let log = FileLog::open(Arc::new(RealDisk), &data.join("log"), LogOptions::default()).unwrap();
    let read = log.reader().read(Revision(1), log.tip().revision);
    read.map(|record| record.unwrap()).map(|(revision, bytes)| decode(revision, &bytes).unwrap()).collect()
}

#[test]
fn the_same_seed_makes_the_same_log_and_another_makes_another() {
    let [one, again, another] = [7, 7, 8].map(|seed| generated(40, seed));
    assert!(log_bytes(one.data.path()) == log_bytes(again.data.path()));
    assert_eq!((one.summary, &one.credentials), (again.summary, &again.credentials));
    assert!(log_bytes(one.data.path()) != log_bytes(another.data.path()));
    assert_ne!(one.credentials, another.credentials);
}

#[test]
fn a_directory_with_a_registry_is_not_changed() {
    let Generated { data, .. } = generated(3, 7);
    let before = records(data.path());
    assert!(generate(&options(data.path(), 3, 8), &mut |_| {}, &mut |_| Ok(())).is_err());
    assert_eq!(records(data.path()), before);
}

/// The feed of the whole history, applied record by record, compared with the walk of every credential on every day.
#[test]
fn the_changes_of_a_generated_history_are_those_of_the_walk() {
    let Generated { data, summary, .. } = generated(120, 3);
    let records = records(data.path());
    assert_eq!(records.len() as u64, summary.records);
    let today: Day = THROUGH.parse().unwrap();
    let first: Day = "2013-01-01".parse().unwrap();
    let span = Span { first, last: today.plus(3) };
    let mut copy = Copy::new(span);
    records.iter().flat_map(|record| &record.changes).for_each(|change| copy.apply(change));

    let facts: Vec<Recorded<Fact>> = records.iter().flat_map(facts_of).collect();
    let rule_sets: Vec<_> = rules::shipped().unwrap().into_iter().map(|text| Arc::new(text.set)).collect();
    let model = Model::known_at(&facts, &rule_sets, Revision::LATEST);
    assert_eq!(model.today, Some(today));
    let walked: BTreeMap<_, _> = model
        .credentials()
        .map(|(person, credential)| (credential.number, model.walk(person, credential, span.last)))
        .collect();
    assert_eq!(walked.len() as u64, summary.credentials);
    assert_eq!(copy.differs_from(&Table::of(&model, &walked, span), today), None);
}

fn facts_of(record: &Record) -> Vec<Recorded<Fact>> {
    record.recorded_facts().map(|recorded| recorded.with(recorded.fact.clone())).collect()
}

#[test]
fn histories_contain_every_kind_of_fact_and_time_passes() {
    let Generated { data, summary, .. } = generated(300, 5);
    let records = records(data.path());
    let words = records.iter().flat_map(|record| &record.facts).map(|fact| {
        let text = format!("{fact:?}");
        text.split_once("), ").map_or(text.as_str(), |(_, fact)| fact).split(['(', ' ', '{']).next().unwrap().to_owned()
    });
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    words.for_each(|word| *kinds.entry(word).or_default() += 1);
    println!("{summary:?} {kinds:?}");
    let per_person = summary.facts as f64 / f64::from(300);
    assert!((6.0..16.0).contains(&per_person), "{per_person}");
    assert!(summary.refused * 20 < summary.records, "{summary:?}");
    assert!(records.windows(2).all(|pair| pair[0].recorded_at < pair[1].recorded_at));
    let days = records.iter().filter(|record| record.request.is_none()).count();
    assert_eq!(
        i32::try_from(days).unwrap(),
        THROUGH.parse::<Day>().unwrap().number() - "2022-06-15".parse::<Day>().unwrap().number() + 1
    );
}

#[tokio::test]
async fn a_listed_credential_is_confirmed_on_the_day_listed_with_it() {
    let Generated { data, credentials, .. } = generated(60, 11);
    let server = TestServer::start_on(data, THROUGH).await;
    let mut confirmed = 0;
    for Credential { number, confirmed: listed } in &credentials {
        let Some((provider, day)) = listed else { continue };
        let mut question = verify_with(provider.as_str(), &number.to_string(), None);
        question.item.as_mut().unwrap().as_of = Some(date(&day.to_string()));
        let answer = server.client().verification_of(question).await;
        assert_eq!(answer.verdict(), Verdict::Confirmed, "{number} with {provider} on {day}: {answer:?}");
        confirmed += 1;
    }
    assert!(confirmed * 2 > credentials.len(), "{confirmed} of {}", credentials.len());
    server.stop().await;
}
