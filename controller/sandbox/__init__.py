"""A local AWS for demos and tests: moto, and what moto lacks of Budgets, Cost Explorer and S3's bucket settings.

    with Sandbox() as sandbox:
        os.environ.update(sandbox.environment())

Needs the extra `sandbox` once it is started; importing it does not.
"""

from controller.sandbox.cost_expressions import LineItem
from controller.sandbox.faults import Fault
from controller.sandbox.local_aws import Request, Sandbox

__all__ = ["Fault", "LineItem", "Request", "Sandbox"]
