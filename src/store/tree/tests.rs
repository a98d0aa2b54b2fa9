//! Tests: the tree equals one that is computed by the definition, goes on after a restart, is built again after damage
//! and loss, follows a log whose end was replaced, and is built fast enough for a large registry.

use std::fs;
use std::time::Instant;

use tempfile::TempDir;

use super::*;
use crate::proof::tree::{
    Nodes, TILE_WIDTH, Tile, leaf_hash, perfect_root, root, verify_consistency, verify_inclusion,
};
use crate::store::log::{Digests, Records};

/// Something that a reader reads.
type Reading = fn(&TreeReader) -> Result<(), TreeError>;

/// A log of digests alone.
#[derive(Clone)]
struct DigestLog(Vec<Hash>);

impl DigestLog {
    fn of(count: u64) -> DigestLog {
        DigestLog((1..=count).map(|at| leaf_hash(&at.to_be_bytes())).collect())
    }

    /// The same up to a revision, and then other records.
    fn replaced_after(&self, kept: usize, count: usize) -> DigestLog {
        let other = (0..count).map(|at| leaf_hash(format!("other {at}").as_bytes()));
        DigestLog(self.0.iter().take(kept).copied().chain(other).collect())
    }

    fn root(&self, size: u64) -> Hash {
        let leaves: Vec<_> = self.0.iter().map(|digest| leaf_hash(digest)).collect();
        root(&Leaves(leaves), size).unwrap()
    }
}

struct Leaves(Vec<Hash>);

impl Nodes for Leaves {
    type Error = ();

    fn node(&self, level: u32, index: u64) -> Result<Hash, ()> {
        let first = usize::try_from(index << level).unwrap();
        Ok(perfect_root(&self.0[first..first + (1 << level)]))
    }
}

impl ReadLog for DigestLog {
    fn head(&self) -> Revision {
        Revision(self.0.len() as u64)
    }

    fn read(&self, _: Revision, _: Revision) -> Records {
        Box::new(std::iter::empty())
    }

    fn digests(&self, from: Revision, to: Revision) -> Digests {
        let between = |at: Revision| usize::try_from(at.0).unwrap();
        let digests = self.0[between(from) - 1..between(to.min(self.head()))].to_vec();
        Box::new(digests.into_iter().map(Ok))
    }

    fn chain_of(&self, revision: Revision) -> Result<Hash, ReadError> {
        let digests = self.0.iter().take(usize::try_from(revision.0).unwrap());
        Ok(digests.fold(Tip::ORIGIN, Tip::follow).chain)
    }
}

fn opened(directory: &TempDir, log: &DigestLog) -> TreeWriter {
    TreeWriter::open(&directory.path().join(DIRECTORY), log, log.head()).unwrap()
}

fn follow(tree: &mut TreeWriter, log: &DigestLog) {
    while !tree.follow(log, log.head()).unwrap() {}
}

fn built(directory: &TempDir, log: &DigestLog) -> TreeWriter {
    let mut tree = opened(directory, log);
    follow(&mut tree, log);
    tree
}

#[test]
fn proofs_and_tiles_lead_to_the_root_of_the_definition() {
    let (directory, log) = (TempDir::new().unwrap(), DigestLog::of(70_000));
    let tree = built(&directory, &log);
    assert_eq!(tree.root(), log.root(70_000));
    let (reader, mut random) = (tree.reader(), fastrand::Rng::with_seed(3));
    for _ in 0..200 {
        let second = random.u64(1..=70_000);
        let (first, index) = (random.u64(1..=second), random.u64(0..second));
        let Inclusion { leaf_hash: leaf, root, path } = reader.inclusion(index, second).unwrap();
        assert_eq!((leaf, root), (leaf_hash(&log.0[usize::try_from(index).unwrap()]), reader.root(second).unwrap()));
        assert!(verify_inclusion(&leaf, index, second, &path, &root));
        let Consistency { first_root, second_root, hashes } = reader.consistency(first, second).unwrap();
        assert_eq!((first_root, second_root), (reader.root(first).unwrap(), root));
        assert!(verify_consistency((first, &first_root), (second, &second_root), &hashes));
    }
    assert_eq!(reader.root(65_537).unwrap(), log.root(65_537));
    let leaves: Vec<u8> = log.0[256..512].iter().flat_map(|digest| leaf_hash(digest)).collect();
    assert_eq!(reader.tile(Tile { level: 0, index: 1, width: TILE_WIDTH }).unwrap(), leaves);
    assert_eq!(reader.tile(Tile { level: 0, index: 1, width: 3 }).unwrap(), leaves[..96], "of a full tile");
    let last = Tile { level: 0, index: 273, width: 70_000 % 256 };
    assert_eq!(reader.tile(last).unwrap().len(), 32 * 112);
    assert_eq!(reader.tile(Tile { level: 2, index: 0, width: 1 }).unwrap(), log.root(65_536));
    for beyond in [Tile { width: last.width + 1, ..last }, Tile { level: 2, index: 0, width: 2 }] {
        assert!(matches!(reader.tile(beyond), Err(TreeError::Beyond { size: 70_000 })), "{beyond}");
    }
    assert!(matches!(reader.inclusion(0, 70_001), Err(TreeError::Beyond { .. })));
}

