"""Parity and speed of the Zero123++ pipeline at toy width, each case one line.

    python -m benchmarks.zero123plus [--mistakes] [--steps 3]

Compares the pipeline (float32) with a plain restatement (``reference``, float64) on the same random
weights and the same noise: largest difference of latents and of pictures. ``--mistakes`` shows how
far one mistake in the restatement takes its results. Seconds per step are of the toy network, whose
arithmetic is nothing: they are what the pipeline itself costs.
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from PIL import Image

from benchmarks.zero123plus.reference import MISTAKES, draw_reference
from benchmarks.zero123plus.toy import toy_components, toy_controlnet
from mmpart_core.multiview.backends.zero123plus import run

CASES: dict[str, dict[str, Any]] = {
    "guided": {},
    "without guidance": {"guidance": 1.0},
    "three pictures": {"num_images": 3},
    "six views, upright": {"height": 96},
    "wide": {"width": 112},
    "28 steps": {"steps": 28},
}
PLAIN = {"guidance": 4.0, "num_images": 1, "height": 64, "width": 64}


def speckled(width: int, height: int, channels: int, seed: int) -> Image.Image:
    """A picture of random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    return Image.fromarray(pixels)


def replayed(seed: int = 3) -> Callable[[tuple[int, ...]], torch.Tensor]:
    """The same noise for everyone who asks in the same order."""
    generator = torch.Generator().manual_seed(seed)
    return lambda shape: torch.randn(shape, generator=generator)


def compare(components: dict[str, Any], image: Image.Image, **options: Any) -> tuple[float, ...]:
    """Largest difference of latents and pictures; seconds per step."""
    start = time.perf_counter()
    latents, pictures = run(components, image, noise=replayed(), **options)
    seconds = time.perf_counter() - start
    expected = draw_reference(components, image, noise=replayed(), **options)
    return (
        float(np.abs(latents.numpy() - expected[0]).max()),
        float(np.abs(pictures - expected[1]).max()),
        seconds / options["steps"],
    )


def main() -> None:
    """Print a line per case."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mistakes", action="store_true", help="show what single mistakes do")
    parser.add_argument("--steps", type=int, default=3)
    options = parser.parse_args()
    components = toy_components()
    controlled = {**components, "controlnet": toy_controlnet(components["unet"])}
    control = {"control_image": speckled(64, 64, 3, 5), "control_scale": 0.75}
    image = speckled(70, 90, 4, 0)
    print(f"{'case':<24} {'latents':>10} {'pictures':>10} {'s/step':>8}")
    for name, case in {**CASES, "ControlNet": control}.items():
        used = controlled if name == "ControlNet" else components
        row = compare(used, image, **{"steps": options.steps, **PLAIN, **case})
        print(f"{name:<24} {row[0]:>10.1e} {row[1]:>10.1e} {row[2]:>8.3f}")
    if not options.mistakes:
        return
    given: dict[str, Any] = {"steps": options.steps, **PLAIN, **control}
    right = draw_reference(controlled, image, noise=replayed(), **given)
    for name, words in MISTAKES.items():
        wrong = draw_reference(controlled, image, noise=replayed(), mistake=name, **given)
        far = [float(np.abs(a - b).max()) for a, b in zip(wrong, right, strict=True)]
        print(f"{name:<24} {far[0]:>10.1e} {far[1]:>10.1e}  {words}")


if __name__ == "__main__":
    main()
