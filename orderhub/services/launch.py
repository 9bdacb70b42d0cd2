"""Becomes one of the hub's programs: takes its command and environment out of what the supervisor was given, drops
root's rights where the program asks for it, ties the program's life to the supervisor's, and execs.

Run as a file by ``python -I -S``, so that it costs a few milliseconds: standard library only, no import of the hub.
Secrets reach the programs this way in memory; no configuration file holds them.
"""

from __future__ import annotations

import ctypes
import json
import os
import pwd
import signal
import sys

#: The supervisor's environment holds one variable per program, ``{command, env, inherits, without, user, stdin, folder,
#: stop_signal}`` as JSON, and the names of the variables that programs inherit. The kernel takes 128 KiB per variable, so
#: what all share is not repeated in each.
PREFIX = "ORDERHUB__PROGRAM_"
SHARED = "ORDERHUB__SHARED"
#: The supervisor's process id. Its program may be started when it is dead already, so getppid() would not do.
SUPERVISOR = "ORDERHUB__SUPERVISOR"
_PR_SET_PDEATHSIG = 1


def _drop_rights(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def _die_with_parent(stop_signal: int, parent: int) -> None:
    """Linux only; elsewhere the supervisor's own watch on the front process and the next start's sweep serve."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, stop_signal, 0, 0, 0)
    if os.getppid() != parent:
        # it died before the line above
        sys.exit(1)


def _feed(text: str, user: str | None) -> None:
    """Make ``text`` the standard input; it fits a pipe's buffer (64 KiB)."""
    reader, writer = os.pipe()
    if user is not None:
        # programs that open /dev/stdin by its name need to own it
        os.fchown(reader, pwd.getpwnam(user).pw_uid, -1)
    os.write(writer, text.encode())
    os.close(writer)
    os.dup2(reader, 0)
    os.close(reader)


def variable(name: str) -> str:
    """The variable that holds the program ``name``."""
    return PREFIX + name.upper().replace("-", "_")


def is_internal(name: str) -> bool:
    """Whether a variable is this module's own and goes to no program."""
    return name.startswith(PREFIX) or name == SHARED


def main(name: str) -> None:
    """Exec the program ``name``; does not return."""
    program = json.loads(os.environ[variable(name)])
    environment = {}
    if program["inherits"]:
        # by name: the supervisor and this interpreter have added variables of their own
        wanted = set(json.loads(os.environ[SHARED])) - set(program["without"])
        environment = {key: value for key, value in os.environ.items() if key in wanted}
    environment.update(program["env"])
    os.chdir(program["folder"])
    if program["stdin"] is not None:
        _feed(program["stdin"], program["user"])
    if program["user"] is not None:
        _drop_rights(program["user"])
    _die_with_parent(getattr(signal, f"SIG{program['stop_signal']}"), int(os.environ[SUPERVISOR]))
    command = program["command"]
    os.execvpe(command[0], command, environment)  # noqa: S606 - the command is the hub's own, never a partner's


if __name__ == "__main__":
    main(sys.argv[1])
