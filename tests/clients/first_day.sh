#!/usr/bin/env bash
# The first day of a client: follows the README of a client of tests/clients against a registry with TLS, line by line. The
# client's directory and the contract are copied, so that nothing is there but what the README has made.
#
#     tests/clients/first_day.sh target/debug/cpss-registry go
#
# What differs from the README: the address of the registry. The registry is the sample, as `init` serves it.
#
# * verify: the holder of the credential is confirmed.
# * claims: 10,000 rows get their answers, and those with a fault their errors; at most four batches are asked at a time. Over
#   HTTP, an answer that breaks off is asked for again.
# * end: a report with a fault is refused, and names the field. The other one is made while the registry is away, and is
#   recorded once, although the line is run twice.
# * watch: prints every record once and in order, although the registry and the client are restarted meanwhile. It ends if
#   the position cannot be stored.
# * With a wrong token, claims and watch end and say why. No temporary file is left.
#
# No client uses the proxy that the environment names.
set -euo pipefail
binary=$(realpath "${1:?usage: first_day.sh PATH-OF-CPSS-REGISTRY CLIENT}")
name=${2:?usage: first_day.sh PATH-OF-CPSS-REGISTRY CLIENT}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
story="first day of $name"
# shellcheck source=tests/clients/server.sh
source "$here/server.sh"

claim_count=10000
client_seconds=120
# Of the first connection to the relay: more than the handshake, and less than the answers to a batch.
broken_off_after=50000
registry=$work/registry
said=$work/client
client=
relay=

# What a client starts in the background ends with it.
stop_client() {
    [[ -z $client ]] && return
    kill -KILL -- "-$client" 2>/dev/null || true
    { wait "$client" || true; } 2>/dev/null
    client=
}
stop_relay() {
    [[ -z $relay ]] && return
    kill "$relay" 2>/dev/null || true
    { wait "$relay" || true; } 2>/dev/null
    relay=
}
trap 'stop_client; stop_relay; cleanup' EXIT

# Packages are installed by root.
apt-get() {
    if [[ $(id -u) -eq 0 ]]; then command apt-get "$@"; else sudo apt-get "$@"; fi
}

# The sample, with certificates and a token of its first employer.
prepare_registry() {
    start --dev --data-dir "$work/data"
    stop
    "$binary" init "$registry" --data-dir "$work/data" >/dev/null
    "$binary" init "$registry" --client hr --role provider --provider region-1-cmhc --token >/dev/null
    # A client that sends more batches at a time is refused.
    echo 'streams_per_client = 4' >>"$registry/config.toml"
}

# The machine: a home, and a part of the repository.
prepare_machine() {
    local top=$work/machine/cpss-registry
    mkdir -p "$work/machine/home" "$top/tests/clients"
    cp -r "$here/../../proto" "$top/"
    cp "$here/service-config.json" "$top/tests/clients/"
    (cd "$here" && git ls-files -z -c -o --exclude-standard "$name" | tar --null -T - -c) | tar -x -C "$top/tests/clients"
    cp "$registry"/{ca.crt,hr.token} "$top/tests/clients/$name/"
    tr '[0-9a-f]' '[1-9a-f0]' <"$registry/hr.token" >"$work/wrong.token"
    mkdir "$work/temporary"
    write_claims >"$top/tests/clients/$name/claims.csv"
    export HOME=$work/machine/home
    unset NODE_PATH PYTHONPATH CLASSPATH GOPATH GOFLAGS GO111MODULE VIRTUAL_ENV
    cd "$top"
}

write_claims() {
    awk -v count="$claim_count" -v day="$(date -d '-20 days' +%F)" 'BEGIN {
        print "credential_number,provider_id,date_of_service,units"
        for (row = 1; row <= count; row++)
            printf "%s,region-1-cmhc,%s,4\n", row % 3 ? "CPS-28MS-MN2K-Z" : "CPS-PQDT-NJDN-7",
                row % 1000 == 7 ? "1850-01-01" : day
    }'
}

expected_answers() {
    awk -v count="$claim_count" 'BEGIN {
        for (row = 1; row <= count; row++)
            print row, row % 1000 == 7 ? "INVALID_ARGUMENT" : row % 3 ? "VERDICT_CONFIRMED" : "VERDICT_NOT_CONFIRMED"
    }'
}

# Makes a call as the registrar.
as_registrar() {
    curl --silent --show-error --fail-with-body --noproxy '*' --cacert "$registry/ca.crt" --cert "$registry/registrar.crt" \
        --key "$registry/registrar.key" --json "$2" "https://localhost:${http_address##*:}/ms.dmh.credential.v1.$1"
}

head_revision() {
    as_registrar VerificationService/VerifyCredential '{"item": {"credentialNumber": "CPS-28MS-MN2K-Z"}}' |
        sed 's/.*"knownAtRevision":"\([0-9]*\)".*/\1/'
}

# A record that is not about the client's staff.
record_something() {
    as_registrar CredentialService/RegisterSpecialist '{"requestId": "'"$(cat /proc/sys/kernel/random/uuid)"'",
        "name": {"givenName": "Amparo", "familyName": "Example-Stone"}, "birthDate": "1980-05-17"}' >/dev/null
}

give_up() {
    echo "$story: $1: $line" >&2
    tail -n 20 "$said.out" "$said.err" >&2
    fail "$1"
}

# Starts a line of the client as a group of its own. Nothing listens at the proxy.
begin() {
    env -u no_proxy -u NO_PROXY https_proxy=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9 TMPDIR="$work/temporary" \
        setsid bash -c "$line" >>"$said.out" 2>>"$said.err" </dev/null &
    client=$!
}

