#!/usr/bin/env bash
# Restarts a registry repeatedly under the load of a client that retries as in tests/clients/service-config.json. Every third
# time it is killed. No call may fail, and no write may be lost or recorded twice.
#
#     CPSS_RESTARTS=30 tests/clients/python/restarts.sh target/release/cpss-registry
#
# PYTHON is an interpreter with requirements.txt installed. .ci/run passes its own.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=${1:?usage: restarts.sh PATH-OF-CPSS-REGISTRY}
python=${PYTHON:-python3}
restarts=${CPSS_RESTARTS:-3}
pause_seconds=10 # longer than a call is retried, so that no call meets two restarts
story=restarts
# shellcheck source=tests/clients/server.sh
source "$here/../server.sh"
serve=(--dev --no-sample --today 2026-03-02 --data-dir "$work/data")

start "${serve[@]}"
listen=$address
: >"$work/kills"
"$python" -B "$here/restarts.py" --endpoint "$address" --service-config "$here/../service-config.json" \
    --kills "$work/kills" &
client=$!
for ((count = 0; count < restarts; count++)); do
    sleep "$pause_seconds"
    if ((count % 3 == 2)); then
        date +%s.%N >>"$work/kills"
        kill_at_once
        date +%s.%N >>"$work/kills"
    else
        stop
    fi
    start "${serve[@]}"
done
sleep "$pause_seconds"
kill -TERM "$client"
wait "$client" || fail "the client failed"
stop
echo "$story: $restarts restarts, $((restarts / 3)) of them after a kill, and no call failed"
