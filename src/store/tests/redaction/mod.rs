//! Redactions: what is personal about a person is nowhere in the data directory any more, and everything else stands.

use super::*;
use crate::store::backup::{accept_loss, log_of_data_dir};
use crate::store::check::check;
use crate::store::record::{PersonalContents, digest};

mod set_aside;

/// Traces of the person that no other person has: names as reported and as folded, a note, and a text.
const TRACES: [&str; 7] =
    ["Quillon", "Example-Stone", "quillon", "examplestone", "asked by Quillon", "Peer of Quillon", "by telephone"];

/// The birth date of the person, which nobody else has.
const BORN: Day = Day::from_number(4_321);

const PERSON: SpecialistId = SpecialistId::from_number(500);

fn options() -> StoreOptions {
    let log = LogOptions { segment_bytes: 2000, reserve_bytes: 0, reserve_percent: 0, ..LogOptions::default() };
    let index = IndexOptions { cache_bytes: 1 << 20, ..IndexOptions::default() };
    StoreOptions { log, index, ..StoreOptions::default() }
}

fn of_person(n: u64, note: &str, facts: Vec<SpecialistFact>) -> Record {
    let facts = facts.into_iter().map(|fact| Fact::Specialist(PERSON, fact)).collect();
    Record { note: note.into(), facts, request: None, ..record(n) }
}

fn job(n: u64, position: &str) -> SpecialistFact {
    SpecialistFact::EmploymentStarted {
        employment: EmploymentId::from_number(9_000 + n),
        provider: provider(1),
        position: position.into(),
        supervised: false,
        days: Period::ALWAYS,
    }
}

/// A registry of thirty records in many segments. Five of them are about the person; one of these is about another,
/// too, and one has nothing personal.
fn registry(root: &Path) {
    let full = PersonName { given: "Quillon".into(), family: "Example-Stone".into(), suffix: "Jr".into() };
    let issuance = |n| Issuance {
        number: CredentialNumber::from_number(n),
        term: Period::ALWAYS,
        designations: Vec::new(),
        rule_set: String::new(),
        basis: IssuanceBasis::Evaluated,
        findings: Vec::new(),
        decision_note: "by telephone".into(),
    };
    let mut store = open(root).unwrap();
    for n in 1..=30 {
        let next = match n {
            4 => of_person(4, "", vec![SpecialistFact::Registered { name: full.clone(), birth_date: BORN }]),
            9 => of_person(9, "asked by Quillon", vec![SpecialistFact::NameChanged { name: full.clone() }]),
            15 => of_person(15, "", vec![SpecialistFact::CredentialIssued(issuance(700))]),
            20 => {
                let other = Fact::Specialist(specialist(1), job(1, "Peer"));
                let mut both = of_person(20, "", vec![job(0, "Peer of Quillon")]);
                both.facts.push(other);
                both
            }
            22 => of_person(22, "", vec![SpecialistFact::Died { death_date: Day::from_number(20_100) }]),
            n => record(n),
        };
        commit(&mut store, &[next]);
    }
    store.close().unwrap();
}

fn planned(root: &Path) -> Result<Plan, RedactError> {
    let (log, _guard) = log_of_data_dir(root).unwrap();
    plan_redaction(root, &*log, PERSON)
}

fn order() -> Order {
    Order { specialist: PERSON, why: "order 26-118".into(), by: "clerk".into() }
}

fn redacted(root: &Path) -> Option<Redacted> {
    let plan = planned(root).unwrap();
    redact(root, &options(), &plan, &order(), instant(40), &mut |_| {}).unwrap()
}

/// The paths of all files in a directory.
fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

/// What of the person is in the raw bytes of the files: texts, and the birth date in the forms of the index and of the
/// log.
fn traces(root: &Path) -> Vec<String> {
    let index_key = [b"b".as_slice(), &(BORN.number().cast_unsigned() ^ (1 << 31)).to_be_bytes()].concat();
    let mut stored = Vec::new();
    let zigzag = u32::try_from(BORN.number() * 2).unwrap();
    prost::encoding::uint32::encode(5, &zigzag, &mut stored);
    let sought = TRACES.iter().map(|text| text.as_bytes().to_vec()).chain([index_key, stored]);
    let sought: Vec<_> = sought.collect();
    let mut found = Vec::new();
    for path in files_below(root) {
        let bytes = fs::read(&path).unwrap();
        for trace in &sought {
            if bytes.windows(trace.len()).any(|part| part == trace) {
                found.push(format!("{} {:?}", path.display(), String::from_utf8_lossy(trace)));
            }
        }
    }
    found
}

