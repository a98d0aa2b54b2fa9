//! Budgets of misses, with a clock that the test controls.

use super::*;

fn caller(client: &str, role: Role) -> Caller {
    Caller { client: client.to_owned(), role, misses_per_hour: None }
}

fn provider(client: &str, id: &str) -> Caller {
    caller(client, Role::Provider(id.parse().unwrap()))
}

fn misses(provider: u32, payer: u32) -> Misses {
    Misses::new(MissLimits { provider_per_hour: NonZeroU32::new(provider), payer_per_hour: NonZeroU32::new(payer) })
}

const NO_GUESS: Option<u8> = None;

#[test]
fn a_budget_can_be_spent_at_once_and_refills_within_the_hour() {
    let (misses, began) = (misses(60, 0), Instant::now());
    let north = misses.of(&provider("north-hr", "north")).unwrap();
    for _ in 0..60 {
        drop(north.reserve(NO_GUESS, began).unwrap().unwrap());
    }
    let refused = north.reserve(NO_GUESS, began).unwrap_err();
    assert!(refused.0.abs_diff(Duration::from_secs(60)) < Duration::from_secs(1), "{refused:?}");
    assert!(north.reserve(NO_GUESS, began + Duration::from_secs(58)).is_err());
    assert!(north.reserve(NO_GUESS, began + Duration::from_secs(61)).is_ok());
    assert!(north.reserve(NO_GUESS, began + Duration::from_secs(61)).is_err());
    let later = began + Duration::from_secs(100 * 3600);
    let kept: Vec<_> = (0..61).filter_map(|_| north.reserve(NO_GUESS, later).ok()).collect();
    assert_eq!(kept.len(), 60, "no more than an hour's");
}

#[test]
fn a_returned_reservation_costs_nothing_and_reservations_count_while_they_are_held() {
    let (misses, now) = (misses(2, 0), Instant::now());
    let north = misses.of(&provider("north-hr", "north")).unwrap();
    for _ in 0..1000 {
        north.reserve(NO_GUESS, now).unwrap().unwrap().give_back();
    }
    let parallel = [north.reserve(NO_GUESS, now).unwrap(), north.reserve(NO_GUESS, now).unwrap()];
    assert!(north.reserve(NO_GUESS, now).is_err(), "two are in progress");
    parallel.into_iter().flatten().for_each(Reservation::give_back);
    assert!(north.reserve(NO_GUESS, now).is_ok());
}

#[test]
fn clients_of_a_provider_share_a_budget_and_each_payer_has_its_own() {
    let (misses, now) = (misses(1, 1), Instant::now());
    let spends = |caller: &Caller| misses.of(caller).unwrap().reserve(NO_GUESS, now).is_ok();
    assert!(spends(&provider("north-hr", "north")));
    assert!(!spends(&provider("north-payroll", "north")), "another client of the same provider");
    assert!(spends(&provider("south-hr", "south")));
    assert!(spends(&caller("north", Role::Payer)), "a payer of that name");
    assert!(!spends(&caller("north", Role::Payer)) && spends(&caller("medicaid", Role::Payer)));
    let row = Caller { misses_per_hour: NonZeroU32::new(3), ..provider("north-hr", "north") };
    assert!(spends(&row), "its row allows more");
    for role in [Role::Registrar, Role::Certifier, Role::Auditor, Role::RegistrarAndCertifier] {
        assert!(misses.of(&caller("a", role)).is_none());
    }
    let unlimited = Misses::default().of(&provider("north-hr", "north")).unwrap();
    assert!((0..10_000).all(|_| unlimited.reserve(Some("a"), now).unwrap().is_none()));
}

#[test]
fn five_wrong_birth_dates_are_allowed_for_one_name_and_the_right_one_is_not_counted() {
    let (misses, now) = (misses(100, 0), Instant::now());
    let north = misses.of(&provider("north-hr", "north")).unwrap();
    for _ in 0..5 {
        north.reserve(Some("ada"), now).unwrap().unwrap().give_back();
        drop(north.reserve(Some("ada"), now).unwrap());
    }
    let TooManyMisses(wait) = north.reserve(Some("ada"), now).unwrap_err();
    assert_eq!(wait, Duration::from_secs(24 * 3600));
    assert!(north.reserve(NO_GUESS, now).is_ok() && north.reserve(Some("bea"), now).is_ok());
    let south = misses.of(&provider("south-hr", "south")).unwrap();
    assert!(south.reserve(Some("ada"), now).is_ok(), "another provider");
    let refused = (0..1000).filter(|_| north.reserve(Some("ada"), now).is_err()).count();
    let left = (0..200).filter(|_| north.reserve(NO_GUESS, now).is_ok()).count();
    assert_eq!((refused, left), (1000, 93), "a refusal is not counted: seven of a hundred are spent");
}
