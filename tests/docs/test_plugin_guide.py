"""The package that the guide for plugin authors writes out keeps its contract, trains, and is explained."""

import re
import sys
from pathlib import Path

import pytest

import mmcore.catalog
from mmcore.testing import run_checks

GUIDE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")


@pytest.fixture
def pulse(tmp_path, monkeypatch):
    """The guide's package, found through an entry point as an installed one."""
    for block in re.findall(r"```python\n(# mmcore_pulse/.*?)```", GUIDE, flags=re.DOTALL):
        path = tmp_path / block.splitlines()[0].removeprefix("# ")
        path.parent.mkdir(exist_ok=True)
        path.write_text(block, encoding="utf-8")
    info = tmp_path / "mmcore_pulse-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mmcore-pulse\nVersion: 1.0\n")
    entry = re.search(r"\[project.entry-points.mmcore\]\n(pulse = .*?)\n", GUIDE).group(1).replace('"', "")
    (info / "entry_points.txt").write_text(f"[mmcore]\n{entry}\n")
    monkeypatch.syspath_prepend(tmp_path)
    mmcore.catalog.load(refresh=True)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("mmcore_pulse")]:
        del sys.modules[name]
    monkeypatch.undo()
    mmcore.catalog.load(refresh=True)


def test_the_kind_of_the_guide_keeps_its_contract(pulse):
    for name in ("pulse", "pulse_net"):
        results = run_checks(name)
        assert [result for result in results if result.outcome == "failed"] == []
        assert len(results) > 10


def test_the_kind_of_the_guide_trains_and_is_explained(pulse, tmp_path):
    rows = [f"{'a' if n % 2 else 'b'},{n},{' '.join(str(n % 2 + k / 10) for k in range(12))}" for n in range(40)]
    (tmp_path / "rows.csv").write_text("\n".join(["label,price,beat", *rows]) + "\n")
    run = mmcore.Experiment.from_dict(
        {
            "dataset": {
                "name": "table",
                "path": str(tmp_path / "rows.csv"),
                "modalities": {
                    "beat": {"kind": "pulse", "column": "beat"},
                    "facts": {"kind": "tabular", "columns": ["price"]},
                },
                "target": "label",
            },
            "encoders": {"beat": {"name": "pulse_net", "length": 16}, "facts": "mlp"},
            "fusion": {"strategy": "intermediate", "method": "concat"},
            "training": {"epochs": 3, "batch_size": 8},
        }
    ).run(tmp_path / "run")
    why = run.model().explain({"beat": "1.0 1.1 1.2 1.3", "price": 3}, permutations=2)
    assert set(why.shares) == {"beat", "facts"}
