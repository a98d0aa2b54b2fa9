"""Checks deploy/: manifests against the Kubernetes schema, kustomizations against their files, configuration files against
the example, and values that must agree between files."""

import pathlib
import sys
import tomllib

import kubernetes_validate
import yaml

KUBERNETES = "1.33"
DEPLOY = pathlib.Path(__file__).resolve().parent.parent / "deploy"
BASE = DEPLOY / "kustomize" / "base"
EXAMPLE = DEPLOY / "kustomize" / "overlays" / "example"
REPLICAS = DEPLOY / "kustomize" / "overlays" / "replicas"
CREATE = "create/job.yaml"
PATCH = "statefulset.yaml"


def fail(sentence):
    sys.exit(f"deploy: {sentence}")


def example_keys():
    """Returns every key of the example configuration, including the commented-out ones."""
    text = (DEPLOY / "config.example.toml").read_text()
    tomllib.loads(text)
    keys, table = set(), ""
    for line in text.splitlines():
        if line.startswith("["):
            table = line.strip("[]") + "."
        elif " = " in line:
            keys.add(table + line.removeprefix("# ").split(" = ")[0])
    return keys


def keys_of(config, table=""):
    """Returns the keys of a configuration, with their tables."""
    for key, value in config.items():
        yield from keys_of(value, f"{table}{key}.") if isinstance(value, dict) else [table + key]


def check_config(directory):
    config = tomllib.loads((directory / "config.toml").read_text())
    if unknown := set(keys_of(config)) - example_keys():
        fail(f"{directory}/config.toml has keys that config.example.toml does not explain: {sorted(unknown)}")
    return config


def check_kustomization(directory, beside=()):
    kustomization = yaml.safe_load((directory / "kustomization.yaml").read_text())
    generated = [name for entry in kustomization["configMapGenerator"] for name in entry["files"]]
    if absent := [name for name in kustomization["resources"] if not (directory / name).exists()]:
        fail(f"{directory}/kustomization.yaml names resources that do not exist: {absent}")
    own = {name for name in kustomization["resources"] if not name.startswith("..")}
    named = own | set(generated) | {"kustomization.yaml"} | set(beside)
    present = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    if named != present:
        fail(f"{directory}/kustomization.yaml and its directory differ in {sorted(named ^ present)}")
    return own


def check_manifests(directory, names):
    documents = {}
    for name in names:
        for document in yaml.safe_load_all((directory / name).read_text()):
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
            fail(f"the {probe} does not probe the ops port")
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


