"""The three questions of `leadlens init --from`: Enter takes the guess, and what is mistyped is asked again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import typer

from leadlens.pipeline.cli.asking import ask_conversion, ask_domains, ask_late, asking_of
from leadlens.pipeline.starting.domains import Domains
from leadlens.pipeline.starting.proposing import Proposal, propose
from leadlens.pipeline.starting.tables import read_export
from tests.pipeline.crm_exports import EXPORTS
from tests.pipeline.crm_world import make_leads

Answer = Callable[..., None]


@pytest.fixture(scope="module")
def proposal(tmp_path_factory: pytest.TempPathFactory) -> Proposal:
    folder = tmp_path_factory.mktemp("export")
    EXPORTS["zoho"](folder, make_leads(200))
    return propose(read_export(str(folder), folder / "project" / "project.yaml"))


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    def set_answers(*answers: str | None) -> None:
        left = list(answers)

        def prompt(text: str, default: str) -> str:
            given = left.pop(0)
            return default if given is None else given

        monkeypatch.setattr(typer, "prompt", prompt)

    return set_answers


def test_enter_takes_the_guess(proposal: Proposal, answer: Answer) -> None:
    answer(None, None, None)
    assert ask_conversion(proposal.ways, proposal.leads) is proposal.ways[0]
    assert ask_domains(Domains(("ours.com",), "pages")) == ("ours.com",)
    assert ask_late(proposal) == proposal.known_after


def test_what_is_answered_is_taken(
    proposal: Proposal, answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    answer("2", "@Ours.com; ours.de", "+designation, -Rating")
    assert ask_conversion(proposal.ways, proposal.leads) is proposal.ways[1]
    assert ask_domains(Domains((), "nothing")) == ("ours.com", "ours.de")
    late = ask_late(proposal)
    assert "Designation" in late
    assert "Rating" not in late
    shown = capsys.readouterr().out
    assert "1. What counts as a conversion?" in shown
    assert "Lead Status" in shown


def test_what_is_mistyped_is_asked_again(
    proposal: Proposal, answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    answer("9", "x", "0", "ours", "-", "+Ratng", "none")
    assert ask_conversion(proposal.ways, proposal.leads) is None
    assert ask_domains(Domains((), "nothing")) == ()
    assert ask_late(proposal) == proposal.known_after
    shown = capsys.readouterr().out
    assert "'9' is not a number from 0 to" in shown
    assert "'ours' is not a domain" in shown
    assert "did you mean Rating?" in shown


def test_what_was_given_as_an_option_is_not_asked(proposal: Proposal, answer: Answer) -> None:
    answer()
    asking = asking_of("Is Converted", ("ours.com",))
    assert asking.conversion(proposal.ways, proposal.leads) is proposal.ways[0]
    assert asking.domains(Domains((), "nothing")) == ("ours.com",)
