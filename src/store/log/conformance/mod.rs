//! What every engine of the log must guarantee. To test a new one, implement `Rig` and add it to the list at the end.

mod rigs;

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;

use self::replicas::only_the_head_is_confirmed;
use self::rigs::{ASIDE, Failure, Files, Rig};
use super::memory::MemoryEngine;
use super::*;
use crate::store::record::{digest, sealed_at};

type Batch = Vec<Vec<u8>>;

fn batch(seed: u8, records: u8) -> Batch {
    static LAST_SECOND: AtomicI64 = AtomicI64::new(0);
    let second = LAST_SECOND.fetch_add(1, Ordering::Relaxed) + 1;
    (0..records).map(|at| sealed_at(second, vec![seed; usize::from(at) * 17 + 1])).collect()
}

/// Appends some batches. Returns their records.
fn append(log: &mut dyn Log, seeds: std::ops::Range<u8>) -> Batch {
    let batches: Vec<_> = seeds.map(|seed| batch(seed, seed % 4 + 1)).collect();
    for batch in &batches {
        let tips = log.append(&log.tip(), batch).unwrap();
        assert!(tips.len() == batch.len() && tips.last() == Some(&log.tip()));
    }
    batches.concat()
}

fn try_read(log: &dyn ReadLog) -> Result<Batch, ReadError> {
    let read: Vec<_> = log.read(Revision(1), Revision::LATEST).collect::<Result<_, _>>()?;
    assert!((1..).zip(&read).all(|(expected, (revision, _))| revision.0 == expected));
    Ok(read.into_iter().map(|(_, bytes)| bytes).collect())
}

fn read(log: &dyn ReadLog) -> Batch {
    try_read(log).unwrap()
}

/// The tips of a history, beginning before its first record.
fn tips(records: &Batch) -> Vec<Tip> {
    let mut tips = vec![Tip::ORIGIN];
    for record in records {
        tips.push(tips[tips.len() - 1].follow(&digest(record).unwrap()));
    }
    tips
}

/// The tip after each batch of a log.
fn batches(log: &dyn OfflineLog) -> Result<Vec<Tip>, ReadError> {
    let (mut chain, mut tips) = (None, Vec::new());
    for part in log.parts() {
        let mut batches = log.batches(part, chain)?;
        let mut bytes = 0;
        if tips.last().is_some_and(|tip: &Tip| tip.revision.next() != part.first) {
            return Err(batches.damaged("the part does not follow").into());
        }
        while let Some(whole) = batches.read()? {
            tips.extend(whole.frame.tip());
            bytes += whole.bytes.len() as u64;
            assert_eq!(batches.offset(), bytes);
        }
        chain = batches.chain();
    }
    Ok(tips)
}

fn a_new_log_is_empty(rig: &dyn Rig) {
    let engine = rig.engine();
    assert!(engine.holds_no_record().unwrap());
    assert_eq!(engine.published_head().unwrap(), None);
    let mut log = engine.open().unwrap();
    assert_eq!(log.tip(), Tip::ORIGIN);
    assert!(log.has_room() && engine.holds_no_record().unwrap());
    assert_eq!((log.reader().head(), read(&*log.reader())), (Revision::ZERO, Batch::new()));
    assert_eq!(log.reader().chain_at(Revision::ZERO).unwrap(), Some(Tip::ORIGIN.chain));
    assert_eq!(log.reader().chain_at(Revision(1)).unwrap(), None);
    assert_eq!(log.append(&Tip::ORIGIN, &[]).unwrap(), [], "an empty batch changes nothing");
    assert!(engine.holds_no_record().unwrap());
    append(&mut *log, 1..2);
    assert!(!engine.holds_no_record().unwrap());
}

