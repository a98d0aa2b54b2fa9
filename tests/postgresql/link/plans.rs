//! How the statements of a session are planned.

use cpss_registry::store::log::postgresql::FRAMES;

use super::*;

/// Whether a session that prepares what a replica follows the log with reads all of it, or sorts it, and whether it
/// plans each time.
async fn wastes(client: &tokio_postgres::Client) -> (bool, bool) {
    client.batch_execute(&format!("PREPARE following AS {FRAMES}")).await.unwrap();
    for _ in 0..7 {
        client.batch_execute("EXECUTE following(0, 1000)").await.unwrap();
    }
    let plan = client.query("EXPLAIN EXECUTE following(0, 1000)", &[]).await.unwrap();
    let plan: String = plan.iter().map(|row| row.get::<_, String>(0)).collect();
    let customs = "SELECT custom_plans > 0 FROM pg_prepared_statements WHERE name = 'following'";
    (plan.contains("Seq Scan") || plan.contains("Sort"), client.query_one(customs, &[]).await.unwrap().get(0))
}

#[tokio::test]
async fn a_statement_that_is_prepared_at_a_new_log_uses_its_index_for_ever() {
    let server = Server::start();
    install(&server).await;
    let settings = settings(&[&server], Durability::Storage, PATIENCE);
    let link = settings.connect(clock::now).await.unwrap();
    assert_eq!(wastes(&link.client).await, (false, false));
    assert_eq!(wastes(&server.connect(EAST, DATABASE).await).await, (true, true), "by the defaults of the server");
}
