//! What every engine of the log promises, tested over each of them. A new engine gets a rig here, and its name in the
//! list at the end.

mod rigs;

use std::path::Path;
use std::thread;

use self::rigs::{ASIDE, Failure, Files, Rig};
use super::memory::MemoryEngine;
use super::*;
use crate::store::record::{digest, sealed};

type Batch = Vec<Vec<u8>>;

fn batch(seed: u8, records: u8) -> Batch {
    (0..records).map(|at| sealed(vec![seed; usize::from(at) * 17 + 1])).collect()
}

/// Appends some batches, and gives the records.
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

/// The tips of a history, from before its first record on.
fn tips(records: &Batch) -> Vec<Tip> {
    let mut tips = vec![Tip::ORIGIN];
    for record in records {
        tips.push(tips[tips.len() - 1].follow(&digest(record).unwrap()));
    }
    tips
}

/// Every batch of a log, as far as it can be read: the tip behind each.
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

fn a_log_begins_empty(rig: &dyn Rig) {
    let engine = rig.engine();
    assert!(engine.holds_no_record().unwrap());
    assert_eq!(engine.published_head().unwrap(), None);
    let mut log = engine.open().unwrap();
    assert_eq!(log.tip(), Tip::ORIGIN);
    assert!(log.has_room() && engine.holds_no_record().unwrap());
    assert_eq!((log.reader().head(), read(&*log.reader())), (Revision::ZERO, Batch::new()));
    assert_eq!(log.reader().chain_at(Revision::ZERO).unwrap(), Some(Tip::ORIGIN.chain));
    assert_eq!(log.reader().chain_at(Revision(1)).unwrap(), None);
    assert_eq!(log.append(&Tip::ORIGIN, &[]).unwrap(), [], "a batch of nothing changes nothing");
    assert!(engine.holds_no_record().unwrap());
    append(&mut *log, 1..2);
    assert!(!engine.holds_no_record().unwrap());
}

fn what_was_appended_is_read_and_chained(rig: &dyn Rig) {
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
        assert_eq!(batches(&*part).unwrap(), ends[..=at], "nothing behind it");
        let frames = rig.frames();
        assert_eq!(part.bytes(), frames[..=at].iter().map(|frame| frame.len() as u64).sum::<u64>());
    }
}

