"""Make the virtual environments from their locked requirements: `python3 runner/bootstrap.py local|dev`.

`.venv` has what the runner and the tests import. The emulator has its own environment within it: the functions that it
runs see that environment's packages, and other packages would cost them time and memory.

The Makefile runs this with any python3, before anything is installed. So it imports only the standard library, and its
syntax is valid in every Python 3, so that an old one gets a clear message.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

OLDEST = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
FOLDERS = {"emulator": os.path.join(VENV, "emulator"), "local": VENV, "dev": VENV}

# dev.txt holds all of local.txt, at the same versions.
COVERS = {"emulator": ["emulator"], "local": ["local"], "dev": ["local", "dev"]}


MEGABYTES = {"emulator": 60, "local": 300, "dev": 700}
"""The disk space that an installation takes in .venv; pip's temporary files take up to half as much."""


def python_of(name):
    # type: (str) -> str
    """The interpreter that the packages of a lock file are installed for."""
    return os.path.join(FOLDERS[name], "bin", "python")


def lock_file(name):
    # type: (str) -> str
    """The path of a locked requirements file."""
    return os.path.join(ROOT, "requirements", name + ".txt")


def fingerprint(name):
    # type: (str) -> str
    """The content of an installed lock file's stamp: the file's hash and the interpreter's version."""
    with open(lock_file(name), "rb") as lock:
        digest = hashlib.sha256(lock.read()).hexdigest()
    return "{} python{}.{}\n".format(digest, *sys.version_info[:2])


def stamp_file(name):
    # type: (str) -> str
    """The path of the stamp, which is written only after a successful installation."""
    return os.path.join(FOLDERS[name], ".installed-" + name)


def installed(name):
    # type: (str) -> bool
    """Whether the virtual environment has exactly this lock file's packages."""
    try:
        with open(stamp_file(name), encoding="utf-8") as stamp:
            return stamp.read() == fingerprint(name) and os.path.exists(python_of(name))
    except FileNotFoundError:
        return False


def make_environment(folder, module, *options):
    # type: (str, str, str) -> int
    """Replace a virtual environment unless it has this interpreter's version and a module; returns the exit code."""
    python = os.path.join(folder, "bin", "python")
    ask = "import {}, sys; sys.exit(sys.version_info[:2] != {!r})".format(module, tuple(sys.version_info[:2]))
    try:
        if subprocess.call([python, "-c", ask], stderr=subprocess.DEVNULL) == 0:
            return 0
    except OSError:
        pass  # there is none
    shutil.rmtree(folder, ignore_errors=True)
    return subprocess.call([sys.executable, "-m", "venv", folder, *options])


def problem():
    # type: () -> str
    """Why this interpreter cannot set up the project, in one line; empty if it can."""
    if sys.version_info < OLDEST:
        return (
            "Sitewatch needs Python {}.{} or later; {} is {}.{}. Name a newer one: make run PYTHON=python3.13".format(
                OLDEST[0], OLDEST[1], sys.executable, *sys.version_info[:2]
            )
        )
    try:
        import ensurepip
        import venv
    except ImportError:
        return "{} has no venv module; on Debian and Ubuntu it comes with: apt-get install python3-venv".format(
            sys.executable
        )
    return ""


def lack_of_space(names):
    # type: (list[str]) -> str
    """Which disk has too little space for these installations, in one line; empty if none has."""
    needed = sum(MEGABYTES[name] for name in names)
    needs = {}  # type: dict[int, list[tuple[str, int]]]
    for folder, megabytes in ((ROOT, needed), (tempfile.gettempdir(), needed // 2)):
        needs.setdefault(os.stat(folder).st_dev, []).append((folder, megabytes))
    for of_disk in needs.values():
        free = shutil.disk_usage(of_disk[0][0]).free // 1000000
        total = sum(megabytes for _, megabytes in of_disk)
        if free < total:
            parts = " and ".join("{} MB in {}".format(megabytes, folder) for folder, megabytes in of_disk)
            return "Too little disk space to install: {} MB are needed and {} MB are free ({}).".format(
                total, free, parts
            )
    return ""


def install(name):
    # type: (str) -> int
    """Install a lock file into its virtual environment, and return the exit code of the step that failed, or 0."""
    code = make_environment(VENV, "pip") or make_environment(FOLDERS[name], "sys", "--without-pip")
    if code:
        return code
    # The lock is complete, so there is nothing to resolve. Modules compile when first imported, and few ever are.
    command = [python_of("local"), "-m", "pip", "--python", python_of(name), "install", "--no-input", "-qq"]
    command += ["--disable-pip-version-check", "--no-deps", "--no-compile", "--require-hashes"]
    return subprocess.call([*command, "--requirement", lock_file(name)])


def main():
    # type: () -> int
    """Install what is missing; returns 0 if the virtual environment is as locked."""
    name = sys.argv[1]
    reason = problem()
    if reason:
        sys.stderr.write(reason + "\n")
        return 1
    if installed(name) and installed("emulator"):
        return 0
    missing = [each for each in (name, "emulator") if not installed(each)]
    reason = lack_of_space(missing)
    if reason:
        sys.stderr.write(reason + "\n")
        return 1
    print("Installing requirements/{}.txt into .venv (once, a minute or two)".format(name), flush=True)
    for each in missing:
        try:
            code = install(each)
        except OSError as error:
            sys.stderr.write("Cannot write {}: {}\n".format(VENV, error.strerror))
            return 1
        if code:
            sys.stderr.write("The installation failed (see above); run the same command again to continue.\n")
            return 1
        for covered in COVERS[each]:
            with open(stamp_file(covered), "w", encoding="utf-8") as stamp:
                stamp.write(fingerprint(covered))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
