"""The one logger and the one set of metrics. Never log a body, a token, a password or a personal field."""

import os
import warnings

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit, single_metric

# A batch that counts nothing is no event: the warning of it would be a line of the log every time.
warnings.filterwarnings("ignore", message="No application metrics to publish")

# Functions share log groups, and not every engine's log streams say whose they are.
logger = Logger(function_name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""))
metrics = Metrics()


def count(name: str, value: int = 1) -> None:
    """Add ``value`` to the metric ``name``; it leaves with the invocation's other metrics."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def count_unexpected_error(function_name: str) -> None:
    """Add one to the function's metric of its own, ``UnexpectedErrors``.

    An endpoint answers what nobody expected with a 500, which is no error to Lambda; so its alarm, which rolls a canary
    back, looks at this too.
    """
    with single_metric(name="UnexpectedErrors", unit=MetricUnit.Count, value=1) as metric:
        metric.add_dimension(name="function_name", value=function_name)