def memory_at_most():
    """Returns the most memory that the process uses, in MiB: the sum of the table in README.md."""
    text = (DEPLOY / "README.md").read_text()
    table = text.split("\n## Memory\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split("|")[-1] for line in table.splitlines() if line.startswith("|")]
    return sum(int(amount) for amount in rows[2:])


def check_memory(documents):
    (container,) = documents["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    unit = (DEPLOY / "cpss-registry.service").read_text()
    (most,) = [line.split("=")[1] for line in unit.splitlines() if line.startswith("MemoryMax=")]
    needed = memory_at_most()
    for place, given in (
        ("the StatefulSet", container["resources"]["limits"]["memory"].removesuffix("i")),
        ("MemoryMax of the unit", most),
    ):
        if int(given[:-1]) * {"M": 1, "G": 1024}[given[-1]] < needed:
            fail(f"{place} gives {given}, but deploy/README.md says that the process uses up to {needed} MiB")


def check_creation(config, pinned, documents, creation):
    """Checks that the Job makes the registry where the StatefulSet expects it, with no more rights."""
    (own,) = documents["StatefulSet"]["spec"]["volumeClaimTemplates"]
    claim, pod = creation["PersistentVolumeClaim"], creation["Job"]["spec"]["template"]["spec"]
    expected = f"{own['metadata']['name']}-{documents['StatefulSet']['metadata']['name']}-0"
    if claim["metadata"]["name"] != expected or claim["spec"] != own["spec"]:
        fail(f"{CREATE}: the claim differs from the one that the StatefulSet would make, {expected}")
    if pod["volumes"][0]["persistentVolumeClaim"]["claimName"] != expected:
        fail(f"{CREATE}: the Job does not use the claim {expected}")
    (container,), served = pod["containers"], documents["StatefulSet"]["spec"]["template"]["spec"]
    for mine, its in ((pod, served), (container, served["containers"][0])):
        if mine["securityContext"] != its["securityContext"]:
            fail(f"{CREATE}: the securityContext differs from that of the StatefulSet")
    if container["args"] != ["create", "--data-dir", config["data_dir"]]:
        fail(f"{CREATE}: the Job does not create the registry in {config['data_dir']}")
    if {key: value for key, value in pinned.items() if key != "registry"} != config or "registry" not in pinned:
        fail("the example overlay's config.toml differs from that of the base in more than `registry`")


def patched(base, patch):
    """Returns a manifest with a strategic merge patch: items of a list are the same if their names or paths are."""
    if isinstance(base, dict) and isinstance(patch, dict):
        both = {key: patched(base[key], value) if key in base else value for key, value in patch.items()}
        return {**base, **both}
    if isinstance(base, list) and isinstance(patch, list):
        key = "mountPath" if any("mountPath" in item for item in base) else "name"
        added = {item[key]: item for item in patch}
        kept = [patched(item, added.pop(item[key])) if item[key] in added else item for item in base]
        return kept + list(added.values())
    return patch


def check_replicas(config, documents):
    """Checks the overlay with several replicas: its configuration, and what its patch makes of the base."""
    shared = check_config(REPLICAS)
    log, registry = shared.pop("log"), shared.pop("registry", None)
    if shared != config or registry is None:
        fail("the replicas overlay's config.toml differs from that of the base in more than `registry` and `log`")
    (budget,) = check_manifests(REPLICAS, check_kustomization(REPLICAS, beside=[PATCH])).values()
    patch = yaml.safe_load((REPLICAS / PATCH).read_text())
    merged = patched(documents["StatefulSet"], patch)
    kubernetes_validate.validate(merged, KUBERNETES, strict=True)
    spec, labels = merged["spec"], merged["spec"]["template"]["metadata"]["labels"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    if patch["metadata"] != documents["StatefulSet"]["metadata"] or len(container["volumeMounts"]) != 4:
        fail(f"{REPLICAS / PATCH} does not add to the StatefulSet of the base")
    if spec["replicas"] < 2 or budget["spec"]["maxUnavailable"] >= spec["replicas"] - 1:
        fail("the replicas overlay may lose too many replicas at once")
    (term,) = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (spread,) = pod["topologySpreadConstraints"]
    for selector in (budget["spec"]["selector"], term["labelSelector"], spread["labelSelector"]):
        if selector["matchLabels"].items() - labels.items():
            fail(f"the replicas overlay selects {selector['matchLabels']}, which no pod has")
    (mount,) = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "log"]
    for key in ("password_file", "ca", "request_key"):
        if not log[key].startswith(f"{mount}/"):
            fail(f"the replicas overlay's config.toml has log.{key} = {log[key]!r}, which nothing mounts")
    if "replica_id" in log:
        fail("the replicas overlay's config.toml gives every replica the same name")
    return 1


def main():
    config, pinned = check_config(BASE), check_config(EXAMPLE)
    documents = check_manifests(BASE, check_kustomization(BASE))
    check_kustomization(EXAMPLE, beside=[CREATE])
    creation = check_manifests(EXAMPLE, [CREATE])
    check_agreement(config, documents)
    check_memory(documents)
    check_creation(config, pinned, documents, creation)
    count = len(documents) + len(creation) + check_replicas(config, documents)
    print(f"deploy: {count} manifests, 4 configurations and the unit agree (Kubernetes {KUBERNETES} schema)")


main()
