"""``manifest.json``: what was asked, what was made, how, and what it took.

``docs/manifest.md`` explains every field to consumers. The order of keys is fixed; the only
values that differ between two runs of the same work are ``cached``, ``seconds`` and ``cost_usd``.
"""

import json
import math
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mmpart_core import backends
from mmpart_core.config import PipelineConfig
from mmpart_core.output import drawn_tries, licences, wording
from mmpart_core.output.part_facts import PartFacts
from mmpart_core.output.scrubbing import scrub
from mmpart_core.records import AssembledObject, ObjectResult, PartFailure, StageRun
from mmpart_core.storage.blob_store import digest_of

SCHEMA = "mmpart.manifest"
SCHEMA_VERSION = 1
MANIFEST_FILE = "manifest.json"
_MEDIA = {
    "glb": "model/gltf-binary",
    "png": "image/png",
    "html": "text/html",
    "json": "application/json",
}


def build_manifest(
    result: ObjectResult, parts: Sequence[PartFacts], config: PipelineConfig
) -> dict[str, Any]:
    """The manifest without its list of files.

    Args:
        result: what the pipeline gave.
        parts: ``gather_parts(result)``.
        config: the profile it was made with.
    """
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "generator": {"name": "mmpart", "version": _own_version()},
        "name": result.request.name,
        "complete": result.complete,
        "request": _request(result),
        "plan": _plan(result),
        "backends": backend_facts(config),
        "stages": [_run(run) for run in result.runs if run.component is None],
        "parts": [_part(part) for part in parts],
        "whole_object_views": _whole_views(result),
        "assembly": _assembly(result),
        "licences": scrub(licences.checkpoint_licences(config)),
        "warnings": collect_warnings(result, parts),
        "failures": [_failure(failure) for failure in result.failures],
        "totals": totals(result, parts),
    }


def with_files(manifest: dict[str, Any], files: dict[str, bytes]) -> dict[str, Any]:
    """The manifest with the list of the files beside it (itself left out)."""
    listed = [
        {
            "path": name,
            "media": _MEDIA[name.rsplit(".", 1)[-1]],
            "size": len(data),
            "sha256": digest_of(data),
        }
        for name, data in sorted(files.items())
    ]
    return {**manifest, "files": listed}


