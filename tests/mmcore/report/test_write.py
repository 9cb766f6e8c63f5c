"""One self-contained page, made of the run's files alone, on which every figure is the one of metrics.json."""

import json
import re
import shutil

import pandas as pd
import pytest
from made_run import GROUPS, figures, task_of, write_experiment, write_folds, write_json, write_run
from parsed_page import parse

from mmcore.errors import RunError
from mmcore.report.write import SECTIONS, write_report

KINDS = {"single_label": GROUPS, "multi_label": ("calm", "joy", "anger"), "regression": ()}
NASTY = "</td></style><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7*7 }}"


def page_of(folder):
    return parse(write_report(folder).read_text(encoding="utf-8"))


def sections(page):
    return {section.attributes["id"] for section in page.all("section")}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Kind → (folder, metrics.json); read only."""
    base = tmp_path_factory.mktemp("runs")
    found = {kind: (base / kind, write_run(base / kind, kind, classes)) for kind, classes in KINDS.items()}
    found["folds"] = (base / "folds", write_folds(base / "folds"))
    return found


@pytest.fixture(scope="module")
def pages(runs):
    return {name: page_of(folder) for name, (folder, _) in runs.items()}


@pytest.fixture
def copy(runs, tmp_path):
    """A run folder of one's own; without embeddings unless asked for, because mapping them takes long."""

    def copied(name="single_label", *, leave_out=("embeddings.parquet",)):
        return shutil.copytree(runs[name][0], tmp_path / "run", ignore=shutil.ignore_patterns(*leave_out))

    return copied


def percent(value):
    return f"{100 * value:.1f}\u202f%"


@pytest.mark.parametrize("name", [*KINDS, "folds"])
def test_nothing_on_the_page_is_fetched_or_run(pages, runs, name):
    page, text = pages[name], (runs[name][0] / "report.html").read_text(encoding="utf-8")
    assert not [*page.all("script"), *page.all("link"), *page.all("iframe"), *page.all("object"), *page.all("base")]
    for element in page.all():
        for attribute, value in element.attributes.items():
            assert not attribute.startswith("on"), f"{attribute} on <{element.tag}>"
            if attribute in ("src", "href", "xlink:href", "srcset", "action", "poster", "data"):
                assert value.startswith(("#", "data:image/png;base64,")), value
            assert "url(" not in (value or "")
    style = page.one("style").text
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in text
    assert not re.search(r"https?://", text)


