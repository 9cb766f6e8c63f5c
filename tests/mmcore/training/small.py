"""A small two-modality problem and model; run as a script, it trains it, and kills itself where asked to."""

import json
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from mmcore.model.fusion_model import FusionModel
from mmcore.representation import Output, Representation
from mmcore.training.options import TrainingOptions

MODALITIES = ("a", "b")
CLASSES = 3
TRAINING_ROWS = 101


class SmallTask:
    type = "single_label"
    classes = ("x", "y", "z")

    def loss(self, logits, targets):
        return nn.functional.cross_entropy(logits, targets)

    def probabilities(self, logits):
        return logits.softmax(dim=1)


class SmallModel(FusionModel):
    """Dropout (draws random numbers), batch norm (has buffers), one frozen layer, one layer under two names."""

    def __init__(self, dropout=0.3, seed=0):
        super().__init__(MODALITIES, {}, SmallTask())
        torch.manual_seed(seed)
        self.encoders = nn.ModuleDict({name: nn.Linear(4, 8) for name in MODALITIES})
        self.encoders["b"].requires_grad_(False)
        self.fusion = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(dropout))
        self.head = nn.Linear(16, CLASSES)
        self.alias = self.head
        self.batches_seen = 0

    def encode(self, batch):
        return {name: Representation(self.encoders[name](batch.inputs[name]["x"])) for name in MODALITIES}

    def fuse(self, representations, present):
        if self.training:
            self.batches_seen += 1
        joined = torch.cat([representations[name].vector for name in MODALITIES], dim=1)
        fused = self.fusion(joined)
        return Output(self.head(fused), representation=fused)


class SmallData(torch.utils.data.Dataset):
    """Training rows are augmented, otherwise in each epoch."""

    def __init__(self, n=TRAINING_ROWS, seed=0):
        rng = np.random.default_rng(seed)
        self.targets = rng.integers(0, CLASSES, n)
        centres = np.random.default_rng(99).normal(size=(2, CLASSES, 4))
        self.x = (centres[:, self.targets] + rng.normal(size=(2, n, 4))).astype(np.float32)
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, position):
        noise = np.random.default_rng([self.epoch, position]).normal(scale=0.1) if len(self) == TRAINING_ROWS else 0
        return SimpleNamespace(x=self.x[:, position] + np.float32(noise), target=self.targets[position], index=position)


def collate(items):
    x = torch.from_numpy(np.stack([item.x for item in items]))
    return {
        "inputs": {name: {"x": x[:, column]} for column, name in enumerate(MODALITIES)},
        "representations": {},
        "present": torch.ones(len(items), 2, dtype=torch.bool),
        "targets": torch.tensor([int(item.target) for item in items]),
        "index": torch.tensor([item.index for item in items]),
    }


def accuracy(logits, targets):
    return {"top1": float((logits.argmax(1) == targets).float().mean()), "per_class": {"x": {}}}


def fit(folder, *, resume=False, kill_at_batch=None, kill_in_save=None, model=None, on_event=None, seed=7, **options):
    from mmcore.training import loop

    options = TrainingOptions(**{"epochs": 4, "batch_size": 16, "early_stopping": None, "device": "cpu", **options})
    model = model or SmallModel()
    if kill_at_batch is not None:
        _kill_in(model, "fuse", kill_at_batch, when=lambda: model.training)
    if kill_in_save is not None:
        _kill_in_save(*kill_in_save)
    result = loop.train(
        model, SmallData(), SmallData(40, 1), collate, options,
        checkpoints=Path(folder), seed=seed, metric=accuracy, resume=resume, on_event=on_event,
    )  # fmt: skip
    return model, result


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def _kill_in(owner, name, call, when=lambda: True):
    original, calls = getattr(owner, name), iter(range(1, 10**9))

    def counted(*args, **kwargs):
        if when() and next(calls) == call:
            _die()
        return original(*args, **kwargs)

    setattr(owner, name, counted)


def _kill_in_save(moment, number):
    """Die in the `number`th checkpoint, at one of the moments of writing it."""
    from mmcore.training import trainer

    if moment == "weights":  # half of the file is there
        original, calls = trainer.save_file, iter(range(1, 10**9))

        def torn(state, path, **more):
            original(state, path, **more)
            if next(calls) == number:
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
                _die()

        trainer.save_file = torn
    elif moment == "validation":  # after an epoch's last step, before its checkpoint
        _kill_in(trainer, "validate", number)
    elif moment == "optimizer":
        _kill_in(trainer.ModelTrainer, "_save_optimizer_and_scheduler", number)
    elif moment == "marker":
        _kill_in(trainer, "seal", number)
    elif moment == "rotation":
        _kill_in(trainer, "keep_only", number)


def train_and_save(folder, state, **settings):
    """Train and leave what came out in the file `state`."""
    torch.set_num_threads(1)
    model, result = fit(folder, **settings)
    torch.save({"state": model.state_dict(), "history": result.history, "resumed_from": result.resumed_from}, state)


def serve():
    """For each line of settings on standard input: do it in a process of its own, and print how that ended.

    The processes are forked from this one, so that torch is imported once.
    """
    import mmcore.training.trainer  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            train_and_save(**json.loads(line))
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    serve() if sys.argv[1] == "serve" else train_and_save(**json.loads(sys.argv[1]))
