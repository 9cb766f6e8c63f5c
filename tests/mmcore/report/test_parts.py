"""The parts of the page by themselves: explained rows, maps of representations, curves, colours."""

import json
import re
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from made_run import course, figures, task_of, write_experiment, write_json, write_run
from parsed_page import parse

from mmcore.report.contents import Contents
from mmcore.report.curves import histories
from mmcore.report.explained import chosen, explained, share_table
from mmcore.report.projection import projections
from mmcore.report.svg import ticks, whole_ticks
from mmcore.report.write import render


def explanations(wrong, right, unknown=0):
    flags = [False] * wrong + [True] * right + [None] * unknown
    return [(f"{place}.json", {"correct": flag}) for place, flag in enumerate(flags)]


@pytest.mark.parametrize(
    ("wrong", "right", "unknown", "shown"),
    [(20, 20, 0, (6, 6)), (2, 30, 0, (2, 10)), (30, 2, 0, (10, 2)), (3, 4, 0, (3, 4)), (0, 0, 20, (0, 12))],
)
def test_twelve_rows_are_shown_right_and_wrong_ones(wrong, right, unknown, shown):
    found = chosen(explanations(wrong, right, unknown))
    flags = [one["correct"] for _, one in found]
    assert (flags.count(False), len(flags) - flags.count(False)) == shown
    assert [int(path[:-5]) for path, _ in found] == sorted(int(path[:-5]) for path, _ in found)


def test_shares_are_means_over_rows_right_wrong_and_each_class():
    rows = [("a", True, 0.2), ("a", False, 0.6), ("b", True, 0.4)]
    made = [{"target": t, "correct": c, "shares": {"image": s, "text": 1 - s}} for t, c, s in rows]
    table = {row["label"]: (row["n"], row["cells"][0]["text"]) for row in share_table(made, ["image", "text"])}
    assert table == {
        "All rows": (3, "40.0 ± 20.0\u202f%"),
        "Predicted right": (2, "30.0 ± 14.1\u202f%"),
        "Predicted wrong": (1, "60.0\u202f%"),
        "a": (2, "40.0 ± 28.3\u202f%"),
        "b": (1, "40.0\u202f%"),
    }


def test_no_rows_of_a_kind_are_said_to_be_none():
    table = share_table([{"target": "a", "correct": True, "shares": {"image": 1.0}}], ["image"])
    assert table[2] == {
        "label": "Predicted wrong",
        "kind": "whole",
        "n": 0,
        "cells": [{"text": "–, n = 0", "width": 0}],
    }


def test_a_card_has_labels_shares_and_picture(tmp_path):
    write_run(tmp_path, n=40)
    (tmp_path / "embeddings.parquet").unlink()
    section = parse(render(Contents(tmp_path))).one("section", id="explained")
    cards = list(section.all("article"))
    assert len(cards) == 12
    for card in cards:
        row = re.search(r"test-(\d+)", card.text)[1]
        made = json.loads((tmp_path / "explanations" / "mm_shap" / f"{row}.json").read_text())
        assert [value.text for value in card.all("dd")] == [made["prediction"], made["target"]]
        assert ("✓ right" if made["correct"] else "✗ wrong") in card.text
        assert [bar.text.strip() for bar in card.all("span", class_="num")] == [
            f"{100 * share:.0f}\u202f%" for share in made["shares"].values()
        ]
        assert card.one("img").attributes["src"].startswith("data:image/png;base64,iVBOR")


def test_a_picture_that_is_no_png_is_left_out(tmp_path):
    folder = tmp_path / "explanations" / "own"
    write_json(folder / "0.json", {"shares": {"image": 1.0}, "id": "x"})
    (folder / "0.png").write_bytes(b"<svg onload=alert(1)>")
    write_json(tmp_path / "metrics.json", {"task": "single_label", "test": {}})
    (card,) = explained(Contents(tmp_path))[0]["rows"]
    assert (card["id"], card["picture"], card["correct"]) == ("x", "", None)


def embedded(folder, n, **columns):
    write_json(folder / "metrics.json", {"task": "single_label", "classes": ["a", "b"], "test": {"n": n, "top1": 1.0}})
    labels = ["a" if number % 2 else "b" for number in range(n)]
    frame = pd.DataFrame({"id": map(str, range(n)), "split": "test", "target": labels, "prediction": labels})
    for name, vectors in columns.items():
        frame[name.replace("__", ":")] = list(vectors)
    frame.to_parquet(folder / "embeddings.parquet")
    return Contents(folder)


