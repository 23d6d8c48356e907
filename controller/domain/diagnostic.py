"""What is wrong with a document that a person wrote, where, and what to do about it.

A value only: how it is printed stands in `controller/render/diagnostics.py`. Every rule has a stable id and one
sentence that explains it, in `RULES`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One finding. Line and columns count from 1; line 0: it concerns the whole file, or no file at all.

    `end_column` is the column behind the last character meant, on the same line. Sorts by place.
    """

    file: str
    line: int
    column: int
    rule: str
    message: str
    severity: Severity = "error"
    suggestion: str = ""
    source_line: str = ""
    end_column: int = 0

    @property
    def is_error(self) -> bool:
        return self.severity == "error"


RULES: Mapping[str, str] = MappingProxyType(
    {
        # Files
        "unreadable-file": "The file or folder must exist and be readable.",
        "no-manifests": "A folder of manifests must hold at least one *.yaml or *.yml file.",
        "empty-file": "A file must hold at least one document; an emptied file would look like a removed customer.",
        "file-too-large": "A file may be at most 1 MiB: split it.",
        "not-utf8": "Files are UTF-8 text.",
        "control-character": "Control characters are invisible and have no place in a document.",
        # YAML
        "invalid-yaml": "The file must be YAML.",
        "tab": "YAML indents with spaces, never with tabs.",
        "too-deep": "No document of ours nests this deep.",
        "multiple-documents": "The settings are one document.",
        "duplicate-key": "A key may stand once in a mapping; YAML would silently keep the last one.",
        "custom-tag": "Tags (!something) are refused; only !!str is understood, and quotes do the same.",
        "alias": "An alias (*name) needs an anchor (&name) before it, and not around it.",
        "alias-bomb": "Aliases may not blow a document up beyond a sane size.",
        "merge-key": "Merge keys (<<) are refused: they hide what a customer gets. Write the fields out.",
        "ambiguous-scalar": "YAML reads this unquoted text as a number, a date, true, false or null. Quote it.",
        # Documents
        "not-a-mapping": "A document is a mapping of fields.",
        "wrong-api-version": "The apiVersion says which manifest this is: billing.daylily.io/v1alpha1.",
        "wrong-kind": "The folder of manifests holds documents of kind Customer only.",
        "unknown-field": "The field does not exist; nothing is ever ignored silently.",
        "missing-field": "The field is required.",
        "empty-value": "The field is there and has no value: give one or leave the line out.",
        "wrong-type": "The value is of another type than the field.",
        "unknown-value": "The field takes one of a few words.",
        "out-of-range": "The number is outside of the range that AWS or we allow.",
        "too-long": "The text is longer than AWS or we allow.",
        "empty-text": "The text is shorter than the field needs.",
        "too-many": "The list is longer than AWS or we allow.",
        "too-few": "The list is shorter than the field needs.",
        "decimal": 'Amounts are whole numbers or quoted decimals like "1000.50": YAML floats lose digits.',
        # Kinds of text
        "customer-id": "A customer id is 2-63 small letters, digits, - and _, and starts with a letter or digit.",
        "kubernetes-name": "Names follow Kubernetes: small letters, digits, - and dots, at most 253 characters.",
        "label": "Label and annotation keys, and label values, follow Kubernetes.",
        "account-id": "An AWS account id is 12 digits, quoted, with its leading zeros.",
        "account-name": "The name of an account is letters, digits, - and _, at most 63 characters.",
        "email": "An e-mail address has one @ and no spaces.",
        "currency": "A currency is three capital letters as in ISO 4217.",
        "bucket-name": "A bucket name follows the naming rules of S3.",
        "region": "A region is written like us-west-2.",
        "topic-arn": "A topic is given as the ARN of a standard SNS topic.",
        "topic-name": "The name of an SNS topic is letters, digits, - and _, at most 256 characters.",
        "role-arn": "A role is given as the ARN of an IAM role.",
        "table-name": "The name of a DynamoDB table is 3-255 letters, digits, _, - and dots.",
        "tag-key": "A tag key is 1-128 characters of AWS's tag alphabet and does not start with aws:.",
        "tag-alphabet": "A tag value may hold letters, digits, spaces and _ . : / = + - @ only.",
        "controller-id": "A controller id is letters, digits, - and _, at most 63 characters.",
        "moment": 'A moment is quoted text with its zone, as in ISO 8601: "2026-12-01T00:00:00Z".',
        "date": 'A day is quoted text, as in ISO 8601: "2026-12-01".',
        "number-prefix": "What the numbers of statements begin with is letters, digits, -, _ and /, at most 16.",
        # Rules of AWS over several fields
        "ia-too-early": "S3 moves objects to Standard-IA after 30 days at the earliest.",
        "glacier-too-early": "S3 wants at least 30 days between Standard-IA and Glacier in one rule.",
        "empty-transition": "A transition says where objects move: toIaDays, toGlacierDays or both.",
        "expires-before-transition": "Objects that expire before they move never move: expire later.",
        "duplicate-prefix": "A prefix has one transition and one expiration.",
        "duplicate-alert": "An alert is known by its type and its percentage; AWS takes each once.",
        "unused-subscriber": "An address is given for a channel that the alert does not notify.",
        "duplicate-value": "A value may stand once in this list.",
        "unused-override": "A reason or an end is given for a gate that is not overridden.",
        "gate-reason": "Whoever overrides the gate says why: the customer and the audit trail are told.",
        # Rules over several settings
        "unused-shares": "Shares are given for a cost that is not split by fixed shares.",
        "shares-total": "Fixed shares are percent of one cost: more than 0 and at most 100 together.",
        "data-export": "Cost is read from an export that the settings name and that knows the metric.",
        "unused-external-id": "An external id is part of assuming a role.",
        "missing-role": "Without a role an account is the one that the credentials belong to, and there is one such.",
        "role-partition": "A role works in the regions of its own partition of AWS only.",
        "one-table": "Each table has one use.",
        # Rules over several documents
        "duplicate-customer": "A customer id belongs to one manifest.",
        "duplicate-name": "A metadata.name belongs to one manifest in its namespace.",
        "duplicate-bucket": "A bucket belongs to one customer.",
        "unknown-account": "spec.account names an account of the settings.",
        "topic-account": "AWS Budgets publishes only to topics of the budget's own account.",
        # Warnings
        "sanitised-name": "The text holds characters that AWS refuses in tags; the tag gets a readable stand-in.",
        "budget-in-dollars": "AWS counts cost in US dollars, and so are budgets, whatever a customer is billed in.",
        "status-ignored": "A status is written by the controller; in a manifest it is ignored.",
    }
)
