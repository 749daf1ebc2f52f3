"""``python -m deployments.setup``: what ``mmpart setup`` does, for machines without the command."""

import sys

from prefect.client.orchestration import get_client

from flows.server_setup import WORK_POOLS, create_limits, create_work_pools, set_up

__all__ = ["WORK_POOLS", "create_limits", "create_work_pools", "main"]


def main() -> None:
    """Set up the server that PREFECT_API_URL names."""
    with get_client(sync_client=True) as client:
        for made in set_up(client):
            sys.stdout.write(f"created {made}\n")


if __name__ == "__main__":
    main()
