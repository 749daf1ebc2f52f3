"""What reconstruction, meshing and assembly give."""

from pydantic import Field

from mmpart_core.records.base import BlobRef, ImageRef, Matrix4, MeshRef, Record, Vector3
from mmpart_core.records.views import Camera, TruthPart, ViewSet


class RadianceField(Record):
    """A trained field of one part, sampled on a grid (see ``geometry.field_grid.FieldGrid``).

    Attributes:
        component: the component's name.
        checkpoint: safetensors archive of a FieldGrid.
        bounds_min: corner of the surface's bounding box, part frame.
        bounds_max: opposite corner.
        train_psnr_db: agreement with the training views, over the foreground.
        confidence: 0 to 1, how far the views agree with each other and with the field.
        views: the views it was trained on; texture is baked from them. Where the input image is
            one of them it is the last.
        input_view_iou: overlap of the input image's outline with the visual hull of the other
            views, whether it was trained on or left out; None where this was not measured.
        truth: the node it came from, for a known scene.
        warnings: what the user should know.
    """

    component: str
    checkpoint: BlobRef
    bounds_min: Vector3
    bounds_max: Vector3
    train_psnr_db: float
    confidence: float = Field(ge=0.0, le=1.0)
    views: ViewSet
    input_view_iou: float | None = None
    truth: TruthPart | None = None
    warnings: tuple[str, ...] = ()


class PartMesh(Record):
    """The textured surface of one part, in the part's frame.

    Attributes:
        component: the component's name.
        mesh: GLB with one mesh.
        watertight: every edge is shared by two faces, consistently wound.
        bodies: connected components.
        area: surface area, in squared part units.
        volume: enclosed volume, in cubed part units; 0 where not watertight.
        method: how it was extracted, in words.
        truth: the node it came from, for a known scene.
        warnings: what the user should know.
    """

    component: str
    mesh: MeshRef
    watertight: bool
    bodies: int
    area: float
    volume: float
    method: str
    truth: TruthPart | None = None
    warnings: tuple[str, ...] = ()


class Placement(Record):
    """Where a part stands in the assembled object.

    Attributes:
        component: the component's name.
        world_from_part: similarity transform, 4x4 row by row, +Z-up world of the object.
        scale: its uniform scale.
        silhouette_iou: overlap of the placed part's visible silhouette with the part's visible
            pixels in the source, both at the input camera; None when it could not be measured.
        color_error: mean difference of sRGB (of 255) between the placed part and the source, where
            both show it; None where nowhere.
        imagined: the image shows nothing of it, so that its place is imagined as it is.
        method: how it was placed, in words.
        warnings: what is uncertain.
        depth_uncertainty: how far apart depths lie that fit about as well, object units; None
            where it was not measured.
        color_gain: factors on red, green and blue of the part's sRGB colours, applied in the
            object's GLB so that it agrees with the source; None where they are as they were made.
        stretch: factors along the part frame's axes, applied before ``world_from_part`` in the
            object's GLB; None where its proportions are as they were made.
    """

    component: str
    world_from_part: Matrix4
    scale: float = Field(gt=0)
    silhouette_iou: float | None = None
    color_error: float | None = None
    imagined: bool = False
    method: str
    warnings: tuple[str, ...] = ()
    depth_uncertainty: float | None = None
    color_gain: Vector3 | None = None
    stretch: Vector3 | None = None


class AssembledObject(Record):
    """All parts in one frame.

    Attributes:
        glb: one named node and mesh per part, glTF +Y up.
        placements: one per part that was made, in the request's order.
        camera: the input camera in the object's world frame.
        silhouette_iou: overlap of the whole object's silhouette with the source's foreground.
        color_error: mean difference of sRGB (of 255) from the source, where both show the object.
        preview: the object seen by the input camera, RGBA.
        warnings: what the user should know.
        elevation_uncertainty_deg: how far apart elevations of the input camera lie that fit about
            as well; None where it was not estimated.
        fov_uncertainty_deg: the same of its field of view.
        uncut: the same nodes before overlaps were cut away; None where nothing was cut.
        overlap_pct: shared volume in % of the smaller part, mean over pairs of closed parts, before
            and after overlaps were cut away; None where they were not.
    """

    glb: MeshRef
    placements: tuple[Placement, ...] = Field(min_length=1)
    camera: Camera
    silhouette_iou: float | None = None
    color_error: float | None = None
    preview: ImageRef
    warnings: tuple[str, ...] = ()
    elevation_uncertainty_deg: float | None = None
    fov_uncertainty_deg: float | None = None
    uncut: MeshRef | None = None
    overlap_pct: tuple[float, float] | None = None
