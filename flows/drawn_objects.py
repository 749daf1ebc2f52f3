"""True objects drawn once: the request made of one is kept in the store for the next run."""

import hashlib
import json

from evaluation.dataset_scoring import content_digest
from evaluation.objects import GroundTruthObject
from flows.evaluation_job import Generation
from flows.truth_requests import request_of_object
from mmpart_core.keys import canonical_json
from mmpart_core.records import ObjectRequest
from mmpart_core.storage.fsspec_store import FsspecStore

DRAW_VERSION = 1
"""Bump when an equal object may now be drawn, or its parts be boxed, differently."""


def draw_object(truth: GroundTruthObject, made: Generation, store: FsspecStore) -> ObjectRequest:
    """What a user would ask who has a picture of the object; drawn only where it was not before.

    Reading an object takes a fraction of the time of drawing it, and a run that goes on, or only
    scores under another protocol, needs of each object nothing but its request.

    Args:
        truth: the object.
        made: camera, size, regions, and whether back-ends see the known scene; nothing else of it
            matters here.
        store: where image, scene and request go.

    Raises:
        InputError: no request can be made of the object.
        StorageError: the store cannot be read or written.
    """
    path = f"records/draw/{draw_key(truth, made)}.json"
    known = _trusted(store.read_file(path), store)
    if known is not None:
        return known
    request = request_of_object(
        truth, made.view, made.regions, store, size_px=made.size_px, keep_truth=made.keep_truth
    )
    store.write_file(path, _as_stored(request))
    return request


def draw_key(truth: GroundTruthObject, made: Generation) -> str:
    """What the drawing of an object depends on, as ``draw-<sha256>``."""
    asked = made.model_dump(mode="json", include={"view", "regions", "size_px", "keep_truth"})
    content = {"draw_version": DRAW_VERSION, "truth": content_digest(truth), **asked}
    return f"draw-{hashlib.sha256(canonical_json(content).encode()).hexdigest()}"


def _as_stored(request: ObjectRequest) -> bytes:
    """In the form of stages' records, so that the store's maintenance finds what it refers to."""
    return json.dumps({"result": json.dumps({"data": request.model_dump(mode="json")})}).encode()


def _trusted(content: bytes | None, store: FsspecStore) -> ObjectRequest | None:
    """A stored request, if today's code can read it and its files are there."""
    if content is None:
        return None
    try:
        request = ObjectRequest.model_validate(json.loads(json.loads(content)["result"])["data"])
    except (ValueError, KeyError, TypeError):  # pydantic's error is a ValueError
        return None
    refs = [request.image] if request.truth is None else [request.image, request.truth.scene]
    return request if all(store.has(ref) for ref in refs) else None
