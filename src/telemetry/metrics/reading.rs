//! Values that are read when the page is requested. What cannot be read is absent from the page.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::histogram::Histogram;

use super::list::{Kind, LIST, Metric};

/// A value of a metric.
#[derive(Clone, Debug)]
pub enum Value {
    /// There is none now.
    Absent,
    /// A whole number.
    Integer(i64),
    /// A count.
    Count(u64),
    /// A number.
    Real(f64),
    /// A distribution.
    Histogram(Histogram),
}

impl From<u64> for Value {
    fn from(count: u64) -> Value {
        Value::Count(count)
    }
}

impl From<usize> for Value {
    fn from(count: usize) -> Value {
        Value::Count(count as u64)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Integer(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Real(number)
    }
}

impl From<bool> for Value {
    fn from(state: bool) -> Value {
        Value::Count(state.into())
    }
}

impl From<Histogram> for Value {
    fn from(histogram: Histogram) -> Value {
        Value::Histogram(histogram)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Absent, Into::into)
    }
}

/// A value with its labels.
#[derive(Debug)]
struct Reading {
    metric: &'static Metric,
    labels: Vec<(&'static str, String)>,
    value: Value,
}

/// The values of one page.
#[derive(Debug, Default)]
pub struct Readings(Vec<Reading>);

impl Readings {
    /// Adds the value of a metric without labels.
    pub fn add(&mut self, metric: &'static Metric, value: impl Into<Value>) {
        self.labeled(metric, &[], value);
    }

    /// Adds a value with the values of the metric's labels, in their order.
    pub fn labeled(&mut self, metric: &'static Metric, labels: &[&str], value: impl Into<Value>) {
        let value = value.into();
        if !matches!(value, Value::Absent) {
            let names = metric.labels.iter().map(|label| label.name);
            let labels = names.zip(labels.iter().map(|value| (*value).to_owned())).collect();
            self.0.push(Reading { metric, labels, value });
        }
    }

    /// Adds 1 for one of the values of a metric's only label, and 0 for the others.
    pub fn one_of(&mut self, metric: &'static Metric, values: &[&str], current: Option<&str>) {
        for value in values {
            self.labeled(metric, &[value], current == Some(*value));
        }
    }
}

impl Collector for Readings {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        for metric in LIST {
            let mut readings = self.0.iter().filter(|reading| std::ptr::eq(reading.metric, *metric)).peekable();
            if readings.peek().is_none() {
                continue;
            }
            let (unit, help) = (metric.unit(), format!("{}.", metric.help));
            let mut encoder =
                encoder.encode_descriptor(metric.without_unit(), &help, unit.as_ref(), type_of(metric.kind))?;
            for Reading { labels, value, .. } in readings {
                if metric.kind == Kind::Info {
                    encoder.encode_info(labels)?;
                } else {
                    encode(metric.kind, value, encoder.encode_family(labels)?)?;
                }
            }
        }
        Ok(())
    }
}

fn type_of(kind: Kind) -> MetricType {
    match kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
        Kind::Info => MetricType::Info,
    }
}

fn encode(kind: Kind, value: &Value, mut encoder: MetricEncoder) -> fmt::Result {
    match (kind, value) {
        (_, Value::Absent) => Ok(()),
        (_, Value::Histogram(histogram)) => histogram.encode(encoder),
        (Kind::Counter, Value::Count(count)) => encoder.encode_counter::<NoLabelSet, _, f64>(count, None),
        (Kind::Counter, Value::Real(number)) => encoder.encode_counter::<NoLabelSet, _, f64>(number, None),
        (_, Value::Count(count)) => encoder.encode_gauge(count),
        (_, Value::Integer(number)) => encoder.encode_gauge(number),
        (_, Value::Real(number)) => encoder.encode_gauge(number),
    }
}
