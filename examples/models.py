"""The example objects, part by part; +Z up, the front at +X, lengths of a hand's breadth."""

import itertools

import numpy as np
import trimesh

from examples.shapes import Color, ball, curve, moved, paint, revolve, soft_box, sweep, turned
from mmpart_core.geometry.surface import TriangleMesh

Parts = dict[str, TriangleMesh]
Painted = tuple[trimesh.Trimesh, Color]

SKIN, BLUSH, INK, WHITE = (246, 204, 172), (238, 156, 136), (48, 42, 46), (250, 248, 244)
TEAL, CORAL, CREAM, OAK = (38, 98, 106), (226, 108, 84), (242, 232, 214), (196, 144, 92)
SAGE, BRASS, WARM = (132, 172, 148), (212, 168, 92), (255, 240, 196)
NAVY, MUSTARD, STEEL, BRICK = (52, 78, 118), (236, 182, 74), (176, 186, 196), (206, 86, 70)
IRON, WAX = (66, 72, 84), (246, 234, 208)


def hat_on_head() -> Parts:
    """A bald, friendly head under a bowler hat with a ribbon."""
    head = [
        (ball(1.0, stretch=(0.94, 0.90, 1.06), detail=5), SKIN),
        (ball(0.20, (0.02, 0.90, -0.02), (0.7, 0.55, 1.15)), SKIN),
        (ball(0.20, (0.02, -0.90, -0.02), (0.7, 0.55, 1.15)), SKIN),
        (ball(0.15, (0.95, 0.0, -0.08), (0.9, 1.0, 0.95)), SKIN),
        (
            revolve(
                [(0, -1.42), (0.44, -1.42), (0.44, -1.32), (0.34, -1.2), (0.34, -0.8), (0, -0.8)]
            ),
            SKIN,
        ),
    ]
    for side in (-1.0, 1.0):
        head += [
            (_on_head(0.095, 0.30 * side, 0.14, 0.9), INK),
            (_on_head(0.030, 0.30 * side + 0.045, 0.185, 1.09), WHITE),
            (_on_head(0.13, 0.50 * side, -0.22, 0.30), BLUSH),
        ]
    smile = [
        _head_point(y, -0.36 - 0.13 * np.cos(y / 0.32 * np.pi / 2))
        for y in np.linspace(-0.32, 0.32, 40)
    ]
    head.append((sweep(smile, 0.026, 16), (166, 74, 66)))
    crown = [(0.86, 0.0), (0.88, 0.12), (0.86, 0.55), (0.66, 0.92), (0.30, 1.04), (0.0, 1.06)]
    inside = [(0.0, 0.98), (0.28, 0.96), (0.60, 0.85), (0.79, 0.52), (0.82, 0.0)]
    brim = [(0.82, 0.0), (0.94, -0.06), (1.06, -0.05), (1.16, 0.03), (1.18, 0.10), (1.14, 0.15)]
    brim += [(1.08, 0.14), (1.03, 0.08), (0.95, 0.04), (0.86, 0.04)]
    hat = [
        (revolve(crown + inside, 0.16), TEAL),
        (revolve([*brim, (0.82, 0.0)], 0.05), TEAL),
        (revolve([(0.85, 0.04), (0.905, 0.05), (0.905, 0.27), (0.85, 0.28)], 0.02), CORAL),
        (soft_box((0.07, 0.15, 0.21), 0.03, (0.30, 0.86, 0.16)), CORAL),
    ]
    placed = [
        (moved(turned(turned(piece, (0, 1, 0), -7), (1, 0, 0), -5), (-0.04, 0, 0.43)), color)
        for piece, color in hat
    ]
    return {"hat": paint(placed), "head": paint(head)}


def _head_point(y: float, z: float) -> np.ndarray:
    return np.array([0.94 * np.sqrt(max(0.0, 1 - (y / 0.90) ** 2 - (z / 1.06) ** 2)), y, z])


