"""Keeps a store sound and small: what a deployment runs by night."""

from typing import Any

import httpx
from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.logging import get_run_logger

from flows.inputs import check_store_address
from mmpart_core.errors import StorageError
from mmpart_core.storage.opening import open_store
from mmpart_core.storage.pruning import parse_age, prune_store
from mmpart_core.storage.verifying import measure_usage, verify_store

ARTIFACT = "store-usage"


@flow(  # pyright: ignore[reportCallIssue,reportUntypedFunctionDecorator]
    name="store-maintenance", flow_run_name="{store}", persist_result=False
)
def store_maintenance(
    store: str, older_than: str = "30d", dry_run: bool = False, verify: bool = False
) -> dict[str, Any]:
    """``mmpart store prune``, then ``verify`` where asked, then ``usage`` as a table.

    Args:
        store: folder or fsspec address.
        older_than: records written longer ago go, with the blobs that nobody else refers to.
        dry_run: only say what would go.
        verify: also read all that is left and compare it with its digests.

    Returns:
        The reports, JSON-safe: ``prune``, ``usage`` and, where asked for, ``verify``.

    Raises:
        ConfigError: an address or age that cannot be used.
        StorageError: the store cannot be used, or holds something damaged. What is damaged
            counts as missing and is made again; a run that ends so tells the operator.
    """
    check_store_address(store)
    log = get_run_logger()
    opened = open_store(store)
    opened.probe()
    pruned = prune_store(opened, parse_age(older_than), dry_run=dry_run)
    log.info("prune: %s", pruned.model_dump_json())
    usage = [row.model_dump(mode="json") for row in measure_usage(opened)]
    try:
        create_table_artifact(table=usage, key=ARTIFACT, description=f"Contents of {opened.url}")
    except (httpx.HTTPError, RuntimeError) as error:
        log.warning("the table of contents was not published: %s", error)
    reports: dict[str, Any] = {"prune": pruned.model_dump(mode="json"), "usage": usage}
    if verify:
        found = verify_store(opened)
        reports["verify"] = found.model_dump(mode="json")
        for fault in found.faults:
            log.warning("%s: %s: %s", fault.trouble, fault.path, fault.detail)
        if found.fault_count:
            raise StorageError(
                f"store '{opened.url}': {found.fault_count} of {found.records} records and "
                f"{found.blobs} blobs are damaged (listed in the log); they count as missing and "
                "are made again when they are needed"
            )
    return reports
