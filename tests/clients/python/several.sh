#!/usr/bin/env bash
# Gives a client the addresses of two registries, with tests/clients/service-config.json: both get calls, and when one ends,
# no call fails.
#
#     tests/clients/python/several.sh target/debug/cpss-registry
#
# PYTHON is an interpreter with requirements.txt installed. .ci/run passes its own.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=${1:?usage: several.sh PATH-OF-CPSS-REGISTRY}
python=${PYTHON:-python3}
story=several
# shellcheck source=tests/clients/server.sh
source "$here/../server.sh"
serve=(--dev --no-sample --today 2026-03-02)

start "${serve[@]}" --data-dir "$work/first"
first=$address
first_server=$server
trap 'kill -KILL "$first_server" 2>/dev/null || true; cleanup' EXIT
start "${serve[@]}" --data-dir "$work/second"
timeout 120 "$python" -B "$here/several.py" --service-config "$here/../service-config.json" \
    --first "$first" --second "$address" --end "$first_server" || fail "the client failed"
stop
# The client has ended the first one.
server=$first_server
await_end