fn appended_records_are_read_with_their_chain(rig: &dyn Rig) {
    let engine = rig.engine();
    let mut log = engine.open().unwrap();
    let reader = log.reader();
    let records = append(&mut *log, 0..20);
    let tips = tips(&records);
    assert_eq!((log.tip(), reader.head()), (tips[records.len()], tips[records.len()].revision));
    log.close();
    for log in [reader, Arc::from(engine.offline(Extent::Whole).unwrap() as Box<dyn ReadLog>)] {
        assert_eq!(read(&*log), records);
        for from in 0..=records.len() + 1 {
            let some = log.read(Revision(from as u64), Revision(40)).map(|read| read.unwrap().1);
            let expected = records.get(from.saturating_sub(1)..40).unwrap_or_default();
            assert!(some.eq(expected.iter().cloned()), "from {from}");
            let chain = tips.get(from).map(|tip| tip.chain);
            assert_eq!(log.chain_at(Revision(from as u64)).unwrap(), chain, "at {from}");
        }
        let again: Vec<_> = log.reread().map(|read| read.unwrap().1).collect();
        assert!(records.starts_with(&again) && !again.is_empty());
    }
    let offline = engine.offline(Extent::Whole).unwrap();
    let ends = batches(&*offline).unwrap();
    assert!(offline.parts().len() > 2 && ends.len() == 20);
    assert!(ends.iter().all(|tip| tips[usize::try_from(tip.revision.0).unwrap()] == *tip));
    assert_eq!(offline.bytes(), rig.frames().iter().map(|frame| frame.len() as u64).sum::<u64>());
    for (at, tip) in ends.iter().enumerate() {
        let part = engine.offline(Extent::UpTo(tip.revision)).unwrap();
        assert_eq!((part.head(), read(&*part).len() as u64), (tip.revision, tip.revision.0));
        assert_eq!(batches(&*part).unwrap(), ends[..=at], "nothing after it");
        let frames = rig.frames();
        assert_eq!(part.bytes(), frames[..=at].iter().map(|frame| frame.len() as u64).sum::<u64>());
    }
}

fn a_batch_for_another_history_is_refused(rig: &dyn Rig) {
    let mut log = rig.engine().open().unwrap();
    let records = append(&mut *log, 1..6);
    let (tip, frames) = (log.tip(), rig.frames());
    for after in tips(&records).into_iter().rev().skip(1) {
        let refused = log.append(&after, &batch(9, 1));
        assert!(matches!(refused, Err(AppendError::HeadMoved { head, .. }) if head == tip.revision), "{refused:?}");
    }
    let other = Tip { chain: [1; 32], ..tip };
    assert!(matches!(log.append(&other, &batch(9, 1)), Err(AppendError::Diverged { at }) if at == tip.revision));
    assert!(matches!(log.append(&tip, &[vec![0xff; 9]]), Err(AppendError::NotARecord(_))));
    assert_eq!((log.tip(), rig.frames(), read(&*log.reader())), (tip, frames, records));
}

fn a_refused_batch_is_absent_and_the_log_accepts_more(rig: &dyn Rig) {
    let engine = rig.engine();
    let mut log = engine.open().unwrap();
    let mut records = append(&mut *log, 1..4);
    for failure in [Failure::Refused, Failure::Full] {
        rig.fail(Some(failure));
        match (log.append(&log.tip(), &batch(8, 3)), failure) {
            (Err(AppendError::NotWritten(_)), Failure::Refused) | (Err(AppendError::DiskFull), Failure::Full) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(read(&*log.reader()), records);
        assert_eq!(log.has_room(), !matches!(failure, Failure::Full));
        rig.fail(None);
        assert!(log.has_room());
        records.extend(append(&mut *log, 4..6));
        assert_eq!(read(&*log.reader()), records);
    }
    drop(log);
    rig.restart();
    assert_eq!(read(&*engine.open().unwrap().reader()), records);
}

fn after_an_unknown_outcome_nothing_is_appended_and_the_batch_is_complete_or_absent(rig: &dyn Rig) {
    let engine = rig.engine();
    let mut records = Batch::new();
    let mut outcomes = [0; 2];
    for seed in 0..16 {
        let mut log = engine.open().unwrap();
        records.extend(append(&mut *log, seed..seed + 1));
        rig.fail(Some(Failure::OutcomeUnknown));
        let unknown = batch(99, seed % 3 + 1);
        assert!(matches!(log.append(&log.tip(), &unknown), Err(AppendError::OutcomeUnknown(_))));
        rig.fail(None);
        assert!(matches!(log.append(&log.tip(), &batch(7, 1)), Err(AppendError::OutcomeUnknown(_))), "no more");
        assert_eq!(read(&*log.reader()), records, "readers do not see the batch");
        drop(log);
        rig.restart();
        let log = engine.open().unwrap();
        let found = read(&*log.reader());
        let is_kept = found.len() > records.len();
        records.extend(if is_kept { unknown } else { Batch::new() });
        assert_eq!(found, records, "complete or absent");
        assert_eq!(log.tip(), tips(&records)[records.len()]);
        outcomes[usize::from(is_kept)] += 1;
    }
    assert!(outcomes.iter().all(|times| *times > 0), "{outcomes:?}");
}

fn acknowledged_records_survive_every_restart(rig: &dyn Rig) {
    let engine = rig.engine();
    let mut records = Batch::new();
    for seed in (0..40).step_by(4) {
        let mut log = engine.open().unwrap();
        assert_eq!((read(&*log.reader()), log.tip()), (records.clone(), tips(&records)[records.len()]));
        records.extend(append(&mut *log, seed..seed + 4));
        drop(log);
        rig.restart();
    }
    // Every second restart is a power failure, which keeps or drops unsynced data at random.
    for seed in 1..=16 {
        let mut log = engine.open().unwrap();
        records.extend(append(&mut *log, seed..seed + 1));
        log.close();
        drop(log);
        rig.restart();
        assert_eq!(engine.published_head().unwrap(), Some(Revision(records.len() as u64)), "durable after a close");
    }
}

fn a_reader_sees_complete_batches_while_others_are_appended(rig: &dyn Rig) {
    let mut log = rig.engine().open().unwrap();
    let reader = log.reader();
    let ends: Vec<u64> = (1..=60).map(|batch| batch * 3).collect();
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut seen = 0;
            while seen < 180 {
                let head = reader.head();
                assert!(head.0 >= seen && (head.0 == 0 || ends.contains(&head.0)));
                let read = reader.read(Revision(1), head).map(Result::unwrap).count() as u64;
                assert_eq!(read, head.0);
                seen = head.0;
            }
        });
        for seed in 0..60 {
            log.append(&log.tip(), &batch(seed, 3)).unwrap();
        }
        reading.join().unwrap();
    });
}

