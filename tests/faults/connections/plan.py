"""What a trial of connections does: which kinds there are, and how its runs are spread over them."""

from __future__ import annotations

import os
from collections.abc import Mapping

#: Kind → what breaks. The order is that of the table.
KINDS: Mapping[str, str] = {
    "tryton": "the line to the ERP: before it has a request, after it committed, or no answer until the time-out",
    "soap-target": "cuts, half answers, faults and time-outs while orders are submitted",
    "soap-source": "the same while orders are fetched and confirmed",
    "rest-target": "cuts, errors after the server acted, too many requests",
    "rest-source": "tokens that end in the middle of paging, cuts, errors",
    "odata-target": "cuts and errors while SAP takes orders one by one",
    "odata-batch": "cuts and errors while SAP takes several in one $batch",
    "sftp": "connections cut while files are taken, put away and answered",
    "sql-postgresql": "PostgreSQL ends the sessions that read its tables",
    "sql-mariadb": "MariaDB does",
    "warehouse-postgresql": "PostgreSQL ends the sessions of ledger and warehouse",
    "warehouse-mariadb": "MariaDB ends the sessions that load into it",
    "valkey": "the server of the streams killed while publishing and while pulling",
    "rabbitmq": "the broker killed while publishing and while pulling",
}
#: A trial says by these what the tests shall do; without them each kind has ``USUAL`` runs.
RUNS, SEED, KIND = "FAULTS_CONNECTIONS_RUNS", "FAULTS_CONNECTIONS_SEED", "FAULTS_CONNECTIONS_KIND"
USUAL = 2


def seeds_of_kinds(environment: Mapping[str, str] = os.environ) -> list[tuple[str, int]]:
    """Every run as its kind and seed. The runs are spread evenly, the first kinds get what is left over; the seeds of a kind
    follow each other, so that ``--kind K --seed N --runs 1`` is any one of them again.

    :raises KeyError: there is no such kind.
    """
    chosen = environment.get(KIND) or None
    kinds = list(KINDS) if chosen is None else [chosen]
    if unknown := set(kinds) - set(KINDS):
        raise KeyError(f"no kind {unknown.pop()!r}; there are: {', '.join(KINDS)}")
    runs = int(environment.get(RUNS) or USUAL * len(kinds))
    first = int(environment.get(SEED) or 1)
    each, left = divmod(runs, len(kinds))
    return [
        (kind, first + number) for place, kind in enumerate(kinds) for number in range(each + (place < left))
    ]
