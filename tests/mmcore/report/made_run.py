"""Run folders as mmcore writes them, of synthetic predictions; the figures come from mmcore.evaluation."""

import functools
import io
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch

from mmcore.evaluation.gain import gain
from mmcore.evaluation.inference import Inference
from mmcore.evaluation.metrics import metrics

GROUPS = (
    "activities", "animals-nature", "component", "flags", "food-drink", "objects", "people-body", "symbols",
    "travel-places",
)  # fmt: skip

EXPERIMENT = """\
dataset: {{name: openmoji, target: {target}}}
encoders:
{encoders}fusion: {{strategy: intermediate, method: {{name: multconcat, dim: 256}}}}
training: {{epochs: 8, batch_size: 64}}
explain: {{explainer: mm_shap, rows: 12}}
seed: 7
"""


def task_of(kind, classes=()):
    if kind == "regression":
        return SimpleNamespace(type=kind, mean=20.0, sd=5.0)
    probabilities = torch.sigmoid if kind == "multi_label" else (lambda logits: torch.softmax(logits, 1))
    return SimpleNamespace(type=kind, classes=tuple(classes), threshold=0.5, probabilities=probabilities)


def outputs(task, targets, skill, rng):
    """Logits that know the target, more or less."""
    n = len(targets)
    if task.type == "regression":
        return (targets[:, None] * skill + rng.normal(size=(n, 1)) * (1 - skill)).astype(np.float32)
    if task.type == "multi_label":
        return ((2 * targets - 1) * 2.2 * skill + rng.normal(size=targets.shape)).astype(np.float32)
    return (np.eye(len(task.classes))[targets] * 3.4 * skill + rng.normal(size=(n, len(task.classes)))).astype(
        np.float32
    )


def inference(logits, targets):
    n = len(logits)
    return Inference(("a",), np.arange(n), np.ones((n, 1), bool), logits, None, {}, {}, targets)


