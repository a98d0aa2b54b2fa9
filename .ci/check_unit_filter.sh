#!/usr/bin/env bash
# Starts the service under the system call filter of its unit, with a socket in place of systemd's, and fails if it logs a
# warning, if it cannot have a staff list read by a process of its own, or if it does not report that it is ready and that
# it ends. Then starts it without setpriority in the filter and fails if it logs none, which proves that the check works.
#
#     .ci/check_unit_filter.sh target/debug/cpss-registry deploy/cpss-registry.service
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=$(realpath "${1:?usage: check_unit_filter.sh PATH-OF-CPSS-REGISTRY UNIT}")
unit=${2:?usage: check_unit_filter.sh PATH-OF-CPSS-REGISTRY UNIT}
story="unit filter"
# shellcheck source=tests/clients/server.sh
source "$here/../tests/clients/server.sh"

# Only the server's command runs under the filter.
filtered() {
    printf '#!/bin/sh\nexec python3 -B "%s" "%s" "%s" "$@"\n' "$here/run_under_unit_filter.py" "$1" "$registry" >"$work/run"
    chmod +x "$work/run"
    binary=$work/run
}

registry=$binary
"$registry" init "$work/registry" >/dev/null
"$registry" init "$work/registry" --client desk --role registrar --token >/dev/null
filtered "$unit"
export NOTIFY_SOCKET=$work/notify
timeout 120 python3 -B -c '
import socket, sys
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(sys.argv[1])
with open(sys.argv[2], "wb", buffering=0) as heard:
    while True:
        heard.write(manager.recv(4096))
' "$NOTIFY_SOCKET" "$work/heard" &
manager=$!
trap 'kill "$manager" 2>/dev/null || true; cleanup' EXIT
until [[ -S $NOTIFY_SOCKET ]]; do
    kill -0 "$manager" || exit 1
    sleep 0.1
done
start --config "$work/registry/config.toml"
printf 'Credential number\nCPS-DTMK-QJA9-B\n' |
    curl --silent --show-error --cacert "$work/registry/server.crt" --header 'content-type: application/octet-stream' \
        --header "authorization: Bearer $(cat "$work/registry/desk.token")" --data-binary @- \
        "https://localhost:${http_address##*:}/page/roster" >"$work/rows"
grep -q '^{"end":true}$' "$work/rows" || fail "no list is read: $(cat "$work/rows")"
stop
# The manager may read what waits for it after the end of the service.
for ((tick = 0; tick < 50; tick++)); do
    grep -q '^STOPPING=1$' "$work/heard" && break
    sleep 0.1
done
kill "$manager"
trap cleanup EXIT
unset NOTIFY_SOCKET
for state in READY=1 STOPPING=1; do
    grep -q "^$state$" "$work/heard" || fail "it does not report $state to the service manager"
done
if grep -E 'WARN|ERROR' "$work/log"; then
    fail "it logs the lines above under the filter of $unit"
fi

{ cat "$unit" && echo 'SystemCallFilter=~setpriority'; } >"$work/without.service"
filtered "$work/without.service"
start --config "$work/registry/config.toml"
stop
grep -q 'WARN.*thread_priority_not_lowered' "$work/log" || fail "without setpriority it should log a warning"
echo "$story: no warning under the filter of ${unit##*/}, and one without setpriority"
