use std::collections::HashSet;

use super::list::{Kind, LIST};
use super::*;

#[test]
fn calls_are_counted_by_method_and_code_and_callers_cannot_create_series() {
    let metrics = Metrics::default();
    metrics.called(Some(("VerificationService", "VerifyCredential")), "OK", Duration::from_micros(300));
    for _ in 0..3 {
        metrics.called(None, "UNIMPLEMENTED", Duration::ZERO);
    }
    metrics.missed("region-1-hr", "NAME_MISMATCH");
    metrics.miss_refused("region-1-hr");
    metrics.refused("TOO_FAST");
    metrics.refused("MADE_UP_BY_A_CALLER");
    metrics.stream_begun();
    let text = metrics.text(Readings::default());
    for line in [
        r#"cpss_calls_total{service="VerificationService",method="VerifyCredential",code="OK"} 1"#,
        r#"cpss_calls_total{service="other",method="other",code="UNIMPLEMENTED"} 3"#,
        r#"cpss_call_seconds_bucket{le="0.0005",service="VerificationService",method="VerifyCredential"} 1"#,
        r#"cpss_call_seconds_bucket{le="0.00025",service="VerificationService",method="VerifyCredential"} 0"#,
        r#"cpss_misses_total{client="region-1-hr",kind="NAME_MISMATCH"} 1"#,
        r#"cpss_misses_refused_total{client="region-1-hr"} 1"#,
        r#"cpss_refusals_total{reason="TOO_FAST"} 1"#,
        r#"cpss_refusals_total{reason="other"} 1"#,
        r#"cpss_refusals_total{reason="TOO_MANY"} 0"#,
        "cpss_streams_open 1",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("MADE_UP"), "{text}");
}

#[test]
fn readings_are_encoded_by_their_kind_and_what_is_absent_has_no_series() {
    let histogram = Histogram::new([1.0, 2.0]);
    histogram.observe(1.5);
    let mut readings = Readings::default();
    readings.add(&list::HEAD_REVISION, 57_u64);
    readings.add(&list::LOG_CLOCK_OFFSET, -1.5);
    readings.add(&list::AUDIT_UNTIL_FULL, f64::INFINITY);
    readings.add(&list::LOG_DOUBTS, 5_u64);
    readings.add(&list::PROCESS_CPU, 0.25);
    readings.add(&list::COMMIT_RECORDS, histogram);
    readings.add(&list::INDEX, None::<bool>);
    readings.labeled(&list::EPOCH_INFO, &["an epoch"], 1_u64);
    readings.one_of(&list::WRITES_OFF, &["disk", "log"], Some("log"));
    let text = Metrics::default().text(readings);
    for line in [
        "cpss_head_revision 57",
        "# UNIT cpss_log_clock_offset_seconds seconds",
        "cpss_log_clock_offset_seconds -1.5",
        "cpss_audit_seconds_until_full inf",
        "cpss_log_doubts_total 5",
        "process_cpu_seconds_total 0.25",
        r#"cpss_commit_records_bucket{le="1.0"} 0"#,
        r#"cpss_commit_records_bucket{le="2.0"} 1"#,
        "cpss_commit_records_count 1",
        r#"cpss_epoch_info{epoch="an epoch"} 1"#,
        r#"cpss_writes_off{cause="disk"} 0"#,
        r#"cpss_writes_off{cause="log"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    assert!(!text.contains("cpss_index"), "{text}");
}

#[test]
fn every_metric_has_one_name_that_says_its_kind() {
    let names: HashSet<_> = LIST.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), LIST.len());
    for metric in LIST {
        assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
        assert_eq!(metric.name.ends_with("_info"), metric.kind == Kind::Info, "{}", metric.name);
        let is_named = metric.name.starts_with("cpss_") || metric.name.starts_with("process_");
        assert!(is_named && !metric.help.ends_with('.'), "{metric:?}");
    }
}
