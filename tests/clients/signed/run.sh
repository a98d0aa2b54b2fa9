#!/usr/bin/env bash
# Starts a development server, and checks its signed answers and receipts with an independent verifier in Python, while
# the key is rotated.
#
#     tests/clients/signed/run.sh target/debug/cpss-registry [COUNT]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=${1:?usage: run.sh PATH-OF-CPSS-REGISTRY [COUNT]}
count=${2:-1000}
python=${PYTHON:-python3}
story=signed
# shellcheck source=tests/clients/server.sh
source "$here/../server.sh"

start --dev --data-dir "$work/data"
timeout 600 "$python" -B "$here/story.py" "$http_address" "$count" "$binary" "$work/data" "$server" || fail "a statement is wrong"
stop
