# Functions for the scripts of client stories, which source this file with `binary` and `story` set. They start a registry
# on free ports, or at `listen` and `http_listen`, and stop it with SIGTERM, or kill it.
# shellcheck shell=bash
start_seconds=60
stop_seconds=30

work=$(mktemp -d)
server=
address=
http_address=
ops_address=
listen=127.0.0.1:0
http_listen=127.0.0.1:0
cleanup() {
    if [[ -n $server ]]; then
        kill -KILL "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap cleanup EXIT

fail() {
    echo "$story: $1; the server said:" >&2
    cat "$work/log" >&2
    exit 1
}

# Starts the registry with these flags and waits until it accepts calls. Sets `address`, `http_address` and `ops_address`.
start() {
    : >"$work/log" # there before the first look at it, whichever process is quicker
    "$binary" serve "$@" --listen "$listen" --http-listen "$http_listen" --ops-listen 127.0.0.1:0 \
        >>"$work/log" 2>&1 </dev/null &
    server=$!
    for ((tick = 0; tick < start_seconds * 10; tick++)); do
        address=$(sed -n 's/^listening on \([^ ]*\)$/\1/p' "$work/log")
        http_address=$(sed -n 's/^listening on \([^ ]*\) (HTTP)$/\1/p' "$work/log")
        # shellcheck disable=SC2034 # for the scripts that source this file
        ops_address=$(sed -n 's/.* ops_listen=\([^ ]*\) .*/\1/p' "$work/log")
        [[ -n $address && -n $http_address ]] && return
        kill -0 "$server" 2>/dev/null || fail "the server ended before it was listening"
        sleep 0.1
    done
    fail "the server was not listening within $start_seconds s"
}

# Stops the registry with SIGTERM. It must end with exit code 0.
stop() {
    kill -TERM "$server"
    await_end
}

# Kills the registry: it does nothing any more.
kill_at_once() {
    kill -KILL "$server"
    { wait "$server" || true; } 2>/dev/null
    server=
    echo "$story: the server was killed"
}

# Waits for a registry that was sent SIGTERM. It must end with exit code 0.
await_end() {
    for ((tick = 0; tick < stop_seconds * 10; tick++)); do
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    kill -0 "$server" 2>/dev/null && fail "the server was still there $stop_seconds s after SIGTERM"
    local status=0
    wait "$server" || status=$?
    server=
    [[ $status -eq 0 ]] || fail "the server ended with $status after SIGTERM"
    echo "$story: the server drained and ended with 0"
}
