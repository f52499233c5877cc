"""The logger and the metrics of all functions. Never log a body, a token, a password or a personal field."""

import warnings

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit, single_metric

from sitewatch.settings import function_name

# Batches without metrics are normal; Powertools would log a warning for each.
warnings.filterwarnings("ignore", message="No application metrics to publish")

# Functions share log groups, and not every engine's log streams say whose they are.
logger = Logger(function_name=function_name())
metrics = Metrics()


def count(name: str, value: int = 1) -> None:
    """Add ``value`` to the metric ``name``; it is emitted at the end of the invocation."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def count_failed_login() -> None:
    """Add one to the metric ``FailedLogins``: a wrong password or reset token, or one that was refused unread."""
    with single_metric(name="FailedLogins", unit=MetricUnit.Count, value=1):
        pass  # leaving the block emits it


def count_unexpected_error(function_name: str) -> None:
    """Add one to the function's metric ``UnexpectedErrors``.

    An endpoint turns an unexpected error into a 500, which Lambda does not count as an error, so an alarm watches this
    metric too.
    """
    with single_metric(name="UnexpectedErrors", unit=MetricUnit.Count, value=1) as metric:
        metric.add_dimension(name="function_name", value=function_name)
