"""The renderer against analytic shapes, projection and trimesh's rays."""

import numpy as np
import pytest
import trimesh

from mmpart_core.errors import GeometryError
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import Camera

RED, BLUE = (200, 40, 30, 255), (20, 60, 220, 255)


def colored(mesh: trimesh.Trimesh, color: tuple[int, ...] = RED) -> TriangleMesh:
    colors = np.tile(np.array(color, dtype=np.uint8), (len(mesh.vertices), 1))
    return TriangleMesh(
        np.array(mesh.vertices), np.array(mesh.faces, dtype=np.int64), colors=colors
    )


def ball(radius: float = 0.5, at: tuple[float, ...] = (0, 0, 0), color=RED) -> TriangleMesh:
    mesh = trimesh.creation.icosphere(subdivisions=5, radius=radius)
    mesh.apply_translation(at)
    return colored(mesh, color)


def quad(texture: np.ndarray, x: float = 0.0) -> TriangleMesh:
    """A unit square facing +X, uv (0, 0) at its lower left as the camera at azimuth 0 sees it."""
    corners = np.array([[x, -0.5, -0.5], [x, 0.5, -0.5], [x, 0.5, 0.5], [x, -0.5, 0.5]])
    uv = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    return TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]]), uv=uv, texture=texture)


def orthographic(size: int = 96, pixels_per_unit: float = 60.0) -> Camera:
    return Camera(
        world_from_camera=transforms.to_tuple(cameras.orbit_pose(0.0, 0.0, 3.0)),
        focal_px=pixels_per_unit,
        principal_px=(size / 2, size / 2),
        width_px=size,
        height_px=size,
        projection="orthographic",
    )


def test_ball_depth_and_outline_are_analytic() -> None:
    camera = cameras.orbit_camera(35.0, 20.0, 30.0, 160)
    view = RenderScene([ball()]).render(camera)
    distance = 1.0 / np.tan(np.deg2rad(15.0))
    assert view.depth[80, 80] == pytest.approx(distance - 0.5, abs=2e-3)
    # The outline is the tangent cone: half angle asin(r / d).
    radius_px = camera.focal_px * np.tan(np.arcsin(0.5 / distance))
    assert view.rgba[..., 3].sum() / 255 == pytest.approx(np.pi * radius_px**2, rel=2e-3)
    assert np.isinf(view.depth[0, 0])
    assert view.node_index[0, 0] == -1
    assert view.rgba[0, 0].tolist() == [0, 0, 0, 0]


def test_rim_is_antialiased_without_fringe() -> None:
    view = RenderScene([ball()]).render(cameras.orbit_camera(0.0, 0.0, 30.0, 64), supersample=4)
    rim = (view.rgba[..., 3] > 0) & (view.rgba[..., 3] < 255)
    assert rim.sum() > 40
    assert (view.rgba[rim][:, :3] == RED[:3]).all()


def test_nearest_mesh_wins_and_is_named() -> None:
    scene = RenderScene([ball(0.3, (-0.5, 0, 0)), ball(0.2, (0.5, 0, 0), BLUE)])
    camera = cameras.orbit_camera(0.0, 0.0, 30.0, 64)
    view = scene.render(camera)
    assert view.node_index[32, 32] == 1
    assert view.rgba[32, 32, :3].tolist() == list(BLUE[:3])
    assert set(np.unique(view.node_index)) == {-1, 0, 1}
    assert np.array_equal(scene.ids(camera), view.node_index)
    assert np.array_equal(scene.silhouette(camera), view.node_index >= 0)
    behind = scene.ids(cameras.orbit_camera(180.0, 0.0, 30.0, 64))
    assert behind[32, 32] == 0


@pytest.mark.parametrize("supersample", [1, 2, 3])
def test_centre_of_a_projected_point_is_hit(supersample: int) -> None:
    camera = cameras.orbit_camera(70.0, -15.0, 40.0, 200).model_copy(
        update={"principal_px": (40.0, 150.0), "width_px": 180, "height_px": 220}
    )
    center = np.array([[0.2, -0.3, 0.1]])
    at, depth = cameras.project(camera, center)
    view = RenderScene([ball(0.05, tuple(center[0]))]).render(camera, supersample=supersample)
    rows, columns = np.nonzero(view.node_index == 0)
    assert columns.mean() + 0.5 == pytest.approx(at[0, 0], abs=0.6)
    assert rows.mean() + 0.5 == pytest.approx(at[0, 1], abs=0.6)
    assert view.depth.min() == pytest.approx(depth[0] - 0.05, abs=3e-3)


