#!/usr/bin/env bash
# Three replicas on a database of three nodes that Patroni manages. Installs Debian's packages that are missing.
#
#     tests/postgresql/patroni.sh [TIMES]
#
# TIMES is how often the primary is killed, stopped and switched over. Once takes about three minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if ! command -v patroni etcd >/dev/null || ! /usr/bin/python3 -c 'import psycopg2, etcd' 2>/dev/null; then
    root=()
    [[ $(id -u) -eq 0 ]] || root=(sudo)
    # The packages would start servers of their own.
    "${root[@]}" mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | "${root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends \
        postgresql patroni etcd-server python3-etcd python3-psycopg2
    for service in patroni etcd; do
        [[ ! -d /run/systemd/system ]] || "${root[@]}" systemctl disable --now --quiet "$service"
    done
fi

CPSS_PATRONI_TIMES=${1:-1} timeout 7200 cargo test --locked --quiet --test postgresql -- --ignored --nocapture patroni::
