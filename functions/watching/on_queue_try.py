"""The trials queue → what a rule would have done with stored signals, as a notification to who asked."""

from functools import partial
from typing import Any

from rules import finding
from rules.definition import Mode, NewRule
from rules.evaluation import CompiledRule
from rules.trying import MAX_SIGNALS, TRIAL
from sitewatch import clock
from sitewatch.errors import INVALID_QUERY, ApiError
from sitewatch.job_worker import Outcome, run_job, work_batch
from sitewatch.jobs import Job
from sitewatch.observability import logger
from watching import history, rulebook
from watching.trial import Trial, summary


def _try(job: Job) -> Outcome:
    since, until = clock.parse(job.request["from"]), clock.parse(job.request["to"])
    tried = NewRule.model_validate({**job.request["rule"], "mode": Mode.LIVE})
    named = (one for one in finding.oldest_first(None, finding.MAX_RULES) if one.definition["name"] == tried.name)
    current = next(map(rulebook.compiled, named), None)
    trials = {"tried": Trial(CompiledRule("tried", 1, tried))}
    if current is not None and current.definition.on is tried.on:
        trials["current"] = Trial(current)
    count = 0
    for signal in history.signals(tried.on, since, until):
        count += 1
        if count > MAX_SIGNALS:
            raise ApiError(INVALID_QUERY)
        for trial in trials.values():
            trial.apply(signal)
    logger.info("tried", signals=count)
    return Outcome({name: summary(count, trial.finish(until), until) for name, trial in trials.items()})


def handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Do a batch of trials. Return those that failed, which SQS delivers again."""
    return work_batch(event["Records"], partial(run_job, work={TRIAL.name: _try}))