def test_depth_is_along_the_viewing_axis() -> None:
    camera = cameras.orbit_camera(0.0, 0.0, 60.0, 64)
    texture = np.full((2, 2, 3), 90, dtype=np.uint8)
    view = RenderScene([quad(texture, x=0.2)]).render(camera)
    seen = view.node_index == 0
    assert np.allclose(view.depth[seen], 1.0 / np.tan(np.deg2rad(30.0)) - 0.2, atol=1e-5)


def test_orthographic_outline_has_its_true_size() -> None:
    view = RenderScene([ball(0.5)]).render(orthographic(), supersample=3)
    assert view.rgba[..., 3].sum() / 255 == pytest.approx(np.pi * 30.0**2, rel=3e-3)
    assert view.depth[48, 48] == pytest.approx(2.5, abs=2e-3)


def test_texture_stands_upright_and_is_not_mirrored() -> None:
    texture = np.zeros((2, 2, 3), dtype=np.uint8)
    texture[0, 0], texture[0, 1] = (255, 0, 0), (0, 255, 0)
    texture[1, 0], texture[1, 1] = (0, 0, 255), (255, 255, 255)
    view = RenderScene([quad(texture)]).render(orthographic(), supersample=1)
    assert view.rgba[32, 32, :3].argmax() == 0  # top left of the picture: row 0, column 0
    assert view.rgba[32, 63, :3].argmax() == 1
    assert view.rgba[63, 32, :3].argmax() == 2
    assert view.rgba[63, 63, :3].min() > 200
    between = view.rgba[33, 48, :3].astype(int)
    assert abs(between[0] - between[1]) <= 12  # halfway in sRGB
    assert between[:2].sum() == pytest.approx(255, abs=3)


def test_vertex_colours_interpolate_in_srgb() -> None:
    mesh = quad(np.zeros((1, 1, 3), dtype=np.uint8))
    ramp = np.array([[0] * 3 + [255], [200] * 3 + [255]], dtype=np.uint8)[[0, 1, 1, 0]]
    scene = RenderScene([TriangleMesh(mesh.vertices, mesh.faces, colors=ramp)])
    middle = scene.render(orthographic()).rgba[48, 47:49, 0]
    assert middle.mean() == pytest.approx(100, abs=2)


def test_mesh_without_colours_is_mid_grey() -> None:
    mesh = ball()
    view = RenderScene([TriangleMesh(mesh.vertices, mesh.faces)]).render(orthographic())
    assert view.rgba[48, 48].tolist() == [128, 128, 128, 255]


def test_cutouts_let_see_what_is_behind() -> None:
    texture = np.full((2, 2, 4), 255, dtype=np.uint8)
    texture[..., 3] = 0
    meshes = [quad(texture, x=0.6), ball(0.4, color=BLUE)]
    opaque = RenderScene(meshes).render(orthographic())
    assert opaque.node_index[48, 48] == 0
    cut = RenderScene(meshes, alpha_cutoff=0.5).render(orthographic())
    assert cut.node_index[48, 48] == 1
    assert cut.rgba[48, 48, :3].tolist() == list(BLUE[:3])
    assert cut.depth[48, 48] == pytest.approx(2.6, abs=3e-3)
    assert cut.node_index[20, 20] == -1


def test_studio_light_keeps_edges_sharp_and_balls_smooth() -> None:
    camera = cameras.orbit_camera(30.0, 25.0, 30.0, 128)
    box = RenderScene([colored(trimesh.creation.box((0.8, 0.8, 0.8)))])
    tones = box.render(camera, supersample=1, shading=1.0)
    assert len(np.unique(tones.rgba[tones.node_index == 0][:, 0])) == 3  # three faces, three tones
    coarse = trimesh.creation.icosphere(subdivisions=2, radius=0.7)
    smooth = RenderScene([colored(coarse)]).render(camera, supersample=1, shading=1.0)
    row = smooth.rgba[64, 30:98, 0].astype(int)
    assert np.abs(np.diff(row)).max() <= 6
    bare = RenderScene([colored(coarse)]).render(camera, supersample=1)
    assert (bare.rgba[bare.node_index == 0][:, :3] == RED[:3]).all()