def test_each_representation_has_a_map_the_fused_one_last(tmp_path):
    rng = np.random.default_rng(0)
    apart = rng.normal(size=(40, 8)) + np.array([[10.0], [0.0]] * 20)
    mixed = [None if number < 5 else row for number, row in enumerate(rng.normal(size=(40, 80)))]
    write_experiment(tmp_path, ["z", "a"])
    found = projections(embedded(tmp_path, 40, fused=apart, modality__a=mixed, modality__z=apart))
    assert [panel["name"] for panel in found["panels"]] == ["z", "a", "fused"]
    assert [panel["absent"] for panel in found["panels"]] == [0, 5, 0]
    words = {panel["name"]: panel["separation"].replace("−", "-").replace(",", "").split() for panel in found["panels"]}
    silhouette = {name: float(said[1]) for name, said in words.items()}
    assert silhouette["fused"] > 0.7 > 0.1 > silhouette["a"]
    assert words["fused"][-1] == "100%"
    assert int(words["a"][-1].removesuffix("%")) < 80
    assert [entry["label"] for entry in found["legend"]] == ["a", "b"]
    assert found["panels"][2]["svg"].count("M") == 40


@pytest.mark.parametrize("vectors", [np.zeros((40, 8)), np.ones((40, 8)), np.ones((40, 1)), np.eye(5, 8)])
def test_what_can_not_be_mapped_is_left_out(tmp_path, vectors):
    assert projections(embedded(tmp_path, len(vectors), fused=vectors)) is None


def test_many_rows_are_drawn_from(tmp_path, monkeypatch):
    monkeypatch.setattr("mmcore.report.projection.MOST_ROWS", 30)
    found = projections(embedded(tmp_path, 90, fused=np.random.default_rng(0).normal(size=(90, 4))))
    assert (found["rows"], found["shown"], found["panels"][0]["n"]) == (90, 30, 30)


def test_rare_classes_share_a_colour(tmp_path):
    contents = embedded(tmp_path, 60, fused=np.random.default_rng(0).normal(size=(60, 4)))
    frame = pd.read_parquet(tmp_path / "embeddings.parquet")
    frame["target"] = [f"class {number % 15:02}" for number in range(60)]
    frame.to_parquet(tmp_path / "embeddings.parquet")
    legend = [entry["label"] for entry in projections(contents)["legend"]]
    assert legend == [*(f"class {number:02}" for number in range(9)), "others"]


def test_an_epoch_that_was_run_twice_counts_once(tmp_path):
    write_json(tmp_path / "metrics.json", {"task": "single_label", "test": {"top1": 0.5}})
    told = [("fused", 1, 0.9), ("fused", 2, 0.8), ("fused", 2, 0.7), ("image", 1, 1.0)]
    lines = [{"event": "epoch", "model": m, "epoch": e, "epochs": 5, "metrics": {"loss": v}} for m, e, v in told]
    text = "\n".join(map(json.dumps, [{"event": "run_started"}, *lines])) + '\n{"event": "epo'
    (tmp_path / "events.jsonl").write_text(text)
    found = histories(Contents(tmp_path))
    assert {name: [(r["epoch"], r["loss"]) for r in course_] for name, course_ in found.items()} == {
        "fused": [(1, 0.9), (2, 0.7)],
        "image": [(1, 1.0)],
    }


def test_the_kept_epoch_is_said(tmp_path):
    write_json(tmp_path / "metrics.json", figures(task_of("single_label", "abc"), n=20, with_gain=False)[0])
    section = parse(render(Contents(tmp_path))).one("section", id="curves")
    assert "kept: epoch 6" in section.text
    assert "The fused model: 8 epochs, stopped early; the weights of epoch 6 were kept." in section.text
    svg = section.one("svg")
    losses = course(task_of("single_label", "abc"), 0)["epochs"]
    assert f"validation from {losses[0]['loss']:.3g} to {losses[-1]['loss']:.3g}" in svg.attributes["aria-label"]


@pytest.mark.parametrize("span", [(0, 1), (0.1, 0.13), (-3, 1200), (5e-7, 9e-7), (1, 2)])
def test_ticks_are_few_and_inside(span):
    found = ticks(*span)
    assert 2 <= len(found) <= 8
    assert all(span[0] - 1e-9 <= tick <= span[1] + 1e-9 for tick in found)


@pytest.mark.parametrize("last", [1, 2, 3, 7, 20, 99, 1000])
def test_ticks_of_epochs_are_whole(last):
    found = whole_ticks(1, last)
    assert found[0] == 1
    assert len(found) <= 9
    assert all(tick == int(tick) for tick in found)


def style_variables():
    text = (files("mmcore.report") / "templates" / "report.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", text, re.S)[:2]
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})\b", block)) for block in blocks)
    return {"light": light, "dark": light | dark}


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_that_wcag_asks_for(scheme):
    colours = style_variables()[scheme]
    pairs = [(text, ground, 4.5) for text in ("ink", "muted", "accent", "right", "wrong") for ground in ("bg", "card")]
    pairs += [("muted", "soft", 4.5), ("on-deep", "heat-right", 4.5), ("on-deep", "heat-wrong", 4.0)]
    pairs += [(f"s{number}", "card", 3.0) for number in range(10)]
    for front, ground, least in pairs:
        lighter, darker = sorted((luminance(colours[front]), luminance(colours[ground])), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= least, (front, ground)
