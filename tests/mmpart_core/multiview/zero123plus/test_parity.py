"""The pipeline against a plain restatement in double precision, on the same weights and noise."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mmpart_core.errors import ConfigError, InputError
from mmpart_core.multiview.backends.zero123plus import run

PLAIN: dict[str, Any] = {
    "steps": 3, "guidance": 4.0, "num_images": 1, "height": 64, "width": 64,
}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "guided": {},
    "unguided": {"guidance": 1.0},
    "guidance of 0": {"guidance": 0.0},
    "three pictures": {"num_images": 3, "steps": 2},
    "two unguided": {"num_images": 2, "guidance": 1.0},
    "upright": {"height": 96},
    "wide": {"height": 48, "width": 112},
    "one step, whole numbers": {"steps": 1, "guidance": 4},
    "steps that do not divide 1000": {"steps": 7},
}


def replayed(seed: int = 3) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return lambda shape: torch.randn(shape, generator=generator)


def speckled(width: int, height: int, channels: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    return Image.fromarray(pixels)


def control() -> dict[str, Any]:
    return {"control_image": speckled(64, 64, 3, 5), "control_scale": 0.75}


def differences(bench: Any, parts: dict[str, Any], image: Any, **given: Any) -> tuple[float, float]:
    latents, pictures = run(parts, image, noise=replayed(), **given)
    expected = bench.reference.draw_reference(parts, image, noise=replayed(), **given)
    assert latents.shape == expected[0].shape
    assert pictures.shape == expected[1].shape
    return (
        float(np.abs(latents.numpy() - expected[0]).max()),
        float(np.abs(pictures - expected[1]).max()),
    )


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_the_restatement(bench: Any, components: Any, case: str) -> None:
    image = speckled(80, 64, 3)
    assert max(differences(bench, components, image, **{**PLAIN, **CASES[case]})) < 5e-5


@pytest.mark.parametrize("case", [{}, {"guidance": 1.0}, {"num_images": 2, "steps": 2}])
def test_agrees_with_a_controlnet(bench: Any, controlled: Any, case: dict[str, Any]) -> None:
    image = speckled(70, 90, 4)
    given = {**PLAIN, **control(), **case}
    assert max(differences(bench, controlled, image, **given)) < 1e-5


def test_clear_pixels_are_shown_on_grey(bench: Any, components: Any) -> None:
    assert max(differences(bench, components, speckled(70, 90, 4), **PLAIN)) < 1e-5


def test_each_single_mistake_is_seen(bench: Any, controlled: Any) -> None:
    """The comparison means something: what is easily got wrong is far from the tolerance."""
    image, given = speckled(70, 90, 4), {**PLAIN, **control()}
    right = run(controlled, image, noise=replayed(), **given)[1]
    for mistake in bench.reference.MISTAKES:
        wrong = bench.reference.draw_reference(
            controlled, image, noise=replayed(), mistake=mistake, **given
        )[1]
        assert np.abs(wrong - right).max() > 1e-3, mistake


@pytest.mark.parametrize(("guidance", "count"), [(4.0, 1), (1.0, 1), (4.0, 2)])
def test_noise_is_asked_for_in_the_published_order(
    components: Any, guidance: float, count: int
) -> None:
    asked: list[tuple[int, ...]] = []
    source = replayed()

    def noise(shape: tuple[int, ...]) -> torch.Tensor:
        asked.append(shape)
        return source(shape)

    given = {**PLAIN, "steps": 2, "guidance": guidance, "num_images": count, "height": 96}
    run(components, speckled(64, 64, 3), noise=noise, **given)
    halves = 2 if guidance > 1 else 1
    encoded = [(1, 4, 8, 8)] * halves
    step = [(halves * count, 4, 8, 8), (count, 4, 12, 8)]
    assert asked == [*encoded, (count, 4, 12, 8), *step, *step]


def test_the_same_noise_gives_the_same_bits_and_other_noise_another_picture(
    components: Any,
) -> None:
    image = speckled(64, 64, 3)
    first, again, other = (run(components, image, noise=replayed(s), **PLAIN) for s in (1, 1, 2))
    assert torch.equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert np.abs(first[1] - other[1]).max() > 0.1


def test_components_are_left_as_they_were(components: Any) -> None:
    unet, scheduler = components["unet"], components["scheduler"]
    before = dict(unet.attn_processors), scheduler.timesteps.clone(), scheduler.step_index
    run(components, speckled(64, 64, 3), noise=replayed(), **PLAIN)
    assert unet.attn_processors == before[0]
    assert torch.equal(scheduler.timesteps, before[1])
    assert scheduler.step_index == before[2]


def test_processors_that_someone_else_left_are_not_used(bench: Any) -> None:
    class Stranger:
        def __call__(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("a stranger's attention was run")

    own = bench.toy.toy_components()
    image = speckled(64, 64, 3)
    expected = run(own, image, noise=replayed(), **PLAIN)[0]
    own["unet"].set_attn_processor(Stranger())
    assert torch.equal(run(own, image, noise=replayed(), **PLAIN)[0], expected)


def test_sliced_attention_gives_the_same_picture(bench: Any) -> None:
    own = bench.toy.toy_components()
    image = speckled(64, 64, 3)
    expected = run(own, image, noise=replayed(), **PLAIN)[1]
    own["unet"].set_attention_slice("max")
    sliced = run(own, image, noise=replayed(), **PLAIN)[1]
    assert 0.0 < np.abs(sliced - expected).max() < 1e-5


def test_bfloat16_stays_near(bench: Any) -> None:
    own = bench.toy.toy_components()
    image = speckled(64, 64, 3)
    expected = run(own, image, noise=replayed(), **PLAIN)[1]
    for key in ("vae", "text_encoder", "unet", "vision_encoder"):
        own[key].to(torch.bfloat16)
    pictures = run(own, image, noise=replayed(), **PLAIN)[1]
    assert pictures.dtype == np.float32
    assert 0.0 < np.abs(pictures - expected).mean() < 0.05


def test_a_numpy_array_and_a_grey_picture_are_images_too(components: Any) -> None:
    image = speckled(64, 64, 4)
    expected = run(components, image, noise=replayed(), **PLAIN)[0]
    assert torch.equal(run(components, np.array(image), noise=replayed(), **PLAIN)[0], expected)
    grey = image.convert("L")
    same = run(components, grey.convert("RGB"), noise=replayed(), **PLAIN)[0]
    assert torch.equal(run(components, grey, noise=replayed(), **PLAIN)[0], same)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 60}, "multiples of 8"),
        ({"steps": 0}, "at least one of each"),
        ({"num_images": 0}, "at least one of each"),
        ({"control_image": speckled(64, 64, 3)}, "no ControlNet"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    components: Any, change: dict[str, Any], message: str
) -> None:
    with pytest.raises((InputError, ConfigError), match=message):
        run(components, speckled(64, 64, 3), noise=replayed(), **{**PLAIN, **change})


def test_a_control_image_of_another_size_is_refused(controlled: Any) -> None:
    with pytest.raises(InputError, match="got 32x64 px, the picture's 64x64 px"):
        run(
            controlled,
            speckled(64, 64, 3),
            noise=replayed(),
            control_image=speckled(32, 64, 3),
            **PLAIN,
        )


def test_what_is_no_image_is_refused(components: Any) -> None:
    with pytest.raises(InputError, match="expected a PIL image or a uint8 array"):
        run(components, np.zeros((8, 8, 3), np.float32), noise=replayed(), **PLAIN)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vae": None}, "missing vae"),
        ({"ramping_coefficients": [0.5] * 5}, "5 ramping_coefficients.*77"),
        ({"scheduler": object()}, "expected EulerAncestralDiscreteScheduler"),
    ],
)
def test_components_that_do_not_go_together_are_named(
    components: Any, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run({**components, **change}, speckled(64, 64, 3), noise=replayed(), **PLAIN)


def test_a_batch_draws_each_input_as_alone(components: Any) -> None:
    from mmpart_core.multiview.zero123plus.models import models_from
    from mmpart_core.multiview.zero123plus.noise import seeded_noise
    from mmpart_core.multiview.zero123plus.sampling import Drawing, draw_grids

    models, drawing = models_from(components), Drawing(3, 4.0, 2, 64, 64)
    images = [speckled(64, 64, 3, seed) for seed in range(3)]
    together = draw_grids(models, images, [seeded_noise(s) for s in range(3)], drawing)[1]
    for index, image in enumerate(images):
        alone = draw_grids(models, [image], [seeded_noise(index)], drawing)[1]
        assert torch.allclose(together[2 * index : 2 * index + 2], alone, atol=1e-5)
