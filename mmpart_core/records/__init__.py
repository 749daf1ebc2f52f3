"""Frozen, JSON-safe values that cross task borders."""

from mmpart_core.records.base import BlobRef, ImageRef, Matrix4, MeshRef, Record, Vector3
from mmpart_core.records.outcome import (
    ModelUsage,
    ObjectResult,
    PartFailure,
    PartResult,
    StageName,
    StageRun,
)
from mmpart_core.records.plan import PartPlan, PartPrompt, PartSight
from mmpart_core.records.request import (
    MAX_SEED,
    TRUTH_VIEW,
    WHOLE_OBJECT,
    ComponentRequest,
    InputView,
    ObjectRequest,
    Region,
    TruthScene,
    component_label,
)
from mmpart_core.records.shape import AssembledObject, PartMesh, Placement, RadianceField
from mmpart_core.records.views import (
    Camera,
    ImagePlacement,
    IsolatedPart,
    IsolationTry,
    TruthPart,
    View,
    ViewSet,
)

__all__ = [
    "MAX_SEED", "TRUTH_VIEW", "WHOLE_OBJECT",
    "AssembledObject", "BlobRef", "Camera", "ComponentRequest", "ImagePlacement", "ImageRef",
    "InputView", "IsolatedPart", "IsolationTry", "Matrix4", "MeshRef", "ModelUsage",
    "ObjectRequest", "ObjectResult", "PartFailure", "PartMesh", "PartPlan", "PartPrompt",
    "PartResult", "PartSight", "Placement", "RadianceField", "Record", "Region", "StageName",
    "StageRun", "TruthPart", "TruthScene", "Vector3", "View", "ViewSet", "component_label",
]  # fmt: skip
