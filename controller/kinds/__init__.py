"""The managed kinds, one file each. The registry is these two tuples, in order of application.

A new kind is one file here and one line below. Kinds of an account come before those of its customers: a budget's
alerts need the topic.
"""

from controller.kinds.alert_topic import AlertTopics
from controller.kinds.bucket_lifecycle import BucketLifecycle
from controller.kinds.bucket_tags import BucketTagging
from controller.kinds.budget import Budgets
from controller.kinds.cost_allocation_tags import CostAllocationTags
from controller.kinds.customer_record import CustomerRecords

ACCOUNT_KINDS = (AlertTopics, CostAllocationTags)
CUSTOMER_KINDS = (CustomerRecords, BucketTagging, BucketLifecycle, Budgets)

KINDS = (*ACCOUNT_KINDS, *CUSTOMER_KINDS)
