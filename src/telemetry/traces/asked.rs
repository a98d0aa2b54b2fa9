//! Whether the environment of the process asks for traces: every build reads the same variables of OpenTelemetry.

/// The prefixes of the variables about the collector. The first is about traces alone, and comes before the other.
const PREFIXES: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_"];

/// The environment, by the value of each variable.
pub(super) struct Environment<F>(pub F);

impl<F: Fn(&str) -> Option<String>> Environment<F> {
    /// The value of a variable. One that is empty is as one that is not set: so the specification has it.
    pub fn given(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// The variable about the collector with this suffix, and its value.
    pub fn of_collector(&self, suffix: &str) -> Option<(String, String)> {
        PREFIXES.iter().find_map(|prefix| {
            let name = format!("{prefix}{suffix}");
            self.given(&name).map(|value| (name, value))
        })
    }

    /// The variable that names the collector, and its endpoint. None: no traces are asked for, or they are turned off.
    pub fn collector(&self) -> Option<(String, String)> {
        let is_off = self.given("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || self.given("OTEL_TRACES_EXPORTER").as_deref() == Some("none");
        self.of_collector("ENDPOINT").filter(|_| !is_off)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENERAL: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317");
    const OF_TRACES: (&str, &str) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://localhost:4318");

    fn collector(variables: &[(&str, &str)]) -> Option<(String, String)> {
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, it)| (*it).to_owned());
        Environment(value).collector()
    }

    #[test]
    fn traces_are_off_until_an_endpoint_is_named() {
        for off in [
            &[][..],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
            &[("OTEL_TRACES_SAMPLER", "always_on")],
            &[GENERAL, ("OTEL_SDK_DISABLED", "TRUE")],
            &[GENERAL, ("OTEL_TRACES_EXPORTER", "none")],
            &[OF_TRACES, ("OTEL_TRACES_EXPORTER", "none")],
        ] {
            assert_eq!(collector(off), None, "{off:?}");
        }
    }

    #[test]
    fn the_endpoint_of_traces_comes_before_that_of_everything() {
        for (variables, (variable, endpoint)) in [
            (&[GENERAL][..], GENERAL),
            (&[OF_TRACES], OF_TRACES),
            (&[GENERAL, OF_TRACES], OF_TRACES),
            (&[GENERAL, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")], GENERAL),
            (&[GENERAL, ("OTEL_SDK_DISABLED", "false"), ("OTEL_TRACES_EXPORTER", "otlp")], GENERAL),
        ] {
            assert_eq!(collector(variables), Some((variable.to_owned(), endpoint.to_owned())), "{variables:?}");
        }
    }
}
