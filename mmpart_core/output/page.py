"""``index.html``: one page that shows the object from disk, without any network.

The page is ``assets/page.html`` with its style, its script (built from ``viewer/``), the facts
and the GLB inside. A policy in the page lets it load nothing from anywhere and run no script but
its own; names and texts reach it as JSON and are shown as text, never as HTML. Only the section on
drawn pictures (``drawn_tries``) comes as HTML, its texts escaped.
"""

import base64
import colorsys
import hashlib
import html
import io
import json
import math
from collections.abc import Sequence
from importlib import resources
from string import Template
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from mmpart_core.geometry import transforms
from mmpart_core.output import wording
from mmpart_core.output.part_facts import PartFacts
from mmpart_core.output.scene import BundleScene
from mmpart_core.records import Camera, ObjectResult

_PICTURE_PX = 720
_GOLDEN = 0.381966


def build_page(
    result: ObjectResult,
    parts: tuple[PartFacts, ...],
    manifest: dict[str, Any],
    scene: BundleScene | None,
    model: bytes | None,
    source: UInt8[np.ndarray, "H W 4"],
    poster: UInt8[np.ndarray, "PH PW 4"] | None,
    tries: str = "",
) -> bytes:
    """The page.

    Args:
        result: what the pipeline gave.
        parts: ``gather_parts(result)``.
        manifest: its manifest, for warnings and totals.
        scene: the assembled object, or None.
        model: ``object.glb``, or None where nothing was assembled.
        source: the source image.
        poster: the object from the input camera, shown until the 3D view is there.
        tries: ``drawn_tries.tries_section(parts, store)``.
    """
    style, script = _asset("page.css"), _asset("viewer.js")
    model_tag = ""
    if model is not None:
        text = base64.b64encode(model).decode("ascii")
        model_tag = f'<script type="application/octet-stream" id="model">{text}</script>'
    page = Template(_asset("page.html")).substitute(
        csp=_policy(style, script),
        title=html.escape(result.request.name),
        style=style,
        script=script,
        data=_inline_json(_page_data(result, parts, manifest, scene)),
        model=model_tag,
        source=f'src="{_data_uri(source)}"',
        tries=tries,
        poster="" if poster is None else f'src="{_data_uri(poster)}"',
    )
    return page.encode("utf-8")


