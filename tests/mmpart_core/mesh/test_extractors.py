"""The extractors on known shapes: closed, in place, in the right colours, not mirrored."""

import sys
from types import ModuleType

import numpy as np
import pytest

from mmpart_core import backends
from mmpart_core.errors import BackendError, ConfigError, MissingDependencyError
from mmpart_core.geometry import cameras
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.mesh import checks
from mmpart_core.mesh.protocol import ExtractedSurface
from mmpart_core.mesh.stage import mesh_part
from mmpart_core.records import RadianceField, View, ViewSet
from mmpart_core.storage import codecs, glb
from mmpart_core.storage.memory_store import MemoryStore
from tests.mmpart_core.mesh.conftest import (
    KaolinsFlexiCubes,
    Known,
    known_shape,
    plate,
    rainbow,
    sampled_field,
    sphere,
    two_balls,
)

KINDS = ("flexicubes", "marching_cubes")
LIGHT = {"max_faces": 4000, "texture_size_px": 256}


def extract(kind: str, known: Known, **settings: object) -> ExtractedSurface:
    backend = backends.open_backend("mesh", kind, {**LIGHT, **settings})
    return backend.extract(known.field, known.views, 0)


def compare(mesh: TriangleMesh, truth: RenderScene, azimuth_deg: float) -> tuple[float, float]:
    """Silhouette IoU and mean colour error (0..255) at a camera no view has."""
    camera = cameras.orbit_camera(azimuth_deg, 8.0, 30.0, 200)
    ours, theirs = RenderScene([mesh]).render(camera).rgba, truth.render(camera).rgba
    inside, expected = ours[..., 3] > 127, theirs[..., 3] > 127
    both = (ours[..., 3] == 255) & (theirs[..., 3] == 255)
    error = np.abs(ours[both][:, :3].astype(float) - theirs[both][:, :3]).mean()
    return float((inside & expected).sum() / (inside | expected).sum()), float(error)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("texture", ["atlas", "vertex"])
def test_torus_is_closed_in_place_and_in_colour(
    kind: str, texture: str, known_torus: Known
) -> None:
    surface = extract(kind, known_torus, texture=texture)
    facts = checks.check_surface(surface.mesh, "ring")
    assert facts.watertight
    assert facts.bodies == 1
    assert facts.volume == pytest.approx(2 * np.pi**2 * 0.6 * 0.2**2, rel=0.03)
    assert facts.area == pytest.approx(4 * np.pi**2 * 0.6 * 0.2, rel=0.02)
    assert len(surface.mesh.faces) <= 4000
    iou, error = compare(surface.mesh, known_torus.truth, 12.0)
    assert iou > 0.98
    assert error < (3.0 if texture == "atlas" else 5.0)
    if texture == "atlas":
        assert max(surface.mesh.texture.shape[:2]) == 256
    else:
        assert surface.mesh.texture is None