fn opening_detects_a_loss_of_acknowledged_records_and_changes_nothing(rig: &dyn Rig) {
    let engine = rig.engine();
    let records = append(&mut *engine.open().unwrap(), 1..12);
    let (frames, published) = (rig.frames(), Revision(records.len() as u64));
    assert_eq!(engine.published_head().unwrap(), Some(published));
    for left in [10, 7, 1] {
        rig.keep(&frames[..left]);
        let kept = rig.frames();
        match engine.open().err().unwrap() {
            OpenLogError::LostRecords { published: proved, head, .. } => {
                assert_eq!((proved, head), (published, engine.offline(Extent::Whole).unwrap().head()));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(rig.frames(), kept);
        assert!(engine.offline(Extent::UpTo(published)).is_err());
    }
}

fn a_flipped_bit_is_always_detected(rig: &dyn Rig) {
    let engine = rig.engine();
    let mut log = engine.open().unwrap();
    let records = append(&mut *log, 1..10);
    log.close();
    drop(log);
    let frames = rig.frames();
    for (at, frame) in frames.iter().enumerate() {
        for bit in (0..frame.len() * 8).step_by(41) {
            let mut flipped = frames.clone();
            flipped[at][bit / 8] ^= 1 << (bit % 8);
            rig.keep(&flipped);
            let read = match engine.open() {
                Ok(log) => try_read(&*log.reader()).map_err(|error| error.to_string()),
                Err(error) => Err(format!("{error:?}")),
            };
            assert!(read.is_err(), "bit {bit} of frame {at} of {}: {} records", frames.len(), records.len());
            let everything = engine.offline(Extent::Everything).unwrap();
            assert!(batches(&*everything).is_err(), "bit {bit} of frame {at} is detected in place");
        }
    }
    rig.keep(&frames);
    assert_eq!(read(&*engine.open().unwrap().reader()), records);
}

fn reading_works_again_when_the_storage_does(rig: &dyn Rig) {
    let engine = rig.engine();
    let mut log = engine.open().unwrap();
    let records = append(&mut *log, 1..8);
    let reader = log.reader();
    rig.fail(Some(Failure::Unreadable));
    assert!(matches!(try_read(&*reader), Err(ReadError::Disk { .. })));
    assert!(matches!(engine.offline(Extent::Whole).err(), Some(ReadError::Disk { .. })));
    rig.fail(None);
    assert_eq!(read(&*reader), records);
}

fn a_log_is_copied_from_another_one(rig: &dyn Rig, copy: &dyn Rig) {
    let records = append(&mut *rig.engine().open().unwrap(), 1..14);
    let (from, to) = (rig.engine().offline(Extent::Whole).unwrap(), copy.engine());
    let mut unfinished = to.new_draft().unwrap();
    unfinished.begin_part(Revision(1)).unwrap();
    unfinished.write(&rig.frames()[0]).unwrap();
    unfinished.begin_part(Revision(3)).unwrap();
    drop(unfinished);
    assert!(to.holds_no_record().unwrap(), "an unfinished copy does not count");
    let mut draft = to.new_draft().unwrap();
    for part in from.parts() {
        draft.begin_part(part.first).unwrap();
        let mut batches = from.batches(part, None).unwrap();
        while let Some(whole) = batches.read().unwrap() {
            draft.write(whole.bytes).unwrap();
        }
    }
    draft.finish().unwrap();
    copy.restart();
    let mut log = to.open().unwrap();
    assert_eq!((log.tip(), read(&*log.reader())), (tips(&records)[records.len()], records));
    append(&mut *log, 3..5);
    assert_eq!(batches(&*to.offline(Extent::Whole).unwrap()).unwrap().len(), 15);
}

fn the_end_of_a_damaged_log_is_replaced(rig: &dyn Rig) {
    let engine = rig.engine();
    let mut log = engine.open().unwrap();
    let records = append(&mut *log, 1..12);
    // The published head is durable now: a shorter log opens only after it is withdrawn.
    log.close();
    drop(log);
    let mut frames = rig.frames();
    let tip = batches(&*engine.offline(Extent::Whole).unwrap()).unwrap()[5];
    frames[6][30] ^= 1;
    rig.keep(&frames);
    let is_refused = || {
        let opened = engine.open().map_err(|error| format!("{error:?}"));
        opened.and_then(|log| try_read(&*log.reader()).map_err(|error| error.to_string())).is_err()
    };
    assert!(is_refused());
    let began = batch(77, 1);
    let (frame, ends) = frame::encode(&tip, &began).unwrap();
    let prepared = engine.prepare_end(tip.revision, &frame).unwrap();
    assert!(rig.frames() == frames && is_refused(), "nothing has changed");
    let prepared_again = engine.prepare_end(tip.revision, &frame).unwrap();
    drop(prepared);
    prepared_again.put_in_place(Path::new(ASIDE)).unwrap();
    engine.withdraw_published_head(Path::new(ASIDE)).unwrap();
    rig.restart();
    let log = engine.open().unwrap();
    let kept = &records[..usize::try_from(tip.revision.0).unwrap()];
    assert_eq!((log.tip(), read(&*log.reader())), (ends[0], [kept, &began].concat()));
    assert!(rig.set_aside() >= frames[6..].iter().map(Vec::len).sum());
}

fn a_log_in_the_current_form_is_not_upgraded(rig: &dyn Rig) {
    let engine = rig.engine();
    append(&mut *engine.open().unwrap(), 1..9);
    let frames = rig.frames();
    engine.upgrade(&mut |revision, _| panic!("revision {revision} is in the current form")).unwrap();
    assert_eq!(rig.frames(), frames);
}

/// Generates a test of each function for an engine.
macro_rules! tests {
    (@each $attributes:tt $engine:ty { $($test:ident),* }) => {$(tests! { @one $attributes $engine, $test })*};
    (@one [$(#[$attribute:meta])?] $engine:ty, $test:ident) => {
        #[test]
        $(#[$attribute])?
        fn $test() {
            super::$test(&<$engine>::new(1));
        }
    };
    ($(#[$attribute:meta])? $engine:ty { $($test:ident),* }) => {
        tests! { @each [$(#[$attribute])?] $engine { $($test),* } }
    };
}

/// Generates the tests of every function for each engine.
macro_rules! conform {
    ($($rig:ident: $engine:ty { $($test:ident),* })*) => {$(
        mod $rig {
            use super::*;
            tests!($engine { $($test),* });

            #[test]
            fn a_log_is_copied_from_another_one() {
                super::a_log_is_copied_from_another_one(&<$engine>::new(1), &<$engine>::new(2));
                super::a_log_is_copied_from_another_one(&<$engine>::new(1), &MemoryEngine::new(2));
                super::a_log_is_copied_from_another_one(&<$engine>::new(1), &Files::new(2));
            }
        }
    )*};
    ($($rig:ident: $engine:ty),*) => {
        conform! {$($rig: $engine {
            a_new_log_is_empty,
            appended_records_are_read_with_their_chain,
            a_batch_for_another_history_is_refused,
            only_the_head_is_confirmed,
            a_refused_batch_is_absent_and_the_log_accepts_more,
            after_an_unknown_outcome_nothing_is_appended_and_the_batch_is_complete_or_absent,
            acknowledged_records_survive_every_restart,
            a_reader_sees_complete_batches_while_others_are_appended,
            opening_detects_a_loss_of_acknowledged_records_and_changes_nothing,
            a_flipped_bit_is_always_detected,
            reading_works_again_when_the_storage_does,
            the_end_of_a_damaged_log_is_replaced,
            a_log_in_the_current_form_is_not_upgraded
        })*}
    };
}

conform!(files: Files, in_memory: MemoryEngine);

#[macro_use]
mod replicas;
mod postgresql;
mod restored;