def _on_head(radius: float, y: float, z: float, thickness: float) -> trimesh.Trimesh:
    """A small round thing lying on the face."""
    point = _head_point(y, z)
    normal = point / np.array([0.94, 0.90, 1.06]) ** 2
    disc = ball(radius, stretch=(1, 1, 0.5 * thickness))
    disc.apply_transform(trimesh.geometry.align_vectors([0, 0, 1], normal / np.linalg.norm(normal)))
    return moved(disc, point * (1.02 if thickness > 1 else 1.0))


def desk_lamp() -> Parts:
    """A desk lamp: round base, jointed brass arm, bell shade and a warm bulb."""
    knee, wrist = np.array([-0.10, -0.62, 1.00]), np.array([0.06, 0.12, 1.72])
    foot = np.array([0.0, 0.0, 0.22])
    arm = [
        (sweep(np.linspace(foot, knee, 40), 0.045), BRASS),
        (sweep(np.linspace(knee, wrist, 40), 0.04), BRASS),
        (ball(0.095, knee), IRON),
        (ball(0.075, wrist), IRON),
    ]

    def hang(piece: trimesh.Trimesh) -> trimesh.Trimesh:
        swung = turned(turned(piece, (0, 1, 0), -34), (1, 0, 0), 26)
        return moved(swung, wrist + np.array([0.10, 0.20, -0.06]))

    return {
        "base": paint(_lamp_base()),
        "arm": paint(arm),
        "shade": paint([(hang(piece), color) for piece, color in _lamp_shade()]),
        "bulb": paint([(hang(piece), color) for piece, color in _lamp_bulb()]),
    }


def _lamp_base() -> list[Painted]:
    profile = [(0, 0), (0.62, 0), (0.64, 0.05), (0.56, 0.13), (0.16, 0.17), (0.13, 0.26), (0, 0.26)]
    return [(revolve(profile, 0.05), SAGE), (ball(0.055, (0.38, 0.0, 0.155), (1, 1, 0.5)), CREAM)]


def _lamp_shade() -> list[Painted]:
    """Upright, before it hangs on the arm."""
    outer = [(0.0, 0.30), (0.13, 0.30), (0.17, 0.20), (0.20, 0.02), (0.34, -0.16), (0.58, -0.52)]
    inner = [(0.60, -0.56), (0.55, -0.545), (0.31, -0.17), (0.17, 0.0), (0.13, 0.16), (0.0, 0.20)]
    rim = [(0.57, -0.56), (0.612, -0.56), (0.612, -0.51), (0.57, -0.50)]
    return [(revolve(outer + inner, 0.05), SAGE), (revolve(rim, 0.015), BRASS)]


def _lamp_bulb() -> list[Painted]:
    """Where it is in the upright shade."""
    socket = [(0, -0.28), (0.11, -0.26), (0.10, 0.05), (0, 0.05)]
    return [
        (ball(0.21, (0, 0, -0.40), (1, 1, 1.08), 4), (*WARM, 254)),
        (revolve(socket, 0.02), STEEL),
    ]


def mug_with_lid() -> Parts:
    """A striped mug with a handle, under an oak lid."""
    return {"mug": paint([*_mug_wall(), (_mug_handle(), CREAM)]), "lid": paint(_mug_lid())}


def _mug_wall() -> list[Painted]:
    foot = [(0.70, 0.0), (0.74, 0.06), (0.76, 0.34)]
    upper = [(0.69, 0.66), (0.77, 0.66), (0.775, 1.48), (0.75, 1.52), (0.70, 1.50), (0.69, 0.66)]
    return [
        (_band([(0, 0), *foot], [(0.68, 0.34), (0.66, 0.10), (0, 0.10)]), CREAM),
        (_band([(0.68, 0.34), (0.76, 0.34), (0.765, 0.48)], [(0.68, 0.48)]), NAVY),
        (_band([(0.68, 0.48), (0.765, 0.48), (0.768, 0.58)], [(0.68, 0.58)]), CREAM),
        (_band([(0.68, 0.58), (0.768, 0.58), (0.77, 0.66)], [(0.68, 0.66)]), CORAL),
        (revolve(upper, 0.02), CREAM),
    ]


