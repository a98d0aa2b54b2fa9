#!/usr/bin/env bash
# Installs the registry on an empty machine and goes through its life, with nothing but the commands of the pages for
# operators, as they stand there.
#
#     tests/install/run.sh target/debug/cpss-registry
#
# The machine is a directory with a shell and a few programs. As root it is entered with chroot alone, so a container
# without user namespaces will do; other users enter it in a user namespace. Needs python3, systemd-sysusers,
# systemd-analyze, and libseccomp.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=$(realpath "${1:?usage: run.sh PATH-OF-CPSS-REGISTRY}")

machine=$(mktemp -d)
trap 'rm -rf "$machine"' EXIT
chmod 0755 "$machine"

as_root=()
[[ $(id -u) -eq 0 ]] || as_root=(unshare --user --map-root-user)
"${as_root[@]}" true 2>/dev/null || {
    echo "install: run as root, or where unprivileged user namespaces are allowed" >&2
    exit 1
}
"${as_root[@]}" python3 -B "$here/story.py" "$binary" "$machine"
