"""Installs the ERP into a Python environment of its own, and says how it is called.

Tryton is GPL and pins its own libraries: it shares neither process nor environment with the hub.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

from orderhub.errors import ServiceError
from orderhub.services import environment as python_environment
from orderhub.services.endpoints import Endpoints
from orderhub.services.folder import DataFolder
from orderhub.services.settings import Settings

LOCK = Path(__file__).with_name("requirements.txt")
#: Modules that are activated; Tryton adds what they depend on.
MODULES = (
    "purchase",
    "stock",
    "account",
    "account_product",
    "account_invoice_stock",
    "company",
    "party",
    "product",
)


def environment_folder(settings: Settings, chosen: DataFolder) -> Path:
    """The environment's folder; another lock or another Python gives another folder."""
    tools = settings.path("tools_folder") if settings.tools_folder else chosen.path / "tools"
    mark = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:10]
    return tools / f"tryton-{mark}"


def is_installed(environment: Path) -> bool:
    """Whether the installation ran to its end."""
    return (environment / "complete").exists()


def install(environment: Path) -> None:
    """Create the environment and install the locked packages.

    :raises ServiceError: the installation failed.
    """
    if is_installed(environment):
        return
    environment.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(environment, ignore_errors=True)
    try:
        python_environment.create(environment, LOCK)
    except python_environment.EnvironmentFailed as error:
        raise ServiceError(f"The ERP could not be installed: {error}", todo="Then start again.") from error
    (environment / "complete").touch()


def server_environment(endpoints: Endpoints, port: int) -> dict[str, str]:
    """Tryton reads its configuration from these."""
    return {
        # Tryton puts the database's name behind it
        "TRYTOND_DATABASE__URI": urlsplit(endpoints.erp_database_url)._replace(path="/").geturl(),
        "TRYTOND_DATABASE__LIST": "False",
        "TRYTOND_WEB__LISTEN": f"127.0.0.1:{port}",
        # stock moves of a confirmed purchase are the worker's work, not the request's: that costs 0.1 to 0.2 s each
        "TRYTOND_QUEUE__WORKER": "True",
    }


def init_command(environment: Path, endpoints: Endpoints) -> tuple[str, ...]:
    """Creates Tryton's tables and activates the modules; reads the password from its standard input. Repeatable."""
    return (
        *(str(python_environment.python_of(environment)), "-m", "trytond.cli.admin"),
        *("-d", endpoints.erp_database),
        *("--email", "admin@localhost.localdomain"),
        # -p: the password is set again also when the tables exist already
        *("-u", *MODULES, "--activate-dependencies", "-p"),
    )


def server_command(environment: Path, endpoints: Endpoints) -> tuple[str, ...]:
    """``-d`` loads the database's modules before the first request."""
    return (str(python_environment.python_of(environment)), "-m", "trytond.cli", "-d", endpoints.erp_database)


def worker_command(environment: Path, endpoints: Endpoints) -> tuple[str, ...]:
    """Does what the server queues."""
    python = str(python_environment.python_of(environment))
    return (python, "-m", "trytond.cli.worker", "-d", endpoints.erp_database, "-n", "1")


if __name__ == "__main__":
    install(Path(sys.argv[1]))
