"""What a training leaves behind: the best epoch's weights, a record, nothing else."""

import json
import random
import sys

import numpy as np
import pytest
import small
import torch
from torch import nn

from mmcore.errors import DataError, MissingDependency, OptionError, RunError, UserError
from mmcore.training import loop
from mmcore.training.options import TrainingOptions

torch.set_num_threads(1)


class Flipped(small.SmallModel):
    """Validates best before it is trained much: the loss is that of the labels turned round, in evaluation only."""

    def loss(self, output, batch):
        loss = super().loss(output, batch)
        return loss if self.training else -loss


def test_the_loss_falls_and_the_record_holds_every_epoch(tmp_path):
    model, result = small.fit(tmp_path / "c", epochs=12, learning_rate=0.02)
    assert [record["epoch"] for record in result.history] == list(range(1, 13))
    assert set(result.history[0]) == {"epoch", "train_loss", "loss", "top1"}, "nested metrics are not recorded"
    assert result.history[-1]["train_loss"] < 0.8 * result.history[0]["train_loss"]
    assert result.history[-1]["top1"] > 0.6
    assert result.steps == 12 * 7
    assert not model.training


def test_the_recorded_losses_are_those_of_the_rows(tmp_path):
    model = small.SmallModel(dropout=0.0)
    _, result = small.fit(tmp_path / "c", model=model, epochs=1)
    data = small.SmallData(40, 1)
    batch = small.collate([data[row] for row in range(40)])
    from mmcore.data.loading import batch_from_tree

    batch = batch_from_tree(batch, small.MODALITIES)
    with torch.no_grad():
        logits = model(batch).logits
    assert result.history[0]["loss"] == pytest.approx(
        float(nn.functional.cross_entropy(logits, batch.targets)), rel=1e-5
    )
    assert result.history[0]["top1"] == pytest.approx(float((logits.argmax(1) == batch.targets).float().mean()))


def test_the_model_gets_the_weights_of_its_best_epoch(tmp_path):
    one = Flipped()
    _, result = small.fit(tmp_path / "one", model=one, epochs=6, learning_rate=0.02)
    losses = [record["loss"] for record in result.history]
    assert result.best_epoch == 1 + losses.index(min(losses)) < 6
    kept, _ = small.fit(tmp_path / "two", model=Flipped(), epochs=6, learning_rate=0.02)
    # trained as long as to the best epoch and no further, under the schedule of six epochs
    stopped, cut = small.fit(tmp_path / "three", model=Flipped(), epochs=6, learning_rate=0.02, early_stopping=1)
    assert cut.best_epoch == result.best_epoch
    for model in (kept, stopped):
        assert all(
            torch.equal(a, b) for a, b in zip(model.state_dict().values(), one.state_dict().values(), strict=True)
        )


def test_training_stops_when_patience_runs_out_and_says_so(tmp_path):
    events = []
    _, result = small.fit(
        tmp_path / "c", model=Flipped(), epochs=30, learning_rate=0.02, early_stopping=2, on_event=events.append
    )
    assert result.stopped_early
    assert len(result.history) == result.best_epoch + 2 < 30
    stops = [event for event in events if event["event"] == "early_stopped"]
    assert [(stop["epoch"], stop["best_epoch"]) for stop in stops] == [(len(result.history), result.best_epoch)]


def test_a_training_that_is_done_is_not_trained_again_on_resume(tmp_path):
    for name, options in (("all", {}), ("early", {"epochs": 30, "learning_rate": 0.02, "early_stopping": 2})):
        model, result = small.fit(tmp_path / name, model=Flipped(), **options)
        again = Flipped()
        _, resumed = small.fit(tmp_path / name, model=again, resume=True, **options)
        assert again.batches_seen == 0
        assert (resumed.history, resumed.best_epoch) == (result.history, result.best_epoch)
        assert (resumed.stopped_early, resumed.steps >= result.best_epoch * 7) == (result.stopped_early, True)
        assert all(
            torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True)
        )


def test_without_a_validation_split_the_last_weights_stay(tmp_path):
    model = small.SmallModel()
    result = loop.train(
        model, small.SmallData(), None, small.collate, TrainingOptions(epochs=3, early_stopping=1, device="cpu"),
        checkpoints=tmp_path / "c", seed=0,
    )  # fmt: skip
    assert (result.best_epoch, result.stopped_early) == (3, False)
    assert [set(record) for record in result.history] == [{"epoch", "train_loss"}] * 3