def _mug_handle() -> trimesh.Trimesh:
    loop = curve(
        [(0, 0.72, 1.26), (0, 1.22, 1.40), (0, 1.42, 0.86), (0, 1.26, 0.30), (0, 0.72, 0.36)]
    )
    handle = sweep(loop, np.interp(np.linspace(0, 1, 48), [0, 0.5, 1], [0.105, 0.085, 0.105]))
    handle.apply_scale((1.25, 1, 1))
    return handle


def _mug_lid() -> list[Painted]:
    cover = [(0, 1.40), (0.66, 1.40), (0.66, 1.50), (0.80, 1.51), (0.83, 1.56), (0.80, 1.62)]
    cover += [(0.40, 1.69), (0, 1.71)]
    knob = [(0, 1.68), (0.10, 1.69), (0.09, 1.76), (0.19, 1.86), (0.17, 1.96), (0, 1.99)]
    seal = [(0.755, 1.475), (0.788, 1.48), (0.788, 1.51), (0.755, 1.515)]
    return [
        (revolve(cover, 0.04), OAK),
        (revolve(knob, 0.05), (172, 118, 72)),
        (revolve(seal, 0.01), IRON),
    ]


def _band(outside: list[tuple[float, float]], inside: list[tuple[float, float]]) -> trimesh.Trimesh:
    return revolve([*outside, *inside], 0.008)


def toy_robot() -> Parts:
    """A tin robot: body with a dial, square head, two arms, two legs."""
    body = [
        (soft_box((0.72, 1.10, 1.14), 0.14), MUSTARD),
        (soft_box((0.10, 0.74, 0.58), 0.045, (0.35, 0, 0.10)), CREAM),
        (turned(revolve([(0, 0), (0.17, 0), (0.17, 0.05), (0, 0.06)], 0.02), (0, 1, 0), 90), NAVY),
    ]
    body[2] = (moved(body[2][0], (0.39, 0.16, 0.13)), NAVY)
    body.append((sweep(np.linspace((0.455, 0.16, 0.13), (0.455, 0.25, 0.22), 8), 0.02), WHITE))
    for index, color in enumerate((BRICK, SAGE, TEAL)):
        body.append((ball(0.062, (0.40, -0.20, 0.27 - 0.15 * index), (0.6, 1, 1)), color))
    for y in (-0.26, -0.13, 0.0, 0.13, 0.26):
        body.append((ball(0.035, (0.355, y, -0.40), (0.6, 1, 1)), IRON))
    head = [
        (revolve([(0, 0.52), (0.20, 0.52), (0.20, 0.70), (0, 0.70)], 0.03), IRON),
        (soft_box((0.66, 0.84, 0.62), 0.13, (0, 0, 0.96)), STEEL),
        (soft_box((0.08, 0.64, 0.26), 0.04, (0.325, 0, 1.03)), NAVY),
        (sweep(np.linspace((0.335, -0.17, 0.80), (0.335, 0.17, 0.80), 12), 0.028), BRICK),
        (sweep(np.linspace((0, 0, 1.25), (0, 0, 1.44), 12), 0.026), IRON),
        (ball(0.085, (0, 0, 1.50)), BRICK),
    ]
    for side in (-1.0, 1.0):
        head.append((ball(0.085, (0.365, 0.16 * side, 1.03), (0.6, 1, 1)), WARM))
        head.append((ball(0.038, (0.412, 0.16 * side, 1.03), (0.6, 1, 1)), INK))
        head.append((ball(0.09, (0, 0.43 * side, 0.98), (1, 0.6, 1)), BRICK))
    return {
        "head": paint(head),
        "body": paint(body),
        "arms": paint([piece for side in (-1.0, 1.0) for piece in _arm(side)]),
        "legs": paint([piece for side in (-1.0, 1.0) for piece in _leg(side)]),
    }


