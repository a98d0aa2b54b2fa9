"""Runs a command under the system call filter of a systemd unit, where systemd is not PID 1.

    run_under_unit_filter.py [--root DIRECTORY --user ID] UNIT COMMAND...

Reads SystemCallFilter= and SystemCallErrorNumber= of the unit as systemd does (systemd.exec(5)), expands the sets with
`systemd-analyze syscall-filter`, and loads the filter with libseccomp, which comes with systemd. Applies none of the unit's
other settings. With --root it changes to that root directory first, and to the user and group with this number, without
any capability."""

import argparse
import ctypes
import errno
import os
import subprocess
import sys

ALLOW = 0x7FFF0000
PR_CAPBSET_DROP = 24


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


def load(library, calls, known, errors):
    """Loads the filter as systemd does. An unknown call gets ENOSYS, so that the C library tries another one."""
    library.seccomp_init.restype = ctypes.c_void_p
    (number,) = errors
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(refuse_with(errno.ENOSYS))))
    for name in known | calls:
        call = library.seccomp_syscall_resolve_name(name.encode())
        if call < 0:
            continue  # not on this architecture
        action = ALLOW if name in calls else refuse_with(getattr(errno, number))
        if library.seccomp_rule_add_array(context, ctypes.c_uint32(action), call, 0, None) != 0:
            sys.exit(f"no rule can be made for {name}")
    if library.seccomp_load(context) != 0:
        sys.exit("the filter cannot be loaded: the kernel has no seccomp filters")


def enter(root, user):
    """Becomes a user without capabilities in another root directory."""
    os.chroot(root)
    os.chdir("/")
    library = ctypes.CDLL(None, use_errno=True)
    for capability in range(64):
        library.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # those that the kernel does not know are refused
    if user != os.getuid():
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)


def main():
    arguments = argparse.ArgumentParser(usage=__doc__)
    arguments.add_argument("--root")
    arguments.add_argument("--user", type=int)
    arguments.add_argument("unit")
    arguments.add_argument("command", nargs=argparse.REMAINDER)
    given = arguments.parse_args()
    if not given.command:
        arguments.error("no command")
    # Looked up before the change of the root directory, in which these programs are not.
    rules = allowed(given.unit), members("@known"), settings(given.unit, "SystemCallErrorNumber")
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    if given.root is not None:
        enter(given.root, given.user)
    load(library, *rules)
    command = given.command
    os.execvp(command[0], command)


main()
