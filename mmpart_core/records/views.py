"""Images with cameras."""

from typing import Literal

from pydantic import Field

from mmpart_core.records.base import BlobRef, ImageRef, Matrix4, Record, Vector3


class Camera(Record):
    """A pinhole or orthographic camera with square pixels.

    Looks along its own -Z with +Y up; pixel (0, 0) is the top left, its centre at (0.5, 0.5).

    Attributes:
        world_from_camera: rigid 4x4 pose, row by row; object units.
        focal_px: focal length in pixels; for orthographic cameras pixels per object unit.
        principal_px: column and row of the optical axis, in pixels.
        width_px: image width.
        height_px: image height.
        projection: perspective or orthographic.
    """

    world_from_camera: Matrix4
    focal_px: float = Field(gt=0)
    principal_px: tuple[float, float]
    width_px: int = Field(gt=0)
    height_px: int = Field(gt=0)
    projection: Literal["perspective", "orthographic"] = "perspective"


class TruthPart(Record):
    """One node of a known scene, or the whole of it.

    Attributes:
        scene: the GLB.
        node: the node's name; None for the whole scene.
        azimuth_deg: azimuth of the input camera in the scene's frame.
    """

    scene: BlobRef
    node: str | None
    azimuth_deg: float


class ImagePlacement(Record):
    """Where an isolated part was found in the source image, by registration.

    Attributes:
        source_from_isolated: 3x3 similarity, row by row: pixels of the picture that the model drew
            to pixels of the source; the top left pixel's centre is (0.5, 0.5).
        confidence: 0 to 1; from 0.5 on the place is to be trusted.
        shift: how far the model moved the part, over the source's longer side.
        zoom: by how much it enlarged it.
        turn_deg: by how much it turned it, clockwise in the image.
    """

    source_from_isolated: tuple[Vector3, Vector3, Vector3]
    confidence: float = Field(ge=0.0, le=1.0)
    shift: float = Field(ge=0.0)
    zoom: float = Field(gt=0.0)
    turn_deg: float


class IsolationTry(Record):
    """One picture that a model drew of a part, and what was found wrong with it.

    Attributes:
        answer: the picture as it came.
        score: 0 to 1; the best of those that are accepted is taken.
        accepted: whether nothing was wrong with it.
        checked: whether a vision model looked at it, beside the gate.
        taken: whether it became the part.
        faults: what was wrong, in words.
        added: what the prompt was given beside the planner's words, from faults of earlier tries.
        seed: of the call; of hosted models, which take none, the number of the call.
        cost_usd: its share of what the call cost, and the look at it.
    """

    answer: ImageRef
    score: float = Field(ge=0.0, le=1.0)
    accepted: bool
    checked: bool = False
    taken: bool = False
    faults: tuple[str, ...] = ()
    added: str = ""
    seed: int = 0
    cost_usd: float = 0.0


class IsolatedPart(Record):
    """One part alone, completed, in the place it has in the source image.

    Attributes:
        component: the component's name; None for the whole object.
        rgba: the part on a transparent ground, same frame and size as the source image.
        visible: 8-bit mask, white where the part is seen in the source.
        imagined: 8-bit mask, white where the part is completed behind an occluder.
        camera: the input camera that the image is seen by, in the camera-aligned object frame
            (input azimuth 0).
        truth: the node it came from, for a known scene.
        placement: where a model's picture was found in the source, which ``rgba`` was moved by;
            None where the isolator works on the source itself.
        tries: all pictures that a model drew of it, in order.
        cost_usd: what the isolator's calls cost.
        warnings: what the user should know or add.
    """

    component: str | None
    rgba: ImageRef
    visible: ImageRef
    imagined: ImageRef
    camera: Camera
    truth: TruthPart | None = None
    placement: ImagePlacement | None = None
    tries: tuple[IsolationTry, ...] = ()
    cost_usd: float = 0.0
    warnings: tuple[str, ...] = ()


class View(Record):
    """One posed image: RGBA with straight alpha, and its camera in the part's frame."""

    image: ImageRef
    camera: Camera


class ViewSet(Record):
    """Posed views of one part in its own frame: centred, fitting the unit sphere.

    Attributes:
        component: the component's name; None for the whole object.
        views: at least two.
        method: how the views were made, in words, for the manifest.
        framed_by_truth: the frame is the known scene's own, not one that the views imply.
        truth: the node it came from, for a known scene.
    """

    component: str | None
    views: tuple[View, ...] = Field(min_length=2)
    method: str
    framed_by_truth: bool = False
    truth: TruthPart | None = None
