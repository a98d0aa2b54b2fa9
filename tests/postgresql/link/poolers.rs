//! Sessions through a pooler: one of its own for each replica, or none at all.

use super::*;
use crate::server::pooler::Pooler;

fn through(pooler: &Pooler) -> SharedLog {
    let url = format!("postgresql://{EAST}@{HOST}:{}/{DATABASE}", pooler.port());
    shared(Settings::parse(&url, password(), None, EAST, Durability::Storage, PATIENCE).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_pools_sessions_is_used() {
    let server = Server::start();
    install(&server).await;
    let pooler = Pooler::start(&server, EAST, "session");
    let (mut session, barrier) = open(PostgresDatabase::new(Arc::new(through(&pooler)))).await;
    let appended = blocking(move || append(&mut *session, barrier.head.turn, Tip::ORIGIN)).await;
    assert!(appended.unwrap());
    // The pooler lends the server again to the sessions that come later.
    for _ in 0..3 {
        through(&pooler).settings.connect(clock::now).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_pools_transactions_is_refused() {
    let server = Server::start();
    install(&server).await;
    let pooler = Pooler::start(&server, EAST, "transaction");
    let first = through(&pooler).settings.connect(clock::now).await;
    let second = through(&pooler).settings.connect(clock::now).await;
    let refused = second.err().unwrap();
    assert!(refused.is_refusal() && refused.to_string().contains("pool_mode = session"), "{refused}");
    drop(first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_statement_that_is_gone_says_that_sessions_are_not_pooled() {
    let server = Server::start();
    install(&server).await;
    let link = settings(&[&server], Durability::Storage, PATIENCE).connect(clock::now).await.unwrap();
    let prepared = link.client.prepare("SELECT 1").await.unwrap();
    link.client.batch_execute("DEALLOCATE ALL").await.unwrap();
    let error = link.client.query(&prepared, &[]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "26000");
    assert!(matches!(Refusal::from(error), Refusal::Pooled));
}
