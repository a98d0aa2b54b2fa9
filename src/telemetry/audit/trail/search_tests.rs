//! Searches, compared with a scan of every line.

use std::os::unix::fs::FileExt as _;
use std::time::Instant;

use super::super::read::Read;
use super::packed::{BLOCK, PackReader};
use super::search::{Bounds, Found, Place, Query};
use super::tests::{Files, Generator, pack};
use super::*;
use crate::telemetry::audit::Number;

const ALL: Bounds = Bounds { lines: usize::MAX, numbers: usize::MAX, bytes: usize::MAX };

fn search(trail: &Trail, query: &Query, after: Option<Place>, bounds: Bounds) -> Found {
    trail.search(query, after, bounds, &std::sync::atomic::AtomicBool::new(false)).unwrap()
}

/// A trail with files in all forms: packed, packed with a damaged index, closed, both, and an open one with an
/// incomplete last line.
fn mixed() -> (Files, Generator, Vec<Read>) {
    let (files, mut generator) = (Files::new(), Generator::new(8, 400));
    let mut all = String::new();
    for form in 0..5 {
        let mut text = String::new();
        while text.len() < 2 * BLOCK {
            generator.call_lines(&mut text);
        }
        all.push_str(&text);
        if form == 4 {
            fs::write(files.trail.open(), text + "{\"at\":\"2026-03-02T00").unwrap();
            break;
        }
        let closed = files.close(&text);
        if form != 2 {
            pack(&files.trail, &closed).unwrap();
        }
        match form {
            1 => damage_index(&closed.packed()),
            3 => fs::write(&closed.plain, text).unwrap(),
            _ => {}
        }
    }
    let reads = all.lines().map(|line| Read::of(line.as_bytes()).unwrap().unwrap()).collect();
    (files, generator, reads)
}

fn damage_index(packed: &Path) {
    let file = fs::OpenOptions::new().write(true).open(packed).unwrap();
    let bytes = file.metadata().unwrap().len();
    file.write_all_at(b"x", bytes - 30).unwrap();
}

/// The reads that match a query, by scanning all lines.
fn expected(reads: &[Read], query: &Query) -> Vec<Read> {
    let of = |read: &Read| {
        let mut read = read.clone();
        let is_about_a_person = query.number.is_some() || !query.ids.is_empty();
        read.numbers.retain(|(asked, _)| !is_about_a_person || Some(*asked) == query.number);
        let is_about = !is_about_a_person || !read.numbers.is_empty() || query.ids.contains(&read.subject_id);
        let is_of = query.client.as_ref().is_none_or(|client| read.client == *client);
        let is_within =
            query.from.is_none_or(|from| read.at >= from) && query.until.is_none_or(|until| read.at < until);
        (is_about && is_of && is_within).then_some(read)
    };
    reads.iter().filter_map(of).collect()
}

