"""Runs a command under the system call filter of a systemd unit, where systemd is not PID 1.

    run_under_unit_filter.py UNIT COMMAND...

Reads SystemCallFilter= and SystemCallErrorNumber= of the unit as systemd does (systemd.exec(5)), expands the sets with
`systemd-analyze syscall-filter`, and loads the filter with libseccomp, which comes with systemd. Applies none of the unit's
other settings."""

import ctypes
import errno
import os
import subprocess
import sys

ALLOW = 0x7FFF0000


def refuse_with(error):
    return 0x00050000 | error


def members(name):
    """Returns the system calls of a set, including those of nested sets."""
    if not name.startswith("@"):
        return {name}
    listed = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager", name], check=True, capture_output=True, text=True
    ).stdout
    lines = [line.strip() for line in listed.splitlines()[1:]]
    return set().union(*(members(line) for line in lines if line and not line.startswith("#")))


def settings(unit, key):
    with open(unit) as lines:
        return [line.strip().removeprefix(f"{key}=") for line in lines if line.startswith(f"{key}=")]


def allowed(unit):
    """Returns the calls that the unit allows. Its lines apply in order; the first one must be an allow list."""
    calls = set()
    lines = settings(unit, "SystemCallFilter")
    if not lines or lines[0].startswith("~"):
        sys.exit(f"{unit}: the first SystemCallFilter= does not say what is allowed")
    for line in lines:
        named = set().union(*(members(name) for name in line.removeprefix("~").split()))
        calls = calls - named if line.startswith("~") else calls | named
    return calls | members("@default")


def load(unit):
    """Loads the filter as systemd does. An unknown call gets ENOSYS, so that the C library tries another one."""
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    (number,) = settings(unit, "SystemCallErrorNumber")
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(refuse_with(errno.ENOSYS))))
    calls = allowed(unit)
    for name in members("@known") | calls:
        call = library.seccomp_syscall_resolve_name(name.encode())
        if call < 0:
            continue  # not on this architecture
        action = ALLOW if name in calls else refuse_with(getattr(errno, number))
        if library.seccomp_rule_add_array(context, ctypes.c_uint32(action), call, 0, None) != 0:
            sys.exit(f"no rule can be made for {name}")
    if library.seccomp_load(context) != 0:
        sys.exit("the filter cannot be loaded: the kernel has no seccomp filters")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    unit, *command = sys.argv[1:]
    load(unit)
    os.execvp(command[0], command)


main()
