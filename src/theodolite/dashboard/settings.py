"""What a dashboard serves, to whom, and what it lets them do."""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path

__all__ = ["DashboardError", "DashboardSettings", "is_address", "is_loopback"]

_SHORTEST_TOKEN = 16


class DashboardError(ValueError):
    """A dashboard cannot be served as asked; says why, and what to do."""


def is_address(host: str) -> bool:
    """Return whether a host is written as an IP address: no name that somebody else could point here."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether a name or address means this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class DashboardSettings:
    """How one ledger is served.

    Attributes
    ----------
    ledger
        The SQLite file; it is opened for reading only.
    host, port
        Where the server listens.
    token
        What people log in with; None where whoever reaches the address may read.
    allow_writes
        Whether notes, proposals and approvals may be handed in; needs a token.
    names
        Names under which the server is reached beside ``host``, as a browser sends them.
    secure
        Whether it is reached by https only, so that cookies never travel otherwise.
    behind_proxy
        Address or network of a proxy in front, which is believed for whom it asks; None where nobody is.
    poll_seconds
        How often the ledger is looked at for what is new.
    secret
        Key of the sessions of this server; they end with it.

    Raises
    ------
    DashboardError
        If a server that others reach has no token, if writes are allowed without one, if it is short, or if the proxy
        is no address.
    """

    ledger: Path
    host: str = "127.0.0.1"
    port: int = 8321
    token: str | None = field(default=None, repr=False)
    allow_writes: bool = False
    names: tuple[str, ...] = ()
    secure: bool = False
    behind_proxy: str | None = None
    poll_seconds: float = 1.0
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def __post_init__(self) -> None:
        if self.token is not None and len(self.token) < _SHORTEST_TOKEN:
            raise DashboardError(
                f"the token has {len(self.token)} characters; give at least {_SHORTEST_TOKEN}, for instance those that "
                '`python -c "import secrets; print(secrets.token_urlsafe())"` prints'
            )
        if self.token is None and not is_loopback(self.host):
            raise DashboardError(
                f"--host is {self.host!r}, which other machines reach, and there is no token; give one in "
                "THEODOLITE_DASHBOARD_TOKEN, or leave --host at 127.0.0.1"
            )
        if self.token is None and self.allow_writes:
            raise DashboardError(
                "writes are allowed and there is no token, so that nobody could be told from anybody; give one in "
                "THEODOLITE_DASHBOARD_TOKEN"
            )

        if self.behind_proxy is not None:
            try:
                ip_network(self.behind_proxy)
            except ValueError as error:
                raise DashboardError(
                    f"--behind-proxy is {self.behind_proxy!r}, which is no address; give the one that the proxy asks "
                    "from, such as 127.0.0.1, or its network, such as 10.0.0.0/8"
                ) from error

    @property
    def read_only(self) -> bool:
        """Whether nothing can be handed in."""
        return not self.allow_writes

    @property
    def host_names(self) -> frozenset[str]:
        """Names by which a request may call the server, lower case, without port."""
        own = {self.host.strip("[]").lower(), *(name.lower() for name in self.names)}
        if is_loopback(self.host) or self.everywhere:
            own |= {"localhost", "127.0.0.1", "::1"}
        if self.everywhere:
            own |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        return frozenset(own)

    @property
    def everywhere(self) -> bool:
        """Whether it listens on every address of the machine, so that any address in a request may be its own."""
        host = self.host.strip("[]")
        return is_address(host) and ip_address(host).is_unspecified