@pytest.mark.parametrize("name", [*KINDS, "folds"])
def test_the_page_can_be_used_without_seeing_it(pages, name):
    page = pages[name]
    ids = [element.attributes["id"] for element in page.all() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    assert all(link.attributes["href"][1:] in ids for link in page.all("a"))
    assert [len(list(page.all(tag))) for tag in ("main", "h1", "h2")] == [1, 1, len(sections(page))]
    assert page.one("html").attributes["lang"] == "en"
    for image in page.all("img"):
        assert len(image.attributes["alt"]) > 20
    for chart in page.all("svg"):
        hidden = chart.attributes.get("aria-hidden") == "true"
        assert hidden or (chart.attributes["role"] == "img" and len(chart.attributes["aria-label"]) > 20)
    for head in page.all("th"):
        assert head.attributes["scope"] in ("row", "col")


@pytest.mark.parametrize("name", [*KINDS, "folds"])
def test_the_result_table_says_what_metrics_json_says(pages, runs, name):
    page, (_, metrics) = pages[name], runs[name]
    header, *rows = page.one("table", class_="results").table()
    assert header == ["Metric", "image alone", "text alone", "fused", "gain"]
    shown = {row[0]: row[1:] for row in rows}
    names = {
        "top1": "Top-1 accuracy", "top3": "Top-3 accuracy", "top5": "Top-5 accuracy", "macro_f1": "Macro F1",
        "micro_f1": "Micro F1", "weighted_f1": "Weighted F1", "map": "Mean average precision", "r2": "R²",
        "ece": "Calibration error", "exact_match": "Exact match", "mae": "Mean absolute error",
        "rmse": "Root mean squared error",
    }  # fmt: skip
    metric_names = [key for key, value in metrics["test"].items() if key != "n" and isinstance(value, float)]
    assert sorted(shown) == sorted(names[metric] for metric in metric_names)
    for metric in metric_names:
        models = [metrics["baselines"]["image"]["test"], metrics["baselines"]["text"]["test"], metrics["test"]]
        gain = metrics["gain"][metric]["gain"]
        *cells, told = shown[names[metric]]
        if name == "regression":
            assert [float(cell) for cell in cells] == pytest.approx([model[metric] for model in models], rel=6e-3)
            assert float(told.replace("−", "-")) == pytest.approx(gain, rel=6e-3)
        else:
            assert cells == [percent(model[metric]) for model in models]
            assert float(told.replace("−", "-")) == pytest.approx(100 * gain, abs=0.0501)


def test_the_interval_of_each_gain_stands_below_it(pages, runs):
    page, (_, metrics) = pages["single_label"], runs["single_label"]
    found = [cell.one("small").text for cell in page.one("table", class_="results").all("td", class_="gain")]
    bounds = metrics["gain"]["top1"]
    assert found[0] == f"+{100 * bounds['low']:.1f} to +{100 * bounds['high']:.1f}"


@pytest.mark.parametrize(
    ("fused", "text", "outcome", "said"),
    [
        (0.85, 0.55, "gained", r"Fusion gained \d+\.\d points of top-1 accuracy over text alone \(95\s% interval \+"),
        (0.55, 0.85, "lost", r"Fusion lost \d+\.\d points of top-1 accuracy against text alone \(95\s% interval −"),
        (0.7, 0.7, "nothing", r"Fusion gained nothing that shows over text alone: .* interval −.* includes 0\."),
    ],
)
def test_what_fusion_gained_is_said_plainly(tmp_path, fused, text, outcome, said):
    skills = {"fused": fused, "image": 0.3, "text": text}
    write_json(tmp_path / "metrics.json", figures(task_of("single_label", GROUPS), skills=skills, n=200)[0])
    write_experiment(tmp_path, ["image", "text"])
    lead = page_of(tmp_path).one("p", class_="lead")
    assert outcome in lead.attributes["class"]
    assert re.match(said, lead.text), lead.text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("single_label", "gets {top1} of 381 test rows right."),
        ("multi_label", "reaches {map} mean average precision on 381 test rows."),
        ("regression", "is off by {mae} on average (R² {r2}), on 381 test rows."),
    ],
)
def test_the_headline_says_what_was_predicted_from_what_and_how_well(pages, runs, name, said):
    figure = runs[name][1]["test"]
    values = {"top1": percent(figure.get("top1", 0)), "map": percent(figure.get("map", 0))}
    values |= {metric: f"{figure.get(metric, 0):#.3g}" for metric in ("mae", "r2")}
    whole = "Predicting group from image and text, the fused model " + said.format(**values)
    assert pages[name].one("h1").text.strip() == whole


def test_tiles_and_bars_say_the_same_as_the_table(pages, runs):
    page, (_, metrics) = pages["single_label"], runs["single_label"]
    fused, gain = metrics["test"]["top1"], metrics["gain"]["top1"]
    tiles = {tile.one("dt").text: tile.one("dd").without_small() for tile in page.one("dl", class_="tiles").all("div")}
    assert tiles == {
        "Top-1 accuracy, fused": percent(fused), "Best alone: text": percent(gain["best_single"]),
        "Gain, points": f"+{100 * gain['gain']:.1f}", "Test rows": "381",
    }  # fmt: skip
    alone = [metrics["baselines"][name]["test"]["top1"] for name in ("image", "text")]
    bars = list(page.one("section", id="results").one("ul").all("li"))
    assert [bar.one("span", class_="num").text for bar in bars] == [percent(value) for value in (*alone, fused)]
    widths = [float(bar.one("i").attributes["style"].removeprefix("width:").rstrip("%")) for bar in bars]
    assert widths == pytest.approx([100 * value for value in (*alone, fused)], abs=0.01)


def test_without_models_of_single_modalities_no_gain_is_claimed(tmp_path):
    found = figures(task_of("single_label", GROUPS), n=40, with_gain=False)[0]
    write_json(tmp_path / "metrics.json", found | {"baselines": {}})
    write_experiment(tmp_path, ["image", "text"])
    page = page_of(tmp_path)
    assert page.one("table", class_="results").table()[0] == ["Metric", "fused"]
    assert not list(page.all("p", class_="lead"))
    assert "what fusion gained is not known" in page.one("section", id="results").text


