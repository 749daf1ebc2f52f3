"""LPIPS and CLIP from files: against their definitions, and by laws."""

import json
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize

from evaluation.appearance import AppearanceOptions
from evaluation.dataset_scoring import LookOptions, fingerprint, score_files, score_key
from evaluation.models.clip_model import open_clip
from evaluation.models.lpips_model import open_lpips
from evaluation.models.model_files import find_models, open_models, with_models
from evaluation.objects import GroundTruthObject, Prediction
from evaluation.protocol import MMPART, SAM3DPART, describe_protocol
from evaluation.scorecard import score_object
from flows.cli_evaluate_options import GenerationOptions, PredictionOptions, ScoringOptions
from flows.evaluation_facts import write_run_file
from flows.evaluation_inputs import prepare_evaluation
from mmpart_core.errors import ConfigError
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.storage.glb import GlbNode, encode_glb

SMALL = MMPART.model_copy(
    update={"points": 300, "whole_points": 300, "metrics": ("appearance", "bbox_iou")}
)


def _pictures(noise: float = 0.2, side: int = 96) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    first = rng.random((side, side, 3))
    return first, np.clip(first + noise * rng.normal(size=first.shape), 0.0, 1.0)


def _lpips_by_its_paper(path: Path, first: np.ndarray, second: np.ndarray) -> float:
    """Sum over five layers of the weighted squared difference of unit-length features."""
    from torchvision.models import alexnet

    network = alexnet(weights=None).eval()
    network.load_state_dict(torch.load(path, weights_only=True), strict=False)
    heads = torch.load(
        str(files("torchmetrics") / "functional/image/lpips_models/alex.pth"),
        map_location="cpu", weights_only=True,
    )  # fmt: skip
    mean, spread = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    features = [((torch.from_numpy(p).float() * 2 - 1 - mean) / spread).permute(2, 0, 1)[None]
                for p in (first, second)]  # fmt: skip
    total = 0.0
    with torch.inference_mode():
        for index, layer in enumerate(network.features):
            # the layers work in place, which would change what was kept
            features = [layer(each.clone()) for each in features]
            if index in (1, 4, 7, 9, 11):
                head = heads[f"lin{(1, 4, 7, 9, 11).index(index)}.model.1.weight"]
                one, other = (normalize(each, dim=1, eps=1e-8) for each in features)
                total += float(((one - other) ** 2 * head).sum(1).mean())
    return total


def test_lpips_is_what_its_paper_says(lpips_file: Path) -> None:
    measure = open_lpips(lpips_file)
    first, second = _pictures()
    assert measure(first, second) == pytest.approx(
        _lpips_by_its_paper(lpips_file, first, second), rel=1e-4
    )
    assert measure(first, first) == 0.0
    _, slightly = _pictures(0.02)
    assert 0.0 < measure(first, slightly) < measure(first, second)
    small = first[:20, :20]
    assert measure(small, small) == 0.0 < measure(small, 1.0 - small)


def test_weights_are_the_same_whatever_file_holds_them(lpips_file: Path, tmp_path: Path) -> None:
    first, second = _pictures()
    expected = open_lpips(lpips_file)(first, second)
    state = torch.load(lpips_file, weights_only=True)
    save_file(state, tmp_path / "alexnet.safetensors")
    assert open_lpips(tmp_path / "alexnet.safetensors")(first, second) == expected
    slices = {"0": 1, "3": 2, "6": 3, "8": 4, "10": 5}
    whole = {
        f"net.slice{slices[key.split('.')[1]]}.{key.removeprefix('features.')}": value
        for key, value in state.items()
    }
    heads = torch.load(
        str(files("torchmetrics") / "functional/image/lpips_models/alex.pth"),
        map_location="cpu", weights_only=True,
    )  # fmt: skip
    torch.save({**whole, **heads}, tmp_path / "lpips.pth")
    assert open_lpips(tmp_path / "lpips.pth")(first, second) == expected
    torch.save({**whole, **{key: 2.0 * head for key, head in heads.items()}}, tmp_path / "x.pt")
    assert open_lpips(tmp_path / "x.pt")(first, second) == pytest.approx(2.0 * expected)


