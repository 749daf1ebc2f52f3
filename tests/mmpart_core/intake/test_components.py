"""Component lists in every form, and every mistake that users make in them."""

import json
from pathlib import Path

import pytest

from mmpart_core.errors import InputError
from mmpart_core.intake.components import ComponentEntry, parse_part, read_components

YAML = """
components:
  - name: "  hat "
    region: {box: [10, 20, 200, 180]}
  - name: man
    hidden: the head under the hat is bald
    region: {polygon: [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]}
  - name: wheels
    count: 4
    region: {points: [[0.2, 0.9], [0.8, 0.9]], units: fraction}
  - name: Vordere Räder
    region: {mask: masks/front.png}
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def names(entries: tuple[ComponentEntry, ...]) -> list[str]:
    return [entry.name for entry in entries]


def test_yaml_holds_all_that_can_be_said(tmp_path: Path) -> None:
    hat, man, wheels, front = read_components(written(tmp_path, "parts.yaml", YAML))
    assert (hat.name, hat.region.points, hat.region.units) == ("hat", ((10, 20), (200, 180)), "px")
    assert man.hidden == "the head under the hat is bald"
    assert (man.region.kind, man.region.units) == ("polygon", "fraction")
    assert wheels.count == 4
    assert front.region.mask == tmp_path / "masks/front.png"


@pytest.mark.parametrize("text", ["[hat, man]", "components: [hat, man]", "- hat\n- name: man"])
def test_lists_may_be_bare(tmp_path: Path, text: str) -> None:
    assert names(read_components(written(tmp_path, "parts.yml", text))) == ["hat", "man"]


def test_json_says_the_same_as_yaml(tmp_path: Path) -> None:
    entries = {"components": ["hat", {"name": "man", "hidden": 'bald, "shiny"', "count": 2}]}
    hat, man = read_components(written(tmp_path, "parts.json", json.dumps(entries)))
    assert (hat.name, man.hidden, man.count) == ("hat", 'bald, "shiny"', 2)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_csv_with_any_usual_separator(tmp_path: Path, mark: str) -> None:
    rows = [
        ["name", "hidden", "count", "box"],
        ["hat", f'"felt{mark} grey"', "", "0.1 0.2 0.5 0.6"],
        ["帽子", "", "2", ""],
    ]
    text = "\ufeff" + "\r\n".join(mark.join(row) for row in rows) + "\r\n\r\n"
    hat, other = read_components(written(tmp_path, "parts.csv", text))
    assert hat.hidden == f"felt{mark} grey"
    assert hat.region.points == ((0.1, 0.2), (0.5, 0.6))
    assert (other.name, other.count, other.region) == ("帽子", 2, None)


def test_names_are_composed_and_words_are_untouched(tmp_path: Path) -> None:
    text = json.dumps([{"name": "Ra\u0308der", "hidden": "  two  spaces\n"}])
    (entry,) = read_components(written(tmp_path, "parts.json", text))
    assert entry.name == "Räder"
    assert entry.hidden == "  two  spaces\n"


@pytest.mark.parametrize(
    ("text", "name", "hidden"),
    [
        ("man = the head under the hat is bald", "man", "the head under the hat is bald"),
        ("hat", "hat", ""),
        ("sign=a=b", "sign", "a=b"),
        ("帽子 = ", "帽子", ""),
    ],
)
def test_part_strings(text: str, name: str, hidden: str) -> None:
    entry = parse_part(text)
    assert (entry.name, entry.hidden) == (name, hidden)


@pytest.mark.parametrize("text", ["", "  ", "= bald", "a/b", "a\\b", "a\nb", "a\0b", "x" * 121])
def test_part_strings_without_a_usable_name(text: str) -> None:
    with pytest.raises(InputError, match="name"):
        parse_part(text)


BAD_YAML = [
    ("components: [hat", r"parts\.yaml, line \d+: not valid YAML"),
    ("components: []", r"no components, at least one"),
    ("", r"no components, at least one"),
    ("parts: [hat]", r"unknown key 'parts'; allowed is 'components'"),
    ("hat", r"a list of components expected.*got 'hat'"),
    ("[hat, Hat]", r"entry 2: the name 'Hat' is taken by parts\.yaml, entry 1, 'hat'"),
    ("[straße, STRASSE]", r"entry 2: the name 'STRASSE' is taken"),
    ("[hat, '']", r"entry 2: the name is empty"),
    ("[hat, no]", r"entry 2: name False is no text.*quotes"),
    ("[hat, 7]", r"entry 2: name 7 is no text"),
    ("[hat, a/b]", r"entry 2: name 'a/b' holds '/'"),
    ("[{hidden: bald}]", r"entry 1: 'name' is missing"),
    ("[{name: hat, colour: red}]", r"entry 1: unknown key 'colour'; allowed are name, hidden"),
    ("[{name: hat, count: 0}]", r"entry 1: count 0, a whole number from 1 to 64"),
    ("[{name: hat, count: 65}]", r"count 65"),
    ("[{name: hat, count: 1.5}]", r"count 1\.5"),
    ("[{name: hat, count: true}]", r"count True"),
    ("[{name: hat, hidden: 5}]", r"entry 1: hidden 5 is no text"),
    ("[{name: hat, region: top}]", r"entry 1: region 'top'; a mapping expected"),
    ("[{name: hat, region: {}}]", r"exactly one of box, points, polygon, mask"),
    ("[{name: hat, region: {box: [0, 0, 1, 1], mask: m.png}}]", r"exactly one of"),
    ("[{name: hat, region: {circle: [0, 0, 1]}}]", r"exactly one of"),
    ("[{name: hat, region: {box: [0, 0, 1]}}]", r"four numbers expected"),
    ("[{name: hat, region: {box: [5, 0, 1, 9]}}]", r"left < right and top < bottom"),
    ("[{name: hat, region: {box: [a, 0, 1, 9]}}]", r"box holds 'a'; a number"),
    ("[{name: hat, region: {box: [.nan, 0, 1, 9]}}]", r"box holds nan; a number"),
    ("[{name: hat, region: {polygon: [[0, 0], [1, 1]]}}]", r"3 to 2000 pairs"),
    ("[{name: hat, region: {points: []}}]", r"1 to 2000 pairs"),
    ("[{name: hat, region: {points: [[1, 2], units: cm]}}]", r"not valid YAML|pairs"),
    ("[{name: hat, region: {points: [[1, 2]], units: cm}}]", r"units 'cm'; 'px' or 'fraction'"),
    ("[{name: hat, region: {mask: 5}}]", r"the path of an image expected"),
    ("!!python/object/apply:os.system ['true']", r"not valid YAML"),
]


@pytest.mark.parametrize(("text", "message"), BAD_YAML)
def test_yaml_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_components(written(tmp_path, "parts.yaml", text))
    assert "parts.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hat\nman\n", r"row 1: columns 'hat'; a heading with 'name'"),
        ("name,colour\nhat,red\n", r"row 1: columns 'name', 'colour'"),
        ("name,name\nhat,red\n", r"each once"),
        ("", r"columns none"),
        ("name,hidden\nhat,felt, grey\n", r"row 2: more cells than columns"),
        ("name,count\nhat,two\n", r"row 2: count 'two'"),
        ("name,box\nhat,1 2 three 4\n", r"row 2: box '1 2 three 4', four numbers"),
        ("name,hidden\n,felt\n", r"row 2: the name is empty"),
        ('name,hidden\nhat,"felt\n', r"not valid CSV"),
        ("name\n", r"no components"),
    ],
)
def test_csv_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_components(written(tmp_path, "parts.csv", text))


def test_sixty_four_are_allowed_and_two_hundred_are_not(tmp_path: Path) -> None:
    most = json.dumps([f"part {n}" for n in range(64)])
    assert len(read_components(written(tmp_path, "most.json", most))) == 64
    with pytest.raises(InputError, match=r"200 components, at most 64"):
        read_components(written(tmp_path, "many.json", json.dumps([f"p{n}" for n in range(200)])))


def test_files_that_are_no_lists(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_components(tmp_path / "none.yaml")
    with pytest.raises(InputError, match=r"suffix \.txt, one of \.yaml"):
        read_components(written(tmp_path, "parts.txt", "hat"))
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(InputError, match="a folder"):
        read_components(tmp_path / "folder.yaml")
    (tmp_path / "latin.csv").write_bytes("name\nRäder\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"not UTF-8 .*0xe4"):
        read_components(tmp_path / "latin.csv")
    with pytest.raises(InputError, match=r"parts\.json, line 2, column 1: not valid JSON"):
        read_components(written(tmp_path, "parts.json", '["hat",\n}'))
    with pytest.raises(InputError, match="nested too deeply"):
        read_components(written(tmp_path, "deep.json", "[" * 100_000))
