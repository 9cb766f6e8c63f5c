import runpy
import sys
from pathlib import Path

import matplotlib.image
import pytest

SCRIPT = Path(__file__).parents[3] / "examples" / "figures.py"


def test_the_script_draws_each_class_and_both_modalities(simulated, tmp_path, monkeypatch, capsys):
    arguments = ["railway", str(tmp_path / "figures"), "--set", f"path={simulated}", "--count", "1"]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    written = capsys.readouterr().out.split()
    assert [Path(path).name for path in written] == ["railway-classes.png", "railway-rgb-depth.png"]
    for path in written:
        picture = matplotlib.image.imread(path)
        assert min(picture.shape[:2]) > 200
        assert picture[..., :3].std() > 0.1


def test_a_data_set_without_pictures_is_refused(tmp_path, monkeypatch, capsys):
    table = tmp_path / "items.csv"
    table.write_text("title,label\nshoe,a\nboot,b\n")
    modalities = "{title: {kind: text, column: title}}"
    arguments = [
        str(tmp_path / "out"),
        "--set",
        f"path={table}",
        "--set",
        f"modalities={modalities}",
        "--set",
        "target=label",
    ]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "table", *arguments])
    with pytest.raises(SystemExit):
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert "no pictures and no clips" in capsys.readouterr().err
