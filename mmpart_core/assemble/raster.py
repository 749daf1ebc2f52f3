"""Compiled loops that draw parts into pictures and compare them with what the pictures show.

The pixels of all pictures lie one after the other in flat arrays; a picture's ``frame`` is where
its own begin, its height and its width. Floats of pictures and surfaces are float32. All in one
file: the compiled result is kept beside its source, and made again when that file changes.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from jaxtyping import Float, Int

# Vertices, faces and a colour per face of a part.
Surface = tuple[Float[np.ndarray, "3 V"], Int[np.ndarray, "F 3"], Float[np.ndarray, "F 3"]]
# Target, outside and label of ``eyes.Eye``s.
Picture = tuple[Float[np.ndarray, "P 3"], Float[np.ndarray, "P"], Int[np.ndarray, "P"]]
# What is drawn on, as large as one picture: one over depth (0 where nothing is), face that is seen.
Canvas = tuple[Float[np.ndarray, "Q"], Int[np.ndarray, "Q"]]
# A canvas, all 0 in its first array between calls, and place for all vertices.
Room = tuple[Canvas, Float[np.ndarray, "3 W"]]
# Factor on a part's colours, and its number.
Look = tuple[float, int]
# Of all other parts: one over depth of the nearest, and each pixel's cost.
Behind = tuple[Float[np.ndarray, "P"], Float[np.ndarray, "P"]]
# Costs of a pixel, the dearest 1 and more: the largest difference of colours, which counts in full
# from CLIP of sRGB on; a pixel of the source that shows another part; one that shows none. By hand.
COLOR, CLIP, WRONG_PART, NO_PART_COST = 0.7, 0.25, 0.6, 0.2
UNKNOWN, NO_PART = -1, -2  # labels
Pose = Float[np.ndarray, "4"]
# ``eyes.camera_vector``, and the picture's frame.
Eye = tuple[Float[np.ndarray, "15"], Int[np.ndarray, "3"]]


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function of numbers, contiguous arrays and tuples of them, once per machine.

    Its annotations are not enforced.
    """
    compiler: Any = numba.njit(
        cache=True, nogil=True, fastmath=True, error_model="numpy", boundscheck=False
    )
    return compiler(inspect.unwrap(function))


@compiled
def project(
    vertices: Float[np.ndarray, "3 V"],
    pose: Pose,
    eye: Float[np.ndarray, "15"],
    at: Float[np.ndarray, "3 W"],
) -> None:
    """Column, row and one over depth of each vertex, into ``at``; 0 over depth where behind."""
    ox, oy, oz = pose[1] - eye[9], pose[2] - eye[10], pose[3] - eye[11]
    matrix, start = np.zeros((3, 3), np.float32), np.zeros(3, np.float32)
    for axis in range(3):
        factor = (eye[12], -eye[12], -1.0)[axis]
        a, b, c = eye[3 * axis], eye[3 * axis + 1], eye[3 * axis + 2]
        start[axis] = factor * (a * ox + b * oy + c * oz)
        for n in range(3):
            matrix[axis, n] = factor * pose[0] * eye[3 * axis + n]
    (ux, uy, uz), (vx, vy, vz), (wx, wy, wz) = matrix[0], matrix[1], matrix[2]
    u, v, w = start
    column, row, least = np.float32(eye[13]), np.float32(eye[14]), np.float32(1e-3)
    for n in range(vertices.shape[1]):
        x, y, z = vertices[0, n], vertices[1, n], vertices[2, n]
        depth = wx * x + wy * y + wz * z + w
        inverse = np.float32(1.0) / max(depth, least)
        at[0, n] = column + (ux * x + uy * y + uz * z + u) * inverse
        at[1, n] = row + (vx * x + vy * y + vz * z + v) * inverse
        at[2, n] = inverse if depth >= least else np.float32(0.0)


@compiled
def widened(
    u0: float, v0: float, u1: float, v1: float, y: float, begin: float, end: float
) -> tuple[float, float]:
    """A stretch of a line of a picture, widened to where an edge crosses the line."""
    if (v0 <= y) == (v1 <= y):
        return begin, end
    crossing = u0 + (y - v0) * (u1 - u0) / (v1 - v0)
    return min(begin, crossing), max(end, crossing)


