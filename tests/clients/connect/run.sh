#!/usr/bin/env bash
# Runs a client of the Connect protocol against the sample registry as `init` serves it, with TLS, and restarts the
# registry in between.
#
#     tests/clients/connect/run.sh target/debug/cpss-registry node|python|web
#
# NODE_MODULES is the node_modules directory of package-lock.json (`npm ci`). PYTHON is an interpreter with
# requirements.txt. The code of the contract is generated into a directory that is removed at the end.
set -euo pipefail
binary=$(realpath "${1:?usage: run.sh PATH-OF-CPSS-REGISTRY CLIENT}")
client=${2:?usage: run.sh PATH-OF-CPSS-REGISTRY CLIENT}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
story="connect: $client"
client_seconds=120
# shellcheck source=tests/clients/server.sh
source "$here/../server.sh"

place=$work/registry
number=CPS-28MS-MN2K-Z
last_day=$(date -d '-3 days' +%F)

# The sample, with certificates and a token of its first employer.
prepare_registry() {
    start --dev --data-dir "$work/data"
    stop
    "$binary" init "$place" --data-dir "$work/data" >/dev/null
    "$binary" init "$place" --client hr --role provider --provider region-1-cmhc --token >/dev/null
}

generate() {
    mkdir "$work/client" "$work/client/gen"
    cp "$here"/*.{mjs,json,py} "$work/client/"
    local files
    files=$(cd "$here/../../../proto" && find google ms -name '*.proto')
    # shellcheck disable=SC2086 # a word for each file
    (cd "$here/../../../proto" && PATH=$PATH:$1 protoc -I. "${@:2}" $files)
}

prepare_javascript() {
    NODE_MODULES=$(realpath "${NODE_MODULES:-$here/node_modules}")
    generate "$NODE_MODULES/.bin" --es_out=target=js,import_extension=js:"$work/client/gen"
    ln -s "$NODE_MODULES" "$work/client/node_modules"
}

# Runs a part of the job.
part() {
    timeout "$client_seconds" "${job[@]}" "$1" "$place" "https://localhost:${http_address##*:}" "$number" "$last_day" ||
        fail "the client failed"
}

flags=()
case $client in
    node)
        prepare_javascript
        job=(node "$work/client/node.mjs")
        ;;
    python)
        PYTHON=${PYTHON:-python3}
        bin=$(dirname "$(command -v "$PYTHON")")
        generate "$bin" --py_out="$work/client/gen" --connectrpc_out="$work/client/gen"
        job=("$PYTHON" -B "$work/client/client.py")
        ;;
    web)
        prepare_javascript
        "$NODE_MODULES/.bin/esbuild" "$work/client/page.mjs" --bundle --format=esm --log-level=warning \
            --outfile="$work/client/page.js"
        # A port for the page, which has to be in the configuration of the registry.
        page_port=$("${PYTHON:-python3}" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        flags=(--http-origins "http://localhost:$page_port")
        job=(node "$work/client/web.mjs" "$page_port")
        ;;
    *) fail "no such client" ;;
esac
prepare_registry
start --config "$place/config.toml" "${flags[@]}"
listen=$address
http_listen=$http_address
part begin
stop
start --config "$place/config.toml" "${flags[@]}"
part go-on
stop
