"""Training leaves no thin coat on the first shape where views agree."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import trimesh

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.backends.nerfstudio import Settings, training_options
from mmpart_core.reconstruct.carving import undo_swelling

THRESHOLD = 0.025
PLAY = 0.006
AGREEING = 1.0


def test_a_thin_coat_is_taken_off_and_tips_stay() -> None:
    first = torch.zeros(1, 1, 4)
    trained = torch.tensor([[[0.02, -0.004, -0.02, -0.3]]])
    undone = undo_swelling(first, trained, THRESHOLD, AGREEING)
    torch.testing.assert_close(undone, torch.tensor([[[0.02, -0.004, -PLAY, -0.3]]]))


def test_between_coats_and_tips_there_is_no_jump() -> None:
    trained = torch.linspace(-0.08, 0.02, 2001)[None, None]
    steps = undo_swelling(torch.zeros_like(trained), trained, THRESHOLD, AGREEING)[0, 0].diff()
    assert float(steps.min()) >= 0.0
    assert float(steps.max()) < 6.0 * 0.1 / 2000


def test_the_more_views_disagree_the_more_is_kept() -> None:
    first, trained = torch.zeros(1, 1, 1), torch.full((1, 1, 1), -0.03)
    kept = [undo_swelling(first, trained, THRESHOLD, doubt).item() for doubt in (3.0, 3.25, 3.5)]
    assert kept[0] == pytest.approx(-PLAY)
    assert -0.03 < kept[1] < -0.02
    assert kept[2] == pytest.approx(-0.03)


def test_a_threshold_of_nothing_keeps_all_growth() -> None:
    trained = torch.linspace(-0.1, 0.1, 50)[None, None]
    assert torch.equal(undo_swelling(torch.zeros_like(trained), trained, 0.0, AGREEING), trained)


@pytest.mark.usefixtures("nerfstudio_opened")
def test_plain_faces_do_not_swell_in_training(
    views_of: Callable[[trimesh.Trimesh, int], PosedViews],
) -> None:
    from mmpart_core.reconstruct.training import run_training

    views = views_of(trimesh.creation.box((1.0, 1.2, 0.5)), 96)
    rgba = views.rgba.copy()
    rgba[..., :3] = 128
    given = training_options(Settings(preset="cpu", register_views=False), "cpu")
    small = replace(given, steps=60, density_steps=0, rays=512, samples=24, resolutions=(24, 32))
    trainer = run_training(PosedViews(rgba, views.cameras), small, 0)
    first = trainer.data.parsed.scene.fine_first

    grown = first - trainer.model.field.sdf.detach()[0, 0]
    kept = first - torch.from_numpy(trainer.finished_field().grid.sdf)
    coat = (grown > 1.5 * PLAY) & (grown < THRESHOLD)
    assert int(coat.sum()) > 100
    # Rims that masks show and training lost are matter of their own.
    assert float((kept[coat] > 1.01 * PLAY).float().mean()) < 0.05
