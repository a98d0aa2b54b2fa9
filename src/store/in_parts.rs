//! Work on many items, on all cores.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::priority::{BELOW_NORMAL, lower_priority};

/// The number of items in a part. Fewer items are not worth a thread.
const AT_ONCE: usize = 64;

/// Calls `each` with each part of the items, on all cores if there are several parts. Returns the results in the order
/// of the parts, or an error, after which no part is begun. The threads that help run at low priority, so that
/// questions do not wait for them.
pub fn in_parts<I: Sync, T: Send, E: Send>(
    items: &[I],
    each: impl Fn(&[I]) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    if items.len() <= AT_ONCE {
        return if items.is_empty() { Ok(Vec::new()) } else { Ok(vec![each(items)?]) };
    }
    let parts: Vec<&[I]> = items.chunks(AT_ONCE).collect();
    let helpers = thread::available_parallelism().map_or(1, usize::from).min(parts.len()) - 1;
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = parts.get(at) else { return done };
            let result = each(part);
            if result.is_err() {
                next.store(parts.len(), Ordering::Relaxed);
            }
            done.push((at, result));
        }
    };
    let mut done = thread::scope(|scope| {
        let help = || {
            lower_priority(BELOW_NORMAL);
            work()
        };
        // Without a thread, the others do its work.
        let name = |at| thread::Builder::new().name(format!("parts-{at}"));
        let helpers: Vec<_> = (0..helpers).filter_map(|at| name(at).spawn_scoped(scope, help).ok()).collect();
        let mut done = work();
        for helper in helpers {
            done.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_item_is_worked_on_once_and_in_order() {
        for items in [0, 1, AT_ONCE, AT_ONCE + 1, 50 * AT_ONCE - 1] {
            let items: Vec<usize> = (0..items).collect();
            let parts = in_parts(&items, |part| Ok::<_, ()>(part.to_vec())).unwrap();
            assert_eq!(parts.len(), items.len().div_ceil(AT_ONCE));
            assert_eq!(parts.concat(), items);
        }
    }

    #[test]
    fn several_threads_work_if_there_are_several_cores() {
        let threads = Mutex::new(HashSet::new());
        let items = vec![(); 40 * AT_ONCE];
        in_parts(&items, |_| {
            threads.lock().unwrap().insert(thread::current().id());
            thread::sleep(Duration::from_millis(5));
            Ok::<_, ()>(())
        })
        .unwrap();
        let has_several = thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        assert_eq!(threads.lock().unwrap().len() > 1, has_several);
    }

    #[test]
    fn nothing_is_begun_after_an_error_and_a_panic_goes_on() {
        let items: Vec<usize> = (0..1_000 * AT_ONCE).collect();
        let begun = AtomicUsize::new(0);
        let fails = |part: &[usize]| {
            begun.fetch_add(1, Ordering::Relaxed);
            if part.contains(&(5 * AT_ONCE)) { Err("as intended") } else { Ok(()) }
        };
        assert_eq!(in_parts(&items, fails), Err("as intended"));
        assert!(begun.into_inner() < 1_000);
        let panics = |part: &[usize]| {
            assert!(!part.contains(&(5 * AT_ONCE)), "as intended");
            Ok::<_, ()>(())
        };
        assert!(std::panic::catch_unwind(|| in_parts(&items, panics)).is_err());
    }
}
