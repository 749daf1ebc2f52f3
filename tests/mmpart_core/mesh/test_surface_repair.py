"""Decimation, mending, cleaning and the checks on surfaces that are hard on purpose."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import trimesh
from scipy.ndimage import gaussian_filter
from skimage.measure import marching_cubes

from mmpart_core.errors import BackendError, StageError
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.mesh import checks, mend, simplify, topology
from mmpart_core.mesh.clean import clean_surface


def bumpy_ball(seed: int, bumps: float) -> tuple[np.ndarray, np.ndarray]:
    ticks = np.linspace(-1.1, 1.1, 64)
    points = np.stack(np.meshgrid(ticks, ticks, ticks, indexing="ij"), axis=-1)
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=points.shape[:3]), 1.5)
    field = np.linalg.norm(points, axis=-1) - 0.8 + bumps * noise / noise.std()
    vertices, faces, _, _ = marching_cubes(field, 0.0)
    clean = clean_surface(
        vertices.astype(np.float64) * (ticks[1] - ticks[0]) - 1.1, faces.astype(np.int64), 0.01
    )
    return clean.vertices, clean.faces


def closed(vertices: np.ndarray, faces: np.ndarray) -> bool:
    """Closed for a reader that sees float32 positions only."""
    return topology.is_closed(topology.weld(vertices.astype(np.float32).astype(float), faces)[1])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("bumps", [0.03, 0.07])
def test_bumpy_surfaces_stay_closed(seed: int, bumps: float) -> None:
    vertices, faces = bumpy_ball(seed, bumps)
    light, light_faces = simplify.simplify_surface(vertices, faces, 3000)
    assert closed(light, light_faces)
    assert len(light_faces) < 4600
    before, after = topology.bare(vertices, faces), topology.bare(light, light_faces)
    assert after.volume == pytest.approx(before.volume, rel=0.03)


def test_small_surfaces_are_left_alone() -> None:
    vertices, faces = bumpy_ball(0, 0.01)
    light, light_faces = simplify.simplify_surface(vertices, faces, len(faces))
    assert light is vertices
    assert light_faces is faces


def test_collapse_alone_keeps_surfaces_closed() -> None:
    vertices, faces = bumpy_ball(1, 0.03)
    light, light_faces = simplify._collapse(vertices, faces, 3000)
    assert closed(light, light_faces)
    assert len(light_faces) < len(faces) / 2


def joined_boxes(shared: int) -> tuple[np.ndarray, np.ndarray]:
    """Two boxes that share one vertex (1) or one edge (2)."""
    box = trimesh.creation.box((1.0, 1.0, 1.0))
    step = (1.0, 1.0, 1.0) if shared == 1 else (1.0, 1.0, 0.0)
    vertices = np.concatenate([box.vertices, np.array(box.vertices) + step])
    faces = np.concatenate([box.faces, np.array(box.faces) + 8]).astype(np.int64)
    return topology.weld(vertices, faces)


@pytest.mark.parametrize("shared", [1, 2])
def test_boxes_that_touch_come_apart(shared: int) -> None:
    vertices, faces = joined_boxes(shared)
    assert topology.is_closed(faces) == (shared == 1)
    mended = mend.mend_surface(vertices, faces)
    assert mended is not None
    assert closed(*mended)
    mesh = topology.bare(*mended)
    assert topology.body_labels(mesh).max() == 1
    assert mesh.volume == pytest.approx(2.0, rel=0.02)


def test_faces_back_to_back_and_flat_ones_go() -> None:
    box = trimesh.creation.box((1.0, 1.0, 1.0))
    fin = np.array([[0, 1, 8], [1, 0, 8], [2, 2, 3]])
    vertices = np.concatenate([box.vertices, [[2.0, 2.0, 2.0]]])
    mended = mend.mend_surface(vertices, np.concatenate([box.faces, fin]).astype(np.int64))
    assert mended is not None
    assert closed(*mended)
    assert len(mended[1]) == 12


def test_open_surfaces_cannot_be_mended() -> None:
    box = trimesh.creation.box((1.0, 1.0, 1.0))
    assert mend.mend_surface(np.array(box.vertices), np.array(box.faces[:-1])) is None


def test_small_holes_are_filled() -> None:
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.8)
    faces = np.delete(np.array(ball.faces, dtype=np.int64), [10, 400], axis=0)
    clean = clean_surface(np.array(ball.vertices), faces, 0.01)
    assert topology.is_closed(clean.faces)
    assert clean.warnings == ()


def test_turned_inside_out_is_no_body() -> None:
    ball = trimesh.creation.icosphere(subdivisions=2)
    faces = np.array(ball.faces, dtype=np.int64)[:, ::-1].copy()
    with pytest.raises(BackendError, match="positive volume"):
        clean_surface(np.array(ball.vertices), faces, 0.01)


def unit_ball(**kwargs: object) -> TriangleMesh:
    ball = trimesh.creation.icosphere(subdivisions=3)
    return TriangleMesh(np.array(ball.vertices), np.array(ball.faces, dtype=np.int64), **kwargs)


def white(mesh: TriangleMesh) -> np.ndarray:
    return np.full((len(mesh.vertices), 4), 255, dtype=np.uint8)


def test_facts_of_a_known_surface() -> None:
    facts = checks.check_surface(unit_ball(colors=white(unit_ball())), "ball")
    assert facts.watertight
    assert facts.bodies == 1
    assert facts.area == pytest.approx(4 * np.pi, rel=0.02)
    assert facts.volume == pytest.approx(4 / 3 * np.pi, rel=0.03)


def test_an_open_surface_is_told_and_has_no_volume() -> None:
    ball = unit_ball(colors=white(unit_ball()))
    facts = checks.check_surface(
        TriangleMesh(ball.vertices, ball.faces[1:], colors=ball.colors), "ball"
    )
    assert (facts.watertight, facts.volume) == (False, 0.0)


def test_a_turned_face_is_not_watertight() -> None:
    ball = unit_ball(colors=white(unit_ball()))
    faces = ball.faces.copy()
    faces[0] = faces[0, ::-1]
    mesh = TriangleMesh(ball.vertices, faces, colors=ball.colors)
    assert not checks.check_surface(mesh, "ball").watertight


def test_unusable_surfaces_are_named() -> None:
    ball = unit_ball(colors=white(unit_ball()))
    uv, texture = np.zeros((len(ball.vertices), 2)), np.zeros((4, 4, 3), dtype=np.uint8)
    cases = {
        "empty": TriangleMesh(ball.vertices, ball.faces[:0], colors=ball.colors),
        "not finite": TriangleMesh(
            np.full_like(ball.vertices, np.nan), ball.faces, colors=ball.colors
        ),
        "does not exist": TriangleMesh(ball.vertices, ball.faces + 1, colors=ball.colors),
        "next to nothing": TriangleMesh(ball.vertices * 1e-3, ball.faces, colors=ball.colors),
        "uv without texture": TriangleMesh(ball.vertices, ball.faces, uv=uv),
        "texture without uv": TriangleMesh(ball.vertices, ball.faces, texture=texture),
        "finite uv": TriangleMesh(ball.vertices, ball.faces, np.full_like(uv, np.inf), texture),
        "neither a texture": TriangleMesh(ball.vertices, ball.faces),
    }
    for message, mesh in cases.items():
        with pytest.raises(StageError, match=f"part 'hat'.*{message}"):
            checks.check_surface(mesh, "hat")


def test_two_threads_get_their_own_meshes() -> None:
    shapes = [trimesh.creation.icosphere(subdivisions=4), trimesh.creation.torus(1.0, 0.4)]

    def decimated(index: int) -> bytes:
        shape = shapes[index]
        faces = np.array(shape.faces, dtype=np.int64)
        return simplify.decimate(np.array(shape.vertices), faces, 500, 5.0)[0].tobytes()

    alone = [decimated(0), decimated(1)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # without the lock about half of the results are the other's
    try:
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(decimated, [0, 1] * 20))
    finally:
        sys.setswitchinterval(before)
    assert found == alone * 20
