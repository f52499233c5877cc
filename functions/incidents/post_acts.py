"""POST /incidents/acts: the same act for several incidents."""

from typing import Any

from incidents import acts
from incidents.acts import Actor
from incidents.views import ActsDone, NewActs
from sitewatch.api import Api
from sitewatch.attempts import first_attempt
from sitewatch.errors import CONFLICT, NOT_FOUND, ApiError
from sitewatch.idempotency import once

app = Api(errors=[CONFLICT, NOT_FOUND])


@app.post("/incidents/acts", summary="Act on several incidents", tags=["incidents"])
def act_on_incidents(act: NewActs) -> ActsDone:
    """Each for itself: an incident that refuses the act, with the error that it alone would get, stops no other."""
    caller = app.require_caller()

    def do() -> dict[str, Any]:
        done: list[str] = []
        refused: list[dict[str, Any]] = []
        wanted = list(dict.fromkeys(act.ids))
        for incident_id, act_id in zip(wanted, first_attempt(app).ids(len(wanted)), strict=True):
            try:
                acts.act(incident_id, act, None, Actor(caller, app.origin, act_id))
                done.append(incident_id)
            except ApiError as error:
                refused.append({"id": incident_id, **error.body()})
        return {"done": done, "refused": refused}

    return ActsDone.model_validate(once(app, do))


handler = app.resolve