def figures(task, *, seed=0, n=381, skills=None, with_gain=True):
    """(metrics.json, the targets and logits of the test rows)."""
    rng = np.random.default_rng(seed)
    skills = skills or {"fused": 0.85, "image": 0.55, "text": 0.76}
    sizes = {"train": 3 * n, "validation": n // 2 + 1, "test": n}
    targets = {name: draw(task, size, rng) for name, size in sizes.items()}
    logits = {m: {s: outputs(task, targets[s], skill, rng) for s in sizes} for m, skill in skills.items()}
    singles = [name for name in skills if name != "fused"] if len(skills) > 2 else []
    scores = {m: {s: metrics(task, logits[m][s], targets[s]) for s in sizes} for m in logits}
    found = {
        "task": task.type,
        "classes": list(getattr(task, "classes", ())),
        **scores["fused"],
        "baselines": {m: scores[m] for m in singles},
        "gain": {},
        "history": {m: course(task, seed + place) for place, m in enumerate(skills)},
        "data": {
            "rows": 2000, "used": 1903, "problems": {"truncated": 61, "not found": 36},
            "missing": {name: 40 * place for place, name in enumerate(skills) if name != "fused"},
            "splits": sizes, "notice": "Drawings: OpenMoji, CC BY-SA 4.0.",
        },
        "cost": {
            "parameters": 26_400_123, "trainable_parameters": 412_553, "encoding_seconds": 71.2,
            "training_seconds": 9.4,
        },
    }  # fmt: skip
    if with_gain and singles:
        one = {m: inference(logits[m]["test"], targets["test"]) for m in singles}
        found["gain"] = gain(task, inference(logits["fused"]["test"], targets["test"]), one, repetitions=200)
    return json.loads(json.dumps(found)), targets, logits["fused"]


def draw(task, n, rng):
    if task.type == "regression":
        return rng.normal(size=n).astype(np.float32)
    count = len(task.classes)
    if task.type == "multi_label":
        return (rng.random((n, count)) < np.linspace(0.15, 0.5, count)).astype(np.float32)
    weights = np.linspace(1, 3, count)
    return rng.choice(count, n, p=weights / weights.sum())


def course(task, seed):
    rng = np.random.default_rng(seed)
    name = {"single_label": "top1", "multi_label": "map", "regression": "mae"}[task.type]
    epochs = [
        {
            "epoch": epoch, "train_loss": float(2.2 * np.exp(-epoch / 3) + 0.05),
            "loss": float(2.0 * np.exp(-epoch / 3) + 0.5 + 0.02 * epoch + rng.normal() * 0.01),
            name: float(0.85 - 0.5 * np.exp(-epoch / 2.5) - 0.04 * (seed % 3) + rng.normal() * 0.005),
        }
        for epoch in range(1, 9)
    ]  # fmt: skip
    return {"epochs": epochs, "best_epoch": 6, "stopped_early": True, "steps": 176}


def label_of(task, row):
    if task.type == "regression":
        return float(np.ravel(row)[0]) * task.sd + task.mean
    if task.type == "multi_label":
        return [label for label, there in zip(task.classes, row > 0.5, strict=True) if there]
    return task.classes[int(row)]


def write_run(folder, kind="single_label", classes=GROUPS, **more):
    """A finished run with every file that a report reads. Returns metrics.json."""
    folder.mkdir(parents=True, exist_ok=True)
    task = task_of(kind, classes)
    skills = more.get("skills") or {"fused": 0.85, "image": 0.55, "text": 0.76}
    found, targets, logits = figures(task, **more)
    names = [name for name in skills if name != "fused"]
    rows = prediction_rows(task, targets, logits)
    write_json(folder / "metrics.json", found)
    write_experiment(folder, names)
    write_json(folder / "environment.json", {
        "format_version": 1, "python": "3.11.9", "device": "cpu", "seed": 7,
        "packages": {"mmcore-framework": "0.1.0", "torch": "2.13.0"}, "plugins": {"mmcore_image": "0.1.0"},
        "data": dict.fromkeys(names, "8c1f0a"),
    })  # fmt: skip
    pd.DataFrame(rows).to_parquet(folder / "predictions.parquet")
    write_embeddings(folder, task, rows, names)
    write_explanations(folder / "explanations" / "mm_shap", rows, names)
    (folder / "problems.csv").write_text(
        "row,id,modality,reason,message\n3,1F600,image,truncated,the file ends in the middle\n"
        "9,1F609,,no target,empty\n"
    )
    return found


def write_folds(folder, kind="single_label", classes=GROUPS, count=5):
    """A finished cross-validation: as `write_run`, with the figures of every fold. Returns metrics.json."""
    whole = write_run(folder, kind, classes)
    task = task_of(kind, classes)
    folds = [figures(task, seed=seed, n=80, with_gain=False)[0] for seed in range(count)]
    for number, fold in enumerate(folds, 1):
        write_json(folder / "folds" / str(number) / "metrics.json", fold)
    whole |= {"folds": [fold["test"] for fold in folds], "history": {}, "over_folds": spread(f["test"] for f in folds)}
    for split in ("train", "validation"):
        whole.pop(split)
    whole["baselines"] = {
        name: {"test": found["test"], "over_folds": spread(fold["baselines"][name]["test"] for fold in folds)}
        for name, found in whole["baselines"].items()
    }
    whole["data"]["splits"] = {"folds": count}
    write_json(folder / "metrics.json", whole)
    return whole


def spread(folds):
    folds = list(folds)
    names = [name for name, value in folds[0].items() if isinstance(value, float)]
    values = {name: [fold[name] for fold in folds] for name in names}
    return {name: {"mean": np.mean(v), "sd": np.std(v, ddof=1), "n": len(v)} for name, v in values.items()}


def write_experiment(folder, names, target="group"):
    encoders = "".join(f"  {json.dumps(name)}: some_encoder\n" for name in names)
    (folder / "experiment.yaml").write_text(EXPERIMENT.format(target=json.dumps(target), encoders=encoders))


def prediction_rows(task, targets, logits):
    rows = []
    for split in ("validation", "test"):
        probabilities = None
        if task.type != "regression":
            probabilities = task.probabilities(torch.from_numpy(logits[split])).numpy()
        for number, (target, logit) in enumerate(zip(targets[split], logits[split], strict=True)):
            guess = (
                logit.argmax() if task.type == "single_label" else (logit > 0) if task.type == "multi_label" else logit
            )
            rows.append(
                {
                    "id": f"{split}-{number}", "split": split, "target": label_of(task, target),
                    "prediction": label_of(task, guess), "row": number,
                    "probabilities": None if probabilities is None else probabilities[number].tolist(),
                }
            )  # fmt: skip
    return rows


def write_embeddings(folder, task, rows, names):
    rng = np.random.default_rng(3)
    codes = [str(row["target"]) for row in rows]
    centres = {code: rng.normal(size=(len(names) + 1, 24)) for code in sorted(set(codes))}
    frame = pd.DataFrame([{name: row[name] for name in ("id", "split", "target", "prediction", "row")} for row in rows])
    for place, column in enumerate(["fused", *(f"modality:{name}" for name in names)]):
        spread = 0.45 if column == "fused" else 0.9
        vectors = [(centres[code][place] + rng.normal(size=24) * spread).tolist() for code in codes]
        frame[column] = [None if place == 1 and number % 20 == 0 else vector for number, vector in enumerate(vectors)]
    frame.to_parquet(folder / "embeddings.parquet")


def write_explanations(folder, rows, names, count=20):
    rng = np.random.default_rng(5)
    tested = [row for row in rows if row["split"] == "test"]
    for number, row in enumerate(tested[:count]):
        raw = rng.random(len(names)) + 0.2
        shares = dict(zip(names, (raw / raw.sum()).tolist(), strict=True))
        correct = row["target"] == row["prediction"] if isinstance(row["target"], str) else None
        write_json(folder / f"{number}.json", {
            "row": row["row"], "id": row["id"], "explainer": "mm_shap", "settings": {"permutations": 10, "seed": 7},
            "target": row["target"], "prediction": row["prediction"], "correct": correct, "modalities": names,
            "shares": shares, "chance": {name: 1 / len(names) for name in names}, "value": 0.913, "base_value": 0.1,
        })  # fmt: skip
        (folder / f"{number}.png").write_bytes(picture(number % 3))


@functools.cache
def picture(seed):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rng = np.random.default_rng(seed)
    figure = Figure(figsize=(4.2, 2.4), dpi=60)
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    left.imshow(rng.normal(size=(4, 4)), cmap="RdBu", vmin=-2, vmax=2)
    left.set_axis_off()
    right.barh(["trail", "running", "shoe"], rng.normal(size=3))
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    return drawn.getvalue()


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