#[test]
fn a_search_finds_the_same_as_a_full_scan_in_files_of_any_form() {
    let (files, mut generator, reads) = mixed();
    let at = |part: usize| Some(reads[reads.len() * part / 10].at);
    let mut queries: Vec<Query> =
        (0..6).map(|_| Query { number: Some(generator.one_of_all()), ..Query::default() }).collect();
    queries.push(Query { number: Some(*b"CPS-ABCD-ABCD-A"), ..Query::default() });
    for client in ["region-7-hr", "medicaid-claims", "region-7"] {
        let client = Some(client.to_owned());
        queries.push(Query { client: client.clone(), ..Query::default() });
        queries.push(Query {
            client,
            number: Some(generator.one_of_all()),
            from: at(3),
            until: at(8),
            ids: Vec::new(),
        });
    }
    let ids = [3, 70].map(|at| reads.iter().filter(|read| !read.subject_id.is_empty()).nth(at).unwrap());
    let ids: Vec<_> = ids.into_iter().map(|read| read.subject_id.clone()).collect();
    queries.push(Query { ids: ids.clone(), ..Query::default() });
    queries.push(Query { ids, number: Some(generator.one_of_all()), ..Query::default() });
    queries.extend([(at(2), at(3)), (at(9), None), (None, at(1))].map(|(from, until)| Query {
        from,
        until,
        ..Query::default()
    }));
    for query in &queries {
        let found = search(&files.trail, query, None, ALL);
        let expected = expected(&reads, query);
        let lines: Vec<_> = found.reads.iter().map(|(_, read)| read.clone()).collect();
        assert_eq!(lines, expected, "{query:?}");
        assert_eq!((found.next, found.unreadable), (None, vec![]), "{query:?}");

        // The same in pages, while files are packed in between.
        let (mut by_pages, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = search(&files.trail, query, after, Bounds { lines: 40, numbers: 900, bytes: 2 * BLOCK });
            by_pages.extend(page.reads.into_iter().map(|(_, read)| read));
            pages += 1;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(by_pages, expected, "{query:?} by pages");
        assert!(pages > 1 || expected.len() < 40, "{query:?}");
    }
}

#[test]
fn pages_continue_while_files_are_closed_and_packed() {
    let (files, _, reads) = mixed();
    let query = Query { client: Some("region-7-hr".to_owned()), ..Query::default() };
    let (mut lines, mut after) = (Vec::new(), None);
    for pages in 0.. {
        let page = search(&files.trail, &query, after, Bounds { lines: 50, ..ALL });
        lines.extend(page.reads.into_iter().map(|(_, read)| read));
        after = page.next;
        if after.is_none() {
            break;
        }
        for file in files.trail.closed().unwrap().iter().filter(|file| file.plain_bytes.is_some()) {
            pack(&files.trail, file).unwrap();
        }
        if pages == 2 {
            let text = fs::read_to_string(files.trail.open()).unwrap();
            let whole = text.rfind('\n').unwrap() + 1;
            files.close(&text[..whole]);
            fs::write(files.trail.open(), "").unwrap();
        }
    }
    assert_eq!(lines, expected(&reads, &query));
}

#[test]
fn unreadable_files_are_named_and_the_rest_is_found() {
    let (files, mut generator, mut text) = (Files::new(), Generator::new(9, 40), String::new());
    while text.len() < 3 * BLOCK {
        generator.call_lines(&mut text);
    }
    let closed = files.close(&text);
    pack(&files.trail, &closed).unwrap();
    let whole = fs::read(closed.packed()).unwrap();
    let reads: Vec<_> = text.lines().map(|line| Read::of(line.as_bytes()).unwrap().unwrap()).collect();
    let query = Query { client: Some("region-3-hr".to_owned()), ..Query::default() };
    let all = expected(&reads, &query).len();
    let mut random = fastrand::Rng::with_seed(1);
    for round in 0..30 {
        let mut damaged = whole.clone();
        match round % 3 {
            0 => damaged.truncate(random.usize(0..whole.len())),
            1 => damaged[random.usize(0..whole.len())] ^= 1 << random.u32(0..8),
            _ => {
                damaged[random.usize(0..whole.len())] ^= 1;
                let end = damaged.len();
                damaged[end - 5] ^= 1;
            }
        }
        fs::write(closed.packed(), &damaged).unwrap();
        let found = search(&files.trail, &query, None, ALL);
        let is_named = !found.unreadable.is_empty();
        assert!(found.reads.len() == all || is_named, "round {round}: {} of {all} are found", found.reads.len());
        assert!(found.reads.iter().all(|(_, read)| reads.contains(read)), "round {round}");
    }
}

#[test]
fn a_damaged_line_is_reported_and_is_no_answer() {
    let files = Files::new();
    let whole = "{\"at\":\"2026-03-03T10:00:00.000000Z\",\"client\":\"region-2-hr\",\"method\":\"A/B\",\
                 \"number\":\"CPS-28MS-MN2K-Z\",\"verdict\":null}\n";
    let begun =
        "{\"at\":\"2026-03-02T10:00:00.000000Z\",\"client\":\"region-1-hr\",\"method\":\"A/B\",\"request_id\":\"48e5";
    let at = |text: &str| text.parse().ok();
    let by = |client: &str| Query { client: Some(client.to_owned()), ..Query::default() };
    let number = Query { number: Some(*b"CPS-28MS-MN2K-Z"), ..Query::default() };
    let until = Query { until: at("2026-03-02T00:00:00Z"), ..number.clone() };
    let from = Query { from: at("2026-03-03T00:00:00Z"), ..number.clone() };
    let unknown = Query { number: Some(*b"CPS-ABCD-ABCD-A"), ..Query::default() };
    let all =
        [(number, true), (from, true), (by("region-1-hr"), true), (by("region-2-hr"), true), (Query::default(), true)];
    let none = [(until, false), (unknown, false), (by("region-3-hr"), false)];
    let text = format!("{begun}{whole}\n{whole}");
    fs::write(files.trail.open(), &text).unwrap();
    for is_packed in [false, true] {
        if is_packed {
            fs::remove_file(files.trail.open()).unwrap();
            pack(&files.trail, &files.close(&text)).unwrap();
        }
        for (query, is_reported) in all.iter().chain(&none) {
            let found = search(&files.trail, query, None, ALL);
            assert_eq!(found.unreadable.len(), usize::from(*is_reported), "{query:?} {is_packed}");
            assert!(found.reads.iter().all(|(_, read)| read.client == "region-2-hr"), "{query:?}");
            let is_by_first = query.client.as_deref() == Some("region-1-hr");
            assert_eq!(found.reads.len(), usize::from(*is_reported && !is_by_first), "{query:?} {is_packed}");
        }
    }
}

#[test]
fn only_blocks_that_may_match_are_read() {
    let (files, mut generator, mut text) = (Files::new(), Generator::new(10, 100_000), String::new());
    while text.len() < 6 * BLOCK {
        generator.call_lines(&mut text);
    }
    let number = text.find("\"number\":\"").map(|at| &text[at + 10..at + 25]).unwrap();
    let query = Query { number: number.as_bytes().try_into().ok(), ..Query::default() };
    let closed = files.close(&text);
    pack(&files.trail, &closed).unwrap();
    let filters = PackReader::open(&closed.packed()).unwrap().filter_bytes();
    let bounds = Bounds { bytes: filters + 3 * BLOCK, ..ALL };
    let found = search(&files.trail, &query, None, bounds);
    let lines = text.lines().filter(|line| line.contains(number)).count();
    assert_eq!((found.reads.len(), found.next), (lines, None), "it has read at most three blocks");
    damage_index(&closed.packed());
    assert!(search(&files.trail, &query, None, bounds).next.is_some(), "without an index it reads all blocks");
}

#[test]
fn a_line_of_an_unknown_kind_is_found_by_its_number_and_its_client() {
    let files = Files::new();
    let of = |rest: &str| format!("{{\"at\":\"2026-03-02T10:00:00.000000Z\",\"client\":\"CPS-AAAA-AAAA-A\",{rest}}}\n");
    let lines = of("\"miss\":{\"about\":\"CPS-28MS-MN2K-Z\"},\"known_at\":\"unknown\"") + &of("\"known_at\":7");
    fs::write(files.trail.open(), &lines).unwrap();
    let find = |number: &Number| search(&files.trail, &Query { number: Some(*number), ..Query::default() }, None, ALL);
    assert_eq!(find(b"CPS-28MS-MN2K-Z").reads.len(), 1);
    assert_eq!(find(b"CPS-AAAA-AAAA-A").reads.len(), 0, "a client's name is not a number that was asked about");
    let query = Query { client: Some("CPS-AAAA-AAAA-A".to_owned()), ..Query::default() };
    assert_eq!(search(&files.trail, &query, None, ALL).reads.len(), 2);
}

/// Measures a search over days of a million questions: `CPSS_AUDIT_DAYS=4 cargo test --profile bench … -- --ignored`.
#[test]
#[ignore = "a measurement; CPSS_AUDIT_DAYS sets the number of days"]
fn search_duration() {
    let days: usize = std::env::var("CPSS_AUDIT_DAYS").map_or(1, |days| days.parse().unwrap());
    let (files, mut generator) = (Files::new(), Generator::new(11, 20_000));
    let (mut text, mut questions, mut bytes) = (String::new(), 0, 0_u64);
    let begun = Instant::now();
    while questions < days * 1_000_000 {
        text.clear();
        while text.len() < 64 << 20 {
            let before = text.len();
            generator.call_lines(&mut text);
            // A batch has a line of numbers and a summary line.
            questions += if text[before..].contains("\"part\"") { 200 } else { 1 };
        }
        bytes += text.len() as u64;
        pack(&files.trail, &files.close(&text)).unwrap();
    }
    let packed: u64 = files.trail.closed().unwrap().iter().map(Closed::bytes).sum();
    println!("{questions} questions: {bytes} bytes, packed {packed}; made and packed in {:?}", begun.elapsed());
    for query in [
        Query { number: Some(generator.one_of_all()), ..Query::default() },
        Query { number: Some(*b"CPS-ABCD-ABCD-A"), ..Query::default() },
        Query { client: Some("nobody".to_owned()), ..Query::default() },
    ] {
        let begun = Instant::now();
        let found = search(&files.trail, &query, None, ALL);
        println!("{query:?}: {} lines in {:?}", found.reads.len(), begun.elapsed());
    }
}
