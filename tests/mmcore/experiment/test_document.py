import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcore.errors import UserError
from mmcore.experiment.document import MAX_BYTES, MAX_DEPTH, MAX_VALUES, parse_document, read_document, to_yaml

AMBIGUOUS = "no yes on 1e3 0x10 1_000 2020-01-01 1:30 ~ null << = .5 012 - ? ?0 &a *a !x %y @z".split()  # noqa: SIM905

texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20)
scalars = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False)


def mappings(inner):
    return st.dictionaries(texts, inner, max_size=3)


values = st.recursive(scalars | texts, lambda inner: st.lists(inner, max_size=3) | mappings(inner), max_leaves=12)


@given(mappings(values))
def test_what_is_written_reads_back_equal(data):
    assert parse_document(to_yaml(data)).data == data


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_texts_that_look_like_something_else_stay_texts(text):
    assert parse_document(to_yaml({"a": text, text: [text]})).data == {"a": text, text: [text]}


def test_numbers_and_words_are_those_of_yaml_1_2():
    written = ["1e-3", "no", "012", "0o17", "2020-01-01", "1:30", "yes", "TRUE", "~", "0x1f", "+1_000", "-.5", "'1'"]
    meant = [0.001, "no", 12, 15, "2020-01-01", "1:30", "yes", True, None, 31, 1000, -0.5, "1"]
    assert parse_document(f"[{', '.join(written)}]").data == meant


def test_every_value_knows_its_line():
    document = parse_document("a: 1\nb:\n  - x\n  - y: 2\n    z:\n      3\n", source="e.yaml")
    lines = {("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 1): 4, ("b", 1, "y"): 4, ("b", 1, "z"): 5}
    assert {path: document.lines[path] for path in lines} == lines


def test_a_way_that_leads_out_of_the_file_is_shown_at_the_last_thing_on_it():
    document = parse_document("a:\n  b: c", source="e.yaml")
    assert document.where(("a", "b", "c", "d")) == "e.yaml:2"
    assert document.where(("z",)) == "e.yaml:1"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: 2\na: 3", 3, "the key 'a' stands twice: here and in line 1"),
        ("a:\n\tb: 1", 2, "a tab stands where spaces belong"),
        ("a: [1,\n2", 1, "is not YAML"),
        ("a: 1\nb: 'x\nc: 3", 2, "is not YAML"),
        ("a: b: c", 1, "mapping values are not allowed here"),
        ("a: 1\n  b: 2", 2, "is not YAML"),
        ("a: 1\n---\nb: 2", 2, "a second document begins here"),
        ("%YAML 1.1\n---\na: no", 1, "YAML directives are not allowed"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]", 2, "python/object/apply:os.system' is not allowed"),
        ("a: !secret x", 1, "the tag '!secret' is not allowed"),
        ("a: *missing", 1, "undefined alias"),
        ("a: &a [*a]", 1, "is nested deeper"),
        ("a: .nan", 1, "'.nan' is no finite number"),
        ("b: 1\na: -.inf", 2, "'-.inf' is no finite number"),
        ("a: 1e999", 1, "is no finite number"),
        ("a: " + "9" * 5000, 1, "is no number that can be used"),
        ("? [a]\n: b", 1, "a key must be a word"),
        ("a: 1\nb: x\x00", 2, "holds the control character '\\x00'"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_its_line(text, line, said):
    with pytest.raises(UserError) as caught:
        parse_document(text, source="e.yaml")
    assert caught.value.where == f"e.yaml:{line}"
    assert said in caught.value.what


def test_a_bomb_of_aliases_is_refused_before_it_grows():
    rows = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for last, this in zip("abcdefgh", "bcdefghi", strict=True):
        rows.append(f"{this}: &{this} [{', '.join(['*' + last] * 9)}]")
    with pytest.raises(UserError, match=f"more than {MAX_VALUES} values"):
        parse_document("\n".join(rows))


@pytest.mark.parametrize("depth", [MAX_DEPTH + 2, 20_000])
def test_what_is_nested_too_deeply_is_refused(depth):
    with pytest.raises(UserError, match="nested deeper"):
        parse_document("[" * depth + "]" * depth)


def test_an_alias_repeats_what_it_names():
    assert parse_document("a: &x {b: 1}\nc: *x").data == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file_holds_nothing(text):
    assert parse_document(text).data is None


def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path):
    path = tmp_path / "e.yaml"
    path.write_bytes("a: 1\nb: é".encode("latin-1"))
    with pytest.raises(UserError, match="byte 0xe9 is not UTF-8") as caught:
        read_document(path)
    assert caught.value.where == f"{path}:2"


def test_a_file_with_a_byte_order_mark_reads_as_without(tmp_path):
    path = tmp_path / "e.yaml"
    path.write_bytes("\ufeffa: 1".encode())
    assert read_document(path).data == {"a": 1}


def test_a_file_that_is_too_large_is_refused_without_parsing(tmp_path):
    path = tmp_path / "e.yaml"
    path.write_text("a: " + "x" * MAX_BYTES)
    with pytest.raises(UserError, match="is larger than 256 KiB"):
        read_document(path)


def test_a_file_that_is_not_there_names_the_nearest_one(tmp_path):
    (tmp_path / "experiment.yaml").write_text("a: 1")
    with pytest.raises(UserError, match=r"Did you mean 'experiment\.yaml'"):
        read_document(tmp_path / "experimant.yaml")
    with pytest.raises(UserError, match="is a folder"):
        read_document(tmp_path)
    with pytest.raises(UserError, match="There is no folder"):
        read_document(tmp_path / "nowhere" / "e.yaml")
