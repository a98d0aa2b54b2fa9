#!/usr/bin/env bash
# Uses the page for a person in Chromium without a window, against the sample registry as `init` serves it, with TLS.
#
#     tests/clients/page/run.sh target/debug/cpss-registry [PART...]
#
# With a PART, only the stories run whose names have it, such as List.
# NODE_MODULES is the node_modules directory of package-lock.json (`npm ci`). Pictures of the page go to target/page.
set -euo pipefail
binary=$(realpath "${1:?usage: run.sh PATH-OF-CPSS-REGISTRY}")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
NODE_MODULES=$(realpath "${NODE_MODULES:-$here/node_modules}")
pictures=$(realpath -m "${CARGO_TARGET_DIR:-$here/../../../target}")/page
story=page
# shellcheck source=tests/clients/server.sh
source "$here/../server.sh"

place=$work/registry

# The sample, with a token for each role that asks, and one that has expired.
start --dev --data-dir "$work/data"
stop
"$binary" init "$place" --data-dir "$work/data" >/dev/null
for role in registrar certifier payer auditor operator; do
    "$binary" init "$place" --client "$role-desk" --role "$role" --token >/dev/null
done
"$binary" init "$place" --client hr --role provider --provider region-1-cmhc --token >/dev/null
for name in expired brief; do
    "$binary" init "$place" --client "$name" --role auditor --token >/dev/null
done
sed -i '/name = "expired"/,/^$/s/^expires = .*/expires = 2026-01-01T00:00:00Z/' "$place/clients.toml"

mkdir -p "$pictures" "$work/client"
cp "$here"/*.mjs "$here/package.json" "$work/client/"
ln -s "$NODE_MODULES" "$work/client/node_modules"
start --config "$place/config.toml"
timeout 600 node "$work/client/main.mjs" "$place" "https://localhost:${http_address##*:}" "http://$ops_address" \
    "$pictures" "$binary" "${@:2}" ||
    fail "the page did not do what it should"
stop
