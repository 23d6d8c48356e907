"""Who may do what: bearer tokens, and the PolicyRules of the operator's Role."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.cluster.answers import ApiError, full_name
from tests.cluster.asked import Asked
from tests.cluster.protocol import Object

ADMIN, OPERATOR = "admin", "operator"
"""The tokens, and the names of their users."""

Rule = Mapping[str, Any]
"""A PolicyRule (apiGroups, resources, verbs, resourceNames), and `namespace`: where it holds, by default everywhere."""


class Access:
    """`rules` is what the operator may do; None lets it do all, as the administrator may."""

    def __init__(self, rules: Iterable[Rule] | None) -> None:
        self._rules = None if rules is None else tuple(rules)

    def user(self, headers: Mapping[str, str]) -> str:
        """Who asks: by the token, or whom the administrator says to be. 401 where the token is nobody's.

        Without a token it is the administrator, because kubectl sends none over plain HTTP.
        """
        token = headers.get("Authorization", f"Bearer {ADMIN}").removeprefix("Bearer ").strip()
        if token not in (ADMIN, OPERATOR):
            raise ApiError(401, "Unauthorized")
        return headers.get("Impersonate-User", token) if token == ADMIN else token

    def check(self, asked: Asked) -> None:
        """403 where the user may not. What is no resource, as discovery and health, is for everyone."""
        if not asked.plural or _is_review(asked) or self.allows(asked):
            return
        where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
        resource = f"{asked.plural}/{asked.subresource}" if asked.subresource else asked.plural
        named = f' "{asked.name}"' if asked.name else ""
        raise ApiError(
            403,
            f'{full_name(asked.group, asked.plural)}{named} is forbidden: User "{asked.user}" cannot {asked.verb} '
            f'resource "{resource}" in API group "{asked.group}" {where}',
            details={"name": asked.name, "group": asked.group, "kind": asked.plural},
        )

    def allows(self, asked: Asked) -> bool:
        return asked.user == ADMIN or self._rules is None or any(_covers(rule, asked) for rule in self._rules)

    def review(self, user: str, review: Object) -> Object:
        """The answer to a SelfSubjectAccessReview, or to a SubjectAccessReview where it names a user."""
        spec = review.get("spec", {})
        attributes = spec.get("resourceAttributes", {})
        asked = Asked(
            verb=attributes.get("verb", ""),
            path="",
            group=attributes.get("group", ""),
            plural=attributes.get("resource", ""),
            namespace=attributes.get("namespace", ""),
            name=attributes.get("name", ""),
            subresource=attributes.get("subresource", ""),
            user=spec.get("user", user),
        )
        allowed = not attributes or self.allows(asked)
        return {**review, "status": {"allowed": allowed}}


def rules_of(documents: Iterable[Object]) -> list[Rule]:
    """What the Roles and ClusterRoles among these manifests allow, where their bindings bind them."""
    documents = list(documents)
    roles = {
        (document["kind"], document["metadata"].get("namespace"), document["metadata"]["name"]): document
        for document in documents
        if document["kind"] in ("Role", "ClusterRole")
    }
    rules: list[Rule] = []
    for binding in documents:
        if binding["kind"] not in ("RoleBinding", "ClusterRoleBinding"):
            continue
        namespace = binding["metadata"].get("namespace") if binding["kind"] == "RoleBinding" else None
        ref = binding["roleRef"]
        role = roles[ref["kind"], namespace if ref["kind"] == "Role" else None, ref["name"]]
        rules += [{**rule, "namespace": namespace} for rule in role["rules"]]
    return rules


def _covers(rule: Rule, asked: Asked) -> bool:
    names: Sequence[str] = rule.get("resourceNames", ())
    # a namespace counts as being in itself
    where = asked.name if asked.plural == "namespaces" else asked.namespace
    return (
        rule.get("namespace") in (None, where)
        and _holds(rule["apiGroups"], asked.group)
        and _holds(rule["verbs"], asked.verb)
        and _holds_resource(rule["resources"], asked)
        and (not names or asked.name in names)
    )


def _holds(allowed: Sequence[str], wanted: str) -> bool:
    return "*" in allowed or wanted in allowed


def _holds_resource(allowed: Sequence[str], asked: Asked) -> bool:
    if not asked.subresource:
        return _holds(allowed, asked.plural)
    return any(wanted in allowed for wanted in ("*", f"{asked.plural}/{asked.subresource}", f"*/{asked.subresource}"))


def _is_review(asked: Asked) -> bool:
    return asked.group == "authorization.k8s.io" and asked.plural.startswith("selfsubject")
