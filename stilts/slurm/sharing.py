"""Gives a study's folder to a group, so that colleagues may go on with it."""

from __future__ import annotations

import grp
import os
from pathlib import Path

from stilts.errors import InputError

_SHARED = 0o2070  # the group may write, and what is made inside belongs to it


def share(folder: Path, group: str) -> None:
    """Give the folders of a study that are this user's to a group; runs' own files below are made in them later.

    Raises:
        InputError: there is no such group, or the user is not in it.
    """
    try:
        number = grp.getgrnam(group).gr_gid
    except KeyError:
        raise InputError(
            f"group is {group!r}, which is no group here", "one of your groups (`id`)", "change it"
        ) from None
    for path in (folder, folder / "slurm", folder / "slurm" / "logs", folder / "runs", *(folder / "runs").glob("*/")):
        found = path.stat() if path.is_dir() else None
        if (
            found is None
            or found.st_uid != os.getuid()
            or (found.st_gid == number and found.st_mode & _SHARED == _SHARED)
        ):
            continue
        try:
            os.chown(path, -1, number)
        except PermissionError:
            raise InputError(
                f"{path} cannot be given to group {group}", "a group that you are in (`id`)", "change group"
            ) from None
        os.chmod(path, found.st_mode | _SHARED)
