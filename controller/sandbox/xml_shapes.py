"""XML <-> values by botocore's own description of the document, so that no element is dropped or renamed by us."""

from functools import cache
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from controller.sandbox.wire import AwsError


@cache
def s3_shape(name: str) -> Any:
    """A shape of the S3 model, e.g. "Tagging" or "BucketLifecycleConfiguration"."""
    import botocore.session

    return botocore.session.get_session().get_service_model("s3").shape_for(name)


def parse(body: bytes, shape: Any) -> Any:
    """The document as dicts, lists, ints, bools and strings; MalformedXML for anything the shape does not know."""
    try:
        root = ElementTree.fromstring(body)  # noqa: S314
        return _value(root, shape)
    except (ElementTree.ParseError, ValueError, KeyError):
        raise AwsError(
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        ) from None


def render(value: Any, shape: Any, tag: str) -> str:
    """The document under the root element `tag`; members in the order of the shape, absent ones left out."""
    return "".join(_elements(value, shape, tag)).replace(f"<{tag}", f'<{tag} xmlns="{_NAMESPACE}"', 1)


_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def _value(element: ElementTree.Element, shape: Any) -> Any:
    if shape.type_name == "structure":
        return _structure(element, shape)
    if shape.type_name == "list":
        return [_value(child, shape.member) for child in element]
    text = element.text or ""
    if len(element):
        raise ValueError(element.tag)
    if shape.type_name in ("integer", "long"):
        return int(text)
    if shape.type_name == "boolean":
        return {"true": True, "false": False}[text.strip().lower()]
    return text


def _structure(element: ElementTree.Element, shape: Any) -> dict[str, Any]:
    members = {_name(member, key): (key, member) for key, member in shape.members.items()}
    value: dict[str, Any] = {}
    for child in element:
        key, member = members[child.tag.rpartition("}")[2]]
        if member.type_name == "list" and member.serialization.get("flattened"):
            value.setdefault(key, []).append(_value(child, member.member))
        elif key in value:
            raise ValueError(key)
        else:
            value[key] = _value(child, member)
    return value


def _elements(value: Any, shape: Any, tag: str) -> list[str]:
    if shape.type_name == "structure":
        inner = [
            part
            for key, member in shape.members.items()
            if key in value
            for part in _elements(value[key], member, _name(member, key))
        ]
        return [f"<{tag}>", *inner, f"</{tag}>"]
    if shape.type_name == "list":
        if shape.serialization.get("flattened"):
            return [part for item in value for part in _elements(item, shape.member, tag)]
        name = shape.member.serialization.get("name", "member")
        return [f"<{tag}>", *(p for item in value for p in _elements(item, shape.member, name)), f"</{tag}>"]
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return [f"<{tag}>{escape(text)}</{tag}>"]


def _name(shape: Any, key: str) -> str:
    if shape.type_name == "list" and shape.serialization.get("flattened"):
        return str(shape.serialization.get("name") or shape.member.serialization.get("name", key))
    return str(shape.serialization.get("name", key))
