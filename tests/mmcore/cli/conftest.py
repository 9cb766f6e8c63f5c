"""The command line, called in this process: exit code, standard output, standard error."""

import json
import sys
from pathlib import Path

import pytest

import mmcore.catalog
from mmcore.catalog import load
from mmcore.cli.main import main
from mmcore.plugins import Plugins

sys.path.insert(0, str(Path(__file__).parent))  # `small_plugins.py`


@pytest.fixture
def call(capsys):
    """Exit code, standard output and standard error of `mmcore …`."""

    def call(*arguments):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        told = capsys.readouterr()
        return caught.value.code or 0, told.out, told.err

    return call


@pytest.fixture
def of_json(call):
    """What `mmcore … --json` prints, parsed; nothing else may stand on standard output."""

    def of_json(*arguments, code=0):
        given, out, _ = call(*arguments, "--json")
        assert given == code
        return json.loads(out)

    return of_json


@pytest.fixture
def installed(monkeypatch):
    """Records of plugins, beside those that are installed."""

    def install(*records):
        catalog = mmcore.catalog.Catalog(Plugins([*load().plugins.records, *records]))
        monkeypatch.setattr(mmcore.catalog, "load", lambda refresh=False: catalog)

    return install