#[test]
fn a_tree_goes_on_where_it_was_durable_and_is_the_same_when_it_is_built_again() {
    let (directory, log) = (TempDir::new().unwrap(), DigestLog::of(4_000));
    let first = DigestLog(log.0[..3_000].to_vec());
    let mut tree = built(&directory, &first);
    tree.save().unwrap();
    let log_to = |size: usize| DigestLog(log.0[..size].to_vec());
    follow(&mut tree, &log_to(3_500));
    drop(tree);
    // What was not durable is cut off, also where more than that is missing.
    let mut tree = opened(&directory, &log);
    assert_eq!((tree.size(), tree.root()), (3_000, log.root(3_000)));
    follow(&mut tree, &log);
    assert_eq!(tree.root(), log.root(4_000));
    tree.save().unwrap();
    fs::remove_dir_all(directory.path().join(DIRECTORY)).unwrap();
    assert_eq!(built(&directory, &log).root(), log.root(4_000));
}

#[test]
fn files_that_are_torn_or_damaged_are_not_trusted() {
    let (directory, log) = (TempDir::new().unwrap(), DigestLog::of(2_000));
    let mut tree = built(&directory, &log);
    tree.save().unwrap();
    drop(tree);
    assert!(equals_log(&directory.path().join(DIRECTORY), &log).unwrap());
    let level = |name: &str| directory.path().join(DIRECTORY).join(name);
    let whole: Vec<_> = ["0.hashes", "1.hashes", "marks"].map(|name| (name, fs::read(level(name)).unwrap())).into();
    for (name, bytes) in &whole {
        let mut torn = bytes.clone();
        torn.truncate(bytes.len() - 5);
        let mut changed = bytes.clone();
        *changed.last_mut().unwrap() ^= 1;
        for damaged in [torn, changed, Vec::new()] {
            fs::write(level(name), damaged).unwrap();
            let mut tree = opened(&directory, &log);
            assert_eq!(tree.size(), 0, "{name}: it begins again");
            follow(&mut tree, &log);
            assert_eq!(tree.root(), log.root(2_000));
            drop(tree);
            whole.iter().for_each(|(name, bytes)| fs::write(level(name), bytes).unwrap());
            assert_eq!(opened(&directory, &log).size(), 2_000, "{name}: whole again");
        }
    }
}

#[test]
fn damage_inside_is_noticed_by_who_reads_it_and_built_again() {
    let (directory, log) = (TempDir::new().unwrap(), DigestLog::of(2_000));
    let mut tree = built(&directory, &log);
    tree.save().unwrap();
    let name = directory.path().join(DIRECTORY).join("0.hashes");
    let flip = || {
        let mut bytes = fs::read(&name).unwrap();
        bytes[32 * 1_000] ^= 1;
        fs::write(&name, bytes).unwrap();
    };
    const TILE: Tile = Tile { level: 0, index: 3, width: TILE_WIDTH };
    let readings: [Reading; 3] = [
        |reader| reader.tile(TILE).map(drop),
        |reader| reader.inclusion(1_001, 2_000).map(drop),
        |reader| reader.consistency(1_001, 2_000).map(drop),
    ];
    for read in readings {
        flip();
        let reader = Arc::clone(tree.reader());
        let directory = directory.path().join(DIRECTORY);
        assert!(!equals_log(&directory, &log).unwrap() || tree.saved() == 0, "the check finds it");
        assert!(reader.tile(Tile { index: 4, ..TILE }).is_ok(), "the rest is right");
        assert!(matches!(read(&reader), Err(TreeError::Damaged)));
        follow(&mut tree, &log);
        assert_eq!(tree.root(), log.root(2_000));
        read(&reader).unwrap();
    }
}

