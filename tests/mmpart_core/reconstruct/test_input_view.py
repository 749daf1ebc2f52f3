"""The input image as one more view: found among the others, or left out with a word on why."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh

from mmpart_core.backends import open_backend
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.cameras import framed_camera, zero123plus_cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.reconstruct.hull import VisualHull, fit_grid
from mmpart_core.reconstruct.input_view import add_input_view, crop_view
from mmpart_core.reconstruct.stage import reconstruct_part
from mmpart_core.records import Camera, ImageRef, IsolatedPart, View, ViewSet
from mmpart_core.storage import codecs
from mmpart_core.storage.memory_store import MemoryStore

SIZE = 128
# A third of the object, right of and above its middle.
OBJECT_FROM_PART = transforms.scale_then_translate(0.34, np.array([0.1, 0.35, 0.3]))


def image_camera(elevation_deg: float) -> Camera:
    """Of an image of 640 x 480 px, whose object is framed left of its middle."""
    return framed_camera(elevation_deg, 40.0, (290.0, 250.0), 430.0, 640, 480)


def crane() -> TriangleMesh:
    """No side of it looks like another: a plate, a leaning mast on it, a block at the mast."""
    plate = trimesh.creation.box((1.1, 0.7, 0.15))
    plate.apply_translation((0.1, 0.0, -0.6))
    mast = trimesh.creation.cylinder(radius=0.12, height=1.3, sections=32)
    mast.apply_transform(trimesh.transformations.rotation_matrix(0.35, (0, 1, 0)))
    mast.apply_translation((-0.2, 0.15, 0.0))
    block = trimesh.creation.box((0.7, 0.25, 0.2))
    block.apply_translation((0.3, 0.1, 0.45))
    joined = trimesh.util.concatenate([plate, mast, block])
    vertices = np.asarray(joined.vertices) - joined.bounds.mean(axis=0)
    vertices /= np.linalg.norm(vertices, axis=1).max()
    colors = np.full((len(vertices), 4), 255, dtype=np.uint8)
    colors[:, :3] = np.rint(127.5 + 100.0 * vertices)
    return TriangleMesh(vertices, np.asarray(joined.faces, dtype=np.int64), colors=colors)


MESH = crane()


@pytest.fixture(scope="module")
def views() -> PosedViews:
    """The six views of Zero123++."""
    poses = zero123plus_cameras("v1.2", SIZE)
    scene = RenderScene([MESH])
    return PosedViews(np.stack([scene.render(pose).rgba for pose in poses]), poses)


def isolated(elevation_deg: float, object_from_part: np.ndarray = OBJECT_FROM_PART) -> np.ndarray:
    """The part in its place in the image, RGBA."""
    return (
        RenderScene([MESH.transformed(object_from_part)]).render(image_camera(elevation_deg)).rgba
    )


@pytest.mark.parametrize("elevation_deg", [-25.0, 10.0, 45.0])
def test_the_camera_is_found_within_a_pixel(views: PosedViews, elevation_deg: float) -> None:
    picture = isolated(elevation_deg)
    fit = add_input_view(views, picture, image_camera(elevation_deg))
    assert fit.views is not None, fit.warning
    assert fit.iou is not None
    assert fit.iou > 0.8
    assert np.array_equal(fit.views.rgba[:6], views.rgba)
    assert fit.views.cameras[:6] == views.cameras
    found = fit.views.cameras[-1]
    _, cropped = crop_view(
        picture, picture[..., 3] >= 128, image_camera(elevation_deg), (SIZE, SIZE)
    )
    true = cameras.camera_in_frame(cropped, np.linalg.inv(OBJECT_FROM_PART))
    off = cameras.project(found, MESH.vertices)[0] - cameras.project(true, MESH.vertices)[0]
    assert np.linalg.norm(off, axis=1).max() < 1.0
    # What it shows is what its camera sees: the crop is where the camera says it is.
    drawn = RenderScene([MESH]).render(true).rgba
    assert np.abs(drawn[..., 3].astype(int) - fit.views.rgba[-1, ..., 3]).mean() < 2.0


def test_the_hull_shrinks_and_still_holds_the_part(views: PosedViews) -> None:
    fit = add_input_view(views, isolated(20.0), image_camera(20.0))
    assert fit.views is not None
    spec, six = fit_grid(VisualHull(views, 0.0), 72, 0.02)
    seven = VisualHull(fit.views, 0.0)
    assert int((seven.grid(spec) < 0).sum()) < 0.97 * int((six < 0).sum())
    surface = trimesh.Trimesh(MESH.vertices, MESH.faces, process=False)
    points, _ = trimesh.sample.sample_surface(surface, 4000, seed=0)
    outside = VisualHull(fit.views, 1.5).sdf(torch.from_numpy(np.asarray(points)).float())
    assert float(outside.max()) < 0.01


@pytest.mark.parametrize(("true_deg", "said_deg"), [(20.0, 60.0), (-15.0, 25.0)])
def test_a_wrong_elevation_is_refused(views: PosedViews, true_deg: float, said_deg: float) -> None:
    fit = add_input_view(views, isolated(true_deg), image_camera(said_deg))
    assert fit.views is None
    assert fit.iou is not None
    assert fit.warning.startswith("the input image was not trained on: ")
    assert "--camera elevation=" in fit.warning


def test_another_things_image_is_refused(views: PosedViews) -> None:
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.3)
    mesh = TriangleMesh(np.asarray(ball.vertices), np.asarray(ball.faces, dtype=np.int64))
    picture = RenderScene([mesh]).render(image_camera(20.0)).rgba
    fit = add_input_view(views, picture, image_camera(20.0))
    assert fit.views is None
    assert "overlap by 0." in fit.warning


def test_outlines_that_say_too_little_are_refused(views: PosedViews) -> None:
    beyond = transforms.scale_then_translate(0.34, np.array([0.0, 1.6, 0.0]))
    cut = add_input_view(views, isolated(20.0, beyond), image_camera(20.0))
    assert (cut.views, cut.iou) == (None, None)
    assert "cut by its border along" in cut.warning
    speck = transforms.scale_then_translate(0.04, np.zeros(3))
    small = add_input_view(views, isolated(20.0, speck), image_camera(20.0))
    assert small.views is None
    assert "px long in it, at least 48 expected" in small.warning
    nothing = add_input_view(views, np.zeros((480, 640, 4), dtype=np.uint8), image_camera(20.0))
    assert nothing.views is None
    assert "the part is 0 px long" in nothing.warning
    # Each view shifted its own way: their cones have nothing in common.
    shifts = ((40, 0), (-40, 0), (0, 40), (0, -40), (40, 40), (-40, -40))
    torn = np.stack(
        [np.roll(rgba, shift, (0, 1)) for rgba, shift in zip(views.rgba, shifts, strict=True)]
    )
    fit = add_input_view(replace(views, rgba=torn), isolated(20.0), image_camera(20.0))
    assert fit.views is None


def test_an_orthographic_camera_is_found_too(views: PosedViews) -> None:
    camera = image_camera(20.0).model_copy(update={"projection": "orthographic", "focal_px": 220.0})
    picture = RenderScene([MESH.transformed(OBJECT_FROM_PART)]).render(camera).rgba
    fit = add_input_view(views, picture, camera)
    assert fit.views is not None, fit.warning
    _, cropped = crop_view(picture, picture[..., 3] >= 128, camera, (SIZE, SIZE))
    true = cameras.camera_in_frame(cropped, np.linalg.inv(OBJECT_FROM_PART))
    found = fit.views.cameras[-1]
    off = cameras.project(found, MESH.vertices)[0] - cameras.project(true, MESH.vertices)[0]
    assert np.linalg.norm(off, axis=1).max() < 1.0


def stored(views: PosedViews, store: MemoryStore) -> ViewSet:
    kept = tuple(
        View(image=codecs.put_image(store, rgba), camera=camera)
        for rgba, camera in zip(views.rgba, views.cameras, strict=True)
    )
    return ViewSet(component="crane", views=kept, method="drawn")


def stored_part(elevation_deg: float, said_deg: float, store: MemoryStore) -> IsolatedPart:
    rgba = isolated(elevation_deg)
    mask: ImageRef = codecs.put_mask(store, rgba[..., 3] >= 128)
    return IsolatedPart(
        component="crane",
        rgba=codecs.put_image(store, rgba),
        visible=mask,
        imagined=mask,
        camera=image_camera(said_deg),
    )


def test_the_stage_trains_on_seven_views_or_says_why_not(views: PosedViews) -> None:
    store = MemoryStore()
    backend = open_backend("reconstruct", "nerfstudio", {"preset": "preview", "resolution": 40})
    six = stored(views, store)
    alone = reconstruct_part(six, backend=backend, store=store, seed=0)
    assert alone.views == six
    assert alone.input_view_iou is None
    part = stored_part(20.0, 20.0, store)
    field = reconstruct_part(six, part, backend=backend, store=store, seed=0)
    assert field.views.views[:6] == six.views
    assert len(field.views.views) == 7
    assert field.views.method == "drawn, and the input image"
    assert codecs.get_views(store, field.views).rgba.shape == (7, SIZE, SIZE, 4)
    assert field.input_view_iou is not None
    assert field.checkpoint != alone.checkpoint
    wrong = stored_part(20.0, 60.0, store)
    left = reconstruct_part(six, wrong, backend=backend, store=store, seed=0)
    assert left.views == six
    assert left.checkpoint == alone.checkpoint
    assert left.warnings[0].startswith("the input image was not trained on")
