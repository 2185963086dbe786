"""Getting files of resources: from where they are published or a mirror, or from the user, whole or not at all."""

from __future__ import annotations

import datetime
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from theodolite.canonical import sha256_bytes
from theodolite.data.catalogue.entries import CATALOGUE
from theodolite.data.catalogue.folder import Held, data_folder, keep
from theodolite.data.catalogue.loading import options_for
from theodolite.data.catalogue.resources import CatalogueError, Resource
from theodolite.data.columns import decoded, unpacked

__all__ = ["add_file", "fetch"]

_PATIENCE_S = 60
"""Seconds without a byte after which a server is given up."""


def fetch(resource: Resource, mirror: str | None = None) -> Held:
    """Fetch a resource, check its hash, and keep it in the data folder.

    Parameters
    ----------
    resource
        Which one.
    mirror
        Address that stands in place of all of the published one but the name of the file; the hash stays.

    Raises
    ------
    CatalogueError
        If the catalogue knows no address of a file with a known hash, the server cannot be reached, ends early or
        refuses, or what it sent is another file. Then nothing is kept.
    """
    published = resource.published
    if published is None or published.url is None:
        why = resource.own or "no address is known of a file whose hash is known"
        raise CatalogueError(
            f"{resource.title} cannot be fetched: {why}; get it from {resource.page} (terms: {resource.licence}), then "
            f"`theodolite data add {resource.name} FILE`"
        )
    url = published.url
    if mirror is not None:
        if urlsplit(mirror).scheme not in ("http", "https"):
            raise CatalogueError(f"the mirror is {mirror!r}; give an address that begins with http:// or https://")
        url = f"{mirror.rstrip('/')}/{Path(urlsplit(url).path).name}"
    content = _download(resource, url, None if url.endswith(".gz") else published.sha256)
    if url.endswith(".gz"):
        # A packed file differs from server to server, what is in it does not.
        content = unpacked(content, url)
    if sha256_bytes(content) != published.sha256:
        raise _another(resource, url, published.sha256)
    return keep(
        resource,
        content,
        file=published.file,
        licence=resource.licence,
        version=published.version,
        date=published.date,
        url=url,
    )


def _another(resource: Resource, url: str, sha256: str) -> CatalogueError:
    return CatalogueError(
        f"{url} sent another file than the one that the catalogue knows as {resource.name} (SHA-256 {sha256[:16]}…); "
        f"nothing was kept. Try a mirror; or get the file from {resource.page}, look at it, and `theodolite data add "
        f"{resource.name} FILE`"
    )


def _download(resource: Resource, url: str, sha256: str | None) -> bytes:
    import requests
    from pooch.core import retrieve
    from pooch.downloaders import HTTPDownloader
    from pooch.utils import get_logger

    folder = data_folder()
    folder.mkdir(parents=True, exist_ok=True)
    get_logger().setLevel("ERROR")
    # On the disk where it will be kept, so that a full one is noticed here; what is cut off goes with the folder.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as place:
        try:
            got = retrieve(
                url,
                known_hash=None if sha256 is None else f"sha256:{sha256}",
                fname="file",
                path=place,
                downloader=HTTPDownloader(timeout=_PATIENCE_S),
            )
        except requests.RequestException as error:
            raise CatalogueError(
                f"{resource.name} cannot be fetched from {url}: {_in_words(error)}; nothing was kept. Try again, give "
                f"a mirror by --mirror, or get the file from {resource.page} and "
                f"`theodolite data add {resource.name} FILE`"
            ) from error
        except OSError as error:
            # A write to a full disk does not say which.
            error.filename = error.filename or str(folder)
            raise
        except ValueError as error:
            raise _another(resource, url, sha256 or "") from error
        return Path(got).read_bytes()


def _in_words(error: Exception) -> str:
    import requests

    match error:
        case requests.HTTPError() if error.response is not None:
            return f"the server answered {error.response.status_code} {error.response.reason}"
        case requests.exceptions.ChunkedEncodingError():
            return "the connection ended before the file did"
        case requests.Timeout():
            return f"no answer within {_PATIENCE_S} seconds"
        case requests.ConnectionError():
            return "the server cannot be reached"
        case _:
            return str(error)


def add_file(
    resource: Resource,
    path: Path,
    *,
    licence: str | None = None,
    version: str | None = None,
    date: str | None = None,
) -> Held:
    """Take over a file of the user's as the file of a resource, if it can be read as one.

    Parameters
    ----------
    resource, path
        Of which resource, and where the file lies; it is copied. It may be packed by gzip.
    licence, version, date
        What is noted; where not given, those of the catalogue for a file that it knows, else the resource's licence,
        ``not said``, and the day on which the file was last changed.

    Raises
    ------
    ReferenceTableError
        If it cannot be read as a file of the resource; then nothing is kept.
    CatalogueError
        If the catalogue knows it as the file of another resource, whose terms and ancestry are others.
    OSError
        If there is no such file.
    """
    content = path.read_bytes()
    text = decoded(content, str(path))
    sha256 = sha256_bytes(content)
    for other in CATALOGUE.values():
        if other.name != resource.name and other.known(sha256) and not resource.known(sha256):
            raise CatalogueError(
                f"{path} is the file of {other.name}, not of {resource.name}; give `theodolite data add {other.name} "
                f"{path}`"
            )
    resource.read(text, str(path), options_for(resource, text))
    known = resource.known(sha256)
    changed = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC).date().isoformat()
    return keep(
        resource,
        content,
        file=path.name,
        licence=licence or resource.licence,
        version=version or (known.version if known else "not said"),
        date=date or (known.date if known else changed),
    )
