"""Any server that takes scores as JSON: `POST` of a list of leads, answered with those that it did not take."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from leadlens.pipeline.crm.fields import Record, Wanted
from leadlens.pipeline.crm.http import Server, one_line
from leadlens.pipeline.crm.refusals import refused
from leadlens.pipeline.crm.sink import Outcome


class GenericSink:
    """Posts ``{"leads": [{"lead_id": …, "version": …, …}]}`` with an ``Idempotency-Key``.

    Any status of 200 to 299 takes them all, but for those under ``failed`` in the answer, if it has any:
    ``{"failed": [{"lead_id": …, "error": …}]}``.
    """

    batch = 500

    def __init__(self, server: Server, path: str) -> None:
        self._server, self._path = server, path

    def check(self, wanted: Sequence[Wanted], *, create: bool) -> Mapping[str, int]:
        return {}

    def send(self, records: Sequence[Record]) -> Sequence[Outcome]:
        leads = [{"lead_id": record.lead_id, "version": record.digest, **record.values} for record in records]
        said = "".join(f"{record.lead_id}\0{record.digest}\0" for record in records)
        key = hashlib.sha256(said.encode()).hexdigest()[:32]
        answer = self._server.ask("POST", self._path, {"leads": leads}, headers={"Idempotency-Key": key})
        if 200 <= answer.status < 300:
            failed = answer.body.get("failed") if isinstance(answer.body, dict) else None
            wrong = {
                str(each.get("lead_id")): one_line(str(each.get("error") or "refused"))
                for each in (failed if isinstance(failed, list) else [])
                if isinstance(each, dict)
            }
            return [Outcome(wrong.get(record.lead_id)) for record in records]
        if answer.status in (400, 409, 413, 422):
            if len(records) == 1:
                return [Outcome(answer.said)]
            half = len(records) // 2
            return [*self.send(records[:half]), *self.send(records[half:])]
        raise refused(answer, "the server", "to post to this address")
