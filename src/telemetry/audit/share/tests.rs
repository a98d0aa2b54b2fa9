//! Refusals at each level of disk usage.

use super::*;

struct Named(&'static str);

impl Client for Named {
    fn name(&self) -> &str {
        self.0
    }
}

const LARGE: Named = Named("large");
const SMALL: Named = Named("small");

fn ledger() -> (Ledger, Arc<Usage>, Gates) {
    let (usage, gates) = (Arc::new(Usage::new(100_000)), Gates::default());
    (Ledger::new(Arc::clone(&usage), gates.clone()), usage, gates)
}

fn write(ledger: &mut Ledger, client: &dyn Client, bytes: usize) -> Refused {
    ledger.spend(client, bytes);
    ledger.written(&" ".repeat(bytes));
    ledger.update()
}

#[test]
fn lines_are_counted_once_they_are_written() {
    let (ledger, usage, _) = ledger();
    ledger.written("{}\n{}\n");
    ledger.written("{}\n");
    assert_eq!((usage.lines(), usage.used()), (3, 9));
}

#[test]
fn below_95_percent_no_client_is_refused() {
    let (mut ledger, _, gates) = ledger();
    assert_eq!(write(&mut ledger, &LARGE, 94_000), Refused { some: false, all: false });
    assert!(!gates.refuses(&LARGE));
}

#[test]
fn from_95_percent_on_a_client_has_an_equal_part_and_at_100_percent_all_are_refused() {
    let (mut ledger, usage, gates) = ledger();
    assert_eq!(write(&mut ledger, &LARGE, 95_000), Refused { some: true, all: false });
    assert!(!gates.refuses(&LARGE), "what it has used before does not count");
    write(&mut ledger, &LARGE, 625);
    assert!(!gates.refuses(&LARGE));
    write(&mut ledger, &LARGE, 1);
    assert!(gates.refuses(&LARGE) && !gates.refuses(&SMALL), "its part is an eighth of five percent");
    assert_eq!(write(&mut ledger, &SMALL, 3_874), Refused { some: true, all: true });
    assert!(gates.refuses(&SMALL) && gates.refuses(&Named("another")));
    assert!(usage.used() < usage.limit(), "there is a reserve");
}

#[test]
fn usage_is_reset_when_there_is_room_again_but_not_as_soon_as_a_file_is_packed() {
    let (mut ledger, usage, gates) = ledger();
    write(&mut ledger, &LARGE, 95_000);
    write(&mut ledger, &LARGE, 1_000);
    assert!(gates.refuses(&LARGE));
    usage.measured(94_000, None);
    assert_eq!(ledger.update(), Refused { some: false, all: false });
    usage.measured(96_000, None);
    assert!(ledger.update().some && gates.refuses(&LARGE));
    usage.measured(80_000, None);
    assert_eq!(ledger.update(), Refused { some: false, all: false });
    usage.measured(96_000, None);
    assert!(ledger.update().some && !gates.refuses(&LARGE));
}

#[test]
fn refusals_are_counted_and_written_once_a_minute_from_a_reserve() {
    let (mut ledger, usage, gates) = ledger();
    write(&mut ledger, &LARGE, 99_600);
    let begun = Instant::now();
    assert!(ledger.refusals(begun).is_empty(), "no client was refused");
    (0..5).for_each(|_| assert!(gates.refuses(&LARGE)));
    assert_eq!(ledger.refusals(begun), BTreeMap::from([("large".to_owned(), 5)]));
    (0..2_000).for_each(|_| assert!(gates.refuses(&LARGE)));
    assert!(gates.refuses(&SMALL));
    assert!(ledger.refusals(begun + Duration::from_secs(59)).is_empty());
    usage.measured(100_000, None);
    assert!(ledger.refusals(begun + Duration::from_secs(60)).is_empty(), "the reserve is used up");
    usage.measured(99_900, None);
    let counted = BTreeMap::from([("large".to_owned(), 2_000), ("small".to_owned(), 1)]);
    assert_eq!(ledger.refusals(begun + Duration::from_secs(61)), counted, "none is lost");
}

#[test]
fn the_default_share_is_half_of_the_free_space_at_the_first_start() {
    let directory = tempfile::tempdir().unwrap();
    let trail = Trail::of(&directory.path().join("reads.jsonl"));
    let disk = rustix::fs::statvfs(directory.path()).unwrap();
    let first = limit(&trail, None, 1_000).unwrap();
    assert!(first.abs_diff(1_000 + disk.f_bavail * disk.f_frsize / 2) < disk.f_blocks * disk.f_frsize / 10);
    assert_eq!(limit(&trail, None, 5_000).unwrap(), first, "it is stored");
    assert_eq!(limit(&trail, Some(7), 0).unwrap(), 7);
    fs::write(trail.beside(SHARE), "half").unwrap();
    assert_eq!(limit(&trail, None, 0).unwrap_err().kind(), io::ErrorKind::InvalidData);
}
