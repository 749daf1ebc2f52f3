"""What is compared: a true object and a prediction of it, from whatever files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Bool, UInt8

from evaluation.functional.counts import label_of
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import Camera

PredictionFrame = Literal["truth", "unit_sphere", "unit_box", "half_box", "own"]


@dataclass(frozen=True)
class DataIssue:
    """Something wrong with data, reported and never fatal to a run.

    Attributes:
        file: name of the file it is about, relative to the data set where possible.
        message: what was expected and what came.
        part: the part it concerns; None for the whole object.
    """

    file: str
    message: str
    part: str | None = None


def describe_issue(issue: DataIssue) -> str:
    """An issue as one line."""
    part = f", part '{issue.part}'" if issue.part is not None else ""
    return f"{issue.file}{part}: {issue.message}"


@dataclass(frozen=True)
class GroundTruthObject:
    """One true object; +Z up, front at +X, in the units of its file.

    Attributes:
        object_id: unique in its data set.
        parts: mesh per part name.
        labels: kind of each part, for groups; where a name has none, ``label_of`` gives one.
        image: uint8 RGBA input image, where the data set has one.
        masks: visible pixels per part in that image.
        category: for the breakdown of a report.
        source: where it comes from.
        licence: of the object.
        issues: what is wrong with its files.
    """

    object_id: str
    parts: Mapping[str, TriangleMesh]
    labels: Mapping[str, str] = field(default_factory=dict)
    image: UInt8[np.ndarray, "H W 4"] | None = None
    masks: Mapping[str, Bool[np.ndarray, "H W"]] | None = None
    category: str = ""
    source: str = ""
    licence: str = ""
    issues: tuple[DataIssue, ...] = ()

    def label(self, name: str) -> str:
        """The kind of a part."""
        return self.labels.get(name) or label_of(name)


@dataclass(frozen=True)
class Prediction:
    """What a method made of one object; +Z up, front at +X.

    Attributes:
        object_id: of the true object.
        parts: mesh per part name.
        failures: reason per part that the method itself reports as failed.
        frame: what its coordinates are: those of the truth's file; the truth centred in the unit
            sphere, in [-1, 1] or in [-0.5, 0.5] by its longest side; or its ``own``: then its
            box is brought onto the truth's box, and where the whole stands is not scored.
        camera: input camera in the prediction's coordinates, where known.
        cost: what is known of what it took, by the names of ``metric_facts.COST_METRICS`` and
            ``<stage>_s``, ``<stage>_gpu_s``, ``<stage>_usd``, ``<stage>_tokens``,
            ``<stage>_mib``: ``{"seconds": 31.0, "mesh_s": 2.0, "cost_usd": 0.1}``; what is not
            known is left out, never 0.
        source: the file or folder it was read from.
        issues: what is wrong with its files.
    """

    object_id: str
    parts: Mapping[str, TriangleMesh]
    failures: Mapping[str, str] = field(default_factory=dict)
    frame: PredictionFrame = "truth"
    camera: Camera | None = None
    cost: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    issues: tuple[DataIssue, ...] = ()


def mesh_fault(mesh: TriangleMesh) -> str | None:
    """Why a mesh cannot stand for a part; None when it can.

    A single triangle is what published scripts put in place of a failed mesh; it is a failure.
    """
    if not len(mesh.faces) or not len(mesh.vertices):
        return "the mesh is empty: no faces"
    if mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices):
        return f"a face names a vertex that does not exist (of {len(mesh.vertices)})"
    used = mesh.vertices[mesh.faces]
    broken = int((~np.isfinite(used)).any(axis=(1, 2)).sum())
    if broken:
        return f"{broken} of {len(mesh.faces)} faces have a vertex that is not finite"
    if len(mesh.faces) == 1:
        return "the mesh is a single triangle, which stands in for a failed mesh"
    crosses = np.cross(used[:, 1] - used[:, 0], used[:, 2] - used[:, 0])
    extent = float(np.ptp(used.reshape(-1, 3), axis=0).max())
    if not float(np.linalg.norm(crosses, axis=-1).sum()) > 1e-12 * extent**2:
        return "the mesh has no area"
    return None
