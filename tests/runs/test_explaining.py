"""Explaining rows of a finished run: files, tables, what is not done twice, what is refused."""

import json
import shutil

import pandas as pd
import pytest
from small_items import experiment_of, write_items

import mmcore
from mmcore.experiment.explanations import explain_run


@pytest.fixture
def run(fitted, tmp_path):
    return shutil.copytree(fitted.folder, tmp_path / "run")


def test_each_row_gets_its_file_and_picture_and_the_tables_cover_them(run):
    found = explain_run(run, "mm_shap", rows=4, permutations=2)
    stored = sorted(found.folder.glob("[0-9]*.json"))
    assert len(stored) == len(found.explanations) == 4
    assert all(path.with_suffix(".png").is_file() for path in stored)
    for path in stored:
        one = json.loads(path.read_text())
        total = sum(sum(part["values"]) for part in one["players"].values())
        assert total == pytest.approx(one["value"] - one["base_value"], abs=1e-5)
        assert sum(one["shares"].values()) == pytest.approx(1) or one["shares"] == {}
    assert json.loads((found.folder / "table.json").read_text())[0]["explainer"] == "mm_shap"


def test_right_and_wrong_rows_are_explained_alike_as_far_as_there_are_any(run):
    predictions = pd.read_parquet(run / "predictions.parquet")
    test = predictions[predictions["split"] == "test"]
    wrong = int((test["target"] != test["prediction"]).sum())
    found = explain_run(run, "mm_shap", rows=6, permutations=2)
    assert sum(each.correct is False for each in found.explanations) == min(3, wrong)


def test_what_was_explained_with_the_same_settings_is_not_explained_again(run):
    first = explain_run(run, "mm_shap", rows=3, permutations=2)
    times = {path: path.stat().st_mtime_ns for path in first.folder.glob("[0-9]*.json")}
    explain_run(run, "mm_shap", rows=3, permutations=2)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    explain_run(run, "mm_shap", rows=3, permutations=3)
    assert all(path.stat().st_mtime_ns != before for path, before in times.items())


def test_rows_can_be_named_by_their_ids(run):
    found = explain_run(run, "mm_shap", ids=["i7", "i3"], permutations=2)
    assert [each.id for each in found.explanations] == ["i3", "i7"]
    with pytest.raises(mmcore.DataError, match="no row 'i999'"):
        explain_run(run, "mm_shap", ids=["i999"])
    with pytest.raises(mmcore.DataError, match="no split 'tets'"):
        explain_run(run, "mm_shap", split="tets")


def test_data_that_changed_since_the_run_are_not_explained(tmp_path):
    table = write_items(tmp_path / "items.csv", rows=60)
    data = experiment_of(table, training={"epochs": 1, "unimodal_baselines": False})
    folder = mmcore.Experiment.from_dict(data).run(tmp_path / "run").folder
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    with pytest.raises(mmcore.DataError, match="no longer those of the run"):
        explain_run(folder, "mm_shap", rows=3)


def test_an_explainer_that_is_not_there_is_a_mistake(run):
    with pytest.raises(mmcore.OptionError, match=r"there is no explainer 'mmshap'.*Did you mean 'mm_shap'"):
        explain_run(run, "mmshap")


def test_a_fitted_model_explains_new_rows(fitted):
    model = mmcore.load(fitted.folder)
    why = model.explain({"title": "usb cable", "weight": 0.1, "price": 4.0}, permutations=2)
    assert set(why.shares) == {"title", "facts"}
    alone = model.explain({"title": "usb cable"}, permutations=2)
    assert alone.missing == ("facts",)
    with pytest.raises(mmcore.DataError, match="none of the modalities"):
        model.explain({"title": ""})


@pytest.mark.parametrize("name", ["intershap", "shape", "emap", "perceptual_score", "robustness", "separation"])
def test_a_measure_over_the_test_rows_is_written_and_printed(run, name, capsys, monkeypatch):
    from mmcore.cli.main import main

    found = explain_run(run, name)
    table = pd.read_csv(found.folder / "measure.csv")
    assert tuple(table.columns) == found.measure.columns
    assert len(table) == len(found.measure.lines)
    assert json.loads((found.folder / "measure.json").read_text())["n"] == found.measure.n > 0
    monkeypatch.setattr("sys.argv", ["mmcore", "explain", str(run), "--explainer", name, "--quiet"])
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    said = capsys.readouterr().out
    assert found.measure.question in said
    assert f"{found.measure.n} rows measured" in said


