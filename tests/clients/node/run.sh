#!/usr/bin/env bash
# Runs the Node client against a registry that `init` has set up.
#
#     tests/clients/node/run.sh target/debug/cpss-registry
#
# NODE_PATH is the node_modules directory of package-lock.json (`npm ci`). Default: the one beside this script.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export NODE_PATH=${NODE_PATH:-$here/node_modules}
exec "$here/../secured.sh" "${1:?usage: run.sh PATH-OF-CPSS-REGISTRY}" node "$here/secured_job.cjs"
