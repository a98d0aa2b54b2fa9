"""An empty machine: a root directory with a shell and a few programs, and a stand-in for systemd's service manager."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
UNIT = TOP / "deploy" / "cpss-registry.service"
FILTER = TOP / ".ci" / "run_under_unit_filter.py"
USER = "cpss-registry"
# What the commands of the pages need beside the registry.
PROGRAMS = ["bash", "cat", "cp", "install", "mv", "rm", "runuser", "sed", "systemd-sysusers"]
START_SECONDS = 60
STOP_SECONDS = 45

# Passes its arguments to the manager, and ends with the exit code that the manager says.
SYSTEMCTL = """#!/bin/bash
echo "$*" >/run/systemctl.request
read -r code </run/systemctl.answer
exit "$code"
"""

# Where there is one user, nobody can become another one.
ONE_USER = """#!/bin/bash
[[ $1 == -u && $3 == -- ]] || exit 1
exec "${@:4}"
"""


def say(sentence):
    print(f"install: {sentence}", flush=True)


def libraries(program):
    """Returns the libraries that a program is linked to, with the loader."""
    listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", listed)


def found(name):
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    return path or sys.exit(f"install: {name} is not installed")


class Machine:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.service = None
        self.log = self.root.parent / f"{self.root.name}.log"
        for directory in ["usr/local/bin", "usr/lib/sysusers.d", "etc/systemd/system", "etc/pam.d", "var/lib", "run",
                          "root", "mnt/backup", "home", "dev", "var/log"]:
            (self.root / directory).mkdir(parents=True)
        (self.root / "tmp").mkdir()
        (self.root / "tmp").chmod(0o1777)
        for link, target in [("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")]:
            (self.root / target).mkdir(parents=True, exist_ok=True)
            (self.root / link).symlink_to(target)
        for name in PROGRAMS:
            self.copy(found(name))
        # runuser asks PAM, which is satisfied with root.
        for module in ["pam_rootok.so", "pam_permit.so"]:
            (place,) = list(pathlib.Path("/usr/lib").glob(f"*/security/{module}"))[:1]
            self.copy(str(place))
        (self.root / "etc/pam.d/runuser").write_text(
            "auth sufficient pam_rootok.so\naccount required pam_permit.so\nsession required pam_permit.so\n"
        )
        (self.root / "etc/pam.d/runuser-l").write_text("auth sufficient pam_rootok.so\n")
        (self.root / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
        (self.root / "etc/hosts").write_text("127.0.0.1 localhost\n")
        # In a user namespace there is one user, who is called root and has no rights outside.
        has_one_user = int(pathlib.Path("/proc/self/uid_map").read_text().split()[2]) == 1
        users = "root:x:0:0:root:/root:/bin/bash\n"
        groups = "root:x:0:\n"
        if has_one_user:
            self.program("usr/sbin/runuser", ONE_USER)
            users = f"{USER}:x:0:0::/:/bin/bash\n" + users
            groups = f"{USER}:x:0:\n" + groups
        (self.root / "etc/passwd").write_text(users)
        (self.root / "etc/group").write_text(groups)
        try:
            os.mknod(self.root / "dev/null", 0o020666, os.makedev(1, 3))
            os.chmod(self.root / "dev/null", 0o666)
        except PermissionError:
            (self.root / "dev/null").touch(0o666)
        self.program("usr/bin/systemctl", SYSTEMCTL)
        for pipe in ["request", "answer"]:
            os.mkfifo(self.root / f"run/systemctl.{pipe}")
        threading.Thread(target=self.manage, daemon=True).start()

    def copy(self, path):
        """Copies a program with its libraries."""
        self.copy_all([path, *libraries(path)])

    def copy_all(self, paths):
        for source in paths:
            # The loader is found by its own name; everything else lies where it lies here.
            target = self.root / source.lstrip("/")
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(os.path.realpath(source), target)

    def program(self, path, text):
        (self.root / path).unlink(missing_ok=True)
        (self.root / path).write_text(text)
        (self.root / path).chmod(0o755)

    def user(self):
        """Returns the number of the user of the service."""
        rows = (self.root / "etc/passwd").read_text().splitlines()
        return next(int(row.split(":")[2]) for row in rows if row.startswith(f"{USER}:"))

    def run(self, command, code=0, directory="/root"):
        """Runs a command as a shell of root would. It must end with this code. Returns what it prints."""
        def enter():
            os.chroot(self.root)
            os.chdir(directory)

        done = subprocess.run(
            ["/bin/bash", "-c", command],
            preexec_fn=enter,
            env={"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        if done.returncode != code:
            self.stop()
            log = self.log.read_text() if self.log.exists() else ""
            sys.exit(f"install: exit code {done.returncode}, not {code}: {command}\n{done.stdout}\nThe service said:\n{log}")
        return done.stdout

    # The service manager.

    def manage(self):
        """Answers each call of systemctl."""
        while True:
            words = (self.root / "run/systemctl.request").read_text().split()
            (self.root / "run/systemctl.answer").write_text(f"{self.systemctl(words)}\n")

    def systemctl(self, words):
        match words:
            case ["daemon-reload"]:
                return 0
            case ["enable", "--now", "cpss-registry"] | ["start", "cpss-registry"]:
                return self.start()
            case ["stop", "cpss-registry"]:
                return self.stop()
            case ["reload", "cpss-registry"]:
                return self.reload()
        say(f"systemctl {' '.join(words)}: not known here")
        return 1

    def installed_unit(self):
        return self.root / "etc/systemd/system/cpss-registry.service"

    def start(self):
        """Starts the service as its unit says, under its filter. It has started once it accepts calls."""
        lines = self.installed_unit().read_text().splitlines()
        command = next(line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart="))
        with self.log.open("w") as log:
            self.service = subprocess.Popen(
                [sys.executable, "-B", str(FILTER), "--root", str(self.root), "--user", str(self.user()),
                 str(self.installed_unit()), *command.split()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"PATH": os.environ["PATH"]},
            )
        for _ in range(START_SECONDS * 10):
            if "listening on " in self.log.read_text():
                return 0
            if self.service.poll() is not None:
                return 1
            time.sleep(0.1)
        return 1

    def reload(self):
        """Sends SIGHUP. It is done once the certificates and then the list of clients were read."""
        def loaded():
            return self.log.read_text().count('event="clients_')

        before = loaded()
        self.service.send_signal(signal.SIGHUP)
        for _ in range(START_SECONDS * 10):
            if loaded() > before:
                return 0
            time.sleep(0.1)
        return 1

    def stop(self):
        if self.service is None or self.service.poll() is not None:
            return 0
        self.service.send_signal(signal.SIGTERM)
        try:
            return 0 if self.service.wait(STOP_SECONDS) == 0 else 1
        except subprocess.TimeoutExpired:
            self.service.kill()
            return 1
