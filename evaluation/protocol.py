"""How a score is taken, as a value: presets of the field, and what each choice means.

Chamfer values of two papers are comparable only when everything here is the same, so every score
row carries its whole protocol.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from evaluation.functional.chamfer import Reduction
from evaluation.functional.distances import Norm
from evaluation.metric_catalogue import families_taken

Level = Literal["part", "group", "object"]
Frame = Literal["truth_box", "own_box", "truth_half_box", "as_stored"]
Alignment = Literal["none", "best_of_4_rotations", "rigid_icp"]
Matching = Literal["name_then_shape", "shape", "name", "name_then_box", "none"]
FailurePolicy = Literal["worst", "successes_only"]
Metric = Literal[
    "chamfer", "f_score", "normal_consistency", "volume_iou", "voxel_f", "bbox_iou", "placement",
    "shape_alone", "topology", "penetration", "mutual_iou", "names", "appearance",
]  # fmt: skip


class Protocol(BaseModel):
    """Everything a score depends on besides the two shapes. Frozen; goes into each row.

    Attributes:
        name: of the preset, or of your own.
        frame: ``truth_box``: bounding box centre of the whole true object to the origin, its
            longest side to [-1, 1], one transform for all its parts and for the prediction;
            ``truth_half_box``: the same to [-0.5, 0.5]; ``own_box``: truth and prediction each by
            its own whole box to [-1, 1]; ``as_stored``: no scaling.
        points: sampled per part and per group.
        whole_points: sampled on the whole object.
        seed: of the sampling; truth and prediction draw the same stream, so that identical
            meshes score perfect.
        norm: distance of points for Chamfer; F-scores and normals always take the Euclidean one.
        squared: Chamfer takes squared distances; F-scores never do.
        reduction: ``sum`` of both directions of Chamfer, or their ``mean``.
        taus: distances of the F-scores, strict ``<``.
        voxels: steps that [-1, 1] is cut into for occupancy.
        voxels_from: occupancy of ``filled`` meshes, or of the sampled ``points``.
        alignment: what is done to the whole prediction before shapes are compared;
            ``metric_catalogue.STANDINGS`` says what is taken after it and what before.
        icp_iterations: at most so many steps of rigid ICP.
        matching: how parts are paired: by name, by best shape (Hungarian on -F@match_tau), by
            name and the rest by shape or by best bounding box, or not at all.
        match_tau: distance of the F-score that pairs parts.
        failure_policy: failed parts count at the worst value (``worst``), or have no values and
            count in the failure rate and ``success_rate`` only (``successes_only``).
        levels: which of part, group (same label) and object (union) are scored.
        metrics: which metrics are taken.
        lpips_model: SHA-256 of the LPIPS weights; empty leaves LPIPS unscored.
        clip_model: SHA-256 of the CLIP model's files; empty leaves CLIP unscored.
        note: what the source leaves open and how it was read here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    frame: Frame = "truth_box"
    points: int = Field(default=10_000, ge=1)
    whole_points: int = Field(default=50_000, ge=1)
    seed: int = Field(default=0, ge=0)
    norm: Norm = "l2"
    squared: bool = False
    reduction: Reduction = "sum"
    taus: tuple[float, ...] = (0.1, 0.05, 0.02)
    voxels: int = Field(default=64, ge=2, le=256)
    voxels_from: Literal["filled", "points"] = "filled"
    alignment: Alignment = "none"
    icp_iterations: int = Field(default=50, ge=1)
    matching: Matching = "name_then_shape"
    match_tau: float = Field(default=0.05, gt=0)
    failure_policy: FailurePolicy = "worst"
    levels: tuple[Level, ...] = ("part", "group", "object")
    metrics: tuple[Metric, ...] = (
        "chamfer", "f_score", "normal_consistency", "volume_iou", "bbox_iou", "placement",
        "shape_alone", "topology", "penetration", "mutual_iou", "names", "appearance",
    )  # fmt: skip
    lpips_model: str = ""
    clip_model: str = ""
    note: str = ""

    @property
    def pitch(self) -> float:
        """Edge of a voxel in the protocol's frame."""
        return 2.0 / self.voxels

    def takes(self, metric: Metric) -> bool:
        """Whether a metric belongs to the protocol."""
        return metric in self.metrics


