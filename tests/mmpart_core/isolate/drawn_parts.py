"""Parts as an image-edit model might draw them: moved, scaled, turned, in another light."""

import cv2
import numpy as np


def similarity(
    shift_px: tuple[float, float], scale: float, turn_deg: float, center: tuple[float, float]
) -> np.ndarray:
    """Turned and scaled about a centre, then shifted; pixels to pixels."""
    turn = np.deg2rad(turn_deg)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = np.array(center) - linear @ center + shift_px
    return matrix


def placed(rgba: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The picture resampled; pixel centres lie at half numbers."""
    half = np.eye(3)
    half[:2, 2] = 0.5
    by_index = (np.linalg.inv(half) @ matrix @ half)[:2]
    alpha = rgba[..., 3:].astype(np.float32) / 255.0
    weighted = np.dstack([rgba[..., :3] * alpha, alpha * 255.0])
    moved = cv2.warpAffine(weighted, by_index, (rgba.shape[1], rgba.shape[0]))
    moved[..., :3] /= np.maximum(moved[..., 3:] / 255.0, 1e-3)
    return np.clip(np.rint(moved), 0, 255).astype(np.uint8)


def lit(rgba: np.ndarray, gain: tuple[float, float, float], ramp: float = 0.2) -> np.ndarray:
    """In another light: warmer or colder, and brighter on one side."""
    side = np.linspace(1.0 - ramp / 2, 1.0 + ramp / 2, rgba.shape[1])[None, :, None]
    changed = rgba.copy()
    changed[..., :3] = np.clip(np.rint(rgba[..., :3] * side * np.array(gain)), 0, 255)
    return changed


def cut(rgb: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What a mask holds, on a transparent ground."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.7)
    return np.dstack([rgb, np.rint(255.0 * soft).astype(np.uint8)])


def polygon(corners: list[list[float]], shape: tuple[int, ...]) -> np.ndarray:
    """The mask of a polygon whose corners are fractions of the image."""
    mask = np.zeros(shape[:2], np.uint8)
    corners_px = np.rint(np.array(corners) * [shape[1], shape[0]]).astype(np.int32)
    return cv2.fillPoly(mask, [corners_px], 1) > 0
