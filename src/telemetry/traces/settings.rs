//! Which traces the environment of the process asks for: the variables of OpenTelemetry.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SpanExporter as _};

use super::TracesError;
use super::asked::Environment;

/// The share of the calls that are traced unless the caller or the environment says otherwise.
const DEFAULT_RATIO: f64 = 0.01;

/// How long spans wait until they are sent, unless the environment says otherwise.
const DEFAULT_DELAY: Duration = Duration::from_secs(1);

impl TracesError {
    pub(super) fn of_thread(error: &std::io::Error) -> TracesError {
        TracesError(format!("cannot start their thread: {error}"))
    }
}

/// Which calls are traced.
#[derive(Debug)]
pub(super) struct Sampling {
    /// True if the caller decides about a call that is part of its trace.
    pub by_parent: bool,
    /// Decides about the other calls.
    pub root: Sampler,
}

/// What the environment asks for.
#[derive(Debug)]
pub(super) struct Settings {
    pub sampling: Sampling,
    pub exporter: SpanExporter,
    /// How long spans wait until they are sent.
    pub delay: Duration,
}

impl Settings {
    /// Reads the variables. None: they ask for no traces. Must be called in a runtime of tokio, which will send them.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Settings>, TracesError> {
        let environment = Environment(variable);
        let given = |name: &str| environment.given(name);
        let Some((_, endpoint)) = environment.collector() else { return Ok(None) };
        if let Some((name, protocol)) = environment.of_collector("PROTOCOL").filter(|(_, protocol)| protocol != "grpc")
        {
            return Err(TracesError(format!("{name} is {protocol:?}, and only \"grpc\" is supported")));
        }
        let sampling = sampling(given("OTEL_TRACES_SAMPLER").as_deref(), given("OTEL_TRACES_SAMPLER_ARG").as_deref())?;
        let delay = match given("OTEL_BSP_SCHEDULE_DELAY") {
            Some(millis) => Duration::from_millis(number("OTEL_BSP_SCHEDULE_DELAY", &millis)?),
            None => DEFAULT_DELAY,
        };
        let is_named = given("OTEL_SERVICE_NAME").is_some()
            || given("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|attributes| attributes.contains("service.name="));
        let certificate = environment.of_collector("CERTIFICATE").map(|(_, path)| path);
        let exporter = exporter(&endpoint, certificate.as_deref(), is_named)?;
        Ok(Some(Settings { sampling, exporter, delay }))
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, TracesError> {
    value.parse().map_err(|_| TracesError(format!("{name} is {value:?}, which is not such a number")))
}

fn sampling(name: Option<&str>, argument: Option<&str>) -> Result<Sampling, TracesError> {
    let ratio = || match argument {
        Some(text) => number("OTEL_TRACES_SAMPLER_ARG", text).map(Sampler::TraceIdRatioBased),
        None => Ok(Sampler::TraceIdRatioBased(DEFAULT_RATIO)),
    };
    let name = name.unwrap_or("parentbased_traceidratio");
    let root = match name.strip_prefix("parentbased_").unwrap_or(name) {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => ratio()?,
        _ => return Err(TracesError(format!("OTEL_TRACES_SAMPLER is {name:?}, which is not supported"))),
    };
    Ok(Sampling { by_parent: name.starts_with("parentbased_"), root })
}

/// The exporter reads the variables of headers and of the time limit itself.
fn exporter(endpoint: &str, certificate: Option<&str>, is_named: bool) -> Result<SpanExporter, TracesError> {
    let mut builder = SpanExporter::builder().with_tonic().with_endpoint(endpoint);
    if endpoint.starts_with("https:") {
        let Some(path) = certificate else {
            let hint =
                "OTEL_EXPORTER_OTLP_CERTIFICATE must name the certificate of the authority that signs the collector's";
            return Err(TracesError(format!("the endpoint is {endpoint}: {hint}")));
        };
        let pem = std::fs::read(path).map_err(|error| TracesError(format!("cannot read {path}: {error}")))?;
        builder = builder.with_tls_config(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)));
    }
    let mut exporter = builder.build().map_err(|error| TracesError(error.to_string()))?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    // The environment may name the service: OTEL_SERVICE_NAME, or OTEL_RESOURCE_ATTRIBUTES.
    let resource = Resource::builder().with_attribute(version);
    let resource = if is_named { resource } else { resource.with_service_name(env!("CARGO_PKG_NAME")) };
    exporter.set_resource(&resource.build());
    Ok(exporter)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        let value =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Settings::read(value).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn one_call_in_a_hundred_is_traced_once_an_endpoint_is_named() {
        assert!(read(&[]).await.unwrap().is_none());
        for name in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] {
            let settings = read(&[(name, "http://localhost:4317")]).await.unwrap().unwrap();
            let expected = "Sampling { by_parent: true, root: TraceIdRatioBased(0.01) }";
            assert_eq!((&*format!("{:?}", settings.sampling), settings.delay), (expected, DEFAULT_DELAY), "{name}");
        }
    }

    #[tokio::test]
    async fn the_samplers_have_their_standard_names() {
        for (name, argument, by_parent, root) in [
            ("always_on", "", false, "AlwaysOn"),
            ("always_off", "", false, "AlwaysOff"),
            ("traceidratio", "0.5", false, "TraceIdRatioBased(0.5)"),
            ("parentbased_always_on", "", true, "AlwaysOn"),
            ("parentbased_always_off", "", true, "AlwaysOff"),
            ("parentbased_traceidratio", "0.25", true, "TraceIdRatioBased(0.25)"),
        ] {
            let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317");
            let given = [endpoint, ("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", argument)];
            let sampling = read(&given).await.unwrap().unwrap().sampling;
            assert_eq!((sampling.by_parent, &*format!("{:?}", sampling.root)), (by_parent, root), "{name}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_used_is_named() {
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_TRACES_SAMPLER", "xray"),
            ("OTEL_TRACES_SAMPLER_ARG", "many"),
            ("OTEL_BSP_SCHEDULE_DELAY", "soon"),
        ] {
            let refused = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317"), (name, value)]).await;
            let why = refused.unwrap_err();
            assert!(why.contains(name) && why.contains(value), "{why}");
        }
        let encrypted = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://localhost:4317");
        assert!(read(&[encrypted]).await.unwrap_err().contains("OTEL_EXPORTER_OTLP_CERTIFICATE"));
        let absent = read(&[encrypted, ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.crt")]).await;
        assert!(absent.unwrap_err().contains("/nowhere/ca.crt"));
    }
}
