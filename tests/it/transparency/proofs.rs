//! Proofs, checkpoints and tiles of a server.

use std::fs;

use cpss_registry::proof::tree::{Hash, leaf_hash, perfect_root, verify_consistency, verify_inclusion};
use cpss_registry::proto::v1;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tonic::Code;

use super::{checkpoint_of_the_head, hash, register, verified};
use crate::browser::exchange::send;
use crate::harness::http1::{received, request};
use crate::harness::{Client, Process, Refusal as _, TODAY, TestServer, until};

#[tokio::test]
async fn every_record_is_proven_and_what_is_beyond_the_log_is_refused() {
    let server = TestServer::start(TODAY).await;
    let client = server.client().calling_as("payer");
    register(&server.client(), &["Example-Reed", "Example-Vale", "Example-Stone"]).await;
    let earlier = verified(&client, &checkpoint_of_the_head(&server.client()).await).await;
    register(&server.client(), &["Example-Field", "Example-Brook"]).await;
    let latest = verified(&client, &checkpoint_of_the_head(&server.client()).await).await;
    assert_eq!((latest.size, latest.forks.len()), (server.client().head().await, 0));
    assert!(latest.origin.registry == latest.origin.epoch && earlier.size == latest.size - 2);
    for size in [earlier.size, latest.size] {
        let root = if size == latest.size { latest.root } else { earlier.root };
        for revision in 1..=size {
            let proof = client.ask(v1::GetInclusionProofRequest { revision, tree_size: size }).await;
            assert_eq!((proof.leaf_index, proof.tree_size, hash(&proof.root_hash)), (revision - 1, size, root));
            let path: Vec<_> = proof.hashes.iter().map(|bytes| hash(bytes)).collect();
            assert!(verify_inclusion(&leaf_hash(&proof.leaf), revision - 1, size, &path, &root), "{revision}");
            assert_eq!(proof.checkpoint.is_empty(), size != latest.size);
        }
    }
    let sizes = v1::GetConsistencyProofRequest { first_size: earlier.size, second_size: 0 };
    let proof = client.ask(sizes).await;
    let hashes: Vec<_> = proof.hashes.iter().map(|bytes| hash(bytes)).collect();
    assert!(verify_consistency((earlier.size, &earlier.root), (latest.size, &latest.root), &hashes));
    refuses(&client, latest.size).await;
    let held = (latest.size, latest.root);
    let server = server.restart(TODAY).await;
    let again = verified(&server.client(), &checkpoint_of_the_head(&server.client()).await).await;
    assert_eq!((again.size, again.root), held, "the same after a restart");
    let data = server.stop().await;
    fs::remove_dir_all(data.path().join("tree")).unwrap();
    let server = TestServer::start_on(data, TODAY).await;
    let again = verified(&server.client(), &checkpoint_of_the_head(&server.client()).await).await;
    assert_eq!((again.size, again.root), held, "the same when it is built again");
    server.stop().await;
}

#[tokio::test]
async fn a_tree_that_cannot_be_made_durable_is_reported_and_checkpoints_go_on() {
    let data = tempfile::tempdir().unwrap();
    let (process, client) = Process::start(data.path(), TODAY);
    register(&client, &["Example-Reed"]).await;
    checkpoint_of_the_head(&client).await;
    fs::create_dir_all(data.path().join("tree/marks/in-the-way")).unwrap();
    process.terminate();
    let (status, said) = process.wait();
    assert!(status.success() && said.contains("tree_not_saved"), "{status}: {said}");
    assert!(!said.contains("checkpoint_not_signed"), "{said}");
}

async fn refuses(client: &Client, head: u64) {
    let inclusion = |revision, tree_size| v1::GetInclusionProofRequest { revision, tree_size };
    let consistency = |first_size, second_size| v1::GetConsistencyProofRequest { first_size, second_size };
    for (refused, code, field) in [
        (client.refusal(inclusion(0, 0)).await, Code::InvalidArgument, "revision"),
        (client.refusal(inclusion(3, 2)).await, Code::InvalidArgument, "revision"),
        (client.refusal(inclusion(head + 1, 0)).await, Code::OutOfRange, "revision"),
        (client.refusal(inclusion(1, head + 1)).await, Code::OutOfRange, "tree_size"),
        (client.refusal(inclusion(u64::MAX, 0)).await, Code::OutOfRange, "revision"),
        (client.refusal(consistency(0, 2)).await, Code::InvalidArgument, "first_size"),
        (client.refusal(consistency(3, 2)).await, Code::InvalidArgument, "first_size"),
        (client.refusal(consistency(1, head + 1)).await, Code::OutOfRange, "second_size"),
    ] {
        assert_eq!(refused.code(), code, "{}", refused.message());
        assert!(refused.message().contains(field) && !refused.reason().is_empty(), "{}", refused.message());
    }
}

