//! Finding people by the beginning of a name and by birth date.

use super::*;

#[test]
fn people_are_found_in_order_from_any_place() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = ten_records(directory.path());
    let index = store.index();
    let everyone: Vec<_> = (1..=9).map(specialist).collect();
    let born = |day, from, most| index.specialists_born_from(Day::from_number(day), from, most).unwrap();
    assert_eq!(born(1, 0, 100), everyone);
    assert_eq!(born(1, specialist(4).number(), 2), everyone[3..5]);
    assert_eq!(born(2, 0, 100), []);
    let named = |family, after, most| index.names_after(family, after, most).unwrap();
    let names = named("ex", None, 100);
    assert_eq!(names.len(), 18, "everyone has two names");
    assert!(names.is_sorted());
    let mut bearers: Vec<_> = names.iter().map(NameKey::specialist).collect();
    bearers.sort_unstable();
    bearers.dedup();
    assert_eq!(bearers, everyone);
    assert_eq!(named("example", Some(&names[1]), 3), names[2..5]);
    assert_eq!(named("examples", None, 100), []);
}