fn records_in(root: &Path) -> Vec<Vec<u8>> {
    let (log, _guard) = log_of_data_dir(root).unwrap();
    log.read(Revision(1), Revision::LATEST).map(|read| read.unwrap().1).collect()
}

#[test]
fn what_is_personal_is_nowhere_on_disk_and_the_history_stands() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    registry(root);
    // What an accepted loss sets aside: the end of the log, and an index that has everything.
    let last = files_below(&root.join("log")).into_iter().filter(|path| path.extension().is_some_and(|e| e == "log"));
    let last = last.max().unwrap();
    let mut bytes = fs::read(&last).unwrap();
    bytes[40] ^= 1;
    fs::write(&last, &bytes).unwrap();
    let readable = Revision(last.file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap() - 1);
    assert!(readable > Revision(22));
    let accepted = accept_loss(root, readable, instant(35)).unwrap();
    // A whole segment, as a loss that begins in an earlier one sets it aside.
    let first = root.join("log").join(format!("{:020}.log", 1));
    fs::copy(&first, accepted.set_aside.join(format!("{:020}.log", 1))).unwrap();
    fs::create_dir(root.join("unpacked")).unwrap();
    fs::copy(&first, root.join("unpacked").join("old.log")).unwrap();
    open(root).unwrap().close().unwrap();
    let before = records_in(root);
    assert!(traces(root).len() > 12, "{:?}", traces(root));

    let plan = planned(root).unwrap();
    let revisions: Vec<_> = plan.records.iter().map(|record| record.revision.0).collect();
    assert_eq!(revisions, [4, 9, 15, 20], "a record without anything personal stays as it is");
    let none = PersonalContents::default();
    assert_eq!(plan.records[0].contents, PersonalContents { names: 1, birth_dates: 1, ..none });
    assert_eq!(plan.records[1].contents, PersonalContents { names: 1, note: true, ..none });
    assert_eq!(plan.records[3].contents, PersonalContents { texts: 2, of_others: 1, ..none });
    assert_eq!((plan.on_record(), plan.set_aside.len()), (None, 1));
    assert_eq!(plan.credentials, [CredentialNumber::from_number(700)]);
    assert_eq!(records_in(root), before, "a plan changes nothing");

    let done = redacted(root).unwrap();
    assert_eq!(done, Redacted { revision: readable.next().next(), was_on_record: false });
    assert_eq!(traces(root), Vec::<String>::new());
    let after = records_in(root);
    assert_eq!(after.len(), before.len() + 1);
    for (old, new) in before.iter().zip(&after) {
        assert_eq!(digest(old), digest(new));
    }
    let changed: Vec<_> = (1..).zip(before.iter().zip(&after)).filter(|(_, (old, new))| old != new).collect();
    assert_eq!(changed.iter().map(|(revision, _)| *revision).collect::<Vec<_>>(), [4, 9, 15, 20]);
    let checked = check(root, &options(), &mut |_| {}).unwrap();
    assert_eq!((checked.head, checked.findings), (done.revision, Vec::new()));
    let kept = fs::read_dir(&accepted.set_aside).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert!(kept.iter().any(|name| name.to_str() == Some("00000000000000000001.log")), "{kept:?}");
    assert!(
        !kept.iter().any(|name| name == last.file_name().unwrap()),
        "a damaged segment may have anything: {kept:?}"
    );

    // Again: nothing is left.
    assert_eq!(redacted(root), None);
    assert_eq!(records_in(root), after);
    assert_eq!(planned(root).unwrap().redacted_at, Some(done.revision));
}

#[test]
fn the_salt_goes_with_the_personal_part() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    registry(root);
    let salts: Vec<_> = [4, 9, 15, 20].map(|at: usize| record::salt_in(&records_in(root)[at - 1]).unwrap()).to_vec();
    redacted(root).unwrap();
    let bytes: Vec<u8> = files_below(root).iter().flat_map(|path| fs::read(path).unwrap()).collect();
    for salt in salts {
        assert!(!bytes.windows(salt.len()).any(|part| part == salt), "a salt confirms guesses of a name");
    }
}

