"""Score sheets to start from, one for each kind of business; docs/scorecards/ready_sheets.md says why these points."""

from __future__ import annotations

from pathlib import Path

from leadlens.features import UsageError
from leadlens.features.yaml_model import read_yaml

_FOLDER = Path(__file__).parents[1] / "templates" / "scorecards" / "ready"


def names() -> tuple[str, ...]:
    """The names of the sheets, in the order of the alphabet.

    >>> names()
    ('b2b_software', 'b2c_shop', 'car_dealer', 'estate_planner', 'online_course', 'retention')
    """
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def path(name: str) -> Path:
    """The file of a sheet. Raises ``UsageError`` for a name that is not one of ``names()``."""
    if name not in names():
        raise UsageError(
            "there is no ready-made sheet with this name",
            value=name,
            known=names(),
            why="a ready sheet is a file that comes with Leadlens",
            fix="choose one of " + ", ".join(names()),
        )
    return _FOLDER / f"{name}.yaml"


def parts(name: str) -> tuple[Path, ...]:
    """The files that belong to a sheet, itself first, then its lists; relative to the folder of the sheet.

    >>> [part.as_posix() for part in parts("car_dealer")]
    ['car_dealer.yaml', 'lists/car_trade.txt']
    """
    document, _ = read_yaml(path(name), "score sheet")
    lists = document.get("lists", {}).values()
    return (Path(f"{name}.yaml"), *(Path(file) for file in lists if isinstance(file, str)))


def about() -> dict[str, str]:
    """Name and one sentence of every sheet.

    >>> about()["b2c_shop"]
    'Who is about to buy, and what would help'
    """
    return {name: str(read_yaml(path(name), "score sheet")[0]["about"]) for name in names()}
