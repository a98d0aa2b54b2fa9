//! Tests: the vectors of RFC 6962 and C2SP, proofs of random sizes against the definition, and what is refused.

use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::*;
use crate::proof::keys::{PrivateKey, Purpose};

/// The hashes of some leaves.
struct Leaves(Vec<Hash>);

impl Nodes for Leaves {
    type Error = std::convert::Infallible;

    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error> {
        let (first, count) = (usize::try_from(index << level).unwrap(), 1 << level);
        Ok(perfect_root(&self.0[first..first + count]))
    }
}

fn of(hexadecimal: &str) -> Hash {
    let bytes = |at: usize| u8::from_str_radix(&hexadecimal[at..at + 2], 16).unwrap();
    (0..32).map(|at| bytes(2 * at)).collect::<Vec<_>>().try_into().unwrap()
}

/// The leaves of the vectors that come with RFC 6962's reference implementation.
fn known() -> Leaves {
    let data: [&[u8]; 8] = [
        b"",
        b"\0",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    Leaves(data.iter().map(|data| leaf_hash(data)).collect())
}

const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn roots_and_proofs_are_those_of_the_vectors_of_rfc_6962() {
    let leaves = known();
    for (size, expected) in (0..).zip(ROOTS) {
        assert_eq!(root(&leaves, size).unwrap(), of(expected), "{size}");
    }
    let inclusion = |index, size| inclusion_proof(&leaves, index, size).unwrap();
    let first = [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ];
    let sixth = [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[4],
    ];
    assert!(inclusion(0, 1).is_empty());
    assert_eq!(inclusion(0, 8), first.map(of));
    assert_eq!(inclusion(5, 8), sixth.map(of));
    assert_eq!(inclusion(2, 3), [ROOTS[2]].map(of));
    assert_eq!(inclusion(1, 5), [ROOTS[1], first[1], sixth[0]].map(of));
    let consistency = |first, second| consistency_proof(&leaves, first, second).unwrap();
    assert!(consistency(1, 1).is_empty());
    assert_eq!(consistency(1, 8), first.map(of));
    let of_six = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
    assert_eq!(consistency(6, 8), [of_six, sixth[1], sixth[2]].map(of));
    assert_eq!(consistency(2, 5), [first[1], sixth[0]].map(of));
}

#[test]
fn every_proof_verifies_and_none_of_another_tree_does() {
    let leaves = Leaves((0..300_u32).map(|at| leaf_hash(&at.to_be_bytes())).collect());
    let mut random = fastrand::Rng::with_seed(7);
    let mut edge = Edge::default();
    let roots: Vec<_> =
        std::iter::once(edge.root()).chain(leaves.0.iter().map(|leaf| pushed(&mut edge, *leaf))).collect();
    for _ in 0..3_000 {
        let second = random.u64(1..=300);
        let (first, index) = (random.u64(1..=second), random.u64(0..second));
        let at = |size: u64| roots[usize::try_from(size).unwrap()];
        assert_eq!(at(second), root(&leaves, second).unwrap());
        let leaf = leaves.0[usize::try_from(index).unwrap()];
        let proof = inclusion_proof(&leaves, index, second).unwrap();
        assert!(verify_inclusion(&leaf, index, second, &proof, &at(second)));
        assert!(!verify_inclusion(&at(0), index, second, &proof, &at(second)), "another record");
        assert!(!verify_inclusion(&leaf, index, second, &[&proof[..], &[leaf]].concat(), &at(second)), "too long");
        assert!(!verify_inclusion(&leaf, second, second, &proof, &at(second)), "beyond the tree");
        let proof = consistency_proof(&leaves, first, second).unwrap();
        assert!(verify_consistency((first, &at(first)), (second, &at(second)), &proof));
        assert!(!verify_consistency((first, &at(first - 1)), (second, &at(second)), &proof), "another earlier tree");
        assert!(!verify_consistency((first, &at(first)), (second, &at(second - 1)), &proof), "another later tree");
        if let Some((_, shorter)) = proof.split_last() {
            assert!(!verify_consistency((first, &at(first)), (second, &at(second)), shorter), "too short");
        }
    }
}

fn pushed(edge: &mut Edge, leaf: Hash) -> Hash {
    edge.push(leaf, |_, _| {});
    edge.root()
}

#[test]
fn an_edge_goes_on_from_the_hashes_of_the_tiles() {
    let (mut edge, mut levels) = (Edge::default(), vec![Vec::new(); 3]);
    for at in 0..70_000_u32 {
        edge.push(leaf_hash(&at.to_be_bytes()), |level, hash| levels[level as usize].push(*hash));
        if at % 6_999 == 0 || at == 65_535 {
            let between = |from: u64, to: u64| usize::try_from(from).unwrap()..usize::try_from(to).unwrap();
            let read = |level: u32, from, to| Ok::<_, ()>(levels[level as usize][between(from, to)].to_vec());
            assert_eq!(Edge::of(edge.size(), read).unwrap().root(), edge.root(), "{at}");
        }
    }
    assert_eq!(levels.iter().map(Vec::len).collect::<Vec<_>>(), [70_000, 273, 1]);
    assert_eq!(edge.unfinished(0).len(), 70_000 % 256);
}

#[test]
fn a_tile_has_one_path() {
    let tile = |level, index, width| Tile { level, index, width };
    for (path, expected) in [
        ("0/000", tile(0, 0, 256)),
        ("1/067.p/8", tile(1, 67, 8)),
        ("0/x001/x234/067", tile(0, 1_234_067, 256)),
        ("2/x001/000.p/255", tile(2, 1_000, 255)),
    ] {
        assert_eq!(Tile::at_path(path), Some(expected), "{path}");
        assert_eq!(expected.to_string(), path);
    }
    for path in [
        "",
        "0",
        "0/",
        "0/0",
        "0/0000",
        "00/000",
        "8/000",
        "0/x000/001",
        "0/001/002",
        "0/x001",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/08",
        "0/000.p/",
        "+0/000",
        "0/+01",
        "entries/000",
        "0/000/",
        "0/x99/000",
        "0/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert_eq!(Tile::at_path(path), None, "{path}");
    }
    assert!(tile(0, 1, 44).is_in(300) && !tile(0, 1, 45).is_in(300) && tile(1, 0, 1).is_in(300));
    assert!(!tile(1, 0, 2).is_in(300) && !tile(7, u64::MAX, 1).is_in(u64::MAX));
    let between: Vec<_> = Tile::between(0, 300, 600).map(|tile| tile.to_string()).collect();
    assert_eq!(between, ["0/001", "0/002.p/88"]);
    assert_eq!((Tile::between(0, 300, 300).count(), Tile::between(0, 0, 0).count()), (0, 0));
}

/// The example of the format, from the note package of Go's sumdb.
const EXAMPLE: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const EXAMPLE_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

#[test]
fn the_example_of_a_signed_note_verifies_and_a_changed_one_does_not() {
    let key = VerifierKey::read(EXAMPLE_KEY).unwrap();
    assert_eq!(key.to_string(), EXAMPLE_KEY);
    let note = Note::read(EXAMPLE).unwrap();
    assert_eq!(note.to_string(), EXAMPLE);
    assert_eq!(note.verify(&key), Ok(()));
    let changed = Note::read(&EXAMPLE.replace("problem,", "problem;")).unwrap();
    assert_eq!(changed.verify(&key), Err(NoteError::Signature));
    let renamed = VerifierKey { name: "another".to_owned(), ..key };
    assert_eq!(note.verify(&renamed), Err(NoteError::NotSigned));
    for key in
        ["", "a+b", "a b+c74f20a3+ARpc2Qc", &EXAMPLE_KEY.replace("c74f", "c74e"), &EXAMPLE_KEY.replace("+AR", "+Ag")]
    {
        assert_eq!(VerifierKey::read(key).unwrap_err(), NoteError::Key, "{key}");
    }
    for note in
        ["", "text\n", "text\n\n", "text\n\nno signature\n", "text\n\n\u{2014} a AAAA", "a\tb\n\n\u{2014} a AAAAAAAA\n"]
    {
        assert_eq!(Note::read(note).unwrap_err(), NoteError::Form, "{note:?}");
    }
}

#[test]
fn a_checkpoint_is_read_as_it_was_written_and_verified_by_its_key() {
    let id = |digit: char| format!("{0}-1111-4111-8111-{1}", digit.to_string().repeat(8), "a".repeat(12));
    let origin = Origin { registry: id('1'), epoch: id('2') };
    let fork = Fork { epoch: id('1'), revision: 40, root: [7; 32] };
    let checkpoint = Checkpoint { origin, size: 45, root: of(ROOTS[8]), forks: vec![fork], next_key: Some([8; 32]) };
    let text = checkpoint.to_string();
    assert_eq!(text.lines().nth(1), Some("45"));
    assert_eq!(Checkpoint::read(&text).unwrap(), checkpoint);
    let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
    let key = VerifierKey { name: checkpoint.origin.to_string(), key: pair.public_key().as_ref().try_into().unwrap() };
    let note = Note::signed(text.clone(), &key, pair.sign(text.as_bytes()).as_ref()).to_string();
    assert_eq!(Note::read(&note).unwrap().verify(&key), Ok(()));
    assert_eq!(VerifierKey::read(&key.to_string()).unwrap(), key);
    for (from, to) in
        [("\n45\n", "\n045\n"), ("\n45\n", "\n-1\n"), ("fork ", "dork "), (" 40 ", " 40  "), ("/epoch/", "/")]
    {
        assert_eq!(Checkpoint::read(&text.replacen(from, to, 1)).unwrap_err(), NoteError::Form, "{to:?}");
    }
    assert_eq!(Checkpoint::read(text.trim_end()).unwrap_err(), NoteError::Form);
}

#[test]
fn a_checkpoint_is_signed_by_its_key_alone_and_read_by_any_of_a_set() {
    let key =
        || PrivateKey::read(Purpose::Checkpoints, &PrivateKey::generate(Purpose::Checkpoints).unwrap(), 0).unwrap();
    let (signs, other) = (key(), key());
    let [public, of_other]: [[u8; 32]; 2] = [&signs, &other].map(|key| key.public().bytes().try_into().unwrap());
    let id = "11111111-1111-4111-8111-111111111111".to_owned();
    let origin = Origin { registry: id.clone(), epoch: id };
    let checkpoint = Checkpoint { origin, size: 3, root: [7; 32], forks: Vec::new(), next_key: None };
    let note = checkpoint.signed(&signs).unwrap();
    assert_eq!(Checkpoint::read_signed(&note, [of_other, public]), Ok(checkpoint.clone()));
    assert_eq!(Checkpoint::read_signed(&note, [of_other]), Err(NoteError::NotSigned));
    let forged = note.replacen("\n3\n", "\n4\n", 1);
    assert_eq!(Checkpoint::read_signed(&forged, [public, of_other]), Err(NoteError::Signature));
    assert_eq!(Checkpoint::read_signed(&checkpoint.to_string(), [public]), Err(NoteError::Form));
    let of_answers = PrivateKey::generate(Purpose::Answers).unwrap();
    let of_answers = PrivateKey::read(Purpose::Answers, &of_answers, 0).unwrap();
    assert!(checkpoint.signed(&of_answers).is_err());
}
