#!/usr/bin/env bash
# Validates proto/openapi.json with two validators, starts a development server with sample data on free ports, sends it
# every example of the document that it serves, checks the answers against the schemas, and stops it with SIGTERM.
#
#     tests/clients/openapi/run.sh target/debug/cpss-registry
#
# PYTHON is an interpreter with .ci/requirements.txt installed, and NODE_MODULES the packages of package-lock.json.
# .ci/run passes its own.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=${1:?usage: run.sh PATH-OF-CPSS-REGISTRY}
python=${PYTHON:-python3}
document=$here/../../../proto/openapi.json
story=openapi
# shellcheck source=tests/clients/server.sh
source "$here/../server.sh"

"$python" -m openapi_spec_validator --schema 3.1 "$document"
REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \
    "${NODE_MODULES:?}/.bin/redocly" lint --config "$here/redocly.yaml" --format stylish "$document"

start --dev --today 2026-03-02 --data-dir "$work/data"
timeout 120 "$python" -B "$here/examples.py" "http://$http_address" "$document" || fail "an example failed"
stop
