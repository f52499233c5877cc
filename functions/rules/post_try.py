"""POST /rules/try: try a rule on stored signals."""

from rules.trying import TRIAL, Trial
from sitewatch import jobs
from sitewatch.api import ADMINS, Api
from sitewatch.ids import new_id
from sitewatch.jobs import AcceptedJob

app = Api(access=ADMINS)


@app.post("/rules/try", status_code=202, summary="Try a rule on stored signals", tags=["rules"])
def try_rule(trial: Trial) -> AcceptedJob:
    """A notification (10098, "Rule Trial") tells what the rule would have done with the signals of that time.

    Its ``message`` has ``tried`` and, if there is a rule of the same name, ``current``: the number of ``signals``, of
    incidents ``opened`` and ``still_open``, those of each day (``per_day``), the ``longest`` in seconds, and ten
    ``examples``. At most 200,000 signals: with more, the job fails with 4018. The rule need not be stored.
    """
    request = {
        "rule": trial.rule.to_json(),
        "from": trial.model_dump(mode="json")["since"],
        "to": trial.model_dump(mode="json")["until"],
    }
    return jobs.enqueue(TRIAL, request, caller=app.require_caller(), job_id=new_id())


handler = app.resolve
