#!/usr/bin/env bash
# Lets the Node client do its job against a registry that `init` has set up.
#
#     tests/clients/node/run.sh target/debug/cpss-registry
#
# NODE_PATH names the node_modules that package-lock.json was installed to (`npm ci`); without it, those beside this.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export NODE_PATH=${NODE_PATH:-$here/node_modules}
exec "$here/../secured.sh" "${1:?usage: run.sh PATH-OF-CPSS-REGISTRY}" node "$here/secured_job.cjs"
