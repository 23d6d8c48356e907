"""API operation -> the IAM action that authorises it.

Source: the AWS service authorization reference (docs.aws.amazon.com/service-authorization), pages AWS Budgets, AWS Cost
Explorer Service, Amazon DynamoDB, Amazon Resource Group Tagging API, Amazon S3, Amazon SNS. Names differ where one
would not guess it: Budgets knows two actions only, and S3's lifecycle and tagging actions are not called like the
operations.
"""

ACTIONS = {
    **dict.fromkeys(
        (
            "budgets:DescribeBudget",
            "budgets:DescribeBudgets",
            "budgets:DescribeBudgetNotificationsForAccount",
            "budgets:DescribeNotificationsForBudget",
            "budgets:DescribeSubscribersForNotification",
        ),
        "budgets:ViewBudget",
    ),
    **dict.fromkeys(
        (
            "budgets:CreateBudget",
            "budgets:UpdateBudget",
            "budgets:DeleteBudget",
            "budgets:CreateNotification",
            "budgets:UpdateNotification",
            "budgets:DeleteNotification",
            "budgets:CreateSubscriber",
            "budgets:UpdateSubscriber",
            "budgets:DeleteSubscriber",
        ),
        "budgets:ModifyBudget",
    ),
    "ce:ListCostAllocationTags": "ce:ListCostAllocationTags",
    "ce:UpdateCostAllocationTagsStatus": "ce:UpdateCostAllocationTagsStatus",
    "dynamodb:BatchGetItem": "dynamodb:BatchGetItem",
    "dynamodb:UpdateItem": "dynamodb:UpdateItem",
    "resourcegroupstaggingapi:GetResources": "tag:GetResources",
    "s3:GetBucketAbac": "s3:GetBucketAbac",
    "s3:GetBucketTagging": "s3:GetBucketTagging",
    "s3:PutBucketTagging": "s3:PutBucketTagging",
    "s3:DeleteBucketTagging": "s3:PutBucketTagging",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3control:TagResource": "s3:TagResource",
    "s3control:UntagResource": "s3:UntagResource",
    "sns:CreateTopic": "sns:CreateTopic",
    "sns:GetTopicAttributes": "sns:GetTopicAttributes",
    "sns:SetTopicAttributes": "sns:SetTopicAttributes",
    "cloudwatch:DescribeAlarms": "cloudwatch:DescribeAlarms",
    "cloudwatch:PutMetricAlarm": "cloudwatch:PutMetricAlarm",
    "cloudwatch:DeleteAlarms": "cloudwatch:DeleteAlarms",
}
