"""Views in any frame and scale are moved so that their subject fills the unit sphere."""

from dataclasses import replace

import numpy as np
import pytest

from mmpart_core.errors import BackendError, InputError
from mmpart_core.geometry import transforms
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.hull import VisualHull, fit_grid
from mmpart_core.reconstruct.view_fitting import fit_views, move_views

MOVES = {
    "as it is": np.eye(4),
    "far and large": transforms.scale_then_translate(250.0, np.array([4e3, -7e3, 900.0])),
    "small and turned": transforms.scale_then_translate(0.004, np.array([0.3, 0.1, -0.2]))
    @ transforms.rotation_z(77.0),
}


@pytest.mark.parametrize("move", MOVES)
def test_the_hull_fills_the_unit_sphere(torus_views: PosedViews, move: str) -> None:
    given_from_torus = MOVES[move]
    fitted, part_from_given = fit_views(move_views(torus_views, given_from_torus))
    spec, sdf = fit_grid(VisualHull(fitted, 1.0), 64, 0.02)
    inside = spec.positions().numpy()[(sdf < 0).numpy().reshape(-1)]
    assert np.linalg.norm(inside, axis=1).max() == pytest.approx(1.0, abs=2 * spec.spacing)
    middle = (inside.min(axis=0) + inside.max(axis=0)) / 2
    assert np.abs(middle).max() < 2 * spec.spacing
    # The torus' own centre and size: its hull is a little larger than it is.
    part_from_torus = part_from_given @ given_from_torus
    assert np.abs(part_from_torus[:3, 3]).max() < 0.08
    assert 0.9 < transforms.similarity_scale(part_from_torus) < 1.25
    assert fitted.rgba is torus_views.rgba


def test_cameras_that_look_past_each_other(torus_views: PosedViews) -> None:
    turned = tuple(
        camera.model_copy(
            update={
                "world_from_camera": transforms.to_tuple(
                    transforms.to_array(camera.world_from_camera) @ np.diag([-1.0, 1.0, -1.0, 1.0])
                )
            }
        )
        for camera in torus_views.cameras
    )
    with pytest.raises(InputError, match="behind one of them"):
        fit_views(replace(torus_views, cameras=turned))
    same = (torus_views.cameras[0],) * 6
    one_image = np.repeat(torus_views.rgba[:1], 6, axis=0)
    with pytest.raises(InputError, match="parallel"):
        fit_views(PosedViews(one_image, same))


def test_empty_views_are_refused_first(torus_views: PosedViews) -> None:
    with pytest.raises(BackendError, match="foreground covers less"):
        fit_views(replace(torus_views, rgba=np.zeros_like(torus_views.rgba)))
