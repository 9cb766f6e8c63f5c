"""TimeSformer (Bertasius et al., Is Space-Time Attention All You Need for Video Understanding?, arXiv:2102.05095)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import mmcore
from mmcore_video.encoders.clip_encoder import ClipEncoder, clip_spec
from mmcore_video.hub import hub_folder, weights_in
from mmcore_video.options import TimesformerOptions
from mmcore_video.spec import VideoDescription
from mmcore_video.weights import load_state, read_state

if TYPE_CHECKING:
    from torch import Tensor, nn

FIRST = "embeddings.patch_embeddings.projection.weight"


class TimesformerEncoder(ClipEncoder):
    """`vector (B, 768)` is the class token of the last layer; `tokens (B, T · (S / patch)², 768)` are the others.

    Tokens go through the patches, and through the frames within each patch.
    """

    def __init__(self, options: TimesformerOptions, description: VideoDescription):
        from transformers import TimesformerConfig, TimesformerModel

        super().__init__()
        self.input_spec = clip_spec(options, description, crop=1.0)
        config: Any = TimesformerConfig(
            image_size=options.size,
            patch_size=options.patch,
            num_channels=description.channels,
            num_frames=options.frames,
            hidden_size=options.hidden,
            num_hidden_layers=options.layers,
            num_attention_heads=options.heads,
            intermediate_size=4 * options.hidden,
            attention_type=options.attention,
        )
        self.model: Any = TimesformerModel(config)
        self.dim = options.hidden

    @property
    def blocks(self) -> list[nn.Module]:
        """The embeddings, the layers, the last norm."""
        return [self.model.embeddings, *self.model.encoder.layer, self.model.layernorm]

    def encode(self, frames: Tensor) -> mmcore.Representation:
        """The class token, and the others."""
        hidden = self.model(frames.transpose(1, 2)).last_hidden_state
        return mmcore.Representation(hidden[:, 0], hidden[:, 1:])


def timesformer_encoder(
    options: TimesformerOptions, description: VideoDescription, weights: str | Path
) -> TimesformerEncoder:
    """TimeSformer with the weights of a model on the hub, none, or those of a file or a model's folder.

    Raises:
        MissingDependency: the weights are not here and can't be downloaded.
        DataError: they are of another network or size.
    """
    encoder = TimesformerEncoder(options, description)
    if weights != "none":
        path = hub_folder(options.model, where="encoder 'timesformer'") if weights == "pretrained" else Path(weights)
        path = weights_in(path) if path.is_dir() else path
        state = {name.removeprefix("timesformer."): value for name, value in read_state(path).items()}
        load_state(encoder.model, state, str(path), first=FIRST)
    return encoder
