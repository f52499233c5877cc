"""botocore with a client for DynamoDB, and nothing else."""

from botocore.session import get_session

client = get_session().create_client("dynamodb")