def test_open_surfaces_look_alike_whichever_way_they_are_wound() -> None:
    mesh = ball()
    turned = TriangleMesh(mesh.vertices, mesh.faces[:, ::-1].copy(), colors=mesh.colors)
    camera = cameras.orbit_camera(10.0, 10.0, 30.0, 64)
    first = RenderScene([mesh]).render(camera, shading=1.0).rgba.astype(int)
    second = RenderScene([turned]).render(camera, shading=1.0).rgba.astype(int)
    assert np.abs(first - second).max() <= 1


def test_cast_agrees_with_trimesh() -> None:
    rng = np.random.default_rng(0)
    shape = trimesh.creation.annulus(0.3, 0.6, 0.5)
    first, second = colored(shape), ball(0.2, (0, 0, 0.9))
    origins = rng.normal(size=(400, 3)) * 2.0
    directions = rng.normal(size=(400, 3)) * 0.3 - origins
    hits = RenderScene([first, second]).cast(origins, directions)
    joined = trimesh.util.concatenate(
        [trimesh.Trimesh(m.vertices, m.faces, process=False) for m in (first, second)]
    )
    face = joined.ray.intersects_first(origins, directions)
    split = len(first.faces)
    assert ((face >= split) == (hits.mesh == 1)).mean() > 0.99
    expected = np.where(face >= split, face - split, face)
    assert (expected == hits.face).mean() > 0.98
    hit = hits.mesh >= 0
    assert 0.2 < hit.mean() < 0.98
    corners = np.where(
        (hits.mesh == 0)[:, None, None],
        first.vertices[first.faces[np.clip(hits.face, 0, split - 1)]],
        second.vertices[second.faces[np.clip(hits.face, 0, None)]],
    )
    place = np.einsum("rk,rkc->rc", hits.barycentric, corners)
    along = origins + hits.distance[:, None] * directions
    assert np.abs(place - along)[hit].max() < 1e-4
    assert np.isinf(hits.distance[~hit]).all()


def test_tiny_and_huge_scenes_look_the_same() -> None:
    camera = cameras.orbit_camera(20.0, 20.0, 30.0, 64)
    plain = RenderScene([ball()]).render(camera)
    for scale in (1e-4, 1e4):
        grow = transforms.scale_then_translate(scale, np.zeros(3))
        moved = cameras.camera_in_frame(camera, grow)
        view = RenderScene([ball().transformed(grow)]).render(moved)
        assert (view.rgba != plain.rgba).mean() < 1e-3
        assert view.depth.min() == pytest.approx(plain.depth.min() * scale, rel=1e-4)


def test_camera_inside_the_scene_sees_all_around() -> None:
    pose = np.eye(4)
    camera = cameras.orbit_camera(0.0, 0.0, 90.0, 32).model_copy(
        update={"world_from_camera": transforms.to_tuple(pose)}
    )
    assert RenderScene([ball(2.0)]).silhouette(camera).all()


def test_meshes_without_faces_are_never_seen() -> None:
    empty = TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))
    camera = cameras.orbit_camera(0.0, 0.0, 30.0, 32)
    assert not RenderScene([empty]).render(camera).rgba.any()
    assert RenderScene([empty, ball()]).ids(camera)[16, 16] == 1


def test_same_input_gives_same_pixels() -> None:
    camera = cameras.orbit_camera(20.0, 20.0, 30.0, 64)
    first = RenderScene([ball()]).render(camera, shading=0.5)
    second = RenderScene([ball()]).render(camera, shading=0.5)
    assert np.array_equal(first.rgba, second.rgba)
    assert np.array_equal(first.depth, second.depth)


def test_unusable_arguments_are_named() -> None:
    camera = cameras.orbit_camera(0.0, 0.0, 30.0, 32)
    with pytest.raises(GeometryError, match="at least one mesh"):
        RenderScene([])
    broken = ball()
    broken.vertices[0, 0] = np.nan
    with pytest.raises(GeometryError, match="finite"):
        RenderScene([broken])
    with pytest.raises(GeometryError, match="supersample 0"):
        RenderScene([ball()]).render(camera, supersample=0)
    with pytest.raises(GeometryError, match="shading 2"):
        RenderScene([ball()]).render(camera, shading=2.0)
