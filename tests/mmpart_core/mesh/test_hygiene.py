"""Each property of a finished surface, on a mesh that has it and on one that breaks it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import trimesh
from scipy.ndimage import gaussian_filter

from mmpart_core import backends
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.mesh import atlas, bake, checks, hygiene, topology
from mmpart_core.mesh.unwrap import unwrap_surface
from tests.mmpart_core.mesh.conftest import Known, rainbow, sampled_field


@pytest.fixture(scope="module")
def ball() -> TriangleMesh:
    """Unwrapped by xatlas, with a colour that changes along u and v, spread over the seams."""
    shape = trimesh.creation.icosphere(subdivisions=3)
    cut = unwrap_surface(np.array(shape.vertices), np.array(shape.faces, dtype=np.int64), 128)
    width, height = cut.size_px
    rows, columns = np.mgrid[:height, :width]
    texture = np.stack([80 + rows // 2, 80 + columns // 2, np.full_like(rows, 90)], axis=-1)
    filled = bake.texel_faces(cut)[0] >= 0
    painted = np.where(filled[..., None], texture, 0).astype(np.uint8)
    return TriangleMesh(cut.vertices, cut.faces, cut.uv, bake.spread(painted, filled))


def measured(mesh: TriangleMesh) -> hygiene.SurfaceQuality:
    return hygiene.measure_surface(mesh, topology.weld_surface(mesh))


def faults(mesh: TriangleMesh) -> tuple[str, ...]:
    return checks.check_surface(mesh, "ball").faults


def with_body(mesh: TriangleMesh, scale: float, turned: bool = False) -> TriangleMesh:
    """A second body beside the first one, in the same charts."""
    faces = mesh.faces[:, ::-1] if turned else mesh.faces
    return TriangleMesh(
        np.concatenate([mesh.vertices, mesh.vertices * scale + 3.0]),
        np.concatenate([mesh.faces, faces + len(mesh.vertices)]),
        colors=np.full((2 * len(mesh.vertices), 4), 200, dtype=np.uint8),
    )


def test_a_sound_surface_has_no_faults(ball: TriangleMesh) -> None:
    quality = measured(ball)
    assert quality == hygiene.SurfaceQuality(0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0)
    assert faults(ball) == ()


@pytest.fixture(scope="module")
def finished(known_torus: Known) -> TriangleMesh:
    """What the back-end makes of a bumpy ring, crumbs around it and the views of a smooth one."""
    noise = gaussian_filter(np.random.default_rng(1).normal(size=known_torus.field.sdf.shape), 1.5)
    sdf = known_torus.field.sdf + (0.02 * noise / noise.std()).astype(np.float32)
    sdf[2:4, 2:4, 2:4] = sdf[-5:-3, 5:8, 3:5] = -0.02
    field = replace(known_torus.field, sdf=sdf)
    settings = {"max_faces": 3000, "texture_size_px": 256}
    extractor = backends.open_backend("mesh", "flexicubes", settings)
    return extractor.extract(field, known_torus.views, 0).mesh


def turned_face(mesh: TriangleMesh) -> TriangleMesh:
    faces = mesh.faces.copy()
    faces[7] = faces[7, ::-1]
    return replace(mesh, faces=faces)


def with_crumb(mesh: TriangleMesh) -> TriangleMesh:
    """A copy of all, a five-hundredth as large, drawn with one texel."""
    uv = np.concatenate([mesh.uv, np.full_like(mesh.uv, 0.5)])
    small = np.concatenate([mesh.vertices, mesh.vertices * 0.002 + 2.0])
    return TriangleMesh(
        small, np.concatenate([mesh.faces, mesh.faces + len(mesh.vertices)]), uv, mesh.texture
    )


def with_black_seams(mesh: TriangleMesh) -> TriangleMesh:
    height, width = mesh.texture.shape[:2]
    covered = atlas.cover_counts(mesh.uv, mesh.faces, (width, height)) > 0
    return replace(mesh, texture=np.where(covered[..., None], mesh.texture, 0).astype(np.uint8))


def laid_over(mesh: TriangleMesh) -> TriangleMesh:
    """A twentieth of the faces moved onto others' texels."""
    uv = mesh.uv.copy()
    moved = np.unique(mesh.faces[: len(mesh.faces) // 20])
    uv[moved] = 0.5 + (uv[moved] - uv[moved].mean(axis=0))
    return replace(mesh, uv=uv)


def without_area(mesh: TriangleMesh) -> TriangleMesh:
    uv = mesh.uv.copy()
    uv[mesh.faces[:20, 1]] = uv[mesh.faces[:20, 0]]
    return replace(mesh, uv=uv)


def test_what_the_back_end_makes_has_no_faults(finished: TriangleMesh) -> None:
    assert faults(finished) == ()
    assert 1000 < len(finished.faces) <= 3000
    assert len(topology.weld_surface(finished).areas) == 1


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (lambda mesh: replace(mesh, faces=mesh.faces[1:]), "3 edges with one face"),
        (turned_face, "wound against each other"),
        (lambda mesh: replace(mesh, faces=mesh.faces[:, ::-1]), "1 piece turned inside out"),
        (with_crumb, "1 loose piece below 0.01%"),
        (lambda mesh: replace(mesh, vertices=mesh.vertices * (1.0, 1.0, 0.004)), "are slivers"),
        (laid_over, "charts overlap"),
        (with_black_seams, "seams show"),
        (without_area, "have no tangents"),
    ],
)
def test_what_is_broken_of_it_is_told(
    finished: TriangleMesh, broken: Callable[[TriangleMesh], TriangleMesh], told: str
) -> None:
    assert any(told in text for text in faults(broken(finished)))


