#!/usr/bin/env bash
# Tests with a real PostgreSQL. Installs Debian's packages that are missing.
#
#     tests/postgresql/run.sh [NAMES-OF-TESTS]
#
# CPSS_POSTGRESQL_BIN is the directory of another version's programs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

missing=()
[[ -n ${CPSS_POSTGRESQL_BIN:-} || -n $(compgen -G '/usr/lib/postgresql/*/bin/postgres') ]] || missing+=(postgresql)
# Gives a replica another clock. Without it, clocks are left alone.
[[ -n $(compgen -G '/usr/lib/*/faketime/libfaketime.so.1') ]] || missing+=(faketime)
if [[ ${#missing[@]} -gt 0 ]]; then
    root=()
    [[ $(id -u) -eq 0 ]] || root=(sudo)
    # The package would start a server of its own.
    "${root[@]}" mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | "${root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

timeout 1800 cargo test --locked --quiet --test postgresql -- "$@"
# The suite that every engine of the log must pass.
timeout 1800 cargo test --locked --quiet --lib -- --ignored store::log::conformance::postgresql
