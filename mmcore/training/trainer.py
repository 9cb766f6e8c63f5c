"""transformers.Trainer for fusion models: its loop, precision and resume; our batches, validation and checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback
from transformers.trainer_callback import PrinterCallback

from mmcore.data.loading import batch_from_tree
from mmcore.errors import RunError, UserError
from mmcore.files import write_json
from mmcore.training.batches import EpochBatches
from mmcore.training.checkpoints import checkpoint_path, keep_only, seal
from mmcore.training.optimizer import build_optimizer
from mmcore.training.progress import PROGRESS_FILE, TrainingProgress
from mmcore.training.validation import validate

if TYPE_CHECKING:
    from transformers import TrainingArguments

    from mmcore.model.fusion_model import FusionModel
    from mmcore.training.options import TrainingOptions

Metric = Callable[[Tensor, Tensor], Mapping[str, Any]]
"""(logits (N, C), targets) → metrics by name; what is not a single number is passed over."""

WEIGHTS_FILE = "model.safetensors"


class Trainee(nn.Module):
    """A fusion model as the Trainer sees it: a collated tree in, the loss out."""

    def __init__(self, model: FusionModel):
        super().__init__()
        self.model = model

    def forward(self, tree: Mapping[str, Any]) -> Tensor:
        """The training loss of a batch, a scalar."""
        batch = batch_from_tree(tree, self.model.modalities)
        return self.model.loss(self.model(batch), batch)

    def checkpoint_state(self) -> dict[str, Tensor]:
        """What training changes: trainable parameters and buffers, each tensor once."""
        state, seen = {}, set()
        for name, value in self.state_dict(keep_vars=True).items():
            frozen = isinstance(value, nn.Parameter) and not value.requires_grad
            if isinstance(value, Tensor) and not frozen and id(value) not in seen:
                seen.add(id(value))
                state[name] = value.detach().contiguous().clone()
        return state


class ModelTrainer(Trainer):
    """Trains a fusion model; made for one call of `train`."""

    def __init__(
        self,
        model: FusionModel,
        args: TrainingArguments,
        *,
        train_set: Any,
        validation_set: Any | None,
        collate: Callable[..., Any],
        options: TrainingOptions,
        progress: TrainingProgress,
        metric: Metric | None,
        tell: Callable[[dict[str, Any]], None],
        name: str,
    ):
        self.options, self.progress, self.metric = options, progress, metric
        self.tell, self.name = tell, name
        self.train_set, self.validation_set, self.trainee = train_set, validation_set, Trainee(model)
        super().__init__(
            model=self.trainee,
            args=args,
            data_collator=collate,
            train_dataset=train_set,
            eval_dataset=train_set if validation_set is None else validation_set,
            callbacks=[_Steps(self)],
        )
        self.remove_callback(PrinterCallback)
        self.model_accepts_loss_kwargs = False
        self._train_loss = torch.tensor(progress.loss_sum, dtype=self._sum_dtype, device=args.device)
        self._train_rows = progress.rows

    @property
    def _sum_dtype(self) -> torch.dtype:
        return torch.float32 if self.args.device.type == "mps" else torch.float64

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Batches whose order depends on the seed and the epoch alone."""
        batches = EpochBatches(len(self.train_set), batch_size=self.options.batch_size, seed=self.args.seed)
        loader = DataLoader(
            self.train_set,
            batch_sampler=batches,
            collate_fn=self.data_collator,
            num_workers=self.options.workers,
            generator=batches.generator,  # else every pass would draw from the generator that dropout uses
            pin_memory=self.args.device.type == "cuda",
        )
        return self.accelerator.prepare(loader)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """With each encoder's own learning rate."""
        if self.optimizer is None:
            self.optimizer = build_optimizer(model or self.trainee, self.options)
        return self.optimizer

    def compute_loss(
        self, model: nn.Module, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The model's own loss."""
        rows = len(inputs["present"])
        loss = model(inputs)
        self._train_loss += loss.detach().to(self._sum_dtype) * rows
        self._train_rows += rows
        return (loss, {}) if return_outputs else loss

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Any:
        return grad_norm  # not computed for show where nothing is clipped

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """After an epoch: validate, keep the record, decide whether to stop."""
        record: dict[str, Any] = {"train_loss": self._take_train_loss()}
        if self.validation_set is not None:
            record |= validate(
                self.trainee.model,
                self.validation_set,
                self.data_collator,
                batch_size=self.options.encode_batch_size,
                workers=self.options.workers,
                device=self.args.device,
                metric=self.metric,
            )
        stop = self.progress.end_epoch(
            self.state.global_step, record, self.options.monitor, self.options.early_stopping
        )
        epoch = self.progress.epoch
        self.tell({"event": "epoch", "epoch": epoch, "epochs": self.options.epochs, "metrics": record})
        if stop and epoch < self.options.epochs:
            self.control.should_training_stop = True
            self.tell({"event": "early_stopped", "epoch": epoch, "best_epoch": self.progress.best_epoch})
        if self.options.report_to:
            self.log({name: value for name, value in record.items() if value is not None})
        return {f"eval_{name}": value for name, value in record.items() if value is not None}

    def _take_train_loss(self) -> float:
        self._note_loss()
        mean = self.progress.loss_sum / max(self._train_rows, 1)
        self._train_loss.zero_()
        self._train_rows = 0
        self._note_loss()
        return mean

    def _note_loss(self) -> None:
        self.progress.loss_sum, self.progress.rows = float(self._train_loss.item()), self._train_rows
        if not math.isfinite(self.progress.loss_sum):
            raise UserError(
                f"the loss is no longer a finite number in epoch {self.progress.epoch + 1}",
                where=f"training {self.name}",
                hint="Lower training.learning_rate, set training.gradient_clip, or look for extreme input values.",
            )

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        if self.args.should_save:
            folder = Path(output_dir or str(self.args.output_dir))
            folder.mkdir(parents=True, exist_ok=True)
            save_file(self.trainee.checkpoint_state(), folder / WEIGHTS_FILE, metadata={"format": "pt"})

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        self._note_loss()
        super()._save_checkpoint(model, trial)
        if self.args.should_save:
            folder, step = Path(str(self.args.output_dir)), self.state.global_step
            write_json(checkpoint_path(folder, step) / PROGRESS_FILE, self.progress.to_dict())
            seal(checkpoint_path(folder, step))
            keep_only(folder, {step, self.progress.best_step or step})

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        if load_result.unexpected_keys:  # what is missing is frozen, and the model was built with it
            raise RunError(
                f"the checkpoint is of another model: it holds {load_result.unexpected_keys[0]!r}",
                where=str(self.args.output_dir),
            )


class _Steps(TrainerCallback):
    """After each optimiser step: say how far training is, and ask for a checkpoint where one is due."""

    def __init__(self, trainer: ModelTrainer):
        self.trainer, self._told = trainer, 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        trainer, step = self.trainer, state.global_step
        every, per_epoch = trainer.options.checkpoint_every, state.max_steps // trainer.options.epochs
        # the checkpoint at the end of an epoch is written after validation, which must not be skipped on resume
        if isinstance(every, int) and step % every == 0 and step % per_epoch:
            control.should_save = True
        now = time.monotonic()
        if now - self._told >= 0.5 or step == state.max_steps:
            self._told = now
            trainer.tell(
                {"event": "progress", "stage": f"train {trainer.name}", "done": step, "total": state.max_steps}
            )
