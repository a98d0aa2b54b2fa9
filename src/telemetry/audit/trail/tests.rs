//! Closing, packing, retention, and crashes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use uuid::Uuid;

use super::super::batch_summary::{Outcomes, Summary};
use super::super::keeper::remove_old;
use super::super::{Call, Client, Entry, Keep, Number, Question, line};
use super::*;

/// Generates lines like those of clients.
pub(super) struct Generator {
    random: fastrand::Rng,
    /// The current time in microseconds.
    pub(super) now: i64,
    numbers: Vec<Number>,
    clients: Vec<Arc<dyn Client>>,
    made: u64,
    revision: u64,
}

struct Named(String);

impl Client for Named {
    fn name(&self) -> &str {
        &self.0
    }
}

impl Generator {
    /// Creates a generator of lines about this many people.
    pub(super) fn new(seed: u64, people: usize) -> Generator {
        let mut random = fastrand::Rng::with_seed(seed);
        let numbers = (0..people).map(|_| number(&mut random)).collect();
        let names = (1..=24).map(|region| format!("region-{region}-hr")).chain(["medicaid-claims".to_owned()]);
        let clients = names.map(|name| Arc::new(Named(name)) as Arc<dyn Client>).collect();
        let now = "2026-03-02T00:00:00Z".parse::<Timestamp>().unwrap().as_microsecond();
        Generator { random, now, numbers, clients, made: 0, revision: 52_000 }
    }

    fn call(&mut self, client: usize, method: &'static str) -> Call {
        self.made += 1;
        // Every other client uses random request ids of its own.
        let request_id = if client.is_multiple_of(2) {
            Uuid::from_u128(self.random.u128(..))
        } else {
            Uuid::from_u64_pair(0x67e5_5044_10b1_426f, self.made)
        };
        self.revision += u64::from(self.random.u32(0..500) == 0);
        let client = Arc::clone(&self.clients[client]);
        Call { client, method, request_id, known_at: self.revision, revision: self.revision }
    }

    pub(super) fn one_of_all(&mut self) -> Number {
        self.numbers[self.random.usize(0..self.numbers.len())]
    }

    /// Writes the lines of one call. One call in a hundred is a batch.
    pub(super) fn call_lines(&mut self, lines: &mut String) {
        self.now += self.random.i64(1..170_000);
        let at = line::instant(Timestamp::from_microsecond(self.now).unwrap());
        if self.random.u32(0..100) > 0 {
            let client = self.random.usize(0..self.clients.len());
            let call = self.call(client, "VerificationService/VerifyCredential");
            let as_of = Some(jiff::civil::date(2026, 3, self.random.i8(1..4)));
            let verdict = Some(["CONFIRMED", "CONFIRMED", "CONFIRMED", "NOT_CONFIRMED"][self.random.usize(0..4)]);
            // One question in fifty identifies a person by the id of a job.
            let id = (self.random.u32(0..50) == 0).then(|| format!("EM-{:04}-0000-0", self.random.u32(0..500)));
            let number = id.is_none().then(|| self.one_of_all());
            let named = id.map(|id| Box::new(super::super::Named { field: "employment_id", id }));
            return line::write(lines, &at, &Entry::Question(Question { call, number, named, as_of, verdict }));
        }
        let call = self.call(24, "VerificationService/BatchCheckBillingEligibility");
        // Claims: some people have many.
        let people: Vec<_> = (0..60).map(|_| self.one_of_all()).collect();
        let numbers: Vec<_> = (0..200).map(|_| Some(people[self.random.usize(0..60)])).collect();
        let verdicts = vec![("CONFIRMED", 190 + self.random.u64(0..10)), ("NOT_CONFIRMED", 10)];
        let outcomes = || Outcomes { verdicts: verdicts.clone(), errors: 0 };
        line::write(lines, &at, &Entry::Numbers { call: call.clone(), part: 1, numbers, outcomes: outcomes() });
        let digest = std::array::from_fn(|_| self.random.u8(..));
        let summary = Summary { call, questions: 200, outcomes: outcomes(), parts: 1, digest };
        line::write(lines, &at, &Entry::Summary(Box::new(summary)));
    }
}

fn number(random: &mut fastrand::Rng) -> Number {
    let symbols = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut number = *b"CPS-0000-0000-0";
    for at in [4, 5, 6, 7, 9, 10, 11, 12, 14] {
        number[at] = symbols[random.usize(0..32)];
    }
    number
}

pub(super) fn pack(trail: &Trail, file: &Closed) -> io::Result<()> {
    trail.pack(file, &|| false)
}

/// A trail in a temporary directory.
pub(super) struct Files {
    _directory: tempfile::TempDir,
    pub(super) trail: Trail,
}

impl Files {
    pub(super) fn new() -> Files {
        let directory = tempfile::tempdir().unwrap();
        let trail = Trail::of(&directory.path().join("reads.jsonl"));
        Files { _directory: directory, trail }
    }

    /// Writes a file, and closes it.
    pub(super) fn close(&self, text: &str) -> Closed {
        fs::write(self.trail.open(), text).unwrap();
        self.trail.close(self.trail.open()).unwrap();
        self.trail.closed().unwrap().pop().unwrap()
    }

