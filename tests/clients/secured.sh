#!/usr/bin/env bash
# Sets a registry up with `init`, lets in a client for each role that the story needs, starts it on a free port with TLS,
# runs a client's command with the directory and the endpoint behind it, and stops the registry with SIGTERM.
#
#     tests/clients/secured.sh target/debug/cpss-registry node tests/clients/node/secured_job.cjs
set -euo pipefail
binary=${1:?usage: secured.sh PATH-OF-CPSS-REGISTRY COMMAND...}
shift
start_seconds=60
stop_seconds=30

work=$(mktemp -d)
place=$work/registry
server=
cleanup() {
    if [[ -n $server ]]; then
        kill -KILL "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap cleanup EXIT

fail() {
    echo "interop over TLS: $1; the server said:" >&2
    cat "$work/log" >&2
    exit 1
}

"$binary" init "$place" >/dev/null
"$binary" init "$place" --client certifier --role certifier >/dev/null
"$binary" init "$place" --client hr --role provider --provider region-1-cmhc --token >/dev/null
"$binary" init "$work/elsewhere" >/dev/null

: >"$work/log" # there before the first look at it, whichever process is quicker
"$binary" serve --config "$place/config.toml" --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 >>"$work/log" 2>&1 </dev/null &
server=$!

address=
for ((tick = 0; tick < start_seconds * 10; tick++)); do
    address=$(sed -n 's/^listening on \([^ ]*\).*/\1/p' "$work/log" | head -n 1)
    [[ -n $address ]] && break
    kill -0 "$server" 2>/dev/null || fail "the server ended before it was listening"
    sleep 0.1
done
[[ -n $address ]] || fail "the server was not listening within $start_seconds s"

timeout 120 "$@" "$place" "$work/elsewhere" "localhost:${address##*:}" || fail "the client failed"

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
echo "interop over TLS: the server drained and ended with 0"