@pytest.mark.parametrize("kind", KINDS)
def test_two_bodies_stay_two(kind: str) -> None:
    known = known_shape(two_balls, rainbow, size=48, fine=80)
    facts = checks.check_surface(extract(kind, known).mesh, "balls")
    assert (facts.watertight, facts.bodies) == (True, 2)
    assert facts.volume == pytest.approx(4 / 3 * np.pi * (0.35**3 + 0.3**3), rel=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_thin_plate_keeps_both_sides(kind: str) -> None:
    known = known_shape(plate, rainbow, size=64, fine=100)
    surface = extract(kind, known, max_faces=2000)
    facts = checks.check_surface(surface.mesh, "plate")
    assert (facts.watertight, facts.bodies) == (True, 1)
    assert facts.volume == pytest.approx(1.4 * 1.4 * 0.06, rel=0.08)
    assert compare(surface.mesh, known.truth, 40.0)[1] < 4.0


@pytest.mark.parametrize("texture", ["atlas", "vertex"])
def test_a_letter_reads_the_right_way(texture: str, known_board: Known) -> None:
    """An F looks like nothing else when mirrored, left-right or upside down."""
    surface = extract("flexicubes", known_board, texture=texture, max_faces=8000)
    # Through the file, as a viewer gets it.
    (node,) = glb.decode_glb(glb.encode_glb([glb.GlbNode("board", surface.mesh)]))
    camera = cameras.orbit_camera(0.0, 0.0, 30.0, 200)
    ours = RenderScene([node.mesh]).render(camera).rgba[..., :3].astype(float)
    theirs = known_board.truth.render(camera).rgba[..., :3].astype(float)
    middle = (slice(50, 150), slice(45, 155))

    def error(picture: np.ndarray) -> float:
        return float(np.abs(picture[middle] - theirs[middle]).mean())

    assert error(ours) < 6.0
    assert error(ours[:, ::-1]) > 5 * error(ours)
    assert error(ours[::-1]) > 5 * error(ours)


def test_hidden_surface_takes_the_fields_colour(known_torus: Known) -> None:
    """With views that show nothing, the texture is the colour grid."""
    blank = PosedViews(np.zeros_like(known_torus.views.rgba), known_torus.views.cameras)
    backend = backends.open_backend("mesh", "flexicubes", LIGHT)
    surface = backend.extract(known_torus.field, blank, 0)
    assert any("0% of the surface is seen" in warning for warning in surface.warnings)
    assert compare(surface.mesh, known_torus.truth, 30.0)[1] < 4.0


def test_a_view_that_contradicts_is_outvoted() -> None:
    """Halfway between a right and a wrong view the field's colour settles which is which."""
    known = known_shape(sphere, rainbow, size=40, fine=64)
    rgba = known.views.rgba.copy()
    rgba[0, ..., :3] = 255 - rgba[0, ..., :3]
    wrong = Known(known.field, PosedViews(rgba, known.views.cameras), known.truth)
    camera = cameras.orbit_camera(64.0, 5.0, 30.0, 100)
    middle = (slice(30, 70), slice(45, 55))
    expected = known.truth.render(camera).rgba[middle].astype(float)
    shown = RenderScene([extract("flexicubes", wrong).mesh]).render(camera).rgba[middle]
    assert np.abs(shown - expected)[..., :3].mean() < 8.0


def test_the_same_input_gives_the_same_bytes(known_torus: Known) -> None:
    first, second = (
        glb.encode_glb([glb.GlbNode("a", extract("flexicubes", known_torus).mesh)])
        for _ in range(2)
    )
    assert first == second


def test_floaters_and_cavities_go() -> None:
    def crumbs(points: np.ndarray) -> np.ndarray:
        hollow = np.maximum(sphere(points), 0.3 - np.linalg.norm(points, axis=-1))
        speck = np.linalg.norm(points - [0.93, 0.93, 0.93], axis=-1) - 0.05
        return np.minimum(hollow, speck)

    known = known_shape(crumbs, rainbow, size=64, fine=64)
    surface = extract("flexicubes", known)
    facts = checks.check_surface(surface.mesh, "ball")
    assert (facts.watertight, facts.bodies) == (True, 1)
    assert facts.volume == pytest.approx(4 / 3 * np.pi * 0.8**3, rel=0.02)
    assert surface.warnings == ("1 loose piece below 1% of the part dropped",)


def test_a_surface_cut_by_the_grids_border_is_closed() -> None:
    field = sampled_field(lambda points: np.linalg.norm(points, axis=-1) - 1.2, rainbow, 32)
    known = known_shape(sphere, rainbow, size=24, fine=40)
    cut = Known(field, known.views, known.truth)
    assert checks.check_surface(extract("flexicubes", cut).mesh, "cut").watertight


def test_fields_without_an_inside_are_refused(known_torus: Known) -> None:
    field = known_torus.field
    backend = backends.open_backend("mesh", "flexicubes", LIGHT)
    empty = FieldGrid(np.abs(field.sdf) + 0.1, field.rgb, field.origin, field.spacing)
    with pytest.raises(BackendError, match="all distances are positive"):
        backend.extract(empty, known_torus.views, 0)
    broken = FieldGrid(np.full_like(field.sdf, np.nan), field.rgb, field.origin, field.spacing)
    with pytest.raises(BackendError, match="NaN"):
        backend.extract(broken, known_torus.views, 0)


def test_kaolin_says_how_to_get_it() -> None:
    with pytest.raises(MissingDependencyError, match=r"kaolin 0\.18 or later"):
        backends.open_backend("mesh", "kaolin", {"max_faces": 4001})


@pytest.fixture
def at_kaolins_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands there takes kaolin's arguments, and no others."""
    for name in ("kaolin", "kaolin.ops", "kaolin.ops.conversions"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    conversions = sys.modules["kaolin.ops.conversions"]
    monkeypatch.setattr(conversions, "FlexiCubes", KaolinsFlexiCubes, raising=False)
    monkeypatch.setattr(KaolinsFlexiCubes, "devices", [])


@pytest.mark.usefixtures("at_kaolins_address")
@pytest.mark.parametrize("kind", ["flexicubes", "kaolin"])
def test_a_device_that_is_not_there_is_refused_when_opened(kind: str) -> None:
    with pytest.raises(ConfigError, match=r"mesh\.device 'abacus': expected a device"):
        backends.open_backend("mesh", kind, {"device": "abacus"})
    assert KaolinsFlexiCubes.devices == []


@pytest.mark.usefixtures("at_kaolins_address")
def test_kaolin_is_called_as_it_documents(known_torus: Known) -> None:
    theirs = extract("kaolin", known_torus, texture="vertex", max_faces=4002)
    assert KaolinsFlexiCubes.devices == ["cpu"]  # passed: kaolin's own default is cuda
    ours = extract("flexicubes", known_torus, texture="vertex", max_faces=4002)
    np.testing.assert_array_equal(theirs.mesh.vertices, ours.mesh.vertices)
    np.testing.assert_array_equal(theirs.mesh.faces, ours.mesh.faces)
    assert theirs.method.startswith("kaolin FlexiCubes, ")
    assert ours.method.startswith("FlexiCubes, ")


def test_stage_stores_a_named_mesh(known_torus: Known) -> None:
    store = MemoryStore()
    views = ViewSet(
        component="ring",
        views=tuple(
            View(image=codecs.put_image(store, rgba), camera=camera)
            for rgba, camera in zip(known_torus.views.rgba, known_torus.views.cameras, strict=True)
        ),
        method="rendered",
    )
    field = RadianceField(
        component="ring",
        checkpoint=codecs.put_field(store, known_torus.field),
        bounds_min=(-0.8, -0.8, -0.2),
        bounds_max=(0.8, 0.8, 0.2),
        train_psnr_db=30.0,
        confidence=1.0,
        views=views,
    )
    backend = backends.open_backend("mesh", "flexicubes", LIGHT)
    part = mesh_part(field, backend=backend, store=store, seed=0)
    assert part.watertight
    assert part.component == "ring"
    assert part.volume == pytest.approx(2 * np.pi**2 * 0.6 * 0.2**2, rel=0.03)
    (node,) = glb.get_scene(store, part.mesh)
    assert node.name == "ring"
    assert part.mesh.faces == len(node.mesh.faces)
    again = checks.check_surface(glb.get_mesh(store, part.mesh), "ring")
    assert again.watertight
