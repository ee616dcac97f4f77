"""Bodies into structs, and what happens to bodies that do not fit."""

from __future__ import annotations

import json

import msgspec
import pytest

from tests.unit.adapters.kube_scripts import page, pod
from vops.adapters.kube.decoding import decode_document, decode_page
from vops.model.objects import Kind, Named
from vops.model.pods import Pod
from vops.model.resources import DEPLOYMENTS, NAMESPACES, PODS, Workload


def test_items_of_a_list_get_their_kind() -> None:
    (deployment,), _ = decode_page(DEPLOYMENTS, page(pod("d")).body)
    (namespace,), _ = decode_page(NAMESPACES, page(pod("n")).body)
    assert isinstance(deployment, Workload)
    assert deployment.kind == "Deployment"
    assert isinstance(namespace, Named)
    assert namespace.kind == "Namespace"


def test_kinds_without_a_struct_are_known_by_name() -> None:
    items, meta = decode_page(Kind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects"), page(pod("so")).body)
    assert [item.metadata.name for item in items] == ["so"]
    assert meta.resource_version == "10"


def test_one_odd_item_does_not_cost_the_others() -> None:
    odd = pod("odd") | {"spec": {"containers": "none"}}
    items, meta = decode_page(PODS, page(pod("a"), odd, pod("b"), continue_="more").body)
    assert [item.metadata.name for item in items] == ["a", "odd", "b"]
    assert meta.continue_ == "more"
    assert items[1] == Pod(metadata=items[1].metadata)


def test_an_empty_list_may_be_null() -> None:
    assert decode_page(PODS, b'{"metadata": {}, "items": null}')[0] == ()


def test_hostile_strings_are_scrubbed_in_lists_and_documents() -> None:
    hostile = pod("p", annotations={"\x1b[2J": "a\x1b]52;c;\x07b\u202e"})
    (item,), _ = decode_page(PODS, page(hostile).body)
    document = decode_document(json.dumps(hostile).encode())
    assert (
        item.metadata.annotations == document["metadata"]["annotations"] == {"\ufffd[2J": "a\ufffd]52;c;\ufffdb\ufffd"}
    )


def test_bytes_that_are_no_utf8_do_not_cost_the_page() -> None:
    body = page(pod("a", annotations={"note": "CUT"}), pod("b")).body.replace(b"CUT", b"\xe6\xa8")
    items, _ = decode_page(PODS, body)
    assert [item.metadata.name for item in items] == ["a", "b"]
    assert items[0].metadata.annotations == {"note": "\ufffd"}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"items": 3}', b"\x1f\x8b\xff\xfe", b'{"items": "\xff"}'])
def test_what_is_no_list_is_an_error(body: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_page(PODS, body)
