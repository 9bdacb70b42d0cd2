"""Entry point of the ``orderhub`` command: hands over to the command, and says how errors end it.

``translate`` is dispatched before the command tree is imported: typer and pydantic take longer to import than a file
takes to translate.
"""

from __future__ import annotations

import os
import sys

from orderhub.errors import HubError


def main() -> None:
    """Run the command. An error that the hub raises on purpose is one line on standard error and exit code 2 (1 when
    trying again later can help); a closed pipe ends quietly."""
    try:
        if sys.argv[1:2] == ["translate"]:
            from orderhub.cli.translate import main as translate

            sys.exit(translate(sys.argv[2:]))
        from orderhub.cli.app import app

        app()
    except HubError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1 if error.retryable else 2)
    except BrokenPipeError:
        # The reader (head, less) went away: standard output must not be flushed again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
