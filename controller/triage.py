"""What is to be done with each resource that is due. Pure."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from controller.domain.custom_resource import ID, Name, Resource
from controller.domain.customer import Customer, DeletionPolicy
from controller.passes import Leaving

Reader = Callable[[Resource], Customer | str]
"""The customer of a resource, or what is wrong with it."""

DUPLICATE, INVALID = "Duplicate", "InvalidSpec"


@dataclass(frozen=True, slots=True)
class Triage:
    """Resources by what is to be done with them. `due` are all of them, as they were then.

    `leaving`: being deleted, and AWS to be rid of them as their spec says now. `free`: being deleted, and nothing in
    AWS is theirs: their customer id is that of another one. `forced`: let go as a person says. `wrong`: left alone,
    with a code and words.
    """

    due: dict[Name, Resource] = field(default_factory=dict)
    customers: dict[Name, Customer] = field(default_factory=dict)
    leaving: dict[Name, Leaving] = field(default_factory=dict)
    free: list[Name] = field(default_factory=list)
    forced: list[Name] = field(default_factory=list)
    wrong: dict[Name, tuple[str, str]] = field(default_factory=dict)

    @property
    def clashing(self) -> frozenset[Name]:
        return frozenset(name for name, (code, _) in self.wrong.items() if code == DUPLICATE)

    @property
    def owners(self) -> dict[str, Name]:
        """Who is asked about, by customer id."""
        wanted = {customer.customer_id: name for name, customer in self.customers.items()}
        return wanted | {one.customer_id: name for name, one in self.leaving.items()}


def triage(due: Iterable[Resource], everything: Collection[Resource], read: Reader) -> Triage:
    """Of two resources that claim the same customer id or bucket the older one has it, whatever it says."""
    holders = _holders(everything)
    found = Triage()
    for resource in due:
        found.due[resource.name] = resource
        taken = {claim: holders[claim] for claim in resource.claims if holders[claim] != resource.name}
        if resource.deleting:
            _sort_leaving(resource, found, is_second=any(what == ID for what, _ in taken))
        elif taken:
            words = [
                f"{what} {word} is already that of {holder}, the older one" for (what, word), holder in taken.items()
            ]
            found.wrong[resource.name] = (DUPLICATE, "; ".join(words))
        elif isinstance(result := read(resource), str):
            found.wrong[resource.name] = (INVALID, result)
        else:
            found.customers[resource.name] = result
    return found


def _sort_leaving(resource: Resource, found: Triage, *, is_second: bool) -> None:
    if not resource.has_finalizer:
        return
    if resource.released:
        found.forced.append(resource.name)
    elif is_second or not resource.customer_id:
        found.free.append(resource.name)
    else:
        found.leaving[resource.name] = _leaving(resource)


def _leaving(resource: Resource) -> Leaving:
    """By the spec as it stands: where it says nothing sane of its deletion, nothing is removed."""
    spec = resource.spec
    policy: DeletionPolicy = "Delete" if spec.get("deletionPolicy") == "Delete" else "Retain"
    return Leaving(resource.customer_id, resource.name.source, policy, resource.paused or spec.get("suspend") is True)


def _holders(resources: Iterable[Resource]) -> dict[tuple[str, str], Name]:
    found: dict[tuple[str, str], Resource] = {}
    for resource in resources:
        for claim in resource.claims:
            other = found.get(claim)
            if other is None or resource.age < other.age:
                found[claim] = resource
    return {claim: resource.name for claim, resource in found.items()}
