"""``make clean``: removes the data of the embedded parts and the environment, after asking."""

from __future__ import annotations

import shutil
import sys

from orderhub.errors import HubError
from orderhub.services import folder as data_folders
from orderhub.services import leftovers
from orderhub.services.settings import load_settings


def main() -> None:
    """Ask, end what is left running, remove."""
    settings = load_settings()
    data = data_folders.choose(settings).path
    if data.exists():
        sys.stdout.write(
            f"This removes {data}: all databases, the archive, the secrets. Nothing brings them back.\n"
            "Type the word remove to go on: "
        )
        sys.stdout.flush()
        if sys.stdin.readline().strip() != "remove":
            sys.exit("Nothing was removed.")
        leftovers.sweep(data)
        shutil.rmtree(data)
        link = settings.project_folder / ".orderhub"
        if link.is_symlink():
            link.unlink()
    environment = settings.project_folder / ".venv"
    if environment.is_dir() and not environment.is_symlink():
        shutil.rmtree(environment)
    sys.stdout.write("Removed.\n")


if __name__ == "__main__":
    try:
        main()
    except HubError as error:
        sys.exit(str(error))
