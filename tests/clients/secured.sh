#!/usr/bin/env bash
# Sets up a registry with `init`, adds a client for each role that the story needs, starts the registry on a free port with
# TLS, runs a client's command with the directory and the endpoint as arguments, and stops the registry with SIGTERM.
#
#     tests/clients/secured.sh target/debug/cpss-registry node tests/clients/node/secured_job.cjs
set -euo pipefail
binary=${1:?usage: secured.sh PATH-OF-CPSS-REGISTRY COMMAND...}
shift
story="interop over TLS"
# shellcheck source=tests/clients/server.sh
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"
place=$work/registry

"$binary" init "$place" >/dev/null
"$binary" init "$place" --client certifier --role certifier >/dev/null
"$binary" init "$place" --client hr --role provider --provider region-1-cmhc --token >/dev/null
"$binary" init "$work/elsewhere" >/dev/null

start --config "$place/config.toml"
timeout 120 "$@" "$place" "$work/elsewhere" "localhost:${address##*:}" || fail "the client failed"
stop
