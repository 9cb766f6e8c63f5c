"""The feature cache: what frozen encoders give, computed once, memory-mapped, complete batch by batch.

A pass over a data set is split into fixed batches. A batch's vectors and tokens reach the disk before its mark does, so
a pass that was killed goes on where it stopped, on the same batch boundaries, and ends with the same bits.
"""

from mmcore.features.listing import StoredFeatures, clear_features, list_features
from mmcore.features.store import Features, features_folder, open_features, rows_digest
from mmcore.features.tokens import TokenFeatures

__all__ = [
    "Features",
    "StoredFeatures",
    "TokenFeatures",
    "clear_features",
    "features_folder",
    "list_features",
    "open_features",
    "rows_digest",
]