def test_one_modality_alone_is_no_fusion(tmp_path):
    write_run(tmp_path, skills={"fused": 0.7, "text": 0.7}, n=60)
    page = page_of(tmp_path)
    assert "fused" not in page.one("header").text
    assert "usion" not in page.one("header").text
    assert page.one("table", class_="results").table()[0] == ["Metric", "text"]


def test_the_confusion_matrix_is_the_one_of_metrics_json(pages, runs):
    metrics = runs["single_label"][1]
    _, *rows = pages["single_label"].one("table", class_="matrix").table()
    assert [row[0] for row in rows] == list(GROUPS)
    assert [[0 if cell == "·" else int(cell) for cell in row[1:]] for row in rows] == metrics["test"]["confusion"]


def test_a_confusion_matrix_of_a_hundred_classes_is_a_picture_with_a_list(tmp_path):
    classes = [f"heading {number}" for number in range(100)]
    metrics = figures(task_of("single_label", classes), n=600, with_gain=False)[0]
    write_json(tmp_path / "metrics.json", metrics)
    section = page_of(tmp_path).one("section", id="confusion")
    cells = [cell.one("title").text for cell in section.all("rect", class_="cell")]
    matrix = metrics["test"]["confusion"]
    assert len(cells) == sum(n > 0 for row in matrix for n in row)
    assert f"heading 7 → heading 7: {matrix[7][7]} of {sum(matrix[7])}" in cells
    listed = [(row[0], row[1], int(row[2])) for row in section.one("table").table()[1:]]
    wanted = [(pair["target"], pair["prediction"], pair["n"]) for pair in metrics["test"]["confusions"][:10]]
    assert listed == wanted


@pytest.mark.parametrize("name", ["single_label", "multi_label", "folds"])
def test_the_class_table_says_what_metrics_json_says(pages, runs, name):
    header, *rows = pages[name].one("section", id="classes").one("table").table()
    per_class = runs[name][1]["test"]["per_class"]
    keys = ["precision", "recall", "f1", *(["average_precision"] if name == "multi_label" else [])]
    assert len(header) == 2 + len(keys)
    assert {row[0]: row[1:] for row in rows} == {
        label: [str(values["support"]), *(percent(values[key]) for key in keys)] for label, values in per_class.items()
    }


def test_the_bins_of_calibration_are_those_of_metrics_json(pages, runs):
    _, *rows = pages["single_label"].one("section", id="calibration").one("table").table()
    bins = runs["single_label"][1]["test"]["calibration"]
    assert [row[1:] for row in rows] == [
        [percent(entry["confidence"]), percent(entry["accuracy"]), str(entry["n"])] for entry in bins
    ]


def test_folds_are_said_as_mean_and_standard_deviation(pages, runs):
    page, (_, metrics) = pages["folds"], runs["folds"]
    said = {name: f"{100 * of['mean']:.1f} ± {100 * of['sd']:.1f}\u202f%" for name, of in metrics["over_folds"].items()}
    assert f"over 5 folds: {said['top1']}" in page.one("h1").text
    row = next(row for row in page.one("table", class_="results").all("tr") if "Macro F1" in row.text)
    assert row.one("td", class_="fused").one("small").text == said["macro_f1"]
    alone = metrics["baselines"]["image"]["over_folds"]["macro_f1"]
    assert row.one("td").one("small").text == f"{100 * alone['mean']:.1f} ± {100 * alone['sd']:.1f}\u202f%"
    by_fold = page.one("section", id="results").one("details").one("table").table()
    assert by_fold[0] == ["Metric", *(f"fold {number}" for number in range(1, 6))]
    assert by_fold[2] == ["Top-1 accuracy", *(percent(fold["top1"]) for fold in metrics["folds"])]
    assert [entry.text.strip() for entry in page.one("section", id="curves").one("ul").all("li")] == [
        f"fold {number}" for number in range(1, 6)
    ]


FILES = {
    "experiment.yaml": {"reproduction"},
    "embeddings.parquet": {"projections"},
    "explanations": {"explained"},
}


@pytest.mark.parametrize("name", FILES)
def test_a_section_without_its_files_is_left_out(pages, copy, name):
    there = {section for section, _, _ in SECTIONS} - {"scatter"}
    assert sections(pages["single_label"]) == there
    left_out = sections(page_of(copy(leave_out=("embeddings.parquet", name))))
    assert left_out == there - FILES["embeddings.parquet"] - FILES[name]