#[tokio::test]
async fn anyone_may_read_checkpoint_keys_and_tiles_over_http() {
    let server = TestServer::start(TODAY).await;
    let note = checkpoint_of_the_head(&server.client()).await;
    let size = verified(&server.client(), &note).await.size;
    let get = async |path: &str| send(&server, "GET", path, &[], "").await;
    let checkpoint = get("/log/checkpoint").await;
    assert_eq!((checkpoint.status, checkpoint.body.as_str()), (200, &*note));
    assert_eq!(checkpoint.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(checkpoint.header("cache-control"), Some("no-cache"));
    let keys = get("/.well-known/jwks.json").await;
    assert_eq!(keys.body, server.client().ask(v1::GetSigningKeysRequest::default()).await.jwks);
    assert_eq!((keys.status, keys.header("content-type")), (200, Some("application/jwk-set+json")));
    let tile = bytes_of(&server, &format!("/log/tile/0/000.p/{size}")).await;
    assert!(tile.0.starts_with("HTTP/1.1 200") && tile.1.len() as u64 == 32 * size, "{}", tile.0);
    assert!(tile.0.contains("cache-control: no-cache"), "a partial tile: {}", tile.0);
    for absent in ["/log/tile/0/000", "/log/tile/0/000.p/256", "/log/tile/0/1", "/log/tile/", "/log/tile/entries/000"] {
        assert_eq!(get(absent).await.status, 404, "{absent}");
    }
    assert_eq!(get(&format!("/log/tile/0/000.p/{}", size + 1)).await.status, 404);
    assert_eq!(send(&server, "POST", "/log/checkpoint", &[], "").await.status, 405);
    server.stop().await;
}

#[tokio::test]
async fn a_full_tile_has_the_hashes_of_256_records_and_may_be_kept() {
    let server = TestServer::start(TODAY).await;
    let client = server.client();
    let names: Vec<_> = (0..256).map(|at| format!("Example-{at}")).collect();
    register(&client, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    checkpoint_of_the_head(&client).await;
    let tile = bytes_of(&server, "/log/tile/0/000").await;
    let hashes: &[Hash] = tile.1.as_chunks().0;
    assert_eq!(hashes.len(), 256);
    assert!(tile.0.contains("cache-control: public, max-age=31536000, immutable"), "{}", tile.0);
    assert!(tile.0.contains("content-type: application/octet-stream"), "{}", tile.0);
    let proof = client.ask(v1::GetInclusionProofRequest { revision: 7, tree_size: 256 }).await;
    assert_eq!((hashes[6], perfect_root(hashes)), (leaf_hash(&proof.leaf), hash(&proof.root_hash)));
    assert_eq!(bytes_of(&server, "/log/tile/1/000.p/1").await.1, perfect_root(hashes));
    assert_eq!(bytes_of(&server, "/log/tile/0/000.p/9").await.1, tile.1[..9 * 32]);
    // What a reader finds damaged is built again, and what was signed stays as it is.
    let before = verified(&client, &checkpoint_of_the_head(&client).await).await;
    let path = server.data_dir().join("tree/0.hashes");
    let mut bytes = fs::read(&path).unwrap();
    bytes[40] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(bytes_of(&server, "/log/tile/0/000").await.0.starts_with("HTTP/1.1 503"));
    until("the tree is built again", async || bytes_of(&server, "/log/tile/0/000").await == tile).await;
    assert_eq!(verified(&client, &checkpoint_of_the_head(&client).await).await, before);
    server.stop().await;
}

/// The head, in lower case but for its first line, and the body of an answer.
async fn bytes_of(server: &TestServer, path: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(server.http()).await.unwrap();
    let request = request("GET", path, &server.http().to_string(), &[], "");
    stream.write_all(request.as_bytes()).await.unwrap();
    let (received, _) = received(stream).await;
    let end = received.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(received[..end].to_vec()).unwrap();
    let head: Vec<_> = head.lines().filter(|line| !line.to_lowercase().starts_with("date")).collect();
    (head.join("\n"), received[end + 4..].to_vec())
}