def _arm(side: float) -> list[Painted]:
    shoulder = np.array([0.0, 0.60 * side, 0.32])
    lift = 0.62 if side < 0 else -0.42
    hand = np.array([0.34, 0.96 * side, 0.20 + lift * 0.75])
    middle = np.array([0.02, 1.02 * side, 0.10 + 0.25 * lift])
    path = curve([shoulder, middle, hand], 36)
    pieces = [(ball(0.15, shoulder), BRICK), (sweep(path, 0.075), STEEL), (ball(0.13, hand), BRICK)]
    for t in (0.3, 0.5, 0.7):
        index = int(t * 35)
        ring = path[index]
        along = path[index + 1] - path[index - 1]
        torus = trimesh.creation.torus(0.075, 0.026, 40, 16)
        torus.apply_transform(
            trimesh.geometry.align_vectors([0, 0, 1], along / np.linalg.norm(along))
        )
        pieces.append((moved(torus, ring), IRON))
    return pieces


def _leg(side: float) -> list[Painted]:
    y = 0.27 * side
    return [
        (sweep(np.linspace((0, y, -0.56), (0, y, -0.86), 12), 0.12), STEEL),
        (soft_box((0.56, 0.42, 0.24), 0.10, (0.10, y, -0.96)), BRICK),
        (soft_box((0.58, 0.44, 0.07), 0.03, (0.10, y, -1.06)), IRON),
    ]


def _pyramid(low: float, high: float, bottom: float, top: float) -> trimesh.Trimesh:
    """A blunt four-sided roof; half diagonals at its bottom and top."""
    mesh = trimesh.creation.revolve([(0, bottom), (low, bottom), (high, top), (0, top)], sections=4)
    corners, faces = trimesh.remesh.subdivide_to_size(
        turned(mesh, (0, 0, 1), 45).vertices, mesh.faces, 0.12
    )[:2]
    return trimesh.Trimesh(corners, faces)


def lantern() -> Parts:
    """A candle lantern: base, four-posted frame, candle, roof and carrying ring."""
    base = [
        (soft_box((1.10, 1.10, 0.14), 0.05, (0, 0, 0.07)), TEAL),
        (soft_box((0.92, 0.92, 0.10), 0.03, (0, 0, 0.18)), BRASS),
    ]
    frame = [
        (
            sweep(
                np.linspace((0.40 * x, 0.40 * y, 0.20), (0.40 * x, 0.40 * y, 1.42), 14), 0.04, 20
            ),
            TEAL,
        )
        for x in (-1, 1)
        for y in (-1, 1)
    ]
    for height in (0.62, 1.04):
        corners = [(0.40, 0.40), (-0.40, 0.40), (-0.40, -0.40), (0.40, -0.40), (0.40, 0.40)]
        for (x0, y0), (x1, y1) in itertools.pairwise(corners):
            frame.append(
                (sweep(np.linspace((x0, y0, height), (x1, y1, height), 8), 0.02, 14), BRASS)
            )
    candle = [
        (
            revolve(
                [(0, 0.22), (0.20, 0.22), (0.20, 0.84), (0.16, 0.87), (0.12, 0.82), (0, 0.81)], 0.03
            ),
            WAX,
        ),
        (sweep(np.linspace((0, 0, 0.80), (0.01, 0, 0.92), 8), 0.014), INK),
        (revolve([(0, 0.89), (0.06, 0.95), (0.055, 1.02), (0.02, 1.12), (0, 1.17)], 0.04), MUSTARD),
    ]
    roof = [
        (soft_box((1.06, 1.06, 0.10), 0.04, (0, 0, 1.46)), TEAL),
        (_pyramid(0.62, 0.24, 1.49, 1.86), TEAL),
        (revolve([(0, 1.84), (0.17, 1.84), (0.17, 1.96), (0.06, 2.04), (0, 2.05)], 0.03), BRASS),
    ]
    ring = trimesh.creation.torus(0.21, 0.03, 48, 16)
    handle = [(moved(turned(ring, (1, 0, 0), 90), (0, 0, 2.24)), IRON)]
    named = {"base": base, "frame": frame, "candle": candle, "roof": roof, "handle": handle}
    return {name: paint(pieces) for name, pieces in named.items()}
