"""What AWS's services are called: by AWS on its bill, and by us for people. The one table of both."""

from collections.abc import Iterable
from dataclasses import dataclass

from controller.domain.usage import Part

S3 = "Amazon Simple Storage Service"
TRANSFER = "AWS Data Transfer"
EC2 = "Amazon Elastic Compute Cloud"
EC2_COMPUTE = "Amazon Elastic Compute Cloud - Compute"
EC2_OTHER = "EC2 - Other"
TAX = "Tax"

EC2_CODE = "AmazonEC2"
EC2_RUNNING = ("BoxUsage", "SpotUsage", "DedicatedUsage", "HostUsage", "Reservation", "UnusedBox", "UnusedDed")
"""What usage types of EC2 hold that Cost Explorer shows as Compute; all others of EC2 it shows as EC2 - Other."""
AWS_CODES = {
    "AmazonS3": S3,
    "AWSDataTransfer": TRANSFER,
    "AmazonFSx": "Amazon FSx",
    "AWSLambda": "AWS Lambda",
    "AmazonECS": "Amazon Elastic Container Service",
    "AmazonEKS": "Amazon Elastic Container Service for Kubernetes",
}
"""What Cost Explorer calls the services that data exports name by a code; those that are not here have a name there."""


@dataclass(frozen=True, slots=True)
class Service:
    """`name` is what people are shown, `aws_name` what Cost Explorer calls it: one of AWS's may be several of ours."""

    name: str
    part: Part
    aws_name: str


S3_STORAGE = Service("S3 Storage", "storage", S3)
S3_REQUESTS = Service("S3 Requests", "other", S3)
DATA_TRANSFER = Service("Data Transfer", "data_transfer", TRANSFER)
DATA_TRANSFER_IN = Service("Data Transfer In", "data_transfer", TRANSFER)
"""Data that came in, which AWS takes no money for: apart, so that the quantity of the other is what was paid for."""

SERVICES = (
    S3_STORAGE,
    S3_REQUESTS,
    DATA_TRANSFER,
    DATA_TRANSFER_IN,
    Service("EC2 Compute", "compute", EC2_COMPUTE),
    Service("EC2 Other", "compute", EC2_OTHER),
    Service("FSx Lustre", "other", "Amazon FSx"),
    Service("AWS Batch", "compute", "AWS Batch"),
    Service("AWS Lambda", "compute", "AWS Lambda"),
    Service("AWS Parallel Computing Service", "compute", "AWS Parallel Computing Service"),
    Service("Amazon ECS", "compute", "Amazon Elastic Container Service"),
    Service("Amazon EKS", "compute", "Amazon Elastic Container Service for Kubernetes"),
)
"""Of an AWS name that stands here twice, the first is the one that cost goes to which says no more."""


def service_of(aws_name: str) -> Service:
    """The service that AWS calls so; one that is not in the table keeps AWS's name."""
    return _by_aws_name.get(aws_name) or Service(aws_name, "other", aws_name)


def aws_name_of(name: str) -> str:
    """AWS's name of the service that people are shown as `name`; a name of AWS's is its own."""
    found = _by_name.get(name)
    return found.aws_name if found else name


def _firsts(pairs: Iterable[tuple[str, Service]]) -> dict[str, Service]:
    found: dict[str, Service] = {}
    for key, service in pairs:
        found.setdefault(key, service)
    return found


_by_name = _firsts((service.name, service) for service in SERVICES)
_by_aws_name = _firsts((service.aws_name, service) for service in SERVICES)