    fn names(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.trail.directory()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn day(text: &str) -> String {
    format!("{{\"at\":\"{text}T10:00:00.000000Z\",\"client\":\"a\",\"number\":null}}\n")
}

#[test]
fn a_packed_file_has_an_eighth_of_its_size_or_less() {
    let files = Files::new();
    let (mut generator, mut text) = (Generator::new(3, 5000), String::new());
    while text.len() < 3 << 20 {
        generator.call_lines(&mut text);
    }
    let closed = files.close(&text);
    pack(&files.trail, &closed).unwrap();
    let packed = files.trail.closed().unwrap().pop().unwrap();
    assert_eq!(packed.plain_bytes, None, "the plain file is gone");
    let (before, after) = (text.len() as u64, packed.packed_bytes.unwrap());
    assert!(before >= 8 * after, "{before} bytes became {after}: one {}th", before as f64 / after as f64);
}

#[test]
fn a_file_is_named_after_its_lines_and_removed_after_the_retention_of_the_last() {
    let files = Files::new();
    files.close(&(day("2025-01-01") + &day("2025-01-31")));
    files.close(&(day("2025-01-30") + &day("2025-02-01")));
    fs::write(files.trail.open(), day("2025-02-03")).unwrap();
    let name = "reads.jsonl.1735725600.20250101T100000Z-20250131T100000Z";
    assert!(files.names().contains(name), "{:?}", files.names());
    let keep = Keep { days: 400 };
    let left = |now: &str| {
        remove_old(&files.trail, keep, now.parse().unwrap()).unwrap();
        files.names().len()
    };
    assert_eq!(left("2026-03-07T10:00:00Z"), 3, "the last line is 400 days old, to the second");
    assert_eq!(left("2026-03-07T10:00:02Z"), 2);
    pack(&files.trail, &files.trail.closed().unwrap()[0]).unwrap();
    assert_eq!(left("2026-03-08T10:00:00Z"), 2);
    assert_eq!(left("2026-03-09T10:00:00Z"), 1, "the open file is never removed");
}

#[test]
fn files_of_earlier_releases_are_renamed_in_their_order() {
    let files = Files::new();
    for (number, at) in [(1, "2026-03-03"), (2, "2026-03-02"), (10, "2026-03-01")] {
        fs::write(files.trail.beside(&format!(".{number}")), day(at)).unwrap();
    }
    files.trail.rename_old_files().unwrap();
    let firsts: Vec<_> = files.trail.closed().unwrap().iter().map(|file| file.span.first.to_string()).collect();
    assert_eq!(firsts, ["2026-03-01T10:00:00Z", "2026-03-02T10:00:00Z", "2026-03-03T10:00:00Z"]);
    assert_eq!(files.names().len(), 3, "{:?}", files.names());
}

/// The text of the last closed file, in whatever form.
fn text_of(files: &Files) -> String {
    let file = files.trail.closed().unwrap().pop().unwrap();
    if file.plain_bytes.is_some() {
        return fs::read_to_string(&file.plain).unwrap();
    }
    let reader = packed::PackReader::open(&file.packed()).unwrap();
    let blocks = reader.blocks.iter().map(|block| reader.read(block).unwrap());
    String::from_utf8(blocks.collect::<Vec<_>>().concat()).unwrap()
}

#[test]
fn a_crash_at_any_step_of_packing_loses_no_line_and_the_next_start_packs_again() {
    let (mut generator, mut text) = (Generator::new(4, 50), String::new());
    (0..3000).for_each(|_| generator.call_lines(&mut text));
    write!(text, "a line that was cut").unwrap();
    let whole = {
        let files = Files::new();
        let closed = files.close(&text);
        pack(&files.trail, &closed).unwrap();
        fs::read(closed.packed()).unwrap()
    };
    // The states: half written, written, renamed, renamed and damaged by the disk, and the original removed.
    type Crash = fn(&Closed, &[u8]);
    let crashes: [Crash; 5] = [
        |file, whole| fs::write(file.unfinished(), &whole[..whole.len() / 2]).unwrap(),
        |file, whole| fs::write(file.unfinished(), whole).unwrap(),
        |file, whole| fs::write(file.packed(), whole).unwrap(),
        |file, whole| fs::write(file.packed(), &whole[..whole.len() / 2]).unwrap(),
        |file, whole| {
            fs::write(file.packed(), whole).unwrap();
            fs::remove_file(&file.plain).unwrap();
        },
    ];
    for (step, crash) in crashes.into_iter().enumerate() {
        let files = Files::new();
        let closed = files.close(&text);
        crash(&closed, &whole);
        assert_eq!(text_of(&files), text, "step {step}");
        files.trail.clean().unwrap();
        for file in files.trail.closed().unwrap().iter().filter(|file| file.plain_bytes.is_some()) {
            pack(&files.trail, file).unwrap();
        }
        assert_eq!(text_of(&files), text, "step {step}");
        assert_eq!(files.names().len(), 1, "step {step}: {:?}", files.names());
    }
}

#[test]
fn packing_that_fails_or_is_interrupted_keeps_the_plain_file() {
    let files = Files::new();
    let (mut generator, mut text) = (Generator::new(5, 50), String::new());
    (0..3000).for_each(|_| generator.call_lines(&mut text));
    let closed = files.close(&text);
    let broken_off = files.trail.pack(&closed, &|| true).unwrap_err();
    assert_eq!(broken_off.kind(), io::ErrorKind::Interrupted);
    fs::create_dir(closed.unfinished()).unwrap();
    pack(&files.trail, &closed).unwrap_err();
    fs::remove_dir(closed.unfinished()).unwrap();
    assert_eq!(text_of(&files), text);
    assert_eq!(files.names().len(), 1, "{:?}", files.names());
}