def to_json(manifest: dict[str, Any]) -> bytes:
    """The manifest as UTF-8 JSON, two spaces deep, with a final newline."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def collect_warnings(result: ObjectResult, parts: Sequence[PartFacts]) -> list[dict[str, Any]]:
    """Every warning with the component (None for the whole object) and stage it comes from."""
    found: list[tuple[str | None, str, str]] = []
    if result.plan is not None:
        found += [(None, "plan", text) for text in result.plan.warnings]
    for part in parts:
        found += [(part.name, stage, text) for stage, text in part.warnings()]
    if result.assembled is not None:
        found += [(None, "assemble", text) for text in result.assembled.warnings]
    return [
        {"component": component, "stage": stage, "message": scrub(text)}
        for component, stage, text in found
    ]


def totals(result: ObjectResult, parts: Sequence[PartFacts]) -> dict[str, Any]:
    """Counts, seconds and money over all stages of this run, failed ones included."""
    return {
        "components": len(parts),
        "parts_made": sum(part.state == "made" for part in parts),
        "parts_placed": sum(part.placement is not None for part in parts),
        "stages": len(result.runs),
        "stages_cached": sum(run.cached for run in result.runs),
        "stages_failed": sum(run.failed for run in result.runs),
        "seconds": math.fsum(run.seconds for run in result.runs),
        "cost_usd": math.fsum(run.cost_usd for run in result.runs),
        "usage": [each.model_dump(mode="json") for each in wording.summed_usage(result.runs)],
    }


def _own_version() -> str:
    try:
        return version("mmpart")
    except PackageNotFoundError:
        return "unknown"


def _request(result: ObjectResult) -> dict[str, Any]:
    request = result.request
    return {
        "image": request.image.model_dump(mode="json"),
        "components": [component.model_dump(mode="json") for component in request.components],
        "view": request.view.model_dump(mode="json"),
        "truth_scene": request.truth.scene.sha256 if request.truth else None,
    }


def _plan(result: ObjectResult) -> dict[str, Any] | None:
    plan = result.plan
    if plan is None:
        return None
    return {
        "planner": plan.planner,
        "prompts": [
            {"component": item.component, "prompt": item.prompt, "hidden": item.hidden}
            for item in plan.prompts
        ],
        "foreground": plan.foreground.sha256,
        "camera": plan.camera.model_dump(mode="json"),
        "cost_usd": plan.cost_usd,
    }


def backend_facts(config: PipelineConfig) -> dict[str, Any]:
    """Per stage the back-end with its version, and the settings that affect its output.

    Other settings, credentials among them, are left out, and texts are scrubbed.
    """
    found: dict[str, Any] = {}
    for stage in backends.STAGES:
        choice = config.choice(stage)
        settings = backends.check_settings(stage, choice.kind, choice.settings)
        found[stage] = {
            "backend": backends.backend_version(stage, choice.kind),
            "settings": scrub(settings.key_settings()),
        }
    return found


def _run(run: StageRun) -> dict[str, Any]:
    return {
        "stage": run.stage,
        "key": run.key,
        "cached": run.cached,
        "failed": run.failed,
        "seconds": run.seconds,
        "cost_usd": run.cost_usd,
        "usage": [each.model_dump(mode="json") for each in run.usage],
        "backend": run.backend,
        "seed": run.seed,
    }


def _part(part: PartFacts) -> dict[str, Any]:
    placement = part.placement
    return {
        "component": part.name,
        "state": part.state,
        "file": f"parts/{part.slug}.glb" if part.result else None,
        "prompt": part.prompt.prompt if part.prompt else None,
        "hidden": part.request.hidden,
        "count": part.request.count,
        "seeds": {run.stage: run.seed for run in part.runs},
        "stages": [_run(run) for run in part.runs],
        "digests": part.digests(),
        "tries": drawn_tries.try_facts(part),
        "views": _views(part),
        "field": _field(part),
        "mesh": scrub(part.mesh_facts()),
        "placement": scrub(part.placement_facts()),
        "silhouette_iou": placement.silhouette_iou if placement else None,
        "fits_image": part.fits_image,
        "warnings": [{"stage": stage, "message": scrub(text)} for stage, text in part.warnings()],
        "failure": _failure(part.failure) if part.failure else None,
    }


def _views(part: PartFacts) -> dict[str, Any] | None:
    if part.result is None:
        return None
    return {
        "count": len(part.result.views.views),
        "method": scrub(part.result.views.method),
        "cameras": [view.camera.model_dump(mode="json") for view in part.result.views.views],
    }


def _field(part: PartFacts) -> dict[str, Any] | None:
    if part.result is None:
        return None
    field = part.result.field
    return {
        "bounds_min": list(field.bounds_min),
        "bounds_max": list(field.bounds_max),
        "train_psnr_db": field.train_psnr_db,
        "input_view_iou": field.input_view_iou,
        "confidence": field.confidence,
    }


def _whole_views(result: ObjectResult) -> dict[str, Any] | None:
    if result.whole_views is None:
        return None
    return {
        "count": len(result.whole_views.views),
        "method": scrub(result.whole_views.method),
        "digests": [view.image.sha256 for view in result.whole_views.views],
    }


def _assembly(result: ObjectResult) -> dict[str, Any] | None:
    made = result.assembled
    if made is None:
        return None
    return {
        "scene": made.glb.sha256,
        "faces": made.glb.faces,
        "vertices": made.glb.vertices,
        "silhouette_iou": made.silhouette_iou,
        "color_error": made.color_error,
        "camera": made.camera.model_dump(mode="json"),
        "elevation_uncertainty_deg": made.elevation_uncertainty_deg,
        "fov_uncertainty_deg": made.fov_uncertainty_deg,
        "overlap_pct": _overlap(made),
        "frame": "+Z up, right-handed; GLB files are +Y up with the front at +Z",
    }


def _overlap(made: AssembledObject) -> dict[str, float] | None:
    if made.overlap_pct is None:
        return None
    return {"before": made.overlap_pct[0], "after": made.overlap_pct[1]}


def _failure(failure: PartFailure) -> dict[str, Any]:
    return {
        "component": failure.component,
        "stage": failure.stage,
        "error": failure.error,
        "message": scrub(failure.message),
    }
