#!/usr/bin/env bash
# Starts the service under the system call filter of its unit and fails if it logs a warning. Then starts it without
# setpriority in the filter and fails if it logs none, which proves that the check works.
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
filtered "$unit"
start --config "$work/registry/config.toml"
stop
if grep -E 'WARN|ERROR' "$work/log"; then
    fail "it logs the lines above under the filter of $unit"
fi

{ cat "$unit" && echo 'SystemCallFilter=~setpriority'; } >"$work/without.service"
filtered "$work/without.service"
start --config "$work/registry/config.toml"
stop
grep -q 'WARN.*thread_priority_not_lowered' "$work/log" || fail "without setpriority it should log a warning"
echo "$story: no warning under the filter of ${unit##*/}, and one without setpriority"
