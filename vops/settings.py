"""One frozen Settings, from the user's TOML file, the environment and the command line, in rising order.

Leaves out everything that belongs to one command. The file is `$XDG_CONFIG_HOME/vops/config.toml`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import msgspec

from vops.errors import InputError


class ViewSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How contexts of some names are shown: what is set here wins over `[tui]`."""

    contexts: str = ""
    """A regular expression that the context's name contains; empty: every context."""
    theme: str = ""
    """The theme in these contexts."""
    density: str = ""
    """`normal` or `compact`."""
    sort: str = ""
    """The column that the fleet is sorted by at first."""
    namespace: str = ""
    """The namespace to look at first."""
    readonly: bool = False
    """Refuse every write in these contexts."""
    columns: dict[str, tuple[str, ...]] = {}
    """The columns of a screen in these contexts, such as `fleet = ["pod", "state", "kv"]`."""


GENTLER = 5
"""How much less is asked for by those who are gentle."""

PROD = r"(^|[^a-z])(prod|prd|production|live)([^a-z]|$)"


class TuiSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the TUI looks and which keys it has; the `[tui]` table of the file."""

    theme: str = "night"
    """`night`, `day`, `colour-blind`, `mono` or `ascii` (monochrome, and no character beyond ASCII)."""
    density: str = "normal"
    """`normal`, or `compact`: fewer lines for everything but rows."""
    favourites: tuple[str, ...] = ()
    """The namespaces of the keys 1 to 9; empty: those with the most replicas."""
    prod_contexts: tuple[str, ...] = (PROD,)
    """Regular expressions; a context whose name contains one gets a banner."""
    keymap: dict[str, str] = {}
    """Other keys, by the id that help shows: `"fleet.diagnose" = "D"`."""
    columns: dict[str, tuple[str, ...]] = {}
    """The columns of a screen, in order, by its name: `fleet = ["pod", "state", "kv"]`."""
    gpu_prices_per_hour: dict[str, float] = {}
    """Prices by a part of the GPU's name, such as `H100 = 4.2`: idle GPUs are told in money too."""
    currency: str = "$"
    """Written before prices."""
    watch_minutes: float = 10.0
    """How long the card of a run that has gone well watches over what it changed; 0: not at all."""
    views: tuple[ViewSettings, ...] = ()
    """Tables `[[tui.views]]`: other looks for some contexts; the first whose `contexts` fits counts."""

    def view(self, context: str) -> ViewSettings:
        """The view of a context; one that sets nothing where none fits."""
        fitting = (view for view in self.views if re.search(view.contexts, context))
        return next(fitting, ViewSettings())

    def is_prod(self, context: str) -> bool:
        """Whether a context is one to be careful in."""
        return any(re.search(pattern, context, re.IGNORECASE) for pattern in self.prod_contexts)

    def __post_init__(self) -> None:
        for pattern in (*self.prod_contexts, *(view.contexts for view in self.views)):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"`{pattern}` is no regular expression: {error}") from error


class Settings(msgspec.Struct, frozen=True):
    """What a session needs to know; every field may be set in the file, by `VOPS_<FIELD>` or by a flag."""

    context: str = ""
    """The kubeconfig context; empty: the current one."""
    kubeconfig: str = ""
    """A kubeconfig path; empty: `$KUBECONFIG`, `~/.kube/config`, then the in-cluster service account."""
    namespace: str = ""
    """The namespace to look at; empty: all that the credentials allow."""
    lab: str = ""
    """The scenario of the embedded lab to use instead of a cluster; empty: a real cluster."""
    readonly: bool = False
    """Refuse every write in the transport."""
    timeout_s: float = 10.0
    """The longest that one request may take, in seconds."""
    scrape_budget_per_s: float = 25.0
    """Scrapes per second that may go through an API server; 0: no limit. Direct addresses have none."""
    scrape_interval_s: float = 2.0
    """Seconds between two scrapes of one replica, budget permitting."""
    prometheus_url: str = ""
    """A Prometheus server, as `http://host:port`; empty: none."""
    direct: bool = False
    """Scrape pods at their own addresses (vops runs inside the cluster's network)."""
    state_dir: str = ""
    """Where journals go; empty: `$XDG_STATE_HOME/vops`."""
    gentle: bool = False
    """Look less often and ask for less: a fifth of the scrapes, no Services, no logs but those that are opened."""
    tui: TuiSettings = TuiSettings()
    """How the TUI looks; a table of the file, not a variable."""

    @property
    def scrapes_per_s(self) -> float:
        """The budget that holds: 0 is no limit."""
        budget = 0.0 if self.direct else self.scrape_budget_per_s
        return (budget or 25.0) / GENTLER if self.gentle else budget

    @property
    def scrape_every_s(self) -> float:
        """Seconds between two scrapes of one replica."""
        return self.scrape_interval_s * GENTLER if self.gentle else self.scrape_interval_s

    @property
    def state_path(self) -> Path:
        if self.state_dir:
            return Path(self.state_dir)
        return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "vops"


def config_path(environ: dict[str, str]) -> Path:
    """The settings file of this user."""
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "vops/config.toml"


def load_settings(environ: dict[str, str], flags: dict[str, Any]) -> Settings:
    """File, then `VOPS_*` variables, then `flags` that are not None. Raises InputError naming file or variable."""
    values = _from_file(config_path(environ))
    known = {name.upper(): name for name in Settings.__struct_fields__ if name != "tui"}
    for name, value in environ.items():
        if name.startswith("VOPS_") and name[5:] in known:
            values[known[name[5:]]] = value
    values |= {name: value for name, value in flags.items() if value is not None}
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise InputError(
            f"invalid setting: {error}", path=str(config_path(environ)), hint="see docs/reference/settings.md"
        ) from error


def _from_file(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unreadable(path, error) from error
    # Most users have no such file, and need no reader of it.
    import tomllib

    try:
        values = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _unreadable(path, error) from error
    unknown = sorted(set(values) - set(Settings.__struct_fields__))
    if unknown:
        raise InputError(
            f"unknown setting: {', '.join(unknown)}",
            path=str(path),
            hint=f"known are: {', '.join(Settings.__struct_fields__)}",
        )
    return values


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"cannot be read: {error}", path=str(path), hint="correct it or move it away")
