#!/usr/bin/env bash
# Generates a registry, starts a development server on it, checks the transparency log with an independent
# implementation in Python, and stops the server.
#
#     tests/clients/transparency/run.sh target/debug/cpss-registry [PAIRS]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=${1:?usage: run.sh PATH-OF-CPSS-REGISTRY [PAIRS]}
pairs=${2:-1000}
python=${PYTHON:-python3}
story=transparency
# shellcheck source=tests/clients/server.sh
source "$here/../server.sh"

"$binary" generate --data-dir "$work/data" --specialists 2500 --through 2026-03-01
start --dev --today 2026-03-02 --data-dir "$work/data"
timeout 900 "$python" -B "$here/check_log.py" "http://$http_address" "$pairs" || fail "a proof is wrong"
stop
