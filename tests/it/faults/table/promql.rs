//! The part of PromQL that the alerts of one process use, evaluated on the page of metrics that it serves.

use std::collections::BTreeMap;

type Labels = BTreeMap<String, String>;

/// A page of metrics, and when it was read, in seconds since 1970.
#[derive(Clone, Debug, Default)]
pub struct Page {
    samples: Vec<(String, Labels, f64)>,
    time: f64,
}

/// The value of an expression.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Number(f64),
    Series(Vec<(Labels, f64)>),
}

use Value::{Number, Series};

impl Page {
    /// Reads a page. `None`: nobody answers.
    pub fn read(text: Option<&str>, time: f64) -> Page {
        let up = if text.is_some() { 1.0 } else { 0.0 };
        let mut samples = vec![("up".to_owned(), labels("job=\"cpss-registry\""), up)];
        let lines = text.unwrap_or_default().lines().filter(|line| !line.starts_with('#'));
        samples.extend(lines.map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, of) = series.split_once('{').unwrap_or((series, "}"));
            (name.to_owned(), labels(of.trim_end_matches('}')), value.parse().unwrap())
        }));
        Page { samples, time }
    }

    fn select(&self, name: &str, matchers: &[(String, String, String)]) -> Vec<(Labels, f64)> {
        let fits = |labels: &Labels| {
            matchers.iter().all(|(label, operator, value)| {
                let is_same = labels.get(label).is_some_and(|own| own == value);
                is_same == (operator == "=")
            })
        };
        let found = self.samples.iter().filter(|(own, labels, _)| own == name && fits(labels));
        found.map(|(_, labels, value)| (labels.clone(), *value)).collect()
    }
}

fn labels(text: &str) -> Labels {
    let pairs = text.split("\",").filter_map(|pair| pair.trim_end_matches('"').split_once("=\""));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The values of an alert's expression, with their labels, now. `before` is an earlier page, for increases. The alert
/// fires if there is a value.
pub fn evaluate(expression: &str, before: &Page, now: &Page) -> Vec<(Labels, f64)> {
    let mut reader = Reader { rest: expression, before, now };
    match reader.alternatives() {
        Series(series) if reader.rest.trim().is_empty() => series,
        other => panic!("{expression}: {other:?}, and `{}` is left", reader.rest),
    }
}

struct Reader<'a> {
    rest: &'a str,
    before: &'a Page,
    now: &'a Page,
}

impl Reader<'_> {
    fn take(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start();
        let taken = rest.strip_prefix(token);
        let is_word = |text: &str| text.ends_with(char::is_alphanumeric);
        let ends = taken.is_some_and(|rest| !is_word(token) || !rest.starts_with(|next: char| next.is_alphanumeric()));
        if ends {
            self.rest = taken.unwrap();
        }
        ends
    }

    fn expect(&mut self, token: &str) {
        assert!(self.take(token), "`{token}` is expected: {}", self.rest);
    }

    fn word(&mut self) -> String {
        let rest = self.rest.trim_start();
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        self.rest = &rest[end..];
        rest[..end].to_owned()
    }

    fn alternatives(&mut self) -> Value {
        let mut value = self.comparison();
        while self.take("or") {
            let (Series(mut one), Series(other)) = (value, self.comparison()) else { panic!("or between numbers") };
            one.extend(
                other.into_iter().filter(|(labels, _)| one.iter().all(|(own, _)| own != labels)).collect::<Vec<_>>(),
            );
            value = Series(one);
        }
        value
    }

    fn comparison(&mut self) -> Value {
        let value = self.sum();
        for (operator, holds) in [("==", f64::eq as fn(&f64, &f64) -> bool), ("<", f64::lt), (">", f64::gt)] {
            if self.take(operator) {
                let other = self.sum();
                let Series(left) = value else { panic!("a number is compared") };
                // What holds keeps its value.
                let holds = |(labels, value): &(Labels, f64)| {
                    right_of(&other, labels).is_some_and(|other| holds(value, &other))
                };
                return Series(left.into_iter().filter(holds).collect());
            }
        }
        value
    }

    fn sum(&mut self) -> Value {
        let mut value = self.product();
        while self.take("-") {
            value = combine(&value, &self.product(), |one, other| one - other);
        }
        value
    }

    fn product(&mut self) -> Value {
        let mut value = self.atom();
        while self.take("*") {
            value = combine(&value, &self.atom(), |one, other| one * other);
        }
        value
    }

    fn atom(&mut self) -> Value {
        if self.take("(") {
            let value = self.alternatives();
            self.expect(")");
            return value;
        }
        if self.rest.trim_start().starts_with(|first: char| first.is_ascii_digit()) {
            let rest = self.rest.trim_start();
            let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
            self.rest = &rest[end..];
            return Number(rest[..end].parse().unwrap());
        }
        let name = self.word();
        match &name[..] {
            "time" => {
                self.expect("(");
                self.expect(")");
                Number(self.now.time)
            }
            "max" | "min" | "sum" => self.aggregation(&name),
            "increase" => {
                self.expect("(");
                let name = self.word();
                let matchers = self.matchers();
                self.expect("[");
                self.word();
                self.expect("]");
                self.expect(")");
                let earlier = self.before.select(&name, &matchers);
                let before =
                    |labels: &Labels| earlier.iter().find(|(own, _)| own == labels).map_or(0.0, |(_, value)| *value);
                let now = self.now.select(&name, &matchers).into_iter();
                Series(now.map(|(labels, value)| (labels.clone(), value - before(&labels))).collect())
            }
            "absent" => {
                self.expect("(");
                let name = self.word();
                let matchers = self.matchers();
                self.expect(")");
                let found = self.now.select(&name, &matchers);
                Series(if found.is_empty() { vec![(Labels::new(), 1.0)] } else { Vec::new() })
            }
            name => {
                let matchers = self.matchers();
                Series(self.now.select(name, &matchers))
            }
        }
    }

    fn aggregation(&mut self, name: &str) -> Value {
        self.expect("by");
        self.expect("(");
        let mut kept = vec![self.word()];
        while self.take(",") {
            kept.push(self.word());
        }
        self.expect(")");
        self.expect("(");
        let Series(series) = self.alternatives() else { panic!("an aggregation of a number") };
        self.expect(")");
        let mut groups = BTreeMap::<Labels, f64>::new();
        for (mut labels, value) in series {
            labels.retain(|label, _| kept.contains(label));
            let combined = |group: f64| match name {
                "max" => group.max(value),
                "min" => group.min(value),
                _ => group + value,
            };
            groups.entry(labels).and_modify(|group| *group = combined(*group)).or_insert(value);
        }
        Series(groups.into_iter().collect())
    }

    /// The matchers of a selector: label, operator, value.
    fn matchers(&mut self) -> Vec<(String, String, String)> {
        let mut matchers = Vec::new();
        if !self.take("{") {
            return matchers;
        }
        loop {
            let label = self.word();
            let operator = if self.take("!=") { "!=" } else { "=" };
            if operator == "=" {
                self.expect("=");
            }
            self.expect("\"");
            let (value, rest) = self.rest.split_once('"').unwrap();
            matchers.push((label, operator.to_owned(), value.to_owned()));
            self.rest = rest;
            if !self.take(",") {
                self.expect("}");
                return matchers;
            }
        }
    }
}