@pytest.mark.parametrize(
    ("key", "gone"),
    [("history", "curves"), ("data", "data"), ("confusion", "confusion"), ("per_class", "classes"),
     ("calibration", "calibration")],
)  # fmt: skip
def test_a_section_without_its_figures_is_left_out(copy, key, gone):
    folder = copy()
    metrics = json.loads((folder / "metrics.json").read_text())
    for place in (metrics, metrics["test"]):
        place.pop(key, None)
        if key == "confusion":
            place.pop("confusions", None)
    write_json(folder / "metrics.json", metrics)
    assert gone not in sections(page_of(folder))


def test_a_run_with_metrics_alone_has_a_page(tmp_path):
    write_json(
        tmp_path / "metrics.json", {"task": "regression", "classes": [], "test": {"n": 3, "mae": 1.5, "r2": None}}
    )
    page = page_of(tmp_path)
    assert sections(page) == {"results"}
    assert "is off by 1.50 on average, on 3 test rows" in page.one("h1").text
    assert page.one("table", class_="results").table()[2][1] == "–"


def test_regression_is_drawn_as_predicted_against_true(pages):
    section = pages["regression"].one("section", id="scatter")
    drawn = section.one("path", class_="cloud").attributes["d"].count("M")
    assert drawn == 381
    assert "confusion" not in sections(pages["regression"])


def test_text_of_users_is_text(tmp_path):
    labels = [NASTY, f"b {NASTY}", "c", "d", "e", "f"]
    write_run(tmp_path / "a&b<i>", classes=labels, skills={"fused": 0.6, NASTY: 0.5, "text": 0.4}, n=60)
    folder = tmp_path / "a&b<i>"
    write_experiment(folder, [NASTY, "text"], target=NASTY)
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["data"] |= {"notice": NASTY, "problems": {NASTY: 3}}
    write_json(folder / "metrics.json", metrics)
    write_json(folder / "environment.json", {NASTY: NASTY, "packages": {NASTY: NASTY}, "command": NASTY})
    pd.DataFrame([{"row": 1, "id": NASTY, "modality": NASTY, "reason": NASTY}]).to_csv(folder / "problems.csv")
    for path in (folder / "explanations" / "mm_shap").glob("*.json"):
        found = json.loads(path.read_text())
        write_json(path, found | {"id": NASTY, "explainer": NASTY, "settings": {NASTY: NASTY}, "prediction": NASTY})
    page = page_of(folder)
    assert not list(page.all("script"))
    assert all(image.attributes["src"].startswith("data:image/png") for image in page.all("img"))
    assert not [name for element in page.all() for name in element.attributes if name.startswith("on")]
    for section in ("results", "confusion", "classes", "explained", "projections", "curves", "data", "environment"):
        assert (
            NASTY in page.one("section", id=section).text.replace("_", " ")
            or NASTY in page.one("section", id=section).text
        ), section
    assert NASTY in page.one("h1").text


def test_a_label_that_utf8_can_not_hold_does_not_stop_the_page(tmp_path):
    metrics = figures(task_of("single_label", ("a\ud800", "b\u202e", "c")), n=40, with_gain=False)[0]
    write_json(tmp_path / "metrics.json", metrics)
    assert "a?" in page_of(tmp_path).one("section", id="classes").text


def test_the_same_files_give_the_same_page(pages, runs):
    folder, _ = runs["multi_label"]
    first = (folder / "report.html").read_bytes()
    assert write_report(folder).read_bytes() == first


def test_a_run_without_results_is_refused(tmp_path):
    with pytest.raises(RunError, match="no results"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_damaged_metrics_are_named(tmp_path, content):
    (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(RunError, match=re.escape("metrics.json")):
        write_report(tmp_path)


def test_data_problems_are_counted_by_reason(pages):
    section = pages["single_label"].one("section", id="data")
    tables = [table.table() for table in section.all("table")]
    assert tables[0][1:] == [["truncated", "61"], ["not found", "36"]]
    assert tables[1][1:] == [["image", "40", percent(40 / 1903)], ["text", "80", percent(80 / 1903)]]
    assert tables[2][1] == ["1F600", "3", "image", "truncated", "the file ends in the middle"]
    assert "CC BY-SA 4.0" in section.text