def test_clip_is_the_cosine_of_the_models_embeddings(clip_folder: Path) -> None:
    from transformers import CLIPModel, CLIPProcessor

    scores = open_clip(clip_folder)
    first, second = _pictures()
    assert scores.images_alike(first, first) == pytest.approx(1.0)
    assert scores.images_alike(first, second) == pytest.approx(scores.images_alike(second, first))
    model, processor = (
        kind.from_pretrained(clip_folder, local_files_only=True)
        for kind in (CLIPModel, CLIPProcessor)
    )
    pixels = [np.round(picture * 255).astype(np.uint8) for picture in (first, second)]
    inputs = processor(text=["front leg"], images=pixels, return_tensors="pt")
    with torch.inference_mode():
        found = model.eval()(**inputs)
    images, text = found.image_embeds.numpy(), found.text_embeds.numpy()
    assert scores.images_alike(first, second) == pytest.approx(
        float(images[0] @ images[1]), abs=1e-5
    )
    assert scores.text_alike(first, "front leg") == pytest.approx(
        float(images[0] @ text[0]), abs=1e-5
    )
    assert scores.text_alike(first, "a long name " * 20) != scores.text_alike(first, "seat")


def test_models_are_in_protocol_and_key_and_paths_are_not(
    clip_folder: Path, lpips_file: Path, tmp_path: Path
) -> None:
    copied = tmp_path / "elsewhere.pth"
    shutil.copy(lpips_file, copied)
    found, elsewhere = find_models(lpips_file, clip_folder), find_models(copied, clip_folder)
    protocol = with_models(MMPART, found)
    assert protocol == with_models(MMPART, elsewhere) != MMPART
    assert found.lpips is not None
    assert protocol.lpips_model == found.lpips.digest
    assert f"LPIPS model {found.lpips.digest[:12]} (SHA-256)." in describe_protocol(protocol)
    assert with_models(SAM3DPART, found) is SAM3DPART
    keys = {
        score_key("0" * 64, each, LookOptions(models=models))
        for each, models in ((protocol, found), (protocol, elsewhere))
    }
    assert len(keys) == 1
    assert score_key("0" * 64, MMPART, LookOptions()) not in keys
    assert not any(str(tmp_path) in key for key in keys)
    other = tmp_path / "clip"
    shutil.copytree(clip_folder, other)
    (other / "notes.md").write_text("not read by any model")
    assert find_models(None, other).clip.digest == find_models(None, clip_folder).clip.digest
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "logit_scale_init_value": 1.0}))
    assert find_models(None, other).clip.digest != find_models(None, clip_folder).clip.digest


def test_every_metric_with_weights_is_scored_by_given_models(
    clip_folder: Path, lpips_file: Path, chair: dict[str, TriangleMesh]
) -> None:
    models = open_models(find_models(lpips_file, clip_folder))
    options = AppearanceOptions(size_px=64, azimuths_deg=(45.0,), models=models)
    rows = score_object(
        GroundTruthObject("o", chair), Prediction("o", chair), [SMALL], appearance=options
    )
    whole = next(row for row in rows if row.level == "object")
    assert whole.values["lpips"] == 0.0
    assert whole.values["clip_image"] == pytest.approx(1.0)
    parts = [row for row in rows if row.level == "part"]
    assert all("clip_text" in row.values for row in parts)
    assert len({row.values["clip_text"] for row in parts}) > 1


