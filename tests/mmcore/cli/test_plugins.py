"""`mmcore plugins`: what each adds, and what is wrong with the broken ones."""

from small_plugins import encoder, record

from mmcore.hookspecs import Command


def test_each_is_listed_with_what_it_adds(of_json, call, installed):
    installed(record("x", encoder(), encoder(kind="image")), record("off", enabled=False))
    code, out, err = call("plugins")
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert "mmcore-x 3.1" in rows["x"]
    assert rows["x"].endswith("2 encoders")
    assert rows["off"].endswith("switched off")
    found = {each["name"]: each for each in of_json("plugins")}
    assert found["x"]["components"][0] == {"type": "encoder", "name": "trial", "kind": "text"}
    assert (found["x"]["version"], found["x"]["problems"]) == ("3.1", [])
    assert found["off"]["enabled"] is False


def test_a_broken_one_is_listed_with_its_reason_and_what_works_of_it(call, of_json, installed):
    installed(record("x", encoder(), problems=["encoder 'y': its summary is None, not a text"], notes=["grown old"]))
    code, out, err = call("plugins")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert any(line.startswith("x ") and line.endswith("broken; 1 encoder") for line in lines)
    assert "✗ mmcore_x (mmcore-x 3.1): encoder 'y': its summary is None, not a text" in lines
    assert "· mmcore_x (mmcore-x 3.1): grown old" in lines
    (found,) = (each for each in of_json("plugins") if each["name"] == "x")
    assert found["problems"] == ["encoder 'y': its summary is None, not a text"]


def test_a_command_with_the_name_of_a_verb_is_told(call, of_json, installed):
    installed(record("x", commands=[Command("fit", "fits better", lambda: print), Command("fits", "fits", print)]))
    (found,) = (each for each in of_json("plugins") if each["name"] == "x")
    assert found["commands"] == ["fit", "fits"]
    assert found["problems"] == ["command 'fit' is one of mmcore's own, which stays"]


def test_the_built_in_ones_work(of_json):
    found = of_json("plugins")
    assert len(found) >= 7
    assert not any(each["problems"] for each in found if each["distribution"] == "mmcore-framework")