def part_color(index: int) -> str:
    """A colour of a part, as ``#rrggbb``: hues far apart for neighbours in the list."""
    red, green, blue = colorsys.hls_to_rgb((0.58 + index * _GOLDEN) % 1.0, 0.57, 0.46)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def _asset(name: str) -> str:
    return resources.files("mmpart_core.output").joinpath("assets", name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
        for text in (style, script)
    ]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "img-src data: blob:; connect-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _inline_json(data: dict[str, Any]) -> str:
    """JSON that cannot end the script element it stands in, whatever the texts hold."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _data_uri(rgba: UInt8[np.ndarray, "H W 4"]) -> str:
    image = Image.fromarray(rgba)
    image.thumbnail((_PICTURE_PX, _PICTURE_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", quality=86, method=0)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _page_data(
    result: ObjectResult,
    parts: tuple[PartFacts, ...],
    manifest: dict[str, Any],
    scene: BundleScene | None,
) -> dict[str, Any]:
    offsets: dict[str, Float[np.ndarray, "3"]] = {}
    if scene is not None:
        offsets = dict(zip(scene.names, scene.offsets, strict=True))
    return {
        "complete": result.complete,
        "status": wording.status(result, parts),
        "notice": "No part of this object could be assembled, so there is nothing to turn around.",
        "camera": None if scene is None else _page_camera(scene.camera),
        "facts": _object_facts(result, manifest),
        "warnings": [_message(entry) for entry in manifest["warnings"]],
        # A part's own failure stands in its row.
        "failures": [
            f"{entry['stage']} failed: {entry['message']}"
            for entry in manifest["failures"]
            if entry["component"] is None
        ],
        "parts": [
            _part_data(part, entry, index, offsets.get(part.name))
            for index, (part, entry) in enumerate(zip(parts, manifest["parts"], strict=True))
        ],
    }


def _page_camera(camera: Camera) -> dict[str, Any]:
    """The input camera, glTF frame; the pose column by column, as WebGL has it."""
    pose = transforms.GLTF_FROM_WORLD @ transforms.to_array(camera.world_from_camera)
    return {
        "position": [float(value) for value in pose[:3, 3]],
        "pose": [float(value) for value in pose.T.ravel()],
        "focal_px": camera.focal_px,
        "principal_px": list(camera.principal_px),
        "size_px": [camera.width_px, camera.height_px],
        "projection": camera.projection,
    }


def _message(entry: dict[str, Any]) -> str:
    component = entry["component"]
    if component is None:
        return f"{entry['stage']}: {entry['message']}"
    return f"{component}: {wording.told(entry['message'], component)}"


def _part_data(
    part: PartFacts,
    entry: dict[str, Any],
    index: int,
    offset: Float[np.ndarray, "3"] | None,
) -> dict[str, Any]:
    moved = np.zeros(3) if offset is None else transforms.GLTF_FROM_WORLD[:3, :3] @ offset
    return {
        "component": part.name,
        "state": "made" if part.placement is not None else "failed",
        "color": part_color(index),
        "offset": [float(value) for value in moved],
        "summary": wording.part_summary(part),
        "prompt": entry["prompt"],
        "facts": _part_facts(part, entry),
        "warnings": [wording.told(warning["message"], part.name) for warning in entry["warnings"]],
        "failure": (
            wording.told(entry["failure"]["message"], part.name) if entry["failure"] else None
        ),
    }


def _part_facts(part: PartFacts, entry: dict[str, Any]) -> list[tuple[str, str]]:
    if part.result is None:
        return []
    mesh = part.result.mesh
    facts = [
        ("Surface", f"{mesh.mesh.faces:,} faces, {mesh.mesh.vertices:,} vertices"),
        ("Closed", "yes" if mesh.watertight else "no"),
        ("Pieces", f"{mesh.bodies}"),
        ("Views", entry["views"]["method"]),
        ("Meshed by", entry["mesh"]["method"]),
    ]
    if part.placement is not None:
        facts.append(("Placed by", entry["placement"]["method"]))
        facts.append(("Silhouette IoU", wording.share(part.placement.silhouette_iou)))
    seeds = sorted({run.seed for run in part.runs})
    facts.append(("Seed", ", ".join(str(seed) for seed in seeds) or "not recorded"))
    cached = sum(run.cached for run in part.runs)
    taken = wording.duration(math.fsum(run.seconds for run in part.runs))
    facts.append(("Time", f"{taken}, {cached} of {len(part.runs)} stages from the cache"))
    facts.append(("File", entry["file"]))
    return facts


def _object_facts(result: ObjectResult, manifest: dict[str, Any]) -> list[tuple[str, str]]:
    totals = manifest["totals"]
    facts: list[tuple[str, str]] = []
    if result.assembled is not None:
        facts.append(("Surface", wording.plural(result.assembled.glb.faces, "face")))
        facts.append(("Silhouette IoU", wording.share(result.assembled.silhouette_iou)))
    facts.append(("Time", wording.duration(totals["seconds"])))
    facts.append(("From cache", f"{totals['stages_cached']} of {totals['stages']} stages"))
    facts.append(("Cost", wording.money(totals["cost_usd"])))
    facts.append(("Checkpoints", _checkpoints(manifest["licences"])))
    facts.append(("Written by", f"mmpart {manifest['generator']['version']}"))
    return facts


def _checkpoints(entries: Sequence[dict[str, Any]]) -> str:
    used = [item for entry in entries for item in entry["checkpoints"]]
    return "; ".join(f"{item['name']} ({item['licence']})" for item in used) or "none"