#[test]
fn a_log_whose_end_was_replaced_cuts_the_tree_to_a_part_that_both_have() {
    let (directory, log) = (TempDir::new().unwrap(), DigestLog::of(6_000));
    let mut tree = opened(&directory, &log);
    for head in [1_000, 4_000, 5_000, 6_000] {
        while !tree.follow(&log, Revision(head)).unwrap() {}
        tree.save().unwrap();
    }
    drop(tree);
    for (kept, expected) in [(6_000, 6_000), (5_999, 5_000), (4_500, 4_000), (3_999, 1_000), (999, 0)] {
        let forked = log.replaced_after(kept, 4_500);
        let copy = TempDir::new().unwrap();
        for file in fs::read_dir(directory.path().join(DIRECTORY)).unwrap() {
            let to = copy.path().join(DIRECTORY);
            fs::create_dir_all(&to).unwrap();
            fs::copy(file.as_ref().unwrap().path(), to.join(file.unwrap().file_name())).unwrap();
        }
        let mut tree = opened(&copy, &forked);
        assert_eq!(tree.size(), expected, "{kept}");
        follow(&mut tree, &forked);
        assert_eq!(tree.root(), forked.root(forked.head().0), "{kept}");
    }
    let shorter = DigestLog(log.0[..4_500].to_vec());
    assert_eq!(opened(&directory, &shorter).size(), 4_000, "a copy that ends before the tree");
}

#[test]
fn marks_become_sparser_with_their_distance() {
    let directory = TempDir::new().unwrap();
    let mut marks = Marks::read(directory.path());
    for size in 1..=5_000 {
        marks.add(Mark { size, root: [1; 32], chain: [2; 32] }).unwrap();
    }
    let mut read = Marks::read(directory.path());
    let mut sizes = Vec::new();
    while let Some(mark) = read.last() {
        assert_eq!((mark.root, mark.chain), ([1; 32], [2; 32]));
        sizes.push(mark.size);
        read.pop();
    }
    assert_eq!(sizes.first(), Some(&5_000));
    assert!((8..=14).contains(&sizes.len()), "{sizes:?}");
    let gaps = sizes.windows(2).map(|pair| (5_000 - pair[1]) / (5_000 - pair[0]).max(1));
    assert!(gaps.skip(1).all(|ratio| ratio <= 4), "{sizes:?}");
}

/// A registry of 12 million records. `CPSS_TREE_RECORDS` sets another number.
#[test]
#[ignore = "measures, and takes a minute"]
fn a_tree_of_twelve_million_records_is_built_in_a_minute() {
    struct Synthetic(u64);
    impl ReadLog for Synthetic {
        fn head(&self) -> Revision {
            Revision(self.0)
        }
        fn read(&self, _: Revision, _: Revision) -> Records {
            Box::new(std::iter::empty())
        }
        fn digests(&self, from: Revision, to: Revision) -> Digests {
            let digest = |at: u64| {
                std::array::from_fn(|byte| {
                    at.rotate_left(11 * u32::try_from(byte % 6).unwrap_or(0)).to_be_bytes()[byte % 8]
                })
            };
            Box::new((from.0..=to.0).map(move |at| Ok(digest(at))))
        }
        fn chain_of(&self, _: Revision) -> Result<Hash, ReadError> {
            Ok([0; 32])
        }
    }
    let records = std::env::var("CPSS_TREE_RECORDS").ok().and_then(|text| text.parse().ok()).unwrap_or(12_000_000);
    let (directory, log) = (TempDir::new().unwrap(), Synthetic(records));
    let mut tree = TreeWriter::open(&directory.path().join(DIRECTORY), &log, log.head()).unwrap();
    let begun = Instant::now();
    while !tree.follow(&log, log.head()).unwrap() {}
    tree.save().unwrap();
    let took = begun.elapsed();
    eprintln!("{records} records in {:.1} s", took.as_secs_f64());
    assert!(took.as_secs() < 60 || cfg!(debug_assertions), "{took:?}");
}
