"""The page on profiles says what the code says: licences, prices, checkpoints."""

from pathlib import Path

import pytest

from flows.forecast import expected_cost_usd
from flows.profiles import find_config
from mmpart_core.output.licences import checkpoint_licences

PAGE = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text(encoding="utf-8")
VARIANTS = {
    "openai": (), "openai with Zero123++": ("multiview.kind=zero123plus",),
    "open-weights": (),
    "small planner": ("plan.model=Qwen/Qwen3-VL-4B-Instruct",),
    "older planner": ("plan.model=Qwen/Qwen2.5-VL-7B-Instruct",),
    "2511": ("isolate.checkpoint=Qwen/Qwen-Image-Edit-2511",),
    "2.1": ("isolate.checkpoint=Qwen/Qwen-Image-2.1",),
    "klein 9B": ("isolate.checkpoint=black-forest-labs/FLUX.2-klein-9B",),
    "kontext": ("isolate.checkpoint=black-forest-labs/FLUX.1-Kontext-dev",),
    "pix2pix": ("isolate.checkpoint=timbrooks/instruct-pix2pix",),
    "birefnet": ("isolate.matting_model=birefnet-general",),
    "isnet": ("isolate.matting_model=isnet-general-use",),
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_checkpoint_stands_there_with_its_licence(variant: str) -> None:
    profile = "openai" if variant.startswith("openai") else "open-weights"
    config = find_config(profile, VARIANTS[variant])
    used = [item for entry in checkpoint_licences(config) for item in entry["checkpoints"]]
    assert used
    for item in used:
        name = item["name"].removeprefix("sudo-ai/")
        licence = item["licence"].replace(" (README of SUDO-AI-3D/zero123plus)", "")
        lines = [line for line in PAGE.splitlines() if name in line and line.startswith("|")]
        assert any(licence in line for line in lines), (name, licence)


@pytest.mark.parametrize("quality", ["low", "medium", "high"])
def test_prices_are_those_that_are_forecast(quality: str) -> None:
    config = find_config("openai", [f"isolate.quality={quality}"])
    plan, part = expected_cost_usd(config, "plan"), expected_cost_usd(config, "isolate")
    assert plan is not None
    assert part is not None
    assert f"about ${plan:.3f} a plan" in PAGE
    lines = [line for line in PAGE.splitlines() if f"quality={quality}" in line]
    assert any(f"about ${part:.3f} a part" in line for line in lines)
    if quality == "high":
        assert f"5 x {part:.3f} = about ${plan + 5 * part:.2f}" in PAGE
    if quality == "medium":
        assert f"`isolate.quality=medium` ${plan + 5 * part:.2f}." in PAGE
