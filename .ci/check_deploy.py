"""Checks deploy/: every manifest against the Kubernetes schema, the kustomization against the files beside it, the
configuration files against the example, and what has to agree between files."""

import pathlib
import sys
import tomllib

import kubernetes_validate
import yaml

KUBERNETES = "1.33"
DEPLOY = pathlib.Path(__file__).resolve().parent.parent / "deploy"
BASE = DEPLOY / "kustomize" / "base"


def fail(sentence):
    sys.exit(f"deploy: {sentence}")


def example_keys():
    """Every key of the example configuration, the commented-out ones too."""
    text = (DEPLOY / "config.example.toml").read_text()
    tomllib.loads(text)
    return {line.removeprefix("# ").split(" = ")[0] for line in text.splitlines() if " = " in line}


def check_config():
    config = tomllib.loads((BASE / "config.toml").read_text())
    if unknown := set(config) - example_keys():
        fail(f"kustomize/base/config.toml has keys that config.example.toml does not explain: {sorted(unknown)}")
    return config


def check_kustomization():
    kustomization = yaml.safe_load((BASE / "kustomization.yaml").read_text())
    generated = [name for entry in kustomization["configMapGenerator"] for name in entry["files"]]
    named = set(kustomization["resources"]) | set(generated) | {"kustomization.yaml"}
    present = {path.name for path in BASE.iterdir()}
    if named != present:
        fail(f"kustomization.yaml and its directory differ in {sorted(named ^ present)}")
    return kustomization["resources"]


def check_manifests(names):
    documents = {}
    for name in names:
        for document in yaml.safe_load_all((BASE / name).read_text()):
            try:
                kubernetes_validate.validate(document, KUBERNETES, strict=True)
            except kubernetes_validate.ValidationError as error:
                fail(f"{name}: {'.'.join(map(str, error.path))}: {error.message}")
            documents[document["kind"]] = document
    return documents


def check_agreement(config, documents):
    pod = documents["StatefulSet"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for name, key in (("grpc", "listen"), ("ops", "ops_listen")):
        if not config[key].endswith(f":{ports[name]}"):
            fail(f"the container's port {name} is {ports[name]}, but config.toml has {key} = {config[key]!r}")
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        if container[probe]["grpc"]["port"] != ports["ops"]:
            fail(f"the {probe} does not ask the ops port")
    if pod["terminationGracePeriodSeconds"] <= config["drain_seconds"]:
        fail("terminationGracePeriodSeconds must be longer than drain_seconds")
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    for key in ("tls_cert", "tls_key", "client_ca", "clients"):
        if not any(config[key].startswith(f"{mount}/") for mount in mounts):
            fail(f"config.toml has {key} = {config[key]!r}, which nothing mounts")
    unit = (DEPLOY / "cpss-registry.service").read_text()
    (stop,) = [line for line in unit.splitlines() if line.startswith("TimeoutStopSec=")]
    example = tomllib.loads((DEPLOY / "config.example.toml").read_text())
    if int(stop.split("=")[1]) <= example["drain_seconds"]:
        fail("TimeoutStopSec must be longer than drain_seconds")


def main():
    config = check_config()
    documents = check_manifests(check_kustomization())
    check_agreement(config, documents)
    print(f"deploy: {len(documents)} manifests, 2 configurations and the unit agree (Kubernetes {KUBERNETES} schema)")


main()
