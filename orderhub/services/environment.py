"""Makes a Python environment from a lock with hashes: uv where it can be had, else pip.

Run as a file by any Python 3.11 to 3.13 before anything is installed: standard library only.

    python orderhub/services/environment.py .venv requirements.txt --editable .
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path


class EnvironmentFailed(Exception):
    """The environment could not be made; the text says why and what to do."""


def python_of(folder: Path) -> Path:
    """The environment's interpreter."""
    return folder / "bin" / "python"


def create(folder: Path, lock: Path, *, editable: Path | None = None) -> None:
    """Create the environment (or bring it to the lock) and install the locked packages.

    :param editable: a project to install as well, in place, with what the lock has and nothing else.
    :raises EnvironmentFailed: neither uv nor pip could do it.
    """
    if not python_of(folder).exists():
        try:
            venv.create(folder, with_pip=True)
        except subprocess.CalledProcessError as error:
            raise EnvironmentFailed(
                f"{sys.executable} cannot make environments (ensurepip is missing). Install its venv package, on "
                f"Debian and Ubuntu: apt-get install python{sys.version_info[0]}.{sys.version_info[1]}-venv."
            ) from error
    # pip compiles what it installs, uv only when told: else every process does it again where nothing may be written
    packages = ["install", "--quiet", "--compile", "--require-hashes", "-r", str(lock)]
    projects = (
        ["install", "--quiet", "--no-deps", "--no-build-isolation", "-e", str(editable)] if editable else []
    )
    uv = _uv(folder, lock)
    if uv is not None and _with_uv(uv, folder, packages, projects):
        return
    pip = [str(python_of(folder)), "-m", "pip", "--disable-pip-version-check"]
    for arguments in filter(None, (packages, projects)):
        done = subprocess.run([*pip, *arguments], check=False)
        if done.returncode != 0:
            raise EnvironmentFailed(
                "pip could not install what the lock names; its own words stand above. "
                "Check the package index that it uses: pip config list."
            )


def _with_uv(uv: str, folder: Path, packages: list[str], projects: list[str]) -> bool:
    environment = dict(os.environ) | uv_environment(folder) | {"VIRTUAL_ENV": str(folder)}
    for arguments in filter(None, (packages, projects)):
        command = [uv, "pip", *arguments, "--python", str(python_of(folder))]
        done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.stderr.write(f"uv could not do it, pip will try:\n{done.stderr[-1500:]}\n")
            return False
    return True


def _uv(folder: Path, lock: Path) -> str | None:
    """uv from this environment or the one that runs this, else the locked version, installed by pip; ``None`` when
    the lock has none or pip cannot get it."""
    for candidate in (folder / "bin" / "uv", Path(sys.executable).with_name("uv")):
        if candidate.exists():
            return str(candidate)
    block = re.search(r"^uv==(?:.*\\\n)*.*", lock.read_text(encoding="utf-8"), re.MULTILINE)
    if block is None:
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as only_uv:
        only_uv.write(block.group() + "\n")
        only_uv.flush()
        command = [str(python_of(folder)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run(
            [*command, "--require-hashes", "-r", only_uv.name], check=False, capture_output=True, text=True
        )
    if done.returncode != 0:
        sys.stderr.write(f"uv could not be installed, pip does the work:\n{done.stderr[-500:]}\n")
        return None
    return str(folder / "bin" / "uv")


def uv_environment(folder: Path) -> dict[str, str]:
    """The index settings that the user gave pip, in uv's variables, where uv has none of its own."""
    listed = subprocess.run(
        [str(python_of(folder)), "-m", "pip", "config", "list"], check=False, capture_output=True, text=True
    )
    found: dict[str, str] = {}
    for line in listed.stdout.splitlines():
        key, _, value = line.partition("=")
        # global.index-url, install.index-url, :env:.index-url; later lines win, as in pip
        found[key.rpartition(".")[2]] = value.strip("'\"")
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
        "cert": "SSL_CERT_FILE",
    }
    made = {
        variable: found[key].replace("\\n", " ")
        for key, variable in names.items()
        if found.get(key) and variable not in os.environ
    }
    if "UV_INDEX" in made or "UV_DEFAULT_INDEX" in made:
        # pip looks into all indexes; the hashes decide what is taken
        made.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return made


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make a Python environment from a lock with hashes.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--editable", type=Path, help="a project to install in place")
    arguments = parser.parse_args()
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        sys.exit(f"Python 3.11 to 3.13 is needed; {sys.executable} is {sys.version.split()[0]}.")
    try:
        create(arguments.folder.absolute(), arguments.lock.absolute(), editable=arguments.editable)
    except EnvironmentFailed as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
