#!/usr/bin/env bash
# Starts an empty registry on a free port, runs the main job with the Python client, and stops the registry with SIGTERM.
# It must end with exit code 0.
#
#     tests/clients/python/run.sh target/debug/cpss-registry
#
# PYTHON is an interpreter with requirements.txt installed. .ci/run passes its own.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=${1:?usage: run.sh PATH-OF-CPSS-REGISTRY}
python=${PYTHON:-python3}
today=2026-03-02
story=interop
# shellcheck source=tests/clients/server.sh
source "$here/../server.sh"

start --dev --no-sample --today "$today" --data-dir "$work/data"
timeout 120 "$python" -B "$here/main_job.py" --endpoint "$address" --today "$today" || fail "the client failed"
stop