MMPART = Protocol(name="mmpart")

PARTCRAFTER = Protocol(
    name="partcrafter",
    frame="own_box",
    whole_points=10_000,
    taus=(0.1,),
    matching="none",
    levels=("object",),
    metrics=("chamfer", "f_score", "mutual_iou"),
)

HOLOPART = Protocol(
    name="holopart",
    points=500_000,
    whole_points=500_000,
    norm="l1",
    taus=(),
    voxels_from="points",
    matching="name",
    failure_policy="successes_only",
    levels=("part",),
    metrics=("chamfer", "volume_iou", "voxel_f"),
    note="The paper names the object frame without its scale: the true object's box to [-1, 1]. "
    "L1 is read as Manhattan distance. Voxel F is the F1 of occupied cells.",
)

XPART = Protocol(
    name="xpart",
    frame="own_box",
    whole_points=10_000,
    taus=(0.1, 0.05),
    alignment="best_of_4_rotations",
    metrics=("chamfer", "f_score"),
    levels=("part", "object"),
    note="The rotation with the least Chamfer distance of the whole is taken for all parts.",
)

MIDI = Protocol(
    name="midi",
    frame="as_stored",
    points=20_480,
    whole_points=20_480,
    squared=True,
    taus=(0.1,),
    alignment="rigid_icp",
    metrics=("chamfer", "f_score", "bbox_iou"),
    levels=("part", "object"),
    note="Scene level of MIDI's evaluator; its object level stretches each axis on its own, which "
    "hides proportions and is not taken.",
)

SCULPT = Protocol(
    name="sculpt",
    whole_points=10_000,
    squared=True,
    taus=(0.1, 0.05),
    matching="shape",
    metrics=("chamfer", "f_score"),
)

SAM3DPART = Protocol(
    name="sam3dpart",
    frame="truth_half_box",
    whole_points=10_000,
    taus=(0.05, 0.1),
    matching="name_then_box",
    metrics=("chamfer", "f_score", "bbox_iou"),
    levels=("part", "object"),
)

PRESETS: dict[str, Protocol] = {
    preset.name: preset
    for preset in (MMPART, PARTCRAFTER, HOLOPART, XPART, MIDI, SCULPT, SAM3DPART)
}


def describe_protocol(protocol: Protocol) -> str:
    """A protocol in words, for reports and captions."""
    frames = {
        "truth_box": "the true object's longest side spans [-1, 1], one transform for all",
        "own_box": "truth and prediction each span [-1, 1] along their own longest side",
        "truth_half_box": "the true object's longest side spans [-0.5, 0.5], one transform for all",
        "as_stored": "coordinates as stored",
    }
    distance = {"l1": "Manhattan", "l2": "Euclidean"}[protocol.norm]
    combined = {"sum": "sum", "mean": "mean"}[protocol.reduction]
    square = "squared" if protocol.squared else "not squared"
    taus = ", ".join(f"{tau:g}" for tau in protocol.taus) or "none"
    sentences = [
        f"Protocol {protocol.name}: {frames[protocol.frame]}.",
        f"{protocol.points} points per part, {protocol.whole_points} on the whole, seed "
        f"{protocol.seed}.",
        f"Chamfer: {combined} of both mean {distance} distances, {square}. F-scores at {taus}.",
        f"Occupancy in {protocol.voxels} steps of [-1, 1], {protocol.voxels_from}.",
        _alignment_in_words(protocol),
        f"Parts paired: {protocol.matching.replace('_', ' ')}.",
        "Failed parts count at the worst value."
        if protocol.failure_policy == "worst"
        else "Failed parts count in the failure rate and the share of parts made only.",
        *(
            f"{name} model {digest[:12]} (SHA-256)."
            for name, digest in (("LPIPS", protocol.lpips_model), ("CLIP", protocol.clip_model))
            if digest
        ),
    ]
    return " ".join([*sentences, protocol.note]).strip()


def _alignment_in_words(protocol: Protocol) -> str:
    if protocol.alignment == "none":
        return "Alignment: none."
    return (
        f"Alignment: {protocol.alignment.replace('_', ' ')}; {families_taken('after')} are taken "
        f"after it, {families_taken('before')} before it."
    )
