#!/usr/bin/env bash
# Starts an empty registry on a free port, lets the Python client do the main job, stops the registry with SIGTERM and
# asks that it ends by itself with 0.
#
#     tests/clients/python/run.sh target/debug/cpss-registry
#
# PYTHON names an interpreter that has requirements.txt installed; .ci/run passes its own.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=${1:?usage: run.sh PATH-OF-CPSS-REGISTRY}
python=${PYTHON:-python3}
today=2026-03-02
start_seconds=60
stop_seconds=30

work=$(mktemp -d)
server=
cleanup() {
    if [[ -n $server ]]; then
        kill -KILL "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap cleanup EXIT

fail() {
    echo "interop: $1; the server said:" >&2
    cat "$work/log" >&2
    exit 1
}

: >"$work/log" # there before the first look at it, whichever process is quicker
"$binary" serve --dev --no-sample --today "$today" --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 \
    --data-dir "$work/data" >>"$work/log" 2>&1 </dev/null &
server=$!

endpoint=
for ((tick = 0; tick < start_seconds * 10; tick++)); do
    endpoint=$(sed -n 's/^listening on \([^ ]*\).*/\1/p' "$work/log" | head -n 1)
    [[ -n $endpoint ]] && break
    kill -0 "$server" 2>/dev/null || fail "the server ended before it was listening"
    sleep 0.1
done
[[ -n $endpoint ]] || fail "the server was not listening within $start_seconds s"

timeout 120 "$python" -B "$here/main_job.py" --endpoint "$endpoint" --today "$today" || fail "the client failed"

kill -TERM "$server"
for ((tick = 0; tick < stop_seconds * 10; tick++)); do
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
kill -0 "$server" 2>/dev/null && fail "the server was still there $stop_seconds s after SIGTERM"
status=0
wait "$server" || status=$?
server=
[[ $status -eq 0 ]] || fail "the server ended with $status after SIGTERM"
echo "interop: the server drained and ended with 0"
