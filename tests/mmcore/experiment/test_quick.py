import pandas as pd
import pytest

import mmcore


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("MMCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_frame_goes_in_and_a_model_that_predicts_comes_out(place, capsys):
    frame = pd.DataFrame(
        {
            "width": [float(number % 30) for number in range(60)],
            "height": [number % 7 + 0.5 for number in range(60)],
            "label": ["wide" if number % 30 >= 15 else "narrow" for number in range(60)],
        }
    )
    model = mmcore.fit(frame, target="label", training={"epochs": 15, "learning_rate": 0.01}, seed=1)
    assert model.predict([{"width": 1.0, "height": 2.0}, {"width": 29.0}])["prediction"].tolist() == ["narrow", "wide"]
    assert (place / "runs" / "label" / "report.html").is_file()
    told = capsys.readouterr()
    assert told.out == ""
    assert "tabular: tabular from width, height" in told.err