def test_validating_does_not_change_what_is_trained(tmp_path):
    def losses(validation_set):
        result = loop.train(
            small.SmallModel(), small.SmallData(), validation_set, small.collate,
            TrainingOptions(epochs=3, early_stopping=None, device="cpu"), checkpoints=tmp_path / "c", seed=0,
        )  # fmt: skip
        return [record["train_loss"] for record in result.history]

    assert losses(None) == losses(small.SmallData(40, 1))


def test_frozen_weights_stay_and_are_not_in_checkpoints(tmp_path):
    from safetensors.torch import load_file

    model = small.SmallModel()
    before = model.encoders["b"].weight.clone()
    small.fit(tmp_path / "c", model=model)
    assert torch.equal(model.encoders["b"].weight, before)
    (checkpoint,) = (tmp_path / "c").iterdir()
    saved = load_file(checkpoint / "model.safetensors")
    assert not any("encoders.b" in name for name in saved)
    assert "model.fusion.1.running_mean" in saved


def test_events_say_how_far_it_is_and_are_json(tmp_path):
    events = []
    small.fit(tmp_path / "c", on_event=events.append, epochs=2)
    json.dumps(events, allow_nan=False)
    assert {event["model"] for event in events} == {"fused"}
    epochs = [event for event in events if event["event"] == "epoch"]
    assert [(event["epoch"], event["epochs"]) for event in epochs] == [(1, 2), (2, 2)]
    progress = [event for event in events if event["event"] == "progress"]
    assert (progress[-1]["stage"], progress[-1]["done"], progress[-1]["total"]) == ("train fused", 14, 14)