@compiled
def paint_rows(
    number: int,
    corners: tuple[float, float, float, float, float, float],
    plane: tuple[float, float, float],
    within: tuple[int, int, int, int, int],
    near: Float[np.ndarray, "Q"],
    facet: Int[np.ndarray, "Q"],
    box: Int[np.ndarray, "4"],
) -> None:
    """Draw one face line by line: nearest wins, one sample in a pixel's middle."""
    u0, v0, u1, v1, u2, v2 = corners
    top, bottom, left, right, width = within
    half, low, high = np.float32(0.5), np.float32(left), np.float32(right)
    for row in range(top, bottom + 1):
        y = np.float32(row) + half
        begin, end = widened(u0, v0, u1, v1, y, np.float32(1e9), np.float32(-1e9))
        begin, end = widened(u1, v1, u2, v2, y, begin, end)
        begin, end = widened(u2, v2, u0, v0, y, begin, end)
        first = int(min(max(np.ceil(begin - half), low), high + np.float32(1.0)))
        last = int(max(min(np.floor(end - half), high), low - np.float32(1.0)))
        if first > last:
            continue
        box[0], box[1] = min(box[0], row), max(box[1], row + 1)
        box[2], box[3] = min(box[2], first), max(box[3], last + 1)
        start, line = plane[0] + plane[2] * (y - v0) + plane[1] * (half - u0), row * width
        for column in range(first, last + 1):
            value = start + plane[1] * np.float32(column)
            if value > near[line + column]:
                near[line + column], facet[line + column] = value, number


@compiled
def draw(surface: Surface, pose: Pose, eye: Eye, room: Room) -> Any:
    """Draw a part, both sides of its faces, at a scale and centre into a picture.

    Returns:
        Top, bottom, left and right of what may differ.
    """
    # Elements of tuples are counted references: in a loop that would take most of the time.
    (near, facet), at = room
    frame = eye[1]
    project(surface[0], pose, eye[0], at)
    box = np.array([frame[1], 0, frame[2], 0])
    half, low = np.float32(0.5), np.float32(0.0)
    most_row, most_column = np.float32(frame[1] - 1), np.float32(frame[2] - 1)
    faces = surface[1]
    for number in range(faces.shape[0]):
        a, b, c = faces[number, 0], faces[number, 1], faces[number, 2]
        u0, u1, u2 = at[0, a], at[0, b], at[0, c]
        v0, v1, v2 = at[1, a], at[1, b], at[1, c]
        # Most faces of a fine surface lie between the middles of pixels.
        top = max(np.ceil(min(v0, v1, v2) - half), low)
        bottom = min(np.floor(max(v0, v1, v2) - half), most_row)
        left = max(np.ceil(min(u0, u1, u2) - half), low)
        right = min(np.floor(max(u0, u1, u2) - half), most_column)
        if not (top <= bottom and left <= right):
            continue
        w0, w1, w2 = at[2, a], at[2, b], at[2, c]
        area = (u1 - u0) * (v2 - v0) - (u2 - u0) * (v1 - v0)
        if area == 0.0 or min(w0, w1, w2) <= 0.0:
            continue
        # One over depth is a plane over the picture.
        along = ((w1 - w0) * (v2 - v0) - (w2 - w0) * (v1 - v0)) / area
        down = ((w2 - w0) * (u1 - u0) - (w1 - w0) * (u2 - u0)) / area
        within = (int(top), int(bottom), int(left), int(right), frame[2])
        corners = (u0, v0, u1, v1, u2, v2)
        paint_rows(number, corners, (w0, along, down), within, near, facet, box)
    return box


@compiled
def seen_cost(
    colors: Float[np.ndarray, "F 3"],
    face: int,
    look: Look,
    target: Float[np.ndarray, "P 3"],
    known: int,
    pixel: int,
) -> float:
    """Cost of a face of a part being seen at a pixel where the picture shows something."""
    gain, one = np.float32(look[0]), np.float32(1.0)
    difference = (
        abs(min(gain * colors[face, 0], one) - target[pixel, 0])
        + abs(min(gain * colors[face, 1], one) - target[pixel, 1])
        + abs(min(gain * colors[face, 2], one) - target[pixel, 2])
    )
    cost = COLOR * min(difference * np.float32(1.0 / 3.0 / CLIP), one)
    if known >= 0 and known != look[1]:
        cost += WRONG_PART
    elif known == NO_PART:
        cost += NO_PART_COST
    return cost


