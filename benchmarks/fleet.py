"""The customers of a benchmark: their names, their buckets and their manifests."""

from pathlib import Path

REGION = "us-west-2"

MANIFEST = """\
apiVersion: billing.daylily.io/v1alpha1
kind: Customer
metadata: {{name: customer-{number:05}}}
spec:
  customerId: cust_{number:05}
  displayName: Customer {number:05}
  email: admin@customer-{number:05}.example
  billing:
    accountId: "123456789012"
    costCenter: CC-{number:05}
    email: billing@customer-{number:05}.example
  storage:
    buckets:
      - {{name: {bucket}, region: {region}}}
  budget:
    monthlyLimit: 1000
    alerts:
      - {{atPercent: 50, notify: [email]}}
      - {{atPercent: 80, notify: [email, sns]}}
      - {{atPercent: 100, notify: [email], emails: [{chief}@customer-{number:05}.example]}}
"""


def write_manifests(folder: Path, customers: int) -> list[Path]:
    """One file for each customer."""
    paths = [folder / f"customer-{number:05}.yaml" for number in range(customers)]
    for number, path in enumerate(paths):
        path.write_text(manifest(number))
    return paths


def manifest(number: int, chief: str = "chief") -> str:
    """The manifest of one customer; the alert at 100 % goes to `chief` alone."""
    return MANIFEST.format(number=number, bucket=bucket(number), region=REGION, chief=chief)


def bucket(number: int) -> str:
    return f"daylily-customer-{number:05}"
