"""Which HTTP proxy leads to an API server."""

from __future__ import annotations

import pytest

from vops.adapters.kube.proxies import proxy_for
from vops.errors import UsageError

API = "https://api.corp.example:6443"


@pytest.mark.parametrize(
    ("url", "configured", "environ", "proxy"),
    [
        (API, "", {}, ""),
        (API, "http://p:1", {"HTTPS_PROXY": "http://q:2"}, "http://p:1"),
        (API, "", {"HTTPS_PROXY": "http://q:2"}, "http://q:2"),
        (API, "", {"https_proxy": "q:2"}, "http://q:2"),
        (API, "", {"HTTP_PROXY": "http://q:2"}, ""),
        ("http://api.example", "", {"HTTP_PROXY": "http://q:2"}, "http://q:2"),
        (API, "", {"HTTPS_PROXY": "http://q:2", "NO_PROXY": "localhost,.corp.example"}, ""),
        (API, "", {"HTTPS_PROXY": "http://q:2", "NO_PROXY": "corp.example:6443"}, ""),
        (API, "", {"HTTPS_PROXY": "http://q:2", "NO_PROXY": "orp.example"}, "http://q:2"),
        (API, "", {"HTTPS_PROXY": "http://q:2", "no_proxy": "*"}, ""),
        ("https://10.1.2.3", "", {"HTTPS_PROXY": "http://q:2", "NO_PROXY": "10.0.0.0/8"}, ""),
        ("https://11.1.2.3", "", {"HTTPS_PROXY": "http://q:2", "NO_PROXY": "10.0.0.0/8"}, "http://q:2"),
        ("https://127.0.0.1:6443", "", {"HTTPS_PROXY": "http://q:2"}, ""),
        ("https://kind.localhost", "", {"HTTPS_PROXY": "http://q:2"}, ""),
        ("https://[::1]:6443", "", {"HTTPS_PROXY": "http://q:2"}, ""),
    ],
)
def test_the_proxy_is_the_one_that_kubectl_takes(
    url: str, configured: str, environ: dict[str, str], proxy: str
) -> None:
    assert proxy_for(url, configured, environ) == proxy


def test_a_socks_proxy_is_refused_with_a_way_out() -> None:
    with pytest.raises(UsageError, match="SOCKS") as raised:
        proxy_for(API, "socks5://localhost:1080", {})
    assert "ssh -L" in raised.value.hint
