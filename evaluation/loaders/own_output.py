"""Predictions in our own output folders: ``manifest.json`` and ``object.glb``."""

from pathlib import Path
from typing import Any

from evaluation.loaders import files
from evaluation.objects import DataIssue, Prediction, PredictionFrame
from mmpart_core.errors import InputError
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import Camera

MANIFEST = "manifest.json"
SCHEMA = "mmpart.manifest"
TRUE_PLACEMENT = "groundtruth/"
TOTALS = ("seconds", "cost_usd")


def is_own_output(folder: Path) -> bool:
    """Whether a folder holds a manifest; what is in it decides when it is read."""
    return (folder / MANIFEST).is_file()


def read_own_output(folder: Path, object_id: str) -> Prediction:
    """One object as MMPart wrote it: parts, failures with their reasons, seconds and money.

    Objects made from a known scene stand in its own coordinates where they were placed by the
    truth, else turned as it is, but centred in the unit sphere; objects made from a picture have
    a frame of their own, turned so that the input camera is at the azimuth that was given.

    Time and money are known of stages that this run made; what came from the cache has no value.

    Raises:
        InputError: the manifest is not ours, or the object's GLB cannot be read.
    """
    path = folder / MANIFEST
    manifest = files.read_json(path)
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        raise InputError(f"{folder.name}/{MANIFEST}: expected the schema {SCHEMA}")
    try:
        return _prediction(manifest, folder, object_id)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{folder.name}/{MANIFEST}: a field is missing or broken "
            f"({type(error).__name__}: {error}); write the object again"
        ) from error


def _prediction(manifest: dict[str, Any], folder: Path, object_id: str) -> Prediction:
    failures = {
        part["component"]: _why(part, manifest)
        for part in manifest["parts"]
        if part["state"] != "made" or part["placement"] is None or manifest["assembly"] is None
    }
    parts: dict[str, TriangleMesh] = {}
    issues: list[DataIssue] = []
    scene = folder / "object.glb"
    if manifest["assembly"] is not None:
        parts = files.read_glb_nodes(scene)
    else:
        issues.append(DataIssue(f"{folder.name}/{scene.name}", "no object was assembled"))
    expected = {part["component"] for part in manifest["parts"]}
    lost = expected - set(parts) - set(failures)
    failures.update(dict.fromkeys(lost, f"no node of that name in {scene.name}"))
    assembly = manifest["assembly"] or {}
    return Prediction(
        object_id,
        parts,
        failures=failures,
        frame=_frame(manifest),
        camera=Camera.model_validate(assembly["camera"]) if assembly.get("camera") else None,
        cost=_cost(manifest),
        source=f"{folder.name}/{MANIFEST}",
        issues=tuple(issues),
    )


def _frame(manifest: dict[str, Any]) -> PredictionFrame:
    """Whose coordinates the object is in; all are turned as the scene is that was drawn."""
    if manifest["request"]["truth_scene"] is None:
        return "own"
    assembler = manifest.get("backends", {}).get("assemble", {}).get("backend", "")
    return "truth" if assembler.startswith(TRUE_PLACEMENT) else "unit_sphere"


def _why(part: dict[str, Any], manifest: dict[str, Any]) -> str:
    if part["failure"]:
        return f"{part['failure']['stage']}: {part['failure']['message']}"
    whole = next((f for f in manifest["failures"] if f["component"] is None), None)
    if whole:
        return f"{whole['stage']}: {whole['message']}"
    return "it was made but not placed" if part["state"] == "made" else "it was not made"


def _cost(manifest: dict[str, Any]) -> dict[str, float]:
    """What making it took, as far as it is known: an absent value is unknown, never 0.

    Money is split by stage only where there was any: 0 in all is 0 in each.
    """
    runs = [*manifest["stages"], *(run for part in manifest["parts"] for run in part["stages"])]
    cached = {run["stage"] for run in runs if run.get("cached")}
    cost: dict[str, float] = {}
    paid = any(run.get("cost_usd") for run in runs)
    fields = {"s": "seconds", "usd": "cost_usd"} if paid else {"s": "seconds"}
    for run in runs:
        if run["stage"] not in cached:
            for ending, field in fields.items():
                key = f"{run['stage']}_{ending}"
                cost[key] = cost.get(key, 0.0) + float(run.get(field) or 0.0)
    if not cached:
        totals = manifest["totals"]
        cost = {name: float(totals[name]) for name in TOTALS if totals.get(name) is not None} | cost
    return cost
