"""Checks deploy/: what kubectl makes of the kustomizations against the Kubernetes schema, configuration files against the
example, and values that must agree between files.

    check_deploy.py KUBECTL CPSS-REGISTRY
"""

import pathlib
import re
import subprocess
import sys
import tomllib

import kubernetes_validate
import yaml

KUBERNETES = "1.33"
DEPLOY = pathlib.Path(__file__).resolve().parent.parent / "deploy"
KUSTOMIZE = DEPLOY / "kustomize"
BASE = KUSTOMIZE / "base"
EXAMPLE = KUSTOMIZE / "overlays" / "example"
REPLICAS = KUSTOMIZE / "overlays" / "replicas"
# The ports of the container, and the keys of config.toml that open them.
PORTS = {"grpc": "listen", "https": "http_listen", "ops": "ops_listen"}
CERT_MANAGER = KUSTOMIZE / "overlays" / "cert-manager"
CREATE = EXAMPLE / "create" / "job.yaml"
# Kinds of others, whose schema is not there: the keys that they may have.
FOREIGN = {
    "PodMonitor": {"jobLabel", "selector", "podMetricsEndpoints"},
    "Issuer": {"selfSigned", "ca"},
    "Certificate": {
        "isCA", "commonName", "secretName", "dnsNames", "uris", "usages", "duration", "renewBefore", "privateKey", "issuerRef",
    },
}


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


def validated(text, place):
    """Returns the manifests of a text by their kinds and names. Each must have the form of its kind."""
    documents = {}
    for document in yaml.safe_load_all(text):
        kind, name = document["kind"], document["metadata"]["name"]
        if kind in FOREIGN:
            if unknown := set(document["spec"]) - FOREIGN[kind]:
                fail(f"{place}: the {kind} {name} has {sorted(unknown)}")
        else:
            try:
                kubernetes_validate.validate(document, KUBERNETES, strict=True)
            except kubernetes_validate.ValidationError as error:
                fail(f"{place}: {kind} {name}: {'.'.join(map(str, error.path))}: {error.message}")
        documents[kind, name] = document
    return documents


def built(kubectl, directory):
    """Returns what an operator would apply. Every file of the directory must take part in it."""
    done = subprocess.run([kubectl, "kustomize", directory], capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"kubectl kustomize {directory}: {done.stderr}")
    kustomization = yaml.safe_load((directory / "kustomization.yaml").read_text())
    named = {name for name in kustomization["resources"] if not name.startswith("..")} | {"kustomization.yaml"}
    named |= {patch["path"] for patch in kustomization.get("patches", [])}
    named |= {name for entry in kustomization.get("configMapGenerator", []) for name in entry["files"]}
    present = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file() and path != CREATE}
    if named != present:
        fail(f"{directory}/kustomization.yaml and its directory differ in {sorted(named ^ present)}")
    return validated(done.stdout, directory)


def pod_of(documents, kind="StatefulSet", name="cpss-registry"):
    """Returns the pod that a manifest makes, with its labels."""
    spec = documents[kind, name]["spec"]
    template = spec["jobTemplate"]["spec"]["template"] if kind == "CronJob" else spec["template"]
    return template["spec"], template.get("metadata", {}).get("labels", {})


