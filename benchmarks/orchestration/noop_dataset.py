"""Data sets of objects whose stages do nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from flows.dataset_job import DatasetJob
from mmpart_core.backends import STAGES
from mmpart_core.storage.codecs import encode_png

IMAGE_PX = 32


def write_outcomes(job: DatasetJob) -> None:
    """What a run leaves that has made all objects: a file each, and the table."""
    from flows.dataset_items import check_row
    from flows.dataset_job import check_job, write_job
    from flows.dataset_keys import config_identity, image_digest, image_mark, item_key
    from flows.dataset_known import SCENE_FILE
    from flows.dataset_manifest import read_rows
    from flows.dataset_outcomes import OutcomeRow
    from flows.dataset_table import OutcomeWriter, compact
    from mmpart_core.output.manifest import MANIFEST_FILE

    prepared = check_job(job)
    config, defaults = config_identity(prepared.config), prepared.defaults()
    writer = OutcomeWriter(job.place, run=1)
    for row in read_rows(job.source):
        item = check_row(row, defaults)
        digest = image_digest(item)
        for name in (SCENE_FILE, MANIFEST_FILE):
            job.place.write_file(f"objects/{item.name}/{name}", b"x")
        told = OutcomeRow(
            object=item.name, number=item.number, state="made", image=item.shown,
            key=item_key(item, digest, config), image_sha256=digest, image_mark=image_mark(item),
            glb_bytes=1, manifest_bytes=1, parts=len(item.entries), parts_made=len(item.entries),
        )  # fmt: skip
        parts = [
            OutcomeRow(object=item.name, component=entry.name, number=item.number, state="made")
            for entry in item.entries
        ]
        writer.add([told, *parts], at_once=False)
    writer.close()
    write_job(job)
    compact(job.place)


def write_dataset(
    folder: Path, count: int, store: str | None, parts: int, concurrency: int
) -> DatasetJob:
    """Images that all differ, their manifest and a profile of back-ends that do nothing."""
    images = folder / "images"
    images.mkdir(parents=True)
    pixels = np.zeros((IMAGE_PX, IMAGE_PX, 4), dtype=np.uint8)
    pixels[6:26, 6:26] = [200, 60, 40, 255]
    for index in range(count):
        pixels[10, 10, :3] = [index % 256, index // 256 % 256, index // 65536]
        (images / f"{index:06d}.png").write_bytes(encode_png(pixels))
    profile: dict[str, Any] = {stage: {"kind": "noop"} for stage in STAGES}
    (folder / "noop.yaml").write_text(yaml.safe_dump({**profile, "workers": 2}))
    names = ", ".join(f"part {index}" for index in range(parts))
    return DatasetJob(
        source=str(images),
        output=str(folder / "out"),
        components=names,
        profile=str(folder / "noop.yaml"),
        store=store or str(folder / "store"),
        files="glb",
        concurrency=concurrency,
    )
