"""Settings of the webhook: who is told when a lead's stage changed, or a run ended."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from leadlens.pipeline.config.section import Address, Section

WebhookEvent = Literal["stage_changed", "run_ended"]


class Webhook(Section):
    """Where `leadlens score` posts what happened; nothing without `url`. Signed with LEADLENS_WEBHOOK_SECRET."""

    url: Annotated[str | None, Address] = Field(
        None, description="https://…, ${NAME} from the environment; http:// only on this machine."
    )
    events: tuple[WebhookEvent, ...] = Field(
        ("stage_changed", "run_ended"),
        description="stage_changed: a message for each lead whose stage differs from that after the run before. run_ended: how a run ended.",
    )
