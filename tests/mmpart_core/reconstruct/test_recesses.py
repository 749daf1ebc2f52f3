"""Hollows of one colour behind flat openings: as deep as they are, and none where there is none."""

from collections.abc import Callable, Sequence

import pytest
import torch
import trimesh

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.first_shape import FirstShape
from mmpart_core.reconstruct.frontier import supported_body
from mmpart_core.reconstruct.hull import GridSpec, VisualHull, fit_grid
from mmpart_core.reconstruct.part_scene import PartScene, prepare_scene
from mmpart_core.reconstruct.planes import Plane
from mmpart_core.reconstruct.recesses import Recess, find_recesses

SIZE_PX = 160
OUTER = (1.2, 1.0, 0.3)
WALL, FLOOR = 0.08, 0.1
ViewsOf = Callable[[trimesh.Trimesh, int], PosedViews]


@pytest.fixture(scope="module")
def tray(plain_views_of: ViewsOf) -> PosedViews:
    """A box that stands open to the top."""
    outer = trimesh.creation.box(OUTER)
    inner = trimesh.creation.box((OUTER[0] - 2 * WALL, OUTER[1] - 2 * WALL, OUTER[2]))
    inner.apply_translation((0.0, 0.0, FLOOR))
    return plain_views_of(trimesh.boolean.difference([outer, inner], engine="manifold"), SIZE_PX)


@pytest.fixture(scope="module")
def tray_recesses(tray: PosedViews) -> list[Recess]:
    return found(tray)


def found(views: PosedViews, least: float = 0.05, faces: Sequence[Plane] = ()) -> list[Recess]:
    """Recesses of the shape that the outlines leave."""
    hull = VisualHull(views, 0.0)
    spec, around = fit_grid(hull, 64, 0.02)
    start = FirstShape(hull, supported_body(views), None, 0.0).on(spec, around)
    return find_recesses(views, spec, start, least, faces)


def test_a_tray_is_as_deep_and_wide_as_it_is(tray_recesses: list[Recess]) -> None:
    (recess,) = tray_recesses
    assert recess.opening.normal[2] > 0.99
    assert recess.depth == pytest.approx(OUTER[2] - FLOOR, abs=0.03)
    middle, wall = torch.zeros((1, 3)), torch.tensor([[OUTER[0] / 2 - 0.5 * WALL, 0.0, 0.0]])
    assert float(recess.inside(middle)) > 0.03
    assert float(recess.inside(wall)) < 0.0
    below = torch.tensor([[0.0, 0.0, -OUTER[2] / 2 + 0.5 * FLOOR]])
    assert float(recess.inside(below)) < 0.0


def test_shallow_ones_are_left_to_training(tray: PosedViews) -> None:
    assert found(tray, least=OUTER[2]) == []


def test_a_face_may_be_open_but_not_in_a_small_place(
    tray_recesses: list[Recess], plain_views_of: ViewsOf, tray: PosedViews
) -> None:
    opening = tray_recesses[0].opening
    assert len(found(tray, faces=[opening])) == 1
    block = trimesh.creation.box((OUTER[0], OUTER[1], 0.6))
    hole = trimesh.creation.box((0.45, 0.4, 0.6))
    hole.apply_translation((0.2, 0.15, 0.35))
    views = plain_views_of(trimesh.boolean.difference([block, hole], engine="manifold"), SIZE_PX)
    (recess,) = found(views)
    assert found(views, faces=[recess.opening]) == []


@pytest.mark.parametrize(
    "mesh",
    [trimesh.creation.box(OUTER), trimesh.creation.icosphere(3, 0.7)],
    ids=["box", "ball"],
)
def test_whole_bodies_have_none(
    mesh: trimesh.Trimesh, views_of: ViewsOf, plain_views_of: ViewsOf
) -> None:
    assert found(plain_views_of(mesh, SIZE_PX)) == []
    assert found(views_of(mesh, SIZE_PX)) == []


def scene_of(views: PosedViews, recesses: bool) -> PartScene:
    return prepare_scene(
        views, slack_px=1.0, margin=0.02, resolutions=(40, 56), convex_start=True,
        density_steps=20, hollow=0.05, recesses=recesses, seed=0,
    )  # fmt: skip


def test_training_starts_without_them_and_may_not_fill_them(
    tray: PosedViews, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Densities that hardly trained differ from any views.
    monkeypatch.setattr("mmpart_core.reconstruct.density_field._CONSISTENT", 1.0)
    whole, cut = scene_of(tray, False), scene_of(tray, True)
    hollow = (OUTER[0] - 2 * WALL) * (OUTER[1] - 2 * WALL) * (OUTER[2] - FLOOR)
    half = torch.tensor(OUTER) / 2.0
    for first, before, limit, spec in (
        (cut.first, whole.coarse_limit, cut.coarse_limit, cut.coarse_spec),
        (cut.fine_first, whole.limit, cut.limit, cut.fine_spec),
    ):
        points = spec.positions()
        inner = (points[:, :2].abs() < half[:2] - 2.5 * WALL).all(dim=1)
        inner &= (points[:, 2] > 0.03 + FLOOR - half[2]) & (points[:, 2] < half[2])
        assert bool((first.reshape(-1)[inner] > 0.0).all())
        assert bool((limit.reshape(-1)[inner] > 0.0).all())
        assert volume((before < 0) & (limit >= 0), spec) > 0.7 * hollow
        assert bool((limit <= first + 1e-6).all())


def test_views_that_disagree_tell_of_none(tray: PosedViews) -> None:
    whole, same = scene_of(tray, False), scene_of(tray, True)
    assert torch.equal(whole.fine_first, same.fine_first)
    assert torch.equal(whole.limit, same.limit)


def volume(corners: torch.Tensor, spec: GridSpec) -> float:
    return float(corners.sum()) * spec.spacing**3