# Waits for the client. Sets `status`.
finish() {
    for ((tick = 0; tick < client_seconds * 10; tick++)); do
        kill -0 "$client" 2>/dev/null || break
        sleep 0.1
    done
    kill -0 "$client" 2>/dev/null && give_up "still running after $client_seconds s"
    status=0
    wait "$client" || status=$?
    client=
}

# Runs a line of the client to its end. What it prints is in "$said.out" and "$said.err".
run_line() {
    : >"$said.out"
    : >"$said.err"
    begin
    finish
    [[ -z $(ls -A "$work/temporary") ]] || give_up "left $(ls -A "$work/temporary")"
}

# Runs a line with a wrong token.
run_refused() {
    local REGISTRY_TOKEN=$work/wrong.token
    run_line
    [[ $status -eq 1 ]] || give_up "ended with $status instead of 1 for a wrong token"
    grep -q '^UNAUTHENTICATED:' "$said.err" || give_up "does not say why it was refused"
}

follow_verify() {
    run_line
    [[ $status -eq 0 ]] && grep -q '^VERDICT_CONFIRMED' "$said.out" || give_up "not confirmed"
}

follow_claims() {
    run_line
    [[ $status -eq 0 ]] || give_up "the claims failed"
    awk '{ print $1, $2 }' "$said.out" | cmp - <(expected_answers) >&2 || give_up "not the answers to the claims"
    grep -q '^1007 INVALID_ARGUMENT .*date_of_service' "$said.out" || give_up "the faulty row has no explanation"
    tail -n 1 "$said.err"
    run_refused
    [[ $REGISTRY != https:* ]] || follow_broken_claims
}

follow_broken_claims() {
    local line=${line/claims.csv/few.csv} REGISTRY=$REGISTRY
    head -n 1001 claims.csv >few.csv
    : >"$work/relay"
    python3 -B "$here/relay.py" "$http_address" "$broken_off_after" >"$work/relay" &
    relay=$!
    for ((tick = 0; tick < start_seconds * 10; tick++)); do
        [[ -s $work/relay ]] && break
        sleep 0.1
    done
    REGISTRY=https://localhost:$(head -n 1 "$work/relay")
    run_line
    stop_relay
    grep -q '^broken off' "$work/relay" || give_up "no answer was broken off"
    [[ $status -eq 0 ]] && awk '{ print $1, $2 }' "$said.out" | cmp - <(expected_answers | head -n 1000) >&2 ||
        give_up "an answer that broke off was not asked for again"
}

follow_refusal() {
    run_line
    [[ $status -eq 1 ]] || give_up "ended with $status instead of 1"
    grep -q '^INVALID_ARGUMENT' "$said.err" && grep -q 'last_day: not a day' "$said.err" || give_up "the error is not explained"
}

follow_end() {
    local revision
    revision=$(($(head_revision) + 1))
    stop
    : >"$said.out"
    : >"$said.err"
    begin
    sleep 2
    start --config "$registry/config.toml"
    finish
    [[ $status -eq 0 && $(<"$said.out") == "revision $revision" ]] || give_up "not recorded after the outage"
    run_line
    [[ $status -eq 0 && $(<"$said.out") == "revision $revision" ]] || give_up "the same report again is not the same record"
}

await_head() {
    local revision
    revision=$(head_revision)
    for ((tick = 0; tick < client_seconds * 10; tick++)); do
        grep -q "^revision $revision:" "$said.out" && return
        kill -0 "$client" 2>/dev/null || give_up "the watch ended"
        sleep 0.1
    done
    give_up "the watch has not come to revision $revision"
}

# The position cannot be stored, because its file cannot be written.
follow_uncommitted() {
    local known=$1
    record_something
    mkdir position.new
    run_line
    rmdir position.new
    [[ $status -eq 1 ]] || give_up "ended with $status instead of 1 when the position could not be stored"
    sed -n 's/^revision \([0-9]*\):.*/\1/p' "$said.out" | cmp - <(echo $((known + 1))) >&2 ||
        give_up "went on when the position could not be stored"
}

follow_watch() {
    local known=0 # what another program of the README has seen
    [[ ! -e position ]] || known=$(sed 's#.*/##' position)
    run_refused
    follow_uncommitted "$known"
    : >"$said.out"
    : >"$said.err"
    begin
    await_head
    stop
    start --config "$registry/config.toml"
    record_something
    await_head
    stop_client
    record_something
    begin
    await_head
    stop_client
    sed -n 's/^revision \([0-9]*\):.*/\1/p' "$said.out" | cmp - <(seq $((known + 1)) "$(head_revision)") >&2 ||
        give_up "not every record once and in order"
}

# Follows a line: what the client has to show depends on its command.
follow() {
    line=${1//registry.example.org:8443/localhost:${http_address##*:}}
    line=${line//registry.example.org:50051/localhost:${address##*:}}
    local command
    for command in verify claims end watch; do
        [[ " $line " == *" $command "* ]] || continue
        [[ $command == end && $line == *1850* ]] && command=refusal
        "follow_$command"
        followed+=" $command"
        return
    done
    eval "$line" </dev/null || give_up "the line failed"
}

prepare_registry
prepare_machine
start --config "$registry/config.toml"
listen=$address
http_listen=$http_address
followed=
mapfile -t lines < <(awk '/^```/ { shown = $0 == "```sh"; next } shown' "$here/$name/README.md")
: >"$said.out"
: >"$said.err"
for each in "${lines[@]}"; do
    follow "$each"
done
stop
for command in verify claims refusal end watch; do
    [[ " $followed " == *" $command "* ]] || fail "the README does not $command"
done
echo "$story:$followed"