def test_a_budget_that_would_open_the_surface_is_not_kept_and_told(known_torus: Known) -> None:
    """Sixty-four balls have four faces each at the least."""

    def balls(points: np.ndarray) -> np.ndarray:
        beside = points - np.clip(np.rint(points * 2 - 0.5) / 2 + 0.25, -0.75, 0.75)
        return np.linalg.norm(beside, axis=-1) - 0.15

    field: FieldGrid = sampled_field(balls, rainbow, 48)
    settings = {"max_faces": 100, "texture": "vertex"}
    extractor = backends.open_backend("mesh", "flexicubes", settings)
    surface = extractor.extract(field, known_torus.views, 0)
    facts = checks.check_surface(surface.mesh, "balls")
    assert (facts.watertight, facts.bodies) == (True, 64)
    kept = len(surface.mesh.faces)
    assert kept >= 64 * 4
    assert any(
        text.startswith(f"{kept} faces are kept of at most 100") for text in surface.warnings
    )


def test_open_edges_are_counted(ball: TriangleMesh) -> None:
    assert "the surface is not closed: 3 edges with one face" in faults(
        replace(ball, faces=ball.faces[1:])
    )


def test_a_face_wound_against_its_neighbours_is_told(ball: TriangleMesh) -> None:
    faces = ball.faces.copy()
    faces[0] = faces[0, ::-1]
    (text,) = faults(replace(ball, faces=faces))
    assert text.startswith("the surface is not closed: 3 edges where more")


def test_an_edge_of_four_faces_is_told() -> None:
    box = trimesh.creation.box((1.0, 1.0, 1.0))
    vertices = np.concatenate([box.vertices, np.add(box.vertices, (1.0, 1.0, 0.0))])
    faces = np.concatenate([box.faces, np.array(box.faces) + 8]).astype(np.int64)
    colors = np.full((16, 4), 255, dtype=np.uint8)
    quality = measured(TriangleMesh(vertices, faces, colors=colors))
    assert (quality.open_edges, quality.tangled_edges) == (0, 1)


def test_a_body_turned_inside_out_is_told(ball: TriangleMesh) -> None:
    assert measured(with_body(ball, 0.5)).turned_bodies == 0
    assert "1 piece turned inside out" in faults(with_body(ball, 0.5, turned=True))