def test_a_pair_plays_while_the_others_stay_and_has_its_own_place(run):
    found = explain_run(run, "modality_shapley", rows=4, pairs=[("facts", "title")])
    folder = run / "explanations" / "modality_shapley"
    assert found.tables[0].modalities == ("title", "facts")
    assert len(list((folder / "title+facts").glob("[0-9]*.json"))) == len(found.explanations)
    assert not list(folder.glob("[0-9]*.json"))
    table = pd.read_csv(folder / "pairs.csv")
    assert set(table["players"]) == {"title+facts"}
    assert "\\begin{tabular}{llrrrr}" in (folder / "pairs.tex").read_text()
    for wrong, told in (([("title", "facs")], "Did you mean 'facts'"), ([("title", "title")], "there twice")):
        with pytest.raises(mmcore.OptionError, match=told):
            explain_run(run, "modality_shapley", pairs=wrong)
    with pytest.raises(mmcore.OptionError, match="measures all modalities"):
        explain_run(run, "shape", pairs="all")


def test_workers_find_what_one_process_finds(run, tmp_path):
    alone = explain_run(run, "product_shap", rows=5, passes=40, out=tmp_path / "alone")
    together = explain_run(run, "product_shap", rows=5, passes=40, out=tmp_path / "together", workers=2)
    assert [each.id for each in together.explanations] == [each.id for each in alone.explanations]
    for one, other in zip(together.explanations, alone.explanations, strict=True):
        assert one.values == pytest.approx(other.values, abs=1e-5)
    assert together.folder == tmp_path / "together" / "product_shap"
    assert not (run / "explanations" / "product_shap").exists()
    one, other = (explain_run(run, "shape", workers=workers, out=tmp_path).measure for workers in (2, 1))
    assert one == other


def test_rows_are_encoded_once_for_all_measures_and_again_when_they_change(run, monkeypatch):
    from mmcore.attribution import evaluated
    from mmcore.experiment import measured_rows

    encoded = []

    def counting(model, items):
        encoded.append(len(items))
        return evaluated.encoded_batch(model, items)

    monkeypatch.setattr(measured_rows, "encoded_batch", counting)
    monkeypatch.setattr(measured_rows, "AT_A_TIME", 8)
    first = explain_run(run, "emap").measure
    total = sum(encoded)
    assert total == first.n
    explain_run(run, "shape")
    assert sum(encoded) == total
    broken_off = sorted((run / "explanations" / ".encoded").rglob("*.safetensors"))[1]
    broken_off.unlink()
    assert explain_run(run, "emap").measure == first
    assert sum(encoded) == total + 8


def test_the_command_explains_pairs_by_class_into_a_folder(run, tmp_path, capsys, monkeypatch):
    from mmcore.cli.main import main

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["mmcore", "explain", str(run), "--quiet", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code or 0, capsys.readouterr()

    chosen = ("--explainer", "modality_shapley", "--rows", "6", "--pair", "title", "facts")
    code, said = call(*chosen, "--by", "class", "-o", str(tmp_path / "found"))
    assert code == 0
    assert "modality_shapley: shares of title and facts" in said.out
    assert any(line.startswith(("cable", "shoe", "cup")) for line in said.out.splitlines())
    assert (tmp_path / "found" / "modality_shapley" / "pairs.md").is_file()
    code, said = call(*chosen)
    assert not any(line.startswith(("cable", "shoe", "cup")) for line in said.out.splitlines())
    code, said = call("--explainer", "modality_shapley", "--ids", "i3x")
    assert code == 2
    assert "Did you mean 'i3'" in said.err


def test_explanations_are_checked_when_asked_for_and_once(run, capsys, monkeypatch):
    from mmcore.cli.main import main

    asked = {"rows": 3, "permutations": 2}
    assert explain_run(run, "mm_shap", **asked).trust is None
    checked = explain_run(run, "mm_shap", check=True, **asked)
    assert set(checked.trust.areas) == {"insertion", "deletion", "random"}
    monkeypatch.setattr("mmcore.experiment.explained_rows.explain_row", None)  # nothing is explained a second time
    again = explain_run(run, "mm_shap", check=True, **asked)
    assert again.trust == checked.trust
    assert explain_run(run, "mm_shap", **asked).trust == checked.trust
    monkeypatch.setattr("sys.argv", ["mmcore", "explain", str(run), "--explainer", "{name: mm_shap, permutations: 2}",
                                     "--rows", "3", "--check", "--quiet"])  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "in random order" in capsys.readouterr().out
    assert "Checked on 3 rows" in (run / "report.html").read_text()


def test_a_measure_has_no_rows_to_check(run):
    with pytest.raises(mmcore.OptionError, match="explains no rows"):
        explain_run(run, "intershap", check=True)
