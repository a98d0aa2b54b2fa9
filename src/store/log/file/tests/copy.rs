//! A copy of a log that is elsewhere: it ends before what is damaged, and never refuses to open.

use super::*;

fn open_copy(disk: &SimulatedDisk) -> FileLog {
    let options = LogOptions { is_copy: true, ..options(600) };
    FileLog::open(Arc::new(disk.clone()), Path::new(DIRECTORY), options).unwrap()
}

/// Appends batches up to 30, as a replica reads them again. Returns all records.
fn fill(log: &mut FileLog, all: &[Batch]) -> Batch {
    let is_there = |after: &mut u64, batch: &Batch| {
        *after += batch.len() as u64;
        *after <= log.tip().revision.0
    };
    let known = all.iter().scan(0, |after, batch| Some(is_there(after, batch))).take_while(|known| *known).count();
    for batch in &all[known..] {
        log.append(&log.tip(), batch).unwrap();
    }
    all.concat()
}

fn batches() -> Vec<Batch> {
    (0..30).map(|seed| batch(seed, seed % 4 + 1)).collect()
}

#[test]
fn after_a_power_cut_the_copy_is_the_beginning_and_takes_the_rest() {
    let (all, mut shorter) = (batches(), 0);
    for seed in 0..times("CPSS_POWER_CUTS", 400) / 4 {
        let disk = SimulatedDisk::new(seed);
        fill(&mut open_copy(&disk), &all[..usize::try_from(seed % 30).unwrap() + 1]);
        disk.after_power_cut();
        let mut log = open_copy(&disk);
        let kept = contents(&log);
        assert!(all.concat().starts_with(&kept), "run {seed}");
        shorter += u64::from(kept.len() < all.concat().len());
        assert_eq!((fill(&mut log, &all), contents(&log)), (all.concat(), all.concat()), "run {seed}");
        log.close();
        disk.after_power_cut();
        assert_eq!(contents(&open_copy(&disk)), all.concat(), "what was closed is durable");
    }
    assert!(shorter > 10, "{shorter}");
}

#[test]
fn a_damaged_copy_ends_before_the_damage_and_later_segments_are_removed() {
    let all = batches();
    let disk = SimulatedDisk::new(1);
    let mut log = open_copy(&disk);
    fill(&mut log, &all);
    log.close();
    drop(log);
    let intact = disk.files();
    let segments: Vec<_> = intact.keys().filter(|path| path.extension().is_some_and(|kind| kind == "log")).collect();
    assert!(segments.len() > 4);
    for path in segments {
        let end = intact[path].len();
        for at in [0, 9, end - 1] {
            let mut bytes = intact[path].clone();
            bytes[at] ^= 1;
            disk.put(path, bytes);
            let mut log = open_copy(&disk);
            // Damage before the last frame of a closed segment is found by readers.
            if let Ok(kept) = try_contents(&log) {
                assert!(all.concat().starts_with(&kept) && kept.len() < all.concat().len());
                assert_eq!((fill(&mut log, &all), contents(&log)), (all.concat(), all.concat()));
                log.close();
            }
            drop(log);
            disk.files().keys().for_each(|path| disk.take_away(path));
            intact.iter().for_each(|(path, bytes)| disk.put(path, bytes.clone()));
        }
        disk.take_away(path);
        let mut log = open_copy(&disk);
        assert!(contents(&log).len() < all.concat().len());
        assert_eq!((fill(&mut log, &all), contents(&log)), (all.concat(), all.concat()), "a segment was lost");
        drop(log);
        disk.files().keys().for_each(|path| disk.take_away(path));
        intact.iter().for_each(|(path, bytes)| disk.put(path, bytes.clone()));
    }
}

#[test]
fn a_copy_takes_frames_below_the_reserve_of_the_disk_as_long_as_they_fit() {
    let disk = SimulatedDisk::new(1);
    let options =
        LogOptions { is_copy: true, reserve_bytes: 1_000, reserve_percent: 5, ahead_bytes: 500, ..options(600) };
    let mut log = FileLog::open(Arc::new(disk.clone()), Path::new(DIRECTORY), options).unwrap();
    disk.set_capacity(900);
    let mut kept = Batch::new();
    let refused = loop {
        assert!(!log.has_room(), "what is new is refused");
        match log.append(&log.tip(), &batch(1, 1)) {
            Ok(_) => kept.extend(batch(1, 1)),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AppendError::DiskFull), "{refused:?}");
    assert!(kept.len() > 4 && contents(&log) == kept, "{}", kept.len());
    disk.set_capacity(1 << 20);
    log.append(&log.tip(), &batch(2, 1)).unwrap();
    assert_eq!(contents(&log), [kept, batch(2, 1)].concat());
}
