//! A frame is replaced by one with the same digests, and only personal parts are replaced in it, by their hashes.

use sha2::{Digest as _, Sha256};
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use crate::database::{Append, Database, state};

/// The last field of a record: the personal part, or its hash.
enum Last<'a> {
    Part(&'a [u8]),
    Hash([u8; 32]),
}

/// A record with some fields before the last one.
fn record(public: &[u8], last: &Last<'_>) -> Vec<u8> {
    let before = [&[0x08, 2, 0x22, u8::try_from(public.len()).unwrap()], public].concat();
    match last {
        Last::Part(part) => {
            let length = u16::try_from(part.len()).unwrap();
            let length = [u8::try_from(length & 127).unwrap() | 128, u8::try_from(length >> 7).unwrap()];
            [&before, &[0x2a][..], &length, part].concat()
        }
        Last::Hash(hash) => [&before, &[0x32, 32][..], hash].concat(),
    }
}

/// A frame of records, each with a digest.
fn frame(first: u64, records: &[(&[u8], u8)]) -> Vec<u8> {
    let header = [&[0; 8][..], &first.to_le_bytes(), &1_u32.to_le_bytes(), &[1; 32], &[2; 32]].concat();
    let records = records.iter().flat_map(|(record, digest)| {
        [&u32::try_from(record.len()).unwrap().to_le_bytes()[..], &[*digest; 32], record].concat()
    });
    header.into_iter().chain(records).collect()
}

async fn is_redacted(client: &Client, before: &[u8], after: &[u8]) -> bool {
    let asked = client.query_one("SELECT cpss_registry.is_redacted_frame($1, $2)", &[&before, &after]).await;
    asked.unwrap().get(0)
}

#[tokio::test]
async fn only_personal_parts_are_replaced_and_by_their_hashes() {
    let database = Database::shared().await;
    let owner = database.owner().await;
    let part = [&[9; 16][..], b"Quillon Example-Stone"].concat();
    let hash = Sha256::digest(&part).into();
    let (full, other) = (record(b"public", &Last::Part(&part)), record(b"other", &Last::Part(&part)));
    let redacted = record(b"public", &Last::Hash(hash));
    let before = frame(1, &[(&other, 7), (&full, 8)]);
    let good = frame(1, &[(&other, 7), (&redacted, 8)]);
    assert!(is_redacted(&owner, &before, &before).await && is_redacted(&owner, &before, &good).await);
    assert!(!is_redacted(&owner, &good, &before).await, "what was removed does not come back");
    let wrong_hash = record(b"public", &Last::Hash([1; 32]));
    let other_public = record(b"Public", &Last::Hash(hash));
    let other_part = record(b"public", &Last::Part(b"another part of a record"));
    let long = [&good[..], &[0]].concat();
    for (what, after) in [
        ("another revision", frame(2, &[(&other, 7), (&redacted, 8)])),
        ("another digest", frame(1, &[(&other, 7), (&redacted, 9)])),
        ("another hash", frame(1, &[(&other, 7), (&wrong_hash, 8)])),
        ("another public part", frame(1, &[(&other, 7), (&other_public, 8)])),
        ("another personal part", frame(1, &[(&other, 7), (&other_part, 8)])),
        ("a record less", frame(1, &[(&other, 7)])),
        ("a record more", frame(1, &[(&other, 7), (&redacted, 8), (&full, 9)])),
        ("a byte more", long.clone()),
        ("a byte less", good[..good.len() - 1].to_vec()),
        ("nothing", Vec::new()),
    ] {
        assert!(!is_redacted(&owner, &before, &after).await, "{what}");
    }
    for cut in 0..good.len() {
        assert!(!is_redacted(&owner, &before, &good[..cut]).await, "{cut} bytes");
    }
}

#[tokio::test]
async fn the_owner_alone_replaces_a_frame() {
    let database = Database::shared().await;
    let replica = database.writing_replica("a").await;
    let part = [&[9; 16][..], b"Quillon Example-Stone"].concat();
    let full = frame(1, &[(&record(b"public", &Last::Part(&part)), 8)]);
    let redacted = frame(1, &[(&record(b"public", &Last::Hash(Sha256::digest(&part).into())), 8)]);
    let Append { after, tip, turn, first_at, last_at } = replica.next_append().await;
    let values: [&(dyn ToSql + Sync); 8] =
        [&after.0, &&after.1[..], &tip.0, &&tip.1[..], &turn, &first_at, &last_at, &full];
    let append = "SELECT cpss_registry.append($1, $2, $3, $4, $5, $6, $7, $8)";
    assert!(replica.client.query_one(append, &values).await.unwrap().get::<_, bool>(0));
    let owner = database.owner().await;
    let replace = async |client: &Client, frame: &[u8]| {
        let done = client.query_one("SELECT cpss_registry.redact(1, $1)", &[&frame]).await;
        done.map(|row| row.get::<_, bool>(0))
    };
    assert_eq!(state(&replace(&replica.client, &redacted).await), Some("42501"));
    let other = frame(1, &[(&record(b"public", &Last::Hash([1; 32])), 8)]);
    assert_eq!(state(&replace(&owner, &other).await), Some("23001"));
    assert!(replace(&owner, &redacted).await.unwrap());
    assert!(!replace(&owner, &redacted).await.unwrap(), "it is replaced already");
    assert_eq!(state(&replace(&owner, &full).await), Some("23001"), "what was removed does not come back");
}
