"""What the Prefect UI shows of a finished object: a table, pictures, where files are, advice."""

import base64
import io
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import numpy as np
from jaxtyping import UInt8
from PIL import Image
from prefect.artifacts import (
    create_image_artifact,
    create_markdown_artifact,
    create_table_artifact,
)
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger

from mmpart_core.errors import StorageError
from mmpart_core.records import ObjectResult, PartFailure, component_label
from mmpart_core.storage.blob_store import blob_path
from mmpart_core.storage.fsspec_store import FsspecStore

# Pictures are kept in the server's database: it can show no files of this machine.
PREVIEW_PX, SHEET_PX = 480, 1400
_QUALITY = 80
LINK_LASTS_S = 7.0 * 24 * 3600
PARTS, FILES, FAILURES = "object-parts", "object-files", "object-failures"
PREVIEW, SHEET = "object-preview", "object-sheet"
Picture = UInt8[np.ndarray, "H W 3"]
Pictures = tuple[Picture | None, Picture | None]
# This may be a thread of an async flow run, which Prefect would give a coroutine.
_BLOCKING: dict[str, Any] = {"_sync": True}


def tag_flow_run(tags: Sequence[str]) -> None:
    """Tag the flow run around, and not its task runs, which would then wait for slots.

    Args:
        tags: what it can be filtered by; a deployment's own stay.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or not tags:
        return
    run = context.flow_run

    def send() -> None:
        with get_client(sync_client=True) as client:
            client.update_flow_run(run.id, tags=[*dict.fromkeys((*run.tags, *tags))])

    _tried("the run's tags were", send)


def publish_object(
    result: ObjectResult, store: FsspecStore, *, pictures: Callable[[], Pictures] | None
) -> None:
    """Add to the flow run what came of it; a server that refuses it does not fail the run.

    Args:
        result: finished or not.
        store: where its artifacts are.
        pictures: gives preview and sheet; None to leave them out.
    """
    name = result.request.name
    rows = part_rows(result)
    _tried(
        "its parts were",
        lambda: create_table_artifact(rows, key=PARTS, description=name, **_BLOCKING),
    )
    if result.failures:
        advice = failures_text(result.failures)
        _publish_text(advice, FAILURES, name)
    if result.assembled is not None:
        _tried(
            "where its files are was", lambda: _publish_text(files_text(result, store), FILES, name)
        )
    if pictures is not None:
        _tried("its pictures were", lambda: _publish_pictures(name, *pictures()))


def _publish_pictures(name: str, preview: Picture | None, sheet: Picture | None) -> None:
    if preview is not None:
        _publish_picture(preview, PREVIEW, PREVIEW_PX, f"{name}, seen by the input camera")
    if sheet is not None:
        _publish_picture(sheet, SHEET, SHEET_PX, f"Image, parts, views and object of {name}")


def part_rows(result: ObjectResult) -> list[dict[str, Any]]:
    """One row per component, made or not; then the whole object."""
    rows = [_row(result, component.name) for component in result.request.components]
    whole = [run for run in result.runs if run.component is None]
    state = "complete" if result.complete else "incomplete"
    failure = next((each for each in result.failures if each.component is None), None)
    return [*rows, {**_taken("whole object", state, whole), "failure": _told(failure)}]


def _row(result: ObjectResult, name: str) -> dict[str, Any]:
    part = next((each for each in result.parts if each.component == name), None)
    failure = next((each for each in result.failures if each.component == name), None)
    runs = [run for run in result.runs if run.component == name]
    state = "made" if part else f"failed at {failure.stage}" if failure else "not made"
    return {
        **_taken(name, state, runs),
        "faces": part.mesh.mesh.faces if part else None,
        "watertight": part.mesh.watertight if part else None,
        "failure": _told(failure),
    }


def _taken(name: str, state: str, runs: Sequence[Any]) -> dict[str, Any]:
    """What a part's stages took."""
    return {
        "part": name,
        "state": state,
        "seconds": round(sum(run.seconds for run in runs), 1),
        "cached": f"{sum(run.cached for run in runs)} of {len(runs)}",
        "cost_usd": round(sum(run.cost_usd for run in runs), 4),
    }


def _told(failure: PartFailure | None) -> str | None:
    return f"{failure.stage}: {failure.message}" if failure else None


def failures_text(failures: Sequence[PartFailure]) -> str:
    """What failed and what to do, as Markdown."""
    told = [
        f"### {_plain(component_label(each.component))}: {each.stage}\n\n{_plain(each.message)}\n\n"
        f"`{each.error}`"
        for each in failures
    ]
    return "\n\n".join(told)


def _plain(text: str) -> str:
    """Words as they are: users' names may hold what Markdown or HTML would take for its own."""
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]()#+!|<>&~" else letter for letter in text)


def files_text(result: ObjectResult, store: FsspecStore) -> str:
    """Where the GLBs of an object are in the store, as Markdown; signed links where it can sign.

    Args:
        result: with an object.
        store: where it is.
    """
    made = result.assembled
    found = {"whole object": made.glb} if made is not None else {}
    found |= {part.component: part.mesh.mesh for part in result.parts}
    lines = [
        f"| {_plain(name)} | {_place(store.address_of(blob_path(ref.sha256), LINK_LASTS_S))} "
        f"| {ref.size / 1e6:.1f} MB |"
        for name, ref in found.items()
    ]
    return "\n".join(["| part | GLB | size |", "| --- | --- | --- |", *lines])


def _place(address: str) -> str:
    return f"[download]({address})" if address.startswith("http") else f"`{address}`"


def _publish_text(text: str, key: str, said: str) -> None:
    _tried(
        f"{key} was", lambda: create_markdown_artifact(text, key=key, description=said, **_BLOCKING)
    )


def _publish_picture(pixels: Picture, key: str, side: int, said: str) -> None:
    picture = Image.fromarray(pixels)
    picture.thumbnail((side, 4 * side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", quality=_QUALITY)
    url = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    _tried(f"{key} was", lambda: create_image_artifact(url, key=key, description=said, **_BLOCKING))


def _tried(what: str, publish: Callable[[], Any]) -> None:
    try:
        publish()
    except (httpx.HTTPError, RuntimeError, StorageError) as error:
        get_run_logger().warning("%s not published: %s", what, error)
