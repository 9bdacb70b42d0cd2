"""A process that looks up connections in Airflow for others: ``python -m orderhub.airflow.connections``.

A line of JSON with the name on standard input, a line with the answer on standard output. So the command line and the
intake need not import Airflow, and have it only as long as they ask.
"""

from __future__ import annotations

import os
import sys
from typing import IO

import msgspec

from orderhub.connector import Credentials


class Found(msgspec.Struct, kw_only=True):
    """The answer: credentials, nothing, or why that is not known."""

    credentials: Credentials | None = None
    problem: str = ""


def look_up(name: str) -> Found:
    """Environment, secrets backend and metadata, in the order that Airflow's configuration gives them."""
    from airflow.exceptions import AirflowNotFoundException
    from airflow.models.connection import Connection

    from orderhub.airflow.credentials import credentials_of

    try:
        return Found(credentials=credentials_of(Connection.get_connection_from_secrets(name)))
    except AirflowNotFoundException:
        return Found()
    except Exception as error:
        # its text may hold what was looked up
        return Found(problem=type(error).__name__)


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until the questions end."""
    for line in questions:
        name = msgspec.json.decode(line, type=str)
        answers.write(msgspec.json.encode(look_up(name)) + b"\n")
        answers.flush()


def main() -> None:
    """The whole process. What Airflow prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
