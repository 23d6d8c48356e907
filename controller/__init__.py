"""Customer billing as code for AWS.

A customer is one YAML document; `reconcile` makes AWS agree with it. The floors of the house, imports go down only:

    entrypoints   cli                                     people and machines come in here
    bootstrap     the only file that knows every concrete class
    flow          reconcile (one owner), fleet (all owners), render
    adapters      manifests, kinds, store, aws
    domain        pure values and functions
"""

__version__ = "0.1.0"
