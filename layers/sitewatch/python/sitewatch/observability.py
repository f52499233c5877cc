"""The one logger and the one set of metrics. Never log a body, a token, a password or a personal field."""

import warnings

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

# A batch that counts nothing is no event: the warning of it would be a line of the log every time.
warnings.filterwarnings("ignore", message="No application metrics to publish")

logger = Logger()
metrics = Metrics()


def count(name: str, value: int = 1) -> None:
    """Add ``value`` to the metric ``name``; it leaves with the invocation's other metrics."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
