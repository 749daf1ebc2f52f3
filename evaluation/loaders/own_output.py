"""Predictions in our own output folders: ``manifest.json`` and ``object.glb``."""

from pathlib import Path
from typing import Any

from evaluation.loaders import files
from evaluation.objects import DataIssue, Prediction
from mmpart_core.errors import InputError
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import Camera

MANIFEST = "manifest.json"
SCHEMA = "mmpart.manifest"


def is_own_output(folder: Path) -> bool:
    """Whether a folder holds a manifest; what is in it decides when it is read."""
    return (folder / MANIFEST).is_file()


def read_own_output(folder: Path, object_id: str) -> Prediction:
    """One object as MMPart wrote it: parts, failures with their reasons, seconds and money.

    Objects made from a known scene stand in the frame of their input camera, which the manifest
    names; objects made from a picture have a frame of their own.

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
    request = manifest["request"]
    known = request["truth_scene"] is not None
    assembly = manifest["assembly"] or {}
    return Prediction(
        object_id,
        parts,
        failures=failures,
        frame="unit_sphere" if known else "own",
        azimuth_deg=float(request["view"]["azimuth_deg"]) if known else 0.0,
        camera=Camera.model_validate(assembly["camera"]) if assembly.get("camera") else None,
        cost=_cost(manifest),
        source=f"{folder.name}/{MANIFEST}",
        issues=tuple(issues),
    )


def _why(part: dict[str, Any], manifest: dict[str, Any]) -> str:
    if part["failure"]:
        return f"{part['failure']['stage']}: {part['failure']['message']}"
    whole = next((f for f in manifest["failures"] if f["component"] is None), None)
    if whole:
        return f"{whole['stage']}: {whole['message']}"
    return "it was made but not placed" if part["state"] == "made" else "it was not made"


def _cost(manifest: dict[str, Any]) -> dict[str, float]:
    totals = manifest["totals"]
    cost = {"seconds": float(totals["seconds"]), "cost_usd": float(totals["cost_usd"])}
    runs = [*manifest["stages"], *(run for part in manifest["parts"] for run in part["stages"])]
    for run in runs:
        key = f"{run['stage']}_s"
        cost[key] = cost.get(key, 0.0) + float(run["seconds"])
    return cost
