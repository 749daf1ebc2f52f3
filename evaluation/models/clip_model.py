"""CLIP (Radford et al., 2021): cosine of the embeddings of pictures and words."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image as PillowImage

from mmpart_core.errors import ConfigError
from mmpart_core.quoting import first_line, shortened
from mmpart_core.torchvision_compat import declare_missing_operators

Image = Float[np.ndarray, "H W 3"]
Embedding = Float[np.ndarray, "D"]
_KEPT_TEXTS = 4096


class ClipScores:
    """What a CLIP model says of pictures and words.

    Args:
        model: transformers' ``CLIPModel``.
        processor: its ``CLIPProcessor``.
    """

    def __init__(self, model: Any, processor: Any) -> None:
        self._model, self._processor = model, processor
        self._text = lru_cache(maxsize=_KEPT_TEXTS)(self._embed_text)

    def images_alike(self, first: Image, second: Image) -> float:
        """Cosine of two pictures' embeddings; values in [0, 1], taken to 8 bits as CLIP does."""
        return float(self._embed_image(first) @ self._embed_image(second))

    def text_alike(self, image: Image, text: str) -> float:
        """Cosine of the embeddings of a picture and of words, which are cut at CLIP's length."""
        return float(self._embed_image(image) @ self._text(text))

    def _embed_image(self, image: Image) -> Embedding:
        pixels = np.round(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)
        inputs = self._processor(images=PillowImage.fromarray(pixels), return_tensors="pt")
        return self._unit(self._model.get_image_features, inputs)

    def _embed_text(self, text: str) -> Embedding:
        inputs = self._processor(text=[text], return_tensors="pt", padding=True, truncation=True)
        return self._unit(self._model.get_text_features, inputs)

    def _unit(self, embed: Any, inputs: Any) -> Embedding:
        import torch

        with torch.inference_mode():
            found = embed(**inputs).pooler_output[0].double().numpy()
        return found / max(float(np.linalg.norm(found)), np.finfo(np.float64).tiny)


def open_clip(folder: Path) -> ClipScores:
    """The model in a folder, without any network.

    Raises:
        ConfigError: it is no CLIP model, or a file of it is missing or broken.
    """
    declare_missing_operators()
    from safetensors import SafetensorError
    from transformers import CLIPConfig, CLIPModel, CLIPProcessor
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        kind = CLIPConfig.get_config_dict(folder, local_files_only=True)[0].get("model_type")
        if kind != "clip":
            raise ConfigError(
                f"CLIP model '{folder}': model type 'clip' expected, its config.json says {kind!r}"
            )
        loaded: Any = CLIPModel.from_pretrained(
            folder, local_files_only=True, output_loading_info=True
        )
        processor = CLIPProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, SafetensorError) as error:
        said = shortened(first_line(error), 160)
        raise ConfigError(
            f"CLIP model '{folder}': cannot be opened ({type(error).__name__}: {said}); "
            "give a folder that transformers' CLIPModel and CLIPProcessor were saved to"
        ) from error
    finally:
        if shown:
            logging.enable_progress_bar()
    model, told = loaded
    # transformers fills what a file lacks with random numbers
    lacking = sorted(told["missing_keys"])
    if lacking:
        raise ConfigError(
            f"CLIP model '{folder}': its weights lack {len(lacking)} layers ({lacking[0]}, ...); "
            "download or save the model again"
        )
    return ClipScores(model.eval(), processor)