fn a_batch_on_another_history_is_refused(rig: &dyn Rig) {
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

fn what_is_refused_is_not_there_and_the_log_goes_on(rig: &dyn Rig) {
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

fn what_is_in_doubt_ends_the_writing_and_is_whole_or_absent_after_a_restart(rig: &dyn Rig) {
    let engine = rig.engine();
    let mut records = Batch::new();
    let mut outcomes = [0; 2];
    for seed in 0..16 {
        let mut log = engine.open().unwrap();
        records.extend(append(&mut *log, seed..seed + 1));
        rig.fail(Some(Failure::InDoubt));
        let doubtful = batch(99, seed % 3 + 1);
        assert!(matches!(log.append(&log.tip(), &doubtful), Err(AppendError::OutcomeUnknown(_))));
        rig.fail(None);
        assert!(matches!(log.append(&log.tip(), &batch(7, 1)), Err(AppendError::OutcomeUnknown(_))), "no more");
        assert_eq!(read(&*log.reader()), records, "what is in doubt is not shown");
        drop(log);
        rig.restart();
        let log = engine.open().unwrap();
        let found = read(&*log.reader());
        let is_kept = found.len() > records.len();
        records.extend(if is_kept { doubtful } else { Batch::new() });
        assert_eq!(found, records, "whole or absent");
        assert_eq!(log.tip(), tips(&records)[records.len()]);
        outcomes[usize::from(is_kept)] += 1;
    }
    assert!(outcomes.iter().all(|times| *times > 0), "{outcomes:?}");
}

fn what_was_acknowledged_survives_every_restart(rig: &dyn Rig) {
    let engine = rig.engine();
    let mut records = Batch::new();
    for seed in (0..40).step_by(4) {
        let mut log = engine.open().unwrap();
        assert_eq!((read(&*log.reader()), log.tip()), (records.clone(), tips(&records)[records.len()]));
        records.extend(append(&mut *log, seed..seed + 4));
        drop(log);
        rig.restart();
    }
    // Every second one is a power cut, which keeps by chance what was not synced.
    for seed in 1..=16 {
        let mut log = engine.open().unwrap();
        records.extend(append(&mut *log, seed..seed + 1));
        log.close();
        drop(log);
        rig.restart();
        assert_eq!(engine.published_head().unwrap(), Some(Revision(records.len() as u64)), "durable once it is closed");
    }
}

fn a_reader_sees_whole_batches_while_others_are_appended(rig: &dyn Rig) {
    let mut log = rig.engine().open().unwrap();
    let reader = log.reader();
    let ends: Vec<u64> = (1..=60).map(|batch| batch * 3).collect();
    thread::scope(|scope| {
        let looking = scope.spawn(|| {
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
        looking.join().unwrap();
    });
}

fn a_loss_of_acknowledged_records_is_seen_at_open_and_touches_nothing(rig: &dyn Rig) {
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

fn a_flipped_bit_is_never_taken_for_a_record(rig: &dyn Rig) {
    let engine = rig.engine();
    let mut log = engine.open().unwrap();
    let records = append(&mut *log, 1..10);
    log.close();
    drop(log);
    let frames = rig.frames();
    for (at, frame) in frames.iter().enumerate() {
        for bit in (0..frame.len() * 8).step_by(41) {
            let mut bent = frames.clone();
            bent[at][bit / 8] ^= 1 << (bit % 8);
            rig.keep(&bent);
            let seen = match engine.open() {
                Ok(log) => try_read(&*log.reader()).map_err(|error| error.to_string()),
                Err(error) => Err(format!("{error:?}")),
            };
            assert!(seen.is_err(), "bit {bit} of frame {at} of {}: {} records", frames.len(), records.len());
            let everything = engine.offline(Extent::Everything).unwrap();
            assert!(batches(&*everything).is_err(), "bit {bit} of frame {at} is found in place");
        }
    }
    rig.keep(&frames);
    assert_eq!(read(&*engine.open().unwrap().reader()), records);
}

fn what_cannot_be_read_now_can_be_read_later(rig: &dyn Rig) {
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

fn a_log_is_filled_from_another_one(rig: &dyn Rig, copy: &dyn Rig) {
    let records = append(&mut *rig.engine().open().unwrap(), 1..14);
    let (from, to) = (rig.engine().offline(Extent::Whole).unwrap(), copy.engine());
    let mut unfinished = to.fill().unwrap();
    unfinished.begin_part(Revision(1)).unwrap();
    unfinished.write(&rig.frames()[0]).unwrap();
    unfinished.begin_part(Revision(3)).unwrap();
    drop(unfinished);
    assert!(to.holds_no_record().unwrap(), "nothing counts before it is finished");
    let mut draft = to.fill().unwrap();
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

fn another_end_takes_the_place_of_one_that_was_lost(rig: &dyn Rig) {
    let engine = rig.engine();
    let mut log = engine.open().unwrap();
    let records = append(&mut *log, 1..12);
    // The published head is durable from here on: only its withdrawal lets a shorter log be opened.
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

/// Makes a test of each function, for each rig.
macro_rules! conform {
    ($($rig:ident: $engine:ty { $($test:ident),* })*) => {$(
        mod $rig {
            use super::*;
            $(#[test]
            fn $test() {
                super::$test(&<$engine>::new(1));
            })*

            #[test]
            fn a_log_is_filled_from_another_one() {
                super::a_log_is_filled_from_another_one(&<$engine>::new(1), &<$engine>::new(2));
                super::a_log_is_filled_from_another_one(&<$engine>::new(1), &MemoryEngine::new(2));
                super::a_log_is_filled_from_another_one(&<$engine>::new(1), &Files::new(2));
            }
        }
    )*};
    ($($rig:ident: $engine:ty),*) => {
        conform! {$($rig: $engine {
            a_log_begins_empty,
            what_was_appended_is_read_and_chained,
            a_batch_on_another_history_is_refused,
            what_is_refused_is_not_there_and_the_log_goes_on,
            what_is_in_doubt_ends_the_writing_and_is_whole_or_absent_after_a_restart,
            what_was_acknowledged_survives_every_restart,
            a_reader_sees_whole_batches_while_others_are_appended,
            a_loss_of_acknowledged_records_is_seen_at_open_and_touches_nothing,
            a_flipped_bit_is_never_taken_for_a_record,
            what_cannot_be_read_now_can_be_read_later,
            another_end_takes_the_place_of_one_that_was_lost,
            a_log_in_the_current_form_is_not_upgraded
        })*}
    };
}

conform!(files: Files, in_memory: MemoryEngine);

/// Two writers of one log: the one that decided on an earlier head decides again.
#[test]
fn of_two_writers_of_one_log_the_later_one_is_refused() {
    let engine = MemoryEngine::default();
    let [mut ours, mut theirs] = [engine.open().unwrap(), engine.open().unwrap()];
    let decided_on = ours.tip();
    append(&mut *theirs, 2..3);
    assert!(matches!(ours.append(&decided_on, &batch(1, 1)), Err(AppendError::HeadMoved { head: Revision(3), .. })));
    ours.append(&theirs.tip(), &batch(1, 1)).unwrap();
    assert_eq!(theirs.reader().head(), Revision(4));
}
