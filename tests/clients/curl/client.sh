#!/usr/bin/env bash
# A client of the registry on its HTTP port, with curl and jq. README.md says how to run it.
set -euo pipefail

batch_size=1000
# The registry takes 64 batches of a client at a time. Four keep it busy.
batches_at_once=4
# The registry sends an event every 5 seconds. Without one for this long, the connection is dead.
silence_seconds=20

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Sends the JSON on standard input to a method. The token is not among the arguments, which every user of the machine can
# see, and the line break at the end of its file is removed.
send() {
    curl --silent --show-error --noproxy '*' --cacert "$REGISTRY_CA" --json @- "${@:2}" \
        --header @<(printf 'Authorization: Bearer %s\n' "$(<"$REGISTRY_TOKEN")") "$REGISTRY/ms.dmh.credential.v1.$1"
}

# An error as people read it: its reason, and the fields at fault.
explain() {
    jq -r '([.details[]?.debug.reason // empty] + [.code])[0] as $reason
        | [.details[]?.debug.fieldViolations[]? | "\n  \(.field): \(.description)"] as $faults
        | "\($reason):" + if $faults == [] then " \(.message)" else $faults | add end' >&2
}

# Calls a method. Repeats the call after 0.5, 1, 2 and 4 seconds while the registry is unavailable: a write is recorded
# once, because it has a request id. Prints the answer. An error ends the program with 1.
call() {
    local answer=$work/answer question status pause
    question=$(cat)
    for pause in 0.5 1 2 4 ''; do
        # Without a whole answer, the status is 000, and curl says why.
        status=$(send "$1" --max-time 10 --output "$answer" --write-out '%{http_code}' <<<"$question") || status=000
        [[ $status == 503 || $status == 000 ]] && [[ -n $pause ]] || break
        sleep "$pause"
    done
    case $status in
        200) cat "$answer" ;;
        000) return 1 ;;
        *)
            explain <"$answer"
            return 1
            ;;
    esac
}

verify() {
    jq -n --arg number "$1" '{item: {credentialNumber: $number}}' |
        call VerificationService/VerifyCredential |
        jq -r '.verification | [.verdict] + (.reasons // []) | join(" ")'
}

# Asks about a batch of claims in a CSV file without headings.
batch() {
    jq -R -n '{items: [inputs | split(",")
        | {credentialNumber: .[0], providerId: .[1], dateOfService: .[2], units: .[3] | tonumber}]}' "$1" |
        call VerificationService/BatchCheckBillingEligibility |
        jq -r '.results[] | .eligibility.verdict // "\([.error.details[].reason // empty] | add) \(.error.message)"' >"$1.answers"
}

# Asks about the claims in a CSV file, in batches, and prints one line for each.
claims() {
    tail -n +2 "$1" | tr -d '\r' | split -l "$batch_size" -a 5 - "$work/batch."
    printf '%s\0' "$work"/batch.????? | xargs -0 -n 1 -P "$batches_at_once" "$0" batch || exit 1
    cat "$work"/batch.?????.answers | awk '{ print NR, $0 }'
    echo "$(tail -n +2 "$1" | wc -l) claims in $SECONDS s" >&2
}

# The request id of a report. It is in a file before the report is sent, so that the report has the same id when this program
# is run again.
request_id() {
    mkdir -p requests
    if [[ ! -s requests/$1 ]]; then
        cat /proc/sys/kernel/random/uuid >"requests/$1.new"
        mv "requests/$1.new" "requests/$1"
    fi
    cat "requests/$1"
}

# Reports the last day of work of the holder of a credential.
end() {
    jq -n --arg id "$(request_id "end-$1-$2")" --arg number "$1" --arg day "$2" \
        '{requestId: $id, credentialNumber: $number, lastDay: $day, reason: "RESIGNED"}' |
        call EmploymentService/ReportEmploymentEnd |
        jq -r '"revision \(.revision)"'
}

# Prints the changes of each record, and goes on where it ended the last time.
watch() {
    touch position
    while true; do
        follow
        sleep 1
    done
}

# Says why the feed ended. Ends the program, unless the registry is unavailable.
ended() {
    explain <<<"$1"
    [[ $(jq -r .code <<<"$1") == unavailable ]] || exit 1
}

# Reads the feed from the stored position to its end. An event with an id completes a record. A refusal is not an event, and
# has no end of line.
follow() {
    local line kind='' id='' data='' changes=0 position
    position=$(<position)
    while IFS= read -r line || [[ -n $line ]]; do
        case $line in
            'event: '*) kind=${line#*: } ;;
            'id: '*) id=${line#*: } ;;
            'data: '*) data=${line#*: } ;;
            '{'*) ended "$line" ;;
            '') # the end of an event
                if [[ $kind == error ]]; then
                    ended "$data"
                    return
                fi
                changes=$((changes + $(jq '.message.changes // [] | length' <<<"$data")))
                if [[ -n $id ]]; then
                    # A copy of the registry stores the changes and the position in one transaction.
                    echo "revision ${id#*/}: $changes changes"
                    echo "$id" >position.new
                    mv position.new position
                    changes=0
                fi
                kind='' id='' data=''
                ;;
        esac
    done < <(echo '{}' | send ChangeService/WatchChanges --no-buffer --header 'Accept: text/event-stream' \
        ${position:+--header "Last-Event-ID: $position"} --speed-limit 1 --speed-time "$silence_seconds")
}

case "$#-${1-}" in
    2-verify | 2-claims | 2-batch | 3-end | 1-watch) "$@" ;;
    *) echo "usage: verify NUMBER | claims FILE | end NUMBER LAST-DAY | watch" >&2 && exit 2 ;;
esac