def check_agreement(config, documents):
    pod, _ = pod_of(documents)
    (container,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for name, key in PORTS.items():
        if not config[key].endswith(f":{ports[name]}"):
            fail(f"the container's port {name} is {ports[name]}, but config.toml has {key} = {config[key]!r}")
    served = {port["targetPort"]: port["port"] for port in documents["Service", "cpss-registry"]["spec"]["ports"]}
    if served != {name: ports[name] for name in ("grpc", "https")}:
        fail(f"the Service has the ports {served}, but the container has {ports}")
    (exposed,) = re.findall(r"^EXPOSE (.*)$", (DEPLOY.parent / "Dockerfile").read_text(), re.MULTILINE)
    if {int(port) for port in exposed.split()} != set(ports.values()):
        fail(f"the Dockerfile exposes {exposed}, but the container has {ports}")
    check_ports_of_the_guide(ports)
    for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        if container[probe]["httpGet"] != {"path": path, "port": "ops"}:
            fail(f"the {probe} does not ask {path} of the ops port")
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


def check_ports_of_the_guide(ports):
    """Checks that the table of ports in README.md has each key with its port."""
    table = (DEPLOY / "README.md").read_text().split("\n## Ports\n")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", table, re.MULTILINE))
    if rows != {key: str(ports[name]) for name, key in PORTS.items()}:
        fail(f"the table of ports in deploy/README.md has {rows}, but the container has {ports}")


def check_schedule(documents):
    """Checks that the hour of the backup comes once each day, also when the clock changes."""
    hour = documents["CronJob", "cpss-registry-backup"]["spec"]["schedule"].split()[1]
    if not hour.isdecimal() or int(hour) in (1, 2):
        fail(f"the CronJob runs at {hour!r}: not at one hour that no change of the clock skips or repeats")


def check_renewals(documents):
    """Checks that cert-manager renews the authority without a new key, which no client would trust, and every other
    certificate with one."""
    for (kind, name), document in documents.items():
        expected = "Never" if name == "cpss-registry-authority" else "Always"
        if kind == "Certificate" and document["spec"]["privateKey"].get("rotationPolicy") != expected:
            fail(f"the rotationPolicy of the Certificate {name} is not {expected}")


def memory_at_most():
    """Returns the most memory that the process uses, in MiB: the sum of the table in README.md."""
    text = (DEPLOY / "README.md").read_text()
    table = text.split("\n## Memory\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split("|")[-1] for line in table.splitlines() if line.startswith("|")]
    return sum(int(amount) for amount in rows[2:])


def check_memory(documents):
    (container,) = pod_of(documents)[0]["containers"]
    unit = (DEPLOY / "cpss-registry.service").read_text()
    (most,) = [line.split("=")[1] for line in unit.splitlines() if line.startswith("MemoryMax=")]
    needed = memory_at_most()
    for place, given in (
        ("the StatefulSet", container["resources"]["limits"]["memory"].removesuffix("i")),
        ("MemoryMax of the unit", most),
    ):
        if int(given[:-1]) * {"M": 1, "G": 1024}[given[-1]] < needed:
            fail(f"{place} gives {given}, but deploy/README.md says that the process uses up to {needed} MiB")


def check_same_rights(place, pod, served):
    """Checks that a pod has the image of the registry, and no more rights."""
    (container,), (its,) = pod["containers"], served["containers"]
    if container["image"] != its["image"]:
        fail(f"{place}: the image differs from that of the StatefulSet")
    if pod["securityContext"] != served["securityContext"] or container["securityContext"] != its["securityContext"]:
        fail(f"{place}: the securityContext differs from that of the StatefulSet")


def check_creation(config, documents):
    """Checks that the Job makes the registry where the StatefulSet expects it."""
    (own,) = documents["StatefulSet", "cpss-registry"]["spec"]["volumeClaimTemplates"]
    expected = f"{own['metadata']['name']}-cpss-registry-0"
    creation = validated(CREATE.read_text(), CREATE)
    pod, _ = pod_of(creation, "Job", "cpss-registry-create")
    if creation.get(("PersistentVolumeClaim", expected), {}).get("spec") != own["spec"]:
        fail(f"{CREATE}: the claim differs from the one that the StatefulSet would make, {expected}")
    if pod["volumes"][0]["persistentVolumeClaim"]["claimName"] != expected:
        fail(f"{CREATE}: the Job does not use the claim {expected}")
    check_same_rights(CREATE, pod, pod_of(documents)[0])
    if pod["containers"][0]["args"] != ["create", "--data-dir", config["data_dir"]]:
        fail(f"{CREATE}: the Job does not create the registry in {config['data_dir']}")
    return len(creation)


def hosts(namespace):
    """Returns the names at which the Service is reached."""
    return [f"cpss-registry.{namespace}.svc", f"cpss-registry.{namespace}.svc.cluster.local"]


def check_hosts(documents, namespace):
    """Checks that the certificates have the names of the Service, wherever one is made."""
    commands = (DEPLOY / "docs" / "kubernetes.md").read_text() + (REPLICAS / "kustomization.yaml").read_text()
    # A command goes on behind a backslash.
    made = [command for command in re.findall(r"cpss-registry init (?:[^\\\n]|\\\n)*", commands) if "--host" in command]
    if len(made) != 2:
        fail(f"the commands that make certificates for the cluster were not found: {made}")
    for command in made:
        if re.findall(r"--host (\S+)", command) != hosts(namespace):
            fail(f"a certificate of init lacks a name of the Service, {hosts(namespace)}: {command}")
    dns_names = documents["Certificate", "cpss-registry-server"]["spec"]["dnsNames"]
    if dns_names != [*hosts(namespace), f"*.cpss-registry.{namespace}.svc"]:
        fail(f"the Certificate cpss-registry-server has {dns_names}")


def check_network(documents):
    """Checks that the policies select pods that are there, and ports that they have."""
    pods = [pod_of(documents), pod_of(documents, "CronJob", "cpss-registry-backup")]
    labels = [labels for _, labels in pods]
    ports = {port["name"]: port["containerPort"] for port in pods[0][0]["containers"][0]["ports"]}
    policies = [document for (kind, _), document in documents.items() if kind == "NetworkPolicy"]
    for policy in policies:
        rules = policy["spec"].get("ingress", []) + policy["spec"].get("egress", [])
        peers = [peer for rule in rules for peer in rule.get("from", []) + rule.get("to", [])]
        selectors = [policy["spec"]["podSelector"]] + [peer["podSelector"] for peer in peers if "podSelector" in peer]
        for selector in selectors:
            if not any(selector["matchLabels"].items() <= own.items() for own in labels):
                fail(f"a policy selects {selector['matchLabels']}, which no pod has")
        named = {port["port"] for rule in rules for port in rule["ports"]}
        if unknown := named - set(ports) - set(ports.values()) - {53}:
            fail(f"a policy names ports that no pod has: {unknown}")
    if any(not any(policy["spec"]["podSelector"]["matchLabels"].items() <= own.items() for policy in policies) for own in labels):
        fail("a pod has no policy")
    monitor = documents["PodMonitor", "cpss-registry"]["spec"]
    if not monitor["selector"]["matchLabels"].items() <= labels[0].items() or monitor["podMetricsEndpoints"][0]["port"] not in ports:
        fail("the PodMonitor does not find the ops port")
    if labels[0][monitor["jobLabel"]] != "cpss-registry" or not labels[0].items().isdisjoint(labels[1].items()):
        fail("the job of the metrics is not called cpss-registry, or the Service takes the backup for a registry")


def check_backup(binary, documents, namespace):
    """Checks that the CronJob calls the backup as the program has it, and finds its files."""
    pod, _ = pod_of(documents, "CronJob", "cpss-registry-backup")
    check_same_rights("backup.yaml", pod, pod_of(documents)[0])
    (container,) = pod["containers"]
    arguments = container["args"]
    shown = subprocess.run([binary, arguments[0], "--help"], capture_output=True, text=True, check=True).stdout
    for flag in [word for word in arguments if word.startswith("--")]:
        if flag not in shown:
            fail(f"the CronJob has {flag}, which `{arguments[0]} --help` does not")
    if f"https://{hosts(namespace)[0]}:50051" not in arguments:
        fail("the CronJob does not call the Service")
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    if absent := [word for word in arguments if word.startswith("/") and not any(word.startswith(path) for path in mounts)]:
        fail(f"the CronJob names {absent}, which nothing mounts")


def check_certificates(config, documents):
    """Checks that cert-manager's files appear where config.toml and the CronJob expect them."""
    secrets = {document["spec"]["secretName"] for (kind, _), document in documents.items() if kind == "Certificate"}
    issuers = {name for kind, name in documents if kind == "Issuer"}
    named = {document["spec"]["issuerRef"]["name"] for (kind, _), document in documents.items() if kind == "Certificate"}
    if named - issuers:
        fail(f"no issuer is called {named - issuers}")
    (identity,) = [volume for volume in pod_of(documents)[0]["volumes"] if volume["name"] == "identity"]
    sources = [source["secret"] for source in identity["projected"]["sources"]]
    paths = {item["path"] for source in sources for item in source.get("items", [])}
    if needed := {config[key].rsplit("/", 1)[1] for key in ("tls_cert", "tls_key", "client_ca")} - paths:
        fail(f"cert-manager's Secret does not give {needed}")
    if unknown := {source["name"] for source in sources} - secrets - {"cpss-registry-clients"}:
        fail(f"no certificate makes the Secret {unknown}")
    backup, _ = pod_of(documents, "CronJob", "cpss-registry-backup")
    (secret,) = [volume["secret"] for volume in backup["volumes"] if "secret" in volume]
    given = {f"/identity/{item['path']}" for item in secret["items"]}
    if secret["secretName"] not in secrets or not given <= set(backup["containers"][0]["args"]):
        fail(f"the CronJob does not find the files of cert-manager: {sorted(given)}")


def check_replicas(config, documents):
    """Checks the overlay with several replicas: its configuration, and what its patch makes of the base."""
    shared = check_config(REPLICAS)
    log, registry, delivers = shared.pop("log"), shared.pop("registry", None), shared.pop("deliver_webhooks", None)
    if shared != config or registry is None:
        fail("the replicas overlay's config.toml differs from that of the base in more than it has to")
    if delivers is not False:
        fail("the replicas overlay delivers each webhook more than once")
    pod, labels = pod_of(documents)
    (container,) = pod["containers"]
    budget = documents["PodDisruptionBudget", "cpss-registry"]["spec"]
    replicas = documents["StatefulSet", "cpss-registry"]["spec"]["replicas"]
    if replicas < 2 or budget["maxUnavailable"] >= replicas - 1:
        fail("the replicas overlay may lose too many replicas at once")
    (term,) = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (spread,) = pod["topologySpreadConstraints"]
    for selector in (budget["selector"], term["labelSelector"], spread["labelSelector"]):
        if selector["matchLabels"].items() - labels.items():
            fail(f"the replicas overlay selects {selector['matchLabels']}, which no pod has")
    (mount,) = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "log"]
    for key in ("password_file", "ca", "request_key"):
        if not log[key].startswith(f"{mount}/"):
            fail(f"the replicas overlay's config.toml has log.{key} = {log[key]!r}, which nothing mounts")
    if log["signing_keys"] != mount:
        fail(f"the replicas overlay's config.toml has log.signing_keys = {log['signing_keys']!r}, which nothing mounts")
    if "replica_id" in log:
        fail("the replicas overlay's config.toml gives every replica the same name")


def check_image(documents):
    """Checks that the image has the toolchain, the version and the user that are named elsewhere."""
    dockerfile = (DEPLOY.parent / "Dockerfile").read_text()
    cargo = tomllib.loads((DEPLOY.parent / "Cargo.toml").read_text())
    package, profiles = cargo["package"], cargo["profile"]
    profile = profiles[profiles["dist"]["inherits"]] | profiles["dist"]
    if bases := [base for base in re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE) if not re.search(r"@sha256:[0-9a-f]{64}$", base)]:
        fail(f"the Dockerfile does not fix the digest of {bases}")
    pod, _ = pod_of(documents)
    user, version = pod["securityContext"]["runAsUser"], package["version"]
    for text in (
        f"FROM rust:{package['rust-version']}.0-", f'image.version="{version}"', f"USER {user}:{user}", "cargo build --profile dist --features full",
    ):
        if text not in dockerfile:
            fail(f"the Dockerfile lacks {text!r}")
    if profile.get("strip") != "symbols":
        fail("the installed binary is not stripped")
    if pod["containers"][0]["image"] != f"cpss-registry:{version}":
        fail(f"the manifests have another version than {version}")


def main():
    kubectl, binary = sys.argv[1:]
    config, pinned = check_config(BASE), check_config(EXAMPLE)
    added = {"registry", "backup_recipients"}
    if {key: value for key, value in pinned.items() if key not in added} != config or not added <= set(pinned):
        fail(f"the example overlay's config.toml differs from that of the base in something else than {sorted(added)}")
    base, example, certified, replicas = (built(kubectl, it) for it in (BASE, EXAMPLE, CERT_MANAGER, REPLICAS))
    namespace = yaml.safe_load((EXAMPLE / "kustomization.yaml").read_text())["namespace"]
    for documents in (base, example, certified, replicas):
        check_agreement(config, documents)
        check_memory(documents)
    created = check_creation(config, example)
    for documents in (example, certified):
        check_network(documents)
        check_backup(binary, documents, namespace)
        check_schedule(documents)
    check_hosts(certified, namespace)
    check_certificates(config, certified)
    check_renewals(certified)
    check_replicas(config, replicas)
    check_image(base)
    count = created + sum(len(documents) for documents in (base, example, certified, replicas))
    print(f"deploy: {count} manifests, 4 configurations and the unit agree (Kubernetes {KUBERNETES} schema)")


main()