/// The number on the right of an operator, for the series with these labels.
fn right_of(other: &Value, labels: &Labels) -> Option<f64> {
    match other {
        Number(number) => Some(*number),
        Series(series) => series.iter().find(|(own, _)| own == labels).map(|(_, value)| *value),
    }
}

fn combine(one: &Value, other: &Value, of: impl Fn(f64, f64) -> f64) -> Value {
    match (one, other) {
        (Number(one), Number(other)) => Number(of(*one, *other)),
        (Number(one), Series(series)) => {
            Series(series.iter().map(|(labels, value)| (labels.clone(), of(*one, *value))).collect())
        }
        (Series(series), other) => Series(
            series
                .iter()
                .filter_map(|(labels, value)| Some((labels.clone(), of(*value, right_of(other, labels)?))))
                .collect(),
        ),
    }
}

#[test]
fn expressions_are_evaluated_as_prometheus_does() {
    let text = "# TYPE a gauge\na{cause=\"x\"} 1\na{cause=\"y\"} 0\nb_total{kind=\"k\"} 7\nfree{volume=\"data\"} 10\nfree{volume=\"audit\"} 1\n\
                reserve{volume=\"data\"} 6\nstart 900\n";
    let (before, now) = (Page::read(Some("b_total{kind=\"k\"} 3\n"), 500.0), Page::read(Some(text), 1000.0));
    let values = |expression: &str| -> Vec<f64> {
        evaluate(expression, &before, &now).iter().map(|(_, value)| *value).collect()
    };
    for (expression, expected) in [
        ("a == 0", &[0.0][..]),
        ("max by (instance, cause) (a{cause!=\"x\"}) == 1", &[]),
        ("max by (instance, cause) (a{cause!=\"y\"}) == 1", &[1.0]),
        ("sum by (instance) (increase(b_total[10m])) > 0", &[4.0]),
        ("sum by (instance) (increase(b_total{kind=\"other\"}[10m])) > 0", &[]),
        ("free{volume=\"data\"} < 2 * reserve{volume=\"data\"}", &[10.0]),
        ("free{volume=\"data\"} < 1 * reserve{volume=\"data\"}", &[]),
        ("time() - (backup or start) > 26 * 3", &[100.0]),
        ("time() - (backup or start) > 101", &[]),
        ("min by (instance) (start) - time() < 14 * 24", &[-100.0]),
        ("up{job=\"cpss-registry\"} == 0 or absent(up{job=\"cpss-registry\"})", &[]),
    ] {
        assert_eq!(values(expression), expected, "{expression}");
    }
    let down = Page::read(None, 0.0);
    assert_eq!(evaluate("up{job=\"cpss-registry\"} == 0 or absent(up{job=\"cpss-registry\"})", &down, &down).len(), 1);
}
