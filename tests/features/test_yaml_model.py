"""YAML into models: what a mistake says, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from leadlens.features import UsageError
from leadlens.features.yaml_model import load_yaml_model, read_yaml


class Wheel(BaseModel):
    model_config = ConfigDict(extra="forbid")
    inches: int = Field(description="Diameter of the wheel.")
    label: str | None = None


class Bicycle(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(description="What it is called.")
    wheels: tuple[Wheel, ...] = Field((), description="Front to back.")
    owner: Wheel | str | None = None
    brake: Literal["rim", "disc"] | None = None

    @model_validator(mode="after")
    def _rolls(self) -> Bicycle:
        if len(self.wheels) > 2:
            raise ValueError("a bicycle has two wheels")
        return self


def load(folder: Path, told: str) -> Bicycle:
    path = folder / "bicycle.yaml"
    path.write_text(told, encoding="utf-8")
    return load_yaml_model(path, Bicycle, "bicycle")


def mistake(folder: Path, told: str) -> str:
    with pytest.raises(UsageError) as caught:
        load(folder, told)
    return str(caught.value).replace(f"{folder}/", "")


def test_a_fine_file(tmp_path: Path) -> None:
    found = load(tmp_path, "name: Tandem\nwheels:\n- {inches: 28}\n- inches: 28\n  label: back\n")
    assert [wheel.inches for wheel in found.wheels] == [28, 28]


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ("wheels: []\n", "bicycle.yaml:1: name is missing\n  how to fix it: what goes there: What it is called."),
        ("name: a\nwheel: []\n", "bicycle.yaml:2: unknown key\n  received: wheel\n  did you mean: wheels?"),
        ("name: a\nwheels:\n- {inch: 3, inches: 4}\n", "bicycle.yaml:3: unknown key in wheels.0"),
        ("name: a\nwheels:\n- inches: many\n", "bicycle.yaml:3: wheels.0.inches: a whole number is expected"),
        ("name: a\nwheels:\n- inches: 1.5\n", "wheels.0.inches: a whole number is expected\n  received: 1.5"),
        ("name: a\nwheels: 2\n", "bicycle.yaml:2: wheels: a list is expected"),
        ("name: a\nwheels: [2]\n", "wheels.0: settings are expected: key: value\n  received: 2"),
        ("name: a\nbrake: disk\n", "brake: this should be 'rim' or 'disc'\n  received: disk\n  did you mean: disc?"),
        ("name: on\n", "name: text is expected: YAML reads yes, no, on, off"),
        ("name: [a]\n", "name: one text is expected"),
        ("name: a\nwheels:\n- {label: Front, inches: x}\n", "wheels.0.inches ('Front'): a whole number"),
        ("name: a\nwheels: [{inches: 1}, {inches: 1}, {inches: 1}]\n", "bicycle.yaml:1: a bicycle has two wheels"),
        ("name: a\nname: b\n", "bicycle.yaml:2: this key occurs twice\n  received: name"),
        ("name: 2024-02-30\n", "bicycle.yaml:1: YAML cannot read this value"),
        ("name: !!python/name:os.system x\n", "plain values only\n  received: !!python/name:os.system"),
        ("name: !!set {a}\n", "plain values only\n  received: !!set"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(tmp_path: Path, told: str, says: str) -> None:
    text = mistake(tmp_path, told)
    assert says in text
    assert "how to fix it" in text


def test_of_a_union_one_mistake_is_told(tmp_path: Path) -> None:
    text = mistake(tmp_path, "name: a\nowner: [1]\n")
    assert text.count("bicycle.yaml:2") == 1


def test_mistakes_come_in_the_order_of_lines_and_only_ten(tmp_path: Path) -> None:
    lines = ["name: a", *(f"key{number}: 1" for number in range(30))]
    text = mistake(tmp_path, "\n".join(lines))
    assert text.startswith("bicycle.yaml: this bicycle has 30 mistakes\nbicycle.yaml:2: unknown key\n")
    assert text.endswith("… and 20 more")


def test_aliases_may_be_used_but_not_multiply(tmp_path: Path) -> None:
    assert load(tmp_path, "name: a\nwheels: [&wheel {inches: 28}, *wheel]\n").wheels[1].inches == 28
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert "too large" in mistake(tmp_path, bomb)


def test_lines_of_keys_and_items(tmp_path: Path) -> None:
    path = tmp_path / "bicycle.yaml"
    path.write_text("name: a\nwheels:\n  - inches: 1\n  - inches: 2\n")
    document, lines = read_yaml(path, "bicycle")
    assert document == {"name": "a", "wheels": [{"inches": 1}, {"inches": 2}]}
    assert (lines["name",], lines["wheels",], lines["wheels", 1, "inches"]) == (1, 2, 4)