@compiled
def trial(
    surface: Surface, pose: Pose, eye: Eye, look: Look, picture: Picture, behind: Behind, room: Room
) -> tuple[float, int]:
    """Add a part to a picture, in front of or behind the others.

    Returns:
        Change of the picture's cost, and pixels drawn.
    """
    (near, facet), frame = room[0], eye[1]
    colors, (target, outside, label), (nearest, costs) = surface[2], picture, behind
    box = draw(surface, pose, eye, room)
    change, drawn = 0.0, 0
    for row in range(box[0], box[1]):
        for here in range(row * frame[2] + box[2], row * frame[2] + box[3]):
            value, pixel = near[here], frame[0] + here
            if value <= 0.0:
                continue
            near[here] = 0.0
            drawn += 1
            if value <= nearest[pixel]:
                continue
            change -= float(costs[pixel])
            if outside[pixel] > 0.0:
                change += float(outside[pixel])
            else:
                change += seen_cost(colors, facet[here], look, target, label[pixel], pixel)
    return float(change), drawn


@compiled
def trials(
    surface: Surface,
    poses: Float[np.ndarray, "T 4"],
    album: tuple[Float[np.ndarray, "E 15"], Int[np.ndarray, "E 3"], Picture],
    look: tuple[Float[np.ndarray, "E"], int],
    behind: Behind,
    room: Room,
    jobs: tuple[int, int],
    out: tuple[Float[np.ndarray, "T E"], Int[np.ndarray, "T E"]],
) -> None:
    """``trial`` for the pairs of a pose and a picture from one number of ``jobs`` to the other.

    Pairs go picture by picture. The album is cameras, frames and pixels of the pictures; ``look``
    has a factor for each; changes and pixels drawn go into ``out``.
    """
    count = poses.shape[0]
    for job in range(jobs[0], jobs[1]):
        number, tried = job // count, job % count
        each, eye = (look[0][number], look[1]), (album[0][number], album[1][number])
        out[0][tried, number], out[1][tried, number] = trial(
            surface, poses[tried], eye, each, album[2], behind, room
        )


@compiled
def fill(
    surface: Surface, pose: Pose, eye: Eye, look: Look, picture: Picture, layer: Behind, room: Room
) -> None:
    """Draw a part into a layer of its own: one over depth, and the cost of each pixel."""
    (near, facet), frame = room[0], eye[1]
    colors, (target, outside, label), (nearest, costs) = surface[2], picture, layer
    nearest[frame[0] : frame[0] + frame[1] * frame[2]] = 0.0
    box = draw(surface, pose, eye, room)
    for row in range(box[0], box[1]):
        for here in range(row * frame[2] + box[2], row * frame[2] + box[3]):
            if near[here] > 0.0:
                pixel = frame[0] + here
                nearest[pixel], near[here] = near[here], 0.0
                costs[pixel] = outside[pixel]
                if outside[pixel] <= 0.0:
                    known = label[pixel]
                    costs[pixel] = seen_cost(colors, facet[here], look, target, known, pixel)


@compiled
def compose_others(
    layers: tuple[Float[np.ndarray, "K P"], Float[np.ndarray, "K P"]],
    index: int,
    pixels: tuple[int, int],
    behind: Behind,
) -> None:
    """Lay all parts but one over what is behind, between two pixels of all."""
    (near, cost), (nearest, costs) = layers, behind
    for part in range(near.shape[0]):
        if part == index:
            continue
        for pixel in range(pixels[0], pixels[1]):
            if near[part, pixel] > nearest[pixel]:
                nearest[pixel], costs[pixel] = near[part, pixel], cost[part, pixel]


@compiled
def tally(
    surface: Surface,
    pose: Pose,
    eye: Eye,
    index: int,
    picture: Picture,
    nearest: Float[np.ndarray, "P"],
    room: Room,
) -> tuple[float, float, int]:
    """Brightness of a part, and of what a picture shows in its place: sums, and pixels counted."""
    (near, facet), frame = room[0], eye[1]
    colors, (target, outside, label) = surface[2], picture
    box = draw(surface, pose, eye, room)
    own, shown, count = 0.0, 0.0, 0
    for row in range(box[0], box[1]):
        for here in range(row * frame[2] + box[2], row * frame[2] + box[3]):
            value, pixel = near[here], frame[0] + here
            near[here] = 0.0
            if value <= 0.0 or value < nearest[pixel] or outside[pixel] > 0.0:
                continue
            if label[pixel] == UNKNOWN or label[pixel] == index:
                count += 1
                for channel in range(3):
                    own += colors[facet[here], channel]
                    shown += target[pixel, channel]
    return own, shown, count