def test_crumbs_are_told(ball: TriangleMesh) -> None:
    assert faults(with_body(ball, 0.02)) == ()
    (text,) = faults(with_body(ball, 0.005))
    assert text == "1 loose piece below 0.01% of the part left"


def test_slivers_are_told(ball: TriangleMesh) -> None:
    squeezed = replace(ball, vertices=ball.vertices * (1.0, 1.0, 0.002))
    assert any("slivers, at most 2%" in text for text in faults(squeezed))


def test_quality_of_known_triangles() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0.5, np.sqrt(0.75), 0], [2, 0, 0], [0, 1, 0]])
    faces = np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4]])
    np.testing.assert_allclose(
        hygiene.triangle_quality(vertices.astype(float), faces),
        [1.0, 0.0, np.sqrt(3) / 2],
        atol=1e-12,
    )


def test_charts_that_overlap_are_told(ball: TriangleMesh) -> None:
    """One face's uv laid over another chart."""
    uv = ball.uv.copy()
    uv[:] = 0.5 + (uv - 0.5) * 0.9
    moved = ball.faces[: len(ball.faces) // 10]
    uv[np.unique(moved)] += 0.2
    assert atlas.overlap(ball.uv, ball.faces, (128, 128)) == 0.0
    assert any("charts overlap" in text for text in faults(replace(ball, uv=uv)))


def test_cover_of_known_triangles() -> None:
    """Two halves of a square share an edge and nothing else; a third triangle lies on both."""
    uv = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    halves = np.array([[0, 1, 2], [0, 2, 3]])
    counts = atlas.cover_counts(uv, halves, (9, 9))
    assert counts.max() == 1
    assert int((counts == 0).sum()) == 9  # the centres on the diagonal
    assert atlas.cover_counts(uv, halves[:1], (4, 2))[1].tolist() == [0, 1, 1, 1]
    twice = np.concatenate([halves, [[0, 1, 3]]])
    assert atlas.overlap(uv, twice, (64, 64)) == pytest.approx(0.5, abs=0.02)


def test_seams_that_are_not_filled_are_told(ball: TriangleMesh) -> None:
    height, width = ball.texture.shape[:2]
    covered = atlas.cover_counts(ball.uv, ball.faces, (width, height)) > 0
    black = np.where(covered[..., None], ball.texture, 0).astype(np.uint8)
    assert any("seams show" in text for text in faults(replace(ball, texture=black)))


def test_faces_without_tangents_are_told(ball: TriangleMesh) -> None:
    uv = ball.uv.copy()
    uv[ball.faces[:20, 1]] = uv[ball.faces[:20, 0]]
    assert any("no tangents" in text for text in faults(replace(ball, uv=uv)))


def test_tangents_run_along_u() -> None:
    """A face has tangents unless its uv, or its corners, lie on a line."""
    corners = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [2.0, 0.0, 0.0]])
    faces = np.array([[0, 1, 2], [0, 1, 3]])
    square = np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 0.5], [0.3, 0.3]])
    assert hygiene.has_tangents(corners, faces, square).tolist() == [True, False]
    flat = np.array([[0.0, 0.0], [0.5, 0.5], [0.25, 0.25], [0.3, 0.1]])
    assert hygiene.has_tangents(corners, faces[:1], flat).tolist() == [False]


def test_bodies_and_edges_are_measured_on_the_welded_surface(ball: TriangleMesh) -> None:
    both = topology.weld_surface(with_body(ball, 0.5))
    assert both.closed
    assert both.areas == pytest.approx([4 * np.pi, np.pi], rel=0.02)
    assert both.volumes == pytest.approx([4 * np.pi / 3, np.pi / 6], rel=0.03)
    facts = checks.check_surface(with_body(ball, 0.5), "balls")
    assert (facts.watertight, facts.bodies) == (True, 2)
    assert facts.volume == pytest.approx(both.volumes.sum())
    opened = checks.check_surface(replace(ball, faces=ball.faces[1:]), "ball")
    assert (opened.watertight, opened.bodies, opened.volume) == (False, 1, 0.0)
