"""What all records share, and references to stored bytes."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Matrix4 = tuple[
    tuple[float, float, float, float],
    tuple[float, float, float, float],
    tuple[float, float, float, float],
    tuple[float, float, float, float],
]
Vector3 = tuple[float, float, float]


class Record(BaseModel):
    """A small frozen value that crosses task borders; JSON-safe, unknown keys refused.

    The import path of a record is part of the stored format.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class BlobRef(Record):
    """The address of bytes in the blob store: their digest.

    Attributes:
        sha256: digest of the content, hexadecimal.
        size: length of the content in bytes.
        media: media type, for instance ``image/png``.
    """

    sha256: Sha256
    size: int = Field(ge=0)
    media: str


class ImageRef(BlobRef):
    """A stored PNG; width and height in pixels."""

    width: int = Field(gt=0)
    height: int = Field(gt=0)


class MeshRef(BlobRef):
    """A stored GLB (+Y up, as glTF requires); vertex and face counts over all its meshes."""

    vertices: int = Field(ge=0)
    faces: int = Field(ge=0)
