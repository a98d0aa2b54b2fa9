"""Checks what watches the service: the rules with promtool, the dashboard against Grafana's schema, and the metrics that a
server really serves.

    check_monitoring.py CPSS-REGISTRY PROMTOOL
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

import prometheus_client.openmetrics.parser as openmetrics
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

ROOT = pathlib.Path(__file__).resolve().parent.parent
RULES = ROOT / "deploy" / "alerts.yaml"
CASES = ROOT / "tests" / "alerts" / "rules.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "cpss-registry.json"
# What Grafana puts in the place of its variables.
VARIABLES = {"$__rate_interval": "5m", "$job": ".*", "$instance": ".*"}
START_SECONDS = 60
# A civil day is no number of seconds.
ALLOWED = {'cpss_open_day_lag_days use base unit "seconds" instead of "days"'}


def fail(sentence):
    sys.exit(f"monitoring: {sentence}")


def run(promtool, *arguments):
    """Runs promtool. It must succeed."""
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"promtool {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}")


def lost(given, kept, path="dashboard"):
    """Yields where Grafana's schema has no place for what the dashboard says."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key in kept:
                yield from lost(value, kept[key], f"{path}.{key}")
            elif value is not None:
                yield f"{path}.{key}"
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, (mine, its) in enumerate(zip(given, kept)):
            yield from lost(mine, its, f"{path}[{number}]")
    elif given != kept:
        yield path


def decoded(dashboard):
    """Returns the dashboard as Grafana's schema understands it."""
    return json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(dashboard)))


def check_schema(dashboard):
    register_default_plugins()
    if places := list(lost(dashboard, decoded(dashboard))):
        fail(f"{DASHBOARD.name}: not in Grafana's schema: {places}")
    # The check itself: a field that Grafana does not have is found.
    if not list(lost(dashboard | {"made_up": 1}, decoded(dashboard | {"made_up": 1}))):
        fail("the check of Grafana's schema finds nothing")


def check_layout(dashboard):
    """Checks that no id is used twice, no panel covers another, and every source of data is the variable."""
    panels, taken = dashboard["panels"], {}
    if len({panel["id"] for panel in panels}) != len(panels):
        fail("two panels have the same id")
    for panel in panels:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if x >= 24 or taken.setdefault((x, y), panel["title"]) != panel["title"]:
                    fail(f"the panel {panel['title']!r} is outside of the page, or covers {taken.get((x, y))!r}")
        sources = [panel.get("datasource")] + [target["datasource"] for target in panel.get("targets", [])]
        if panel["type"] != "row" and any(source != {"type": "prometheus", "uid": "${datasource}"} for source in sources):
            fail(f"the panel {panel['title']!r} has a fixed source of data")


def check_dashboard(promtool):
    dashboard = json.loads(DASHBOARD.read_text())
    check_schema(dashboard)
    check_layout(dashboard)
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    for variable, value in VARIABLES.items():
        expressions = [expression.replace(variable, value) for expression in expressions]
    rules = [{"record": f"expression_{number}", "expr": text} for number, text in enumerate(expressions)]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
        file.flush()
        run(promtool, "check", "rules", file.name)
    return len(expressions)


def served(binary):
    """Returns the metrics page of a new server that has answered a question."""
    with tempfile.TemporaryDirectory() as directory:
        data, log = f"{directory}/data", pathlib.Path(directory, "log")
        command = [binary, "serve", "--dev", "--data-dir", data, "--listen", "127.0.0.1:0"]
        command += ["--http-listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]
        with log.open("w") as output:
            server = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        try:
            until = time.monotonic() + START_SECONDS
            while not (found := re.search(r"^listening on (\S+)", log.read_text(), re.MULTILINE)):
                if time.monotonic() > until or server.poll() is not None:
                    fail(f"the server is not listening:\n{log.read_text()}")
                time.sleep(0.1)
            ops = re.search(r"ops_listen=(\S+)", log.read_text())[1]
            number = re.search(r"credential=(\S+)", log.read_text())[1]
            subprocess.run([binary, "verify", number, "--endpoint", f"http://{found[1]}"], check=True, capture_output=True)
            with urllib.request.urlopen(f"http://{ops}/metrics", timeout=10) as response:
                return response.read().decode()
        finally:
            server.terminate()
            server.wait(timeout=60)


def classic(page):
    """Returns an OpenMetrics page in the older text format, which promtool lints."""
    for line in page.splitlines():
        words = line.split(" ")
        if words[:2] == ["#", "TYPE"] and words[3] == "counter":
            yield f"# TYPE {words[2]}_total counter"
        elif words[:2] == ["#", "TYPE"] and words[3] == "info":
            yield f"# TYPE {words[2]}_info gauge"
        elif words[:2] == ["#", "HELP"]:
            kind = re.search(rf"^# TYPE {words[2]} (\w+)", page, re.MULTILINE)[1]
            yield line.replace(words[2], words[2] + {"counter": "_total", "info": "_info"}.get(kind, ""), 1)
        elif words[:2] != ["#", "UNIT"] and line != "# EOF":
            yield line


def check_page(binary, promtool):
    page = served(binary)
    families = list(openmetrics.text_string_to_metric_families(page))
    text = "\n".join(classic(page)) + "\n"
    lint = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True)
    found = {line for line in (lint.stdout + lint.stderr).splitlines() if line}
    if found != ALLOWED:
        fail(f"promtool check metrics: {sorted(found ^ ALLOWED)}")
    return len(families)


def main():
    binary, promtool = sys.argv[1:]
    run(promtool, "check", "rules", RULES)
    run(promtool, "test", "rules", CASES)
    expressions, families = check_dashboard(promtool), check_page(binary, promtool)
    rules = yaml.safe_load(RULES.read_text())["groups"]
    count = sum(len(group["rules"]) for group in rules)
    print(f"monitoring: {count} rules, {expressions} expressions of the dashboard and {families} families of metrics")


main()
