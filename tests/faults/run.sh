#!/usr/bin/env bash
# Runs the registry on a disk that fails (errors injected with strace), that fills up or blocks (a small file system), and
# that turns read-only or loses power (an ext4 in an image, shut down while clients write).
#
#     CPSS_DISK_CUTS=100 tests/faults/run.sh target/debug/cpss-registry [NAMES-OF-TESTS]
#
# CPSS_DISK_CUTS is the number of power cuts (default: 4). Needs strace, libfaketime, and root or a user namespace: file
# systems are mounted in a separate mount namespace, which ends with this script. A missing prerequisite is an error, except
# loop devices: without them, the tests of power cuts, and of a frozen or a read-only disk, are skipped with a message.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
binary=$(realpath "${1:?usage: run.sh PATH-OF-CPSS-REGISTRY [NAMES-OF-TESTS]}")
tests=${2:-faults::}
size_mib=192

missing() {
    echo "faults: $1" >&2
    exit 1
}

command -v strace >/dev/null || missing "strace is not installed (Debian: apt-get install strace)"
[[ -n $(compgen -G '/usr/lib/*/faketime/libfaketime.so.1') ]] ||
    missing "libfaketime is not installed (Debian: apt-get install faketime)"
strace -qq -o /dev/null true 2>/dev/null || missing "strace may not trace here: the kernel or the container forbids ptrace"

# Build before entering the namespace, in which this user is root.
cargo test --locked --features full --test it --no-run --quiet

namespace=(unshare --mount --propagation private)
[[ $(id -u) -eq 0 ]] || namespace+=(--user --map-root-user)
"${namespace[@]}" true 2>/dev/null ||
    missing "no mount namespace: run as root, or where unprivileged user namespaces are allowed"

export CPSS_BINARY=$binary size_mib tests
# shellcheck disable=SC2016 # expanded inside
"${namespace[@]}" bash -euo pipefail -c '
    work=$(mktemp -d)
    trap "umount \"$work/disk\" \"$work/image.mounted\" 2>/dev/null || true; rm -rf \"$work\"" EXIT
    mkdir "$work/disk"
    truncate -s "${size_mib}M" "$work/small"
    truncate -s 1G "$work/image"
    PATH=$PATH:/usr/sbin:/sbin
    skipped=()
    if mkfs.ext4 -q -m 0 "$work/small" 2>/dev/null && mount -o loop "$work/small" "$work/disk" 2>/dev/null; then
        echo "faults: the small disk is ext4 on a loop device"
        mkfs.ext4 -q -m 0 "$work/image"
    elif mount -t tmpfs -o "size=${size_mib}m" small "$work/disk"; then
        echo "faults: the small disk is tmpfs: there is no loop device for ext4, and" \
            "NO TEST OF POWER CUTS, A FROZEN OR A READ-ONLY DISK"
        skipped=(--skip faults::power --skip faults::frozen --skip read_only)
    else
        echo "faults: no small file system can be mounted here, neither ext4 nor tmpfs" >&2
        exit 1
    fi
    export CPSS_SMALL_DISK=$work/disk CPSS_DISK_IMAGE=$work/image
    timeout 1800 cargo test --locked --features full --test it --quiet -- \
        --ignored --nocapture --test-threads=1 "${skipped[@]}" "$tests"
'