def test_a_model_that_cannot_be_used_is_one_clear_message(
    clip_folder: Path, lpips_file: Path, tmp_path: Path
) -> None:
    broken, other, lists = tmp_path / "broken.pth", tmp_path / "other.pth", tmp_path / "list.pth"
    broken.write_bytes(b"no weights")
    torch.save({"layer.weight": torch.zeros(2)}, other)
    torch.save([1, 2], lists)
    for path, message in (
        (tmp_path / "none.pth", "a file expected, there is none"),
        (tmp_path, "a file expected, this is a folder"),
        (broken, "cannot be read"),
        (other, "not weights of AlexNet, VGG16 or SqueezeNet 1.1 .*layer.weight"),
        (lists, "a state dict expected, a list came"),
    ):
        with pytest.raises(ConfigError, match=message):
            open_models(find_models(path, None))
    state = torch.load(lpips_file, weights_only=True)
    del state["features.8.bias"]
    torch.save(state, other)
    with pytest.raises(ConfigError, match=r"the layer features\.8\.bias of shape \(256,\)"):
        open_lpips(other)


def test_a_folder_that_is_no_whole_clip_model_is_one_clear_message(
    clip_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="a folder expected, there is none"):
        find_models(None, tmp_path / "none")
    for name, message in (
        ("config.json", r"config\.json expected in it, there is none"),
        ("model.safetensors", "weights .* expected in it"),
        ("tokenizer.json", "a tokenizer .* expected in it"),
        ("processor_config.json", "an image processor .* expected in it"),
    ):
        folder = tmp_path / name
        shutil.copytree(clip_folder, folder)
        (folder / name).unlink()
        with pytest.raises(ConfigError, match=message):
            find_models(None, folder)
    state = load_file(clip_folder / "model.safetensors")
    del state["text_projection.weight"]
    less, text_only = tmp_path / "less", tmp_path / "text"
    shutil.copytree(clip_folder, less)
    save_file(state, less / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ConfigError, match=r"lack 1 layers \(text_projection\.weight"):
        open_models(find_models(None, less))
    (less / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ConfigError, match="cannot be opened"):
        open_models(find_models(None, less))
    shutil.copytree(clip_folder, text_only)
    (text_only / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(
        ConfigError, match=r"model type 'clip' expected, its config\.json says 'bert'"
    ):
        open_clip(text_only)


def test_the_command_scores_with_the_models_it_is_given(
    clip_folder: Path, lpips_file: Path, chair: dict[str, TriangleMesh], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    nodes = [GlbNode(name, mesh) for name, mesh in chair.items()]
    for folder in ("data", "made"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "chair.glb").write_bytes(encode_glb(nodes))
    scoring = ScoringOptions(dataset=Path("data"), lpips=lpips_file, clip=clip_folder)
    found = PredictionOptions(predictions=Path("made"))
    job = prepare_evaluation(scoring, found, GenerationOptions(), generate=False)
    (protocol,) = job.protocols
    assert (protocol.lpips_model, protocol.clip_model) == tuple(
        each.digest for each in (job.look.models.lpips, job.look.models.clip)
    )
    inputs = job.inputs(job.rounds[0], "chair")
    quick = protocol.model_copy(update={"points": 300, "whole_points": 300, "voxels": 16})
    rows = score_files(inputs, fingerprint(inputs).digest, quick, job.look).rows
    assert rows[-1].values["lpips"] == 0.0
    assert rows[-1].values["clip_image"] == pytest.approx(1.0)
    assert all("clip_text" in row.values for row in rows if row.level == "part")
    write_run_file(job)
    told = (tmp_path / "report" / "run.json").read_text()
    assert protocol.clip_model in told
    assert str(clip_folder) not in told


def test_a_model_that_changed_since_is_not_used(lpips_file: Path, tmp_path: Path) -> None:
    copied = tmp_path / "weights.pth"
    shutil.copy(lpips_file, copied)
    found = find_models(copied, None)
    copied.write_bytes(b"something else")
    with pytest.raises(ConfigError, match="changed after they were first read"):
        open_models(found)


def test_torch_is_loaded_only_with_a_model() -> None:
    code = (
        "import sys, evaluation.dataset_scoring; "
        "print([m for m in ('torch', 'transformers', 'torchmetrics') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