#[test]
fn nobody_is_found_by_what_was_redacted_and_others_are() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    registry(root);
    let full = PersonName { given: "Quillon".into(), family: "Example-Stone".into(), suffix: String::new() }.folded();
    let found = |root: &Path| {
        let store = open(root).unwrap();
        let index = store.index();
        let named = index.specialists_named_from(&full, 0, 9).unwrap();
        let born = index.specialists_born_from(BORN, 0, 9).unwrap();
        let listed = index.names_after("", None, 1_000).unwrap();
        let of_person = listed.iter().filter(|name| name.specialist() == PERSON).count();
        let days = index.specialists_born_from(crate::domain::specialist::REDACTED_BIRTH_DATE, 0, 9).unwrap();
        let facts = index.specialist_facts(PERSON).unwrap().len();
        let number = CredentialNumber::from_number(700);
        let holder = index.specialist_of_credential(number).unwrap();
        store.close().unwrap();
        (named, born, of_person, days, listed.len() - of_person, facts, holder)
    };
    let before = found(root);
    assert_eq!((&before.0[..], &before.1[..], before.2), (&[PERSON][..], &[PERSON][..], 1));
    redacted(root).unwrap();
    let after = found(root);
    assert_eq!(after, (vec![], vec![], 0, vec![], before.4, before.5, before.6));
    let checked = check(root, &options(), &mut |_| {}).unwrap();
    assert_eq!(checked.findings, Vec::new());
}

#[test]
fn a_reason_may_not_name_the_person_and_the_person_must_be_on_file() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    registry(root);
    let before = records_in(root);
    let planned = planned(root).unwrap();
    let by = Order { by: "Example-Stone, clerk".into(), ..order() };
    let refused = redact(root, &options(), &planned, &by, instant(40), &mut |_| {}).unwrap_err();
    assert!(matches!(refused, RedactError::NamesThePerson("name of who orders it")), "{refused}");
    for why in ["on behalf of QUILLON", "the stone case", "the case of Ex-amplestone", "born in 1981"] {
        let named = Order { why: why.into(), ..order() };
        let refused = redact(root, &options(), &planned, &named, instant(40), &mut |_| {}).unwrap_err();
        assert!(matches!(refused, RedactError::NamesThePerson("reason")) && refused.is_usage(), "{refused}");
    }
    assert_eq!(records_in(root), before);
    let (log, _guard) = log_of_data_dir(root).unwrap();
    let unknown = plan_redaction(root, &*log, specialist(501)).unwrap_err();
    assert!(unknown.is_usage() && !unknown.to_string().contains("Quillon"), "{unknown}");
}

/// A record that orders a redaction which was not carried out: the process ended directly after it was durable.
fn order_only(root: &Path) -> Revision {
    let plan = planned(root).unwrap();
    let mut store = open(root).unwrap();
    let ordered = plan.record(&order(), store.not_before(), instant(40));
    store.commit(&[ordered]).unwrap();
    drop(store);
    plan.head.next()
}

#[test]
fn a_start_completes_what_was_interrupted_and_so_does_the_command() {
    for by_start in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        registry(root);
        let ordered = order_only(root);
        assert!(!traces(root).is_empty());
        if by_start {
            open(root).unwrap().close().unwrap();
        } else {
            assert_eq!(redacted(root), Some(Redacted { revision: ordered, was_on_record: true }));
        }
        assert_eq!(traces(root), Vec::<String>::new());
        assert_eq!(records_in(root).len(), 31, "nothing is recorded twice");
        assert_eq!(check(root, &options(), &mut |_| {}).unwrap().findings, Vec::new());
    }
}

#[test]
fn what_is_reported_after_a_redaction_stays_until_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    registry(root);
    redacted(root).unwrap();
    let renamed = PersonName { given: "Quillon".into(), family: "Example-Hale".into(), suffix: String::new() };
    let mut store = open(root).unwrap();
    let later =
        Record { recorded_at: instant(50), ..of_person(32, "", vec![SpecialistFact::NameChanged { name: renamed }]) };
    commit(&mut store, &[later]);
    store.close().unwrap();
    open(root).unwrap().close().unwrap();
    assert!(!traces(root).is_empty());
    let plan = planned(root).unwrap();
    assert_eq!((plan.records.len(), plan.on_record(), plan.redacted_at), (1, None, Some(Revision(31))));
    let again = redact(root, &options(), &plan, &order(), instant(60), &mut |_| {}).unwrap().unwrap();
    assert_eq!(again, Redacted { revision: Revision(33), was_on_record: false });
    assert_eq!(traces(root), Vec::<String>::new());
}
