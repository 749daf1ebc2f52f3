"""What a Prefect server needs before ``prefect deploy --all``; run it as often as you like."""

import sys

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists

WORK_POOLS = {"mmpart-cpu": "Runs objects as processes on the machine of the worker."}


def create_work_pools(client: SyncPrefectClient) -> list[str]:
    """Create the work pools that are not there.

    Returns:
        The names of those that were created.
    """
    created: list[str] = []
    for name, description in WORK_POOLS.items():
        pool = WorkPoolCreate(name=name, type="process", description=description)
        try:
            client.create_work_pool(pool)
        except ObjectAlreadyExists:
            continue
        created.append(name)
    return created


def main() -> None:
    """Set up the server that PREFECT_API_URL names."""
    with get_client(sync_client=True) as client:
        for name in create_work_pools(client):
            sys.stdout.write(f"created work pool {name}\n")


if __name__ == "__main__":
    main()
