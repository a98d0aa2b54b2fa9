//! The ops port over HTTP: probes, and metrics without personal data.

use super::tls_server::{TlsServer, question};
use crate::harness::NOT_ON_FILE;
use crate::harness::ops::get;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_and_metrics_need_no_certificate_and_contain_no_personal_data() {
    let place = TlsServer::start();
    let ops = place.process.ops();
    place.client("registrar").await.ask(question()).await;
    place.unauthenticated().await.refusal(question()).await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(get(ops, path).await, ("HTTP/1.1 200 OK".to_owned(), "ok\n".to_owned()), "{path}");
    }
    let (status, text) = get(ops, "/metrics").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    let method = r#"service="VerificationService",method="VerifyCredential""#;
    for line in [
        format!(r#"cpss_calls_total{{{method},code="OK"}} 1"#),
        format!(r#"cpss_calls_total{{{method},code="UNAUTHENTICATED"}} 1"#),
        "cpss_writes 1".to_owned(),
        "cpss_answers 1".to_owned(),
    ] {
        assert!(text.contains(&line), "{line}: {text}");
    }
    let gauge = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {text}"));
        line.trim().parse::<u64>().unwrap()
    };
    assert!(gauge("cpss_head_revision ") > 0 && gauge("cpss_log_bytes ") > 0);
    for private in ["registrar", NOT_ON_FILE] {
        assert!(!text.contains(private), "{private}: {text}");
    }
}