def test_training_prints_nothing_and_leaves_only_its_checkpoints(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small.fit(tmp_path / "c")
    assert capfd.readouterr() == ("", "")
    assert [item.name for item in tmp_path.iterdir()] == ["c"]
    assert [item.name for item in (tmp_path / "c").iterdir()] == ["checkpoint-28"]


def test_the_random_state_and_settings_of_the_process_are_left_alone(tmp_path):
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = random.random(), np.random.random(), torch.rand(1)
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    small.fit(tmp_path / "c", model=_built_without_touching_the_seed())
    assert (random.random(), np.random.random(), torch.rand(1)) == expected
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory


def _built_without_touching_the_seed():
    state = torch.random.get_rng_state()
    model = small.SmallModel()
    torch.random.set_rng_state(state)
    return model


def test_the_same_whatever_random_state_the_process_was_in(tmp_path):
    one, _ = small.fit(tmp_path / "one")
    torch.manual_seed(123), np.random.seed(5)
    model = small.SmallModel()
    torch.rand(7)
    two, _ = small.fit(tmp_path / "two", model=model)
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


def test_it_is_the_plain_loop_of_torch(tmp_path):
    """The same numbers as a loop written out: the same batches, AdamW, cosine schedule, clipping."""
    from mmcore.data.loading import batch_from_tree
    from mmcore.training.batches import EpochBatches
    from mmcore.training.optimizer import build_optimizer

    options = {"epochs": 2, "learning_rate": 0.05, "gradient_clip": 0.5, "warmup": 0.25, "monitor": "top1"}
    trained = small.SmallModel(dropout=0.0)
    small.fit(tmp_path / "c", model=trained, **options)

    plain, data = small.SmallModel(dropout=0.0), small.SmallData()
    optimizer = build_optimizer(plain, TrainingOptions(**options))
    order = EpochBatches(len(data), batch_size=16, seed=7)
    total, warm, step, best = 2 * 7, 4, 0, (-1.0, None)
    validation = small.SmallData(40, 1)
    check = batch_from_tree(small.collate([validation[row] for row in range(40)]), small.MODALITIES)
    for epoch in range(2):
        order.set_epoch(epoch), data.set_epoch(epoch)
        for rows in order:
            scale = step / warm if step < warm else 0.5 * (1 + np.cos(np.pi * (step - warm) / (total - warm)))
            for group in optimizer.param_groups:
                group["lr"] = 0.05 * scale
            plain.train()
            batch = batch_from_tree(small.collate([data[row] for row in rows]), small.MODALITIES)
            plain.loss(plain(batch), batch).backward()
            nn.utils.clip_grad_norm_(plain.parameters(), 0.5)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
        plain.eval()
        with torch.no_grad():
            top1 = small.accuracy(plain(check).logits, check.targets)["top1"]
        if top1 > best[0]:
            best = top1, {name: value.clone() for name, value in plain.state_dict().items()}
    for name, value in trained.state_dict().items():
        torch.testing.assert_close(value, best[1][name], rtol=1e-4, atol=1e-6)


def test_mixed_precision_on_a_cpu_is_bf16_or_said_not_to_be(tmp_path):
    events = []
    plain, _ = small.fit(tmp_path / "no", epochs=1)
    without, _ = small.fit(tmp_path / "fp16", epochs=1, mixed_precision="fp16", on_event=events.append)
    mixed, _ = small.fit(tmp_path / "bf16", epochs=1, mixed_precision="bf16")
    assert events[0]["text"].startswith("This device has no fp16")
    assert torch.equal(plain.head.weight, without.head.weight)
    assert not torch.equal(plain.head.weight, mixed.head.weight)
    torch.testing.assert_close(plain.head.weight, mixed.head.weight, rtol=0.1, atol=0.01)


def test_accumulated_batches_are_one_step(tmp_path):
    _, result = small.fit(tmp_path / "c", gradient_accumulation=3, epochs=2)
    assert result.steps == 2 * 3  # 7 batches: 3 + 3 + 1


@pytest.mark.parametrize(
    ("problem", "error", "message"),
    [
        ({"monitor": "rmse"}, OptionError, "'rmse' is not a metric of a single_label task"),
        ({"report_to": ["swanlab"]}, MissingDependency, "the tracker 'swanlab' is not installed"),
        (
            {"learning_rate": 10, "optimizer": "sgd", "gradient_clip": None, "warmup": 0.0},
            UserError,
            "no longer a finite",
        ),
    ],
)
def test_what_can_not_work_is_said(tmp_path, problem, error, message):
    model = small.SmallModel()
    if "learning_rate" in problem:
        model.loss = lambda output, batch: (output.logits * 1e30).square().sum()
    with pytest.raises(error, match=message):
        small.fit(tmp_path / "c", model=model, **problem)


def test_an_empty_split_is_refused(tmp_path):
    with pytest.raises(DataError, match="training split has no rows"):
        loop.train(
            small.SmallModel(), small.SmallData(0), None, small.collate, TrainingOptions(device="cpu"),
            checkpoints=tmp_path, seed=0,
        )  # fmt: skip


@pytest.mark.parametrize("change", [{"learning_rate": 0.5}, {"seed": 8}, {"epochs": 9}])
def test_checkpoints_of_another_training_are_not_resumed(tmp_path, change):
    small.fit(tmp_path / "c")
    with pytest.raises(RunError, match="of another experiment"):
        small.fit(tmp_path / "c", resume=True, **change)


def test_without_resume_old_checkpoints_do_not_count(tmp_path):
    small.fit(tmp_path / "c", seed=8)
    model, result = small.fit(tmp_path / "c")
    fresh, _ = small.fit(tmp_path / "d")
    assert result.resumed_from is None
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), fresh.state_dict().values(), strict=True))


def test_an_interrupt_leaves_something_to_resume_from(tmp_path):
    def interrupt(event):
        if event["event"] == "epoch" and event["epoch"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small.fit(tmp_path / "c", on_event=interrupt)
    model, result = small.fit(tmp_path / "c", resume=True)
    whole, expected = small.fit(tmp_path / "d")
    assert result.resumed_from == 14
    assert result.history == expected.history
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), whole.state_dict().values(), strict=True))


def test_options_are_readable_without_torch():
    import subprocess

    code = "import mmcore.training.options, sys; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_tensorboard_logs_stay_when_checkpoints_go(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    small.fit(tmp_path / "c", report_to="tensorboard")
    assert list((tmp_path / "tensorboard" / "fused").iterdir())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
@pytest.mark.parametrize("precision", ["no", "bf16", "fp16"])
def test_on_a_gpu_two_runs_give_the_same_bits_also_after_a_resume(tmp_path, precision):
    options = {"device": "auto", "mixed_precision": precision, "checkpoint_every": 2}
    one, result = small.fit(tmp_path / "one", **options)
    assert next(one.parameters()).device.type == "cpu", "the model is where it was"

    def interrupt(event):
        if event["event"] == "epoch" and event["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small.fit(tmp_path / "two", on_event=interrupt, **options)
    two, resumed = small.fit(tmp_path / "two", resume=True, **options)
    assert resumed.resumed_from == 12
    assert resumed.history == result.history
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
