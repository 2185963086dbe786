"""Downloads of published models from the repository of their authors, checked against what the server says of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theodolite.models.adding import AddingError, Plan, check_room
from theodolite.models.known import ExpectedFile, KnownModel
from theodolite.models.shelf import file_sha256

__all__ = ["fetch"]


@dataclass(frozen=True)
class _Remote:
    """A file of a repository: its size, and its SHA-256 where the server tells one."""

    size: int | None
    sha256: str | None


def fetch(
    model: KnownModel,
    folder: Path,
    *,
    endpoint: str | None = None,
    revision: str | None = None,
    said: Callable[[str], None] = lambda text: None,
) -> Plan:
    """Download a model into a folder.

    Parameters
    ----------
    model
        Which; it has a repository.
    folder
        An empty folder on the disk of the shelf (:func:`theodolite.models.adding.staging`).
    endpoint
        Another server than the usual one of Hugging Face, given by the user.
    revision
        Another branch, tag or commit than the table names.
    said
        Told what is done.

    Returns
    -------
    Plan
        With repository, revision and the commit that it stood for.

    Raises
    ------
    AddingError
        If the disk has no room, or the server cannot be reached, has no such model, or sends something else than it
        says; what to do is said.
    """
    import huggingface_hub
    from huggingface_hub import errors

    if model.repository is None:
        raise AddingError(f"{model.name} cannot be downloaded by a program; {model.fetch}: {model.page}")
    wanted = revision or model.revision
    by_hand = (
        f"{model.fetch} ({model.page}, or a copy of the repository), then give "
        f"`theodolite models add {model.name} FOLDER`"
    )
    try:
        api = huggingface_hub.HfApi(endpoint=endpoint, token=False)
        info = api.model_info(model.repository, revision=wanted, files_metadata=True, timeout=30)
        commit = info.sha or wanted
        remote = {sibling.rfilename: _remote(sibling) for sibling in info.siblings or ()}
        chosen = _choose(model, remote, wanted)
        check_room(model.name, sum(remote[path].size or 0 for path in chosen))
        files = {}
        for path in chosen:
            size = remote[path].size
            said(f"fetching {path}" + (f", {size:,} bytes" if size else ""))
            huggingface_hub.hf_hub_download(
                model.repository, path, revision=commit, local_dir=folder, endpoint=endpoint, token=False
            )
            _check(folder / path, path, remote[path])
            files[Path(path).name] = folder / path
    except AddingError:
        raise
    except errors.RepositoryNotFoundError as error:
        raise AddingError(f"{_place(model, endpoint)} is not there, or not open to everybody; {by_hand}") from error
    except errors.RevisionNotFoundError as error:
        raise AddingError(
            f"{_place(model, endpoint)} has no revision {wanted!r}; give another, or {by_hand}"
        ) from error
    except errors.OfflineModeIsEnabled as error:
        raise AddingError(f"HF_HUB_OFFLINE forbids downloads; unset it, or {by_hand}") from error
    except Exception as error:
        # Whatever a network does: refused, cut off, timed out, a page in place of an answer, too few bytes.
        said_by = str(error).splitlines()[0][:200] if str(error) else ""
        raise AddingError(
            f"{_place(model, endpoint)} could not be fetched ({type(error).__name__}: {said_by}); try again, or "
            f"{by_hand}"
        ) from error
    source = {"repository": model.repository, "revision": wanted, "commit": commit}
    if endpoint is not None:
        source["endpoint"] = endpoint
    return Plan(model, files, source, fresh=True)


def _place(model: KnownModel, endpoint: str | None) -> str:
    return f"{model.repository} at {endpoint}" if endpoint else str(model.repository)


def _remote(sibling: Any) -> _Remote:
    lfs = getattr(sibling, "lfs", None)
    return _Remote(getattr(sibling, "size", None), getattr(lfs, "sha256", None))


def _choose(model: KnownModel, remote: dict[str, _Remote], revision: str) -> list[str]:
    """Return the paths to fetch: of the newest folder that is there, and the dictionaries."""

    def first(file: ExpectedFile, folder: str = "") -> str | None:
        return next((path for path in (f"{folder}{name}" for name in file.names) if path in remote), None)

    for folder in model.folders:
        found = [first(file, f"{folder}/") for file in model.files]
        if all(found):
            break
    else:
        raise AddingError(
            f"revision {revision!r} of {model.repository} has no folder {' or '.join(model.folders)} with the files of "
            f"{model.name}; give --revision with one that has: {model.page}"
        )
    for file in model.dictionaries:
        path = first(file)
        if path is None:
            raise AddingError(
                f"revision {revision!r} of {model.repository} has no {file.names[0]} ({file.why}), which {model.name} "
                f"needs; give --revision with one that has: {model.page}"
            )
        found.append(path)
    return [path for path in found if path is not None]


def _check(path: Path, name: str, remote: _Remote) -> None:
    size = path.stat().st_size
    if remote.size is not None and size != remote.size:
        raise AddingError(f"{name} came with {size:,} bytes in place of {remote.size:,}; give the same command again")
    if remote.sha256 is not None and file_sha256(path) != remote.sha256:
        raise AddingError(
            f"{name} is not what the server says it is (sha256 {file_sha256(path)}, not {remote.sha256}); give the "
            "same command again; if it stays so, tell the authors"
        )
