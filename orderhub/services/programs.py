"""What a program of the hub is, as data. ``catalogue.py`` lists them; the supervisor's configuration is made of them."""

from __future__ import annotations

import configparser
import io
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from orderhub.services import launch


@dataclass(frozen=True, kw_only=True)
class Program:
    """One process, or one step that ends (``keep=False``).

    :param layer: layers stop from the last to the first; the programs of a layer stop together.
    :param env: the whole environment, nothing is inherited.
    :param user: system user to run as, when the hub runs as root.
    :param stop_group: the signal goes to the whole process group, for a program that leaves its children to themselves.
    :param stop_seconds: how long it may take to stop before it is killed with its process group.
    """

    name: str
    layer: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    folder: Path
    user: str | None = None
    stdin: str | None = field(default=None, repr=False)
    keep: bool = True
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    stop_group: bool = False

    @property
    def full_name(self) -> str:
        """The name by which the supervisor knows it."""
        return f"{self.layer}:{self.name}"


#: They stop from the last to the first.
LAYERS = ("stores", "erp", "airflow", "hub", "steps")


def supervisor_configuration(programs: Iterable[Program], *, run: Path, logs: Path) -> str:
    """The text of supervisord's configuration. It holds no secret and no command line: ``launch.py`` knows those."""
    programs = list(programs)
    config = configparser.RawConfigParser()
    config["supervisord"] = {
        "nodaemon": "true",
        "logfile": str(logs / "supervisor.log"),
        "logfile_maxbytes": "5MB",
        "logfile_backups": "1",
        "pidfile": str(run / "supervisor.pid"),
        "childlogdir": str(logs),
        "nocleanup": "true",
        "silent": "true",
    }
    config["unix_http_server"] = {"file": str(run / "supervisor.sock"), "chmod": "0600"}
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    for number, layer in enumerate(LAYERS):
        members = [p.name for p in programs if p.layer == layer]
        if members:
            config[f"group:{layer}"] = {"programs": ",".join(members), "priority": str(10 * (number + 1))}
    launcher = Path(launch.__file__)
    for program in programs:
        config[f"program:{program.name}"] = {
            "command": f'"{sys.executable}" -I -S "{launcher}" {program.name}'.replace("%", "%%"),
            "autostart": "false",
            "autorestart": "true" if program.keep else "false",
            "startsecs": "1" if program.keep else "0",
            "startretries": "8" if program.keep else "0",
            "stopsignal": program.stop_signal,
            "stopwaitsecs": str(program.stop_seconds),
            "stopasgroup": "true" if program.stop_group else "false",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": str(logs / f"{program.name}.log").replace("%", "%%"),
            "stdout_logfile_maxbytes": "10MB",
            "stdout_logfile_backups": "1",
            "umask": "077",
        }
    text = io.StringIO()
    config.write(text)
    return text.getvalue()


def launcher_variables(programs: Iterable[Program], base: Mapping[str, str]) -> dict[str, str]:
    """What ``launch.py`` reads: per program how it differs from ``base``, the supervisor's own environment.

    A program that has little of ``base`` (a foreign server) gets its environment whole.
    """
    found = {launch.SHARED: json.dumps(sorted(base))}
    for program in programs:
        without = sorted(base.keys() - program.env.keys())
        inherits = len(without) <= len(base) // 2
        env = {k: v for k, v in program.env.items() if not inherits or base.get(k) != v}
        found[launch.variable(program.name)] = json.dumps(
            asdict(program)
            | {
                "env": env,
                "inherits": inherits,
                "without": without if inherits else [],
                "folder": str(program.folder),
                "command": list(program.command),
            }
        )
    return found
