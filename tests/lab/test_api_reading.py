from __future__ import annotations

import pytest

from tests.lab.http import CONFIG_MAPS, PODS, Api, config_map, pod
from vops.lab.store import Store


def fill(store: Store, count: int = 5) -> None:
    for index in range(count):
        store.create(config_map(f"c{index}", labels={"i": str(index), "even": str(index % 2 == 0).lower()}))


async def test_items_of_a_typed_list_carry_no_type(api: Api, store: Store) -> None:
    fill(store, 1)
    listed = (await api("GET", CONFIG_MAPS)).json
    assert (listed["kind"], listed["apiVersion"]) == ("ConfigMapList", "v1")
    assert listed["metadata"] == {"resourceVersion": str(store.revision)}
    assert "kind" not in listed["items"][0]


async def test_pages_show_the_collection_as_it_was(api: Api, store: Store) -> None:
    fill(store)
    page = await api("GET", CONFIG_MAPS, limit="2")
    assert (page.names, page.json["metadata"]["remainingItemCount"]) == (["c0", "c1"], 3)
    store.delete("v1", "ConfigMap", "default", "c2")
    store.create(config_map("c1x"))
    rest = await api("GET", CONFIG_MAPS, **{"limit": "10", "continue": page.json["metadata"]["continue"]})
    assert rest.names == ["c2", "c3", "c4"]
    assert rest.json["metadata"] == {"resourceVersion": page.json["metadata"]["resourceVersion"]}


async def test_a_page_of_a_selection_holds_as_many_as_asked_for(api: Api, store: Store) -> None:
    fill(store)
    page = await api("GET", CONFIG_MAPS, limit="2", labelSelector="even=true")
    assert page.names == ["c0", "c2"]
    assert "remainingItemCount" not in page.json["metadata"]
    rest = await api(
        "GET", CONFIG_MAPS, **{"labelSelector": "even=true", "continue": page.json["metadata"]["continue"]}
    )
    assert rest.names == ["c4"]


async def test_an_expired_token_says_how_to_go_on(api: Api, store: Store) -> None:
    fill(store)
    page = await api("GET", CONFIG_MAPS, limit="2")
    store.create(config_map("d"))
    store.compact()
    refused = await api("GET", CONFIG_MAPS, **{"limit": "2", "continue": page.json["metadata"]["continue"]})
    assert (refused.status, refused.json["reason"]) == (410, "Expired")
    assert refused.message.startswith("The provided continue parameter is too old")
    rest = await api("GET", CONFIG_MAPS, **{"continue": refused.json["metadata"]["continue"]})
    assert rest.names == ["c2", "c3", "c4", "d"]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("i=1", ["c1"]),
        ("i==1", ["c1"]),
        ("i!=1,even", ["c0", "c2"]),
        ("i in (0, 2)", ["c0", "c2"]),
        ("i notin (0,2)", ["c1"]),
        ("!even", []),
        ("even=false,i in (0,1)", ["c1"]),
        ("absent!=x", ["c0", "c1", "c2"]),
    ],
)
async def test_label_selectors(api: Api, store: Store, selector: str, names: list[str]) -> None:
    fill(store, 3)
    assert (await api("GET", CONFIG_MAPS, labelSelector=selector)).names == names


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("metadata.name=a", ["a"]),
        ("metadata.namespace=default,metadata.name!=a", ["b"]),
        ("spec.nodeName=n", ["a"]),
        ("spec.nodeName=", ["b"]),
        ("status.phase!=Running", ["b"]),
        ("status.phase=Running,spec.nodeName=other", []),
    ],
)
async def test_field_selectors_of_pods(api: Api, store: Store, selector: str, names: list[str]) -> None:
    store.create(pod("a", nodeName="n", status={"phase": "Running"}))
    store.create(pod("b"))
    assert (await api("GET", PODS, fieldSelector=selector)).names == names


async def test_field_selectors_of_events(api: Api, store: Store) -> None:
    for name, involved in {"e1": "p", "e2": "q"}.items():
        about = {"kind": "Pod", "name": involved, "uid": f"uid-{involved}"}
        metadata = {"name": name, "namespace": "default"}
        store.create(
            {"apiVersion": "v1", "kind": "Event", "metadata": metadata, "involvedObject": about, "type": "Normal"}
        )
    selected = await api("GET", "/api/v1/events", fieldSelector="involvedObject.uid=uid-q,involvedObject.kind=Pod")
    assert selected.names == ["e2"]
    assert (await api("GET", "/api/v1/events", fieldSelector="type!=Normal")).names == []


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({"fieldSelector": "spec.bad=x"}, 400, "field label not supported: spec.bad"),
        ({"fieldSelector": "foo"}, 400, "invalid selector: 'foo'; can't understand 'foo'"),
        (
            {"labelSelector": "a b"},
            400,
            "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
        ),
        ({"labelSelector": "a in (b"}, 400, "unable to parse requirement: found '', expected: ',' or ')'"),
        ({"limit": "x"}, 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ({"resourceVersion": "999999"}, 504, "Timeout: Too large resource version: 999999, current: 2"),
        (
            {"resourceVersionMatch": "Exact"},
            422,
            'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden '
            "unless resourceVersion is provided",
        ),
    ],
)
async def test_a_list_that_makes_no_sense(api: Api, query: dict[str, str], status: int, message: str) -> None:
    refused = await api("GET", PODS, **query)
    assert (refused.status, refused.message) == (status, message)


async def test_any_older_version_is_answered_with_the_newest(api: Api, store: Store) -> None:
    fill(store, 2)
    for query in ({"resourceVersion": "0"}, {"resourceVersion": "1", "resourceVersionMatch": "NotOlderThan"}):
        assert (await api("GET", CONFIG_MAPS, **query)).names == ["c0", "c1"]


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        (f"{PODS}/nope", 404, 'pods "nope" not found'),
        ("/apis/apps/v1/nope", 404, "the server could not find the requested resource"),
        (f"{PODS}/nope/nonsense", 404, "the server could not find the requested resource"),
    ],
)
async def test_what_is_not_there(api: Api, path: str, status: int, message: str) -> None:
    refused = await api("GET", path)
    assert (refused.status, refused.message, refused.json["reason"]) == (status, message, "NotFound")


async def test_a_group_that_is_not_served_is_a_missing_page(api: Api) -> None:
    refused = await api("GET", "/apis/x.y/v1/foos")
    assert (refused.status, refused.text) == (404, "404 page not found\n")


async def test_discovery_knows_short_names_subresources_and_custom_types(api: Api, store: Store) -> None:
    names = {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]}
    version = {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}}
    spec = {"group": "a.b", "scope": "Namespaced", "names": names, "versions": [version]}
    kind = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    store.create({**kind, "metadata": {"name": "widgets.a.b"}, "spec": spec})
    groups = [group["name"] for group in (await api("GET", "/apis")).json["groups"]]
    widgets = (await api("GET", "/apis/a.b/v1")).json["resources"]
    apps = {resource["name"]: resource for resource in (await api("GET", "/apis/apps/v1")).json["resources"]}
    assert {"apps", "a.b", "authorization.k8s.io"} <= set(groups)
    assert [(item["name"], item.get("shortNames")) for item in widgets] == [
        ("widgets", ["wd"]),
        ("widgets/status", None),
    ]
    assert apps["deployments"]["shortNames"] == ["deploy"]
    assert apps["deployments/scale"]["kind"] == "Scale"
    assert (await api("GET", "/version")).json["gitVersion"] == "v1.36.3"


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
async def test_probes(api: Api, path: str) -> None:
    assert (await api("GET", path)).text == "ok"
