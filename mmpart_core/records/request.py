"""What the user asks for."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mmpart_core.records.base import BlobRef, ImageRef, Record

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Point2 = tuple[Fraction, Fraction]
WHOLE_OBJECT = "whole object"
# The largest seed of ``numpy.random.seed``; a larger one would fail in back-ends that call it.
MAX_SEED = 2**32 - 1


class Region(Record):
    """Where a component is in the image. Coordinates are fractions of width and height.

    Attributes:
        kind: which of the other fields is set.
        box: left, top, right, bottom.
        points: points on the component.
        polygon: outline, at least three corners.
        mask: white where the component is; same size as the image.
    """

    kind: Literal["box", "points", "polygon", "mask"]
    box: tuple[Fraction, Fraction, Fraction, Fraction] | None = None
    points: tuple[Point2, ...] = ()
    polygon: tuple[Point2, ...] = ()
    mask: ImageRef | None = None

    @model_validator(mode="after")
    def _one_shape(self) -> "Region":
        given = {
            "box": self.box is not None,
            "points": bool(self.points),
            "polygon": len(self.polygon) >= 3,
            "mask": self.mask is not None,
        }
        if not given[self.kind] or sum(given.values()) != 1:
            raise ValueError(f"region of kind {self.kind!r} must set that field and no other")
        if self.box is not None and not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise ValueError(f"region box {self.box} must read left < right and top < bottom")
        return self


class ComponentRequest(Record):
    """One component that the user wants as a part of its own.

    Attributes:
        name: what it is called; any language; becomes the node's name in the GLB.
        hidden: the user's words for its hidden area; empty when left to the planner.
        region: where it is in the image, when the user says so.
        count: how many separate pieces the name stands for ("wheels" = 4).
    """

    name: str = Field(min_length=1, max_length=120)
    hidden: str = Field(default="", max_length=2000)
    region: Region | None = None
    count: int = Field(default=1, ge=1, le=64)


def component_label(component: str | None) -> str:
    """What to call a component, or the whole object (None), in tables, logs and messages.

    A component that is itself called "whole object" is quoted, so that it can be told apart.

    Example:
        >>> component_label(None), component_label("hat"), component_label("whole object")
        ('whole object', 'hat', "'whole object'")
    """
    if component is None:
        return WHOLE_OBJECT
    return f"'{component}'" if component.casefold() == WHOLE_OBJECT else component


class InputView(Record):
    """From where the input image is seen, as far as the user knows.

    Attributes:
        azimuth_deg: angle about +Z from the object's front; 0 for a photograph, whose own view
            defines the front. Only a known scene (``TruthScene``) gives it another meaning.
        elevation_deg: angle of the camera above the horizontal plane.
        elevation_known: the user said so, or drew the image; not the default's assumption.
        fov_deg: field of view across the framed square around the object.
        fov_known: as ``elevation_known``.
    """

    azimuth_deg: float = 0.0
    elevation_deg: float = Field(default=20.0, gt=-90.0, lt=90.0)
    elevation_known: bool = False
    fov_deg: float = Field(default=30.0, gt=1.0, lt=120.0)
    fov_known: bool = False


# A known scene has a front of its own. Where nothing else is said it is drawn from beside and
# above its front, where an image shows most of an object.
TRUTH_VIEW = InputView(azimuth_deg=30.0, elevation_deg=20.0, elevation_known=True, fov_known=True)


class TruthScene(Record):
    """A known scene whose nodes are the components; read by the ``groundtruth`` back-ends.

    Attributes:
        scene: the GLB as the user gave it.
    """

    scene: BlobRef


class ObjectRequest(Record):
    """One image and the components to make of it.

    Attributes:
        name: a file-safe name of the object.
        image: the source image, EXIF orientation applied, RGBA (alpha 255 where none was given).
        components: in the user's order; names are unique.
        view: the input camera as far as it is known.
        truth: the known scene, when there is one.
    """

    name: str = Field(min_length=1)
    image: ImageRef
    components: tuple[ComponentRequest, ...] = Field(min_length=1, max_length=64)
    view: InputView = InputView()
    truth: TruthScene | None = None
