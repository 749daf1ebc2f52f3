"""Published numbers, to stand beside ours only where protocol and data set are the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.protocol import SAM3DPART, Level, Protocol
from evaluation.rows import ScoreRow


@dataclass(frozen=True)
class PublishedScore:
    """One line of a published table.

    Attributes:
        method: whose result it is.
        dataset: name of the data set, as its loader gives it.
        protocol: how it was taken.
        level: of the table.
        values: by metric.
        source: where it was published.
    """

    method: str
    dataset: str
    protocol: Protocol
    level: Level
    values: dict[str, float]
    source: str


@dataclass(frozen=True)
class PublishedTime:
    """Seconds per object as a method's authors give them."""

    method: str
    seconds: str
    note: str


def _sam3dpart(
    method: str, bbox_iou: float, chamfer: float, f_05: float, f_1: float
) -> PublishedScore:
    values = {"bbox_iou": bbox_iou, "chamfer": chamfer, "f_0.05": f_05, "f_0.1": f_1}
    source = "SAM3D-Part, table on PartObjaverse-Tiny"
    return PublishedScore(method, "PartObjaverse-Tiny", SAM3DPART, "part", values, source)


PUBLISHED_SCORES: tuple[PublishedScore, ...] = (
    _sam3dpart("SAM3D-Part", 0.688, 0.054, 0.694, 0.851),
    _sam3dpart("OmniPart", 0.473, 0.065, 0.585, 0.782),
    _sam3dpart("X-Part + P3-SAM", 0.317, 0.111, 0.547, 0.634),
    _sam3dpart("HoloPart + P3-SAM", 0.270, 0.114, 0.531, 0.617),
    _sam3dpart("SAM 3D Objects on part masks", 0.255, 0.294, 0.240, 0.392),
)
PUBLISHED_TIMES: tuple[PublishedTime, ...] = (
    PublishedTime("PartPacker", "27 to 30", ""),
    PublishedTime("PartCrafter", "34", "4 parts, H20"),
    PublishedTime("PartCrafter", "85", "A100"),
    PublishedTime("OmniPart", "45 to 73", ""),
    PublishedTime("X-Part", "147", ""),
    PublishedTime("PartGen", "about 300", ""),
    PublishedTime("Part123", "about 900", ""),
)


def published_beside(rows: Sequence[ScoreRow]) -> list[PublishedScore]:
    """The published scores that rows of one protocol may stand beside.

    All rows must come from the published data set, and every field of the protocol must agree.
    """
    datasets = {row.dataset for row in rows}
    protocols = {row.protocol.model_dump_json() for row in rows}
    return [
        each
        for each in PUBLISHED_SCORES
        if datasets == {each.dataset} and protocols == {each.protocol.model_dump_json()}
    ]
