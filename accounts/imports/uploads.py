"""What comes in through a form, and how much of it."""

from contextlib import suppress
from errno import EDQUOT, EFBIG, ENOSPC
from typing import Any, Final

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import (
    FileUploadHandler,
    SkipFile,
    TemporaryFileUploadHandler,
)
from django.http import HttpRequest

NO_ROOM: Final = (
    "There is no room left on the disk for this file, and nothing of it was kept: have room made, then "
    "upload it again."
)


class SizeLimit(FileUploadHandler):
    """Drops a file larger than IMPORT_MAX_BYTES while it comes in, before it fills the disk.

    The form's other fields still arrive, so that the page can say what happened (`is_too_large`).
    """

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._size = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self._size += len(raw_data)
        if self._size > settings.IMPORT_MAX_BYTES:
            assert self.request is not None
            self.request.META[_TOO_LARGE] = True
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The next handler keeps the file."""


class OnDisk(TemporaryFileUploadHandler):
    """Django's temporary file; drops what the disk has no room for, instead of failing the whole request.

    The form's other fields still arrive, so that the page can say what happened (`has_no_room`).
    """

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().new_file(*args, **kwargs)
        except OSError as error:
            self._drop(error)
            raise SkipFile from error

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        try:
            super().receive_data_chunk(raw_data, start)
        except OSError as error:
            self._drop(error)
            raise SkipFile from error

    def file_complete(self, file_size: int) -> UploadedFile | None:
        try:
            return super().file_complete(file_size)
        except OSError as error:
            # The last piece was still in memory.
            self._drop(error)
            return None

    def _drop(self, error: OSError) -> None:
        if not is_full(error):
            raise error
        assert self.request is not None
        self.request.META[_NO_ROOM] = True
        if hasattr(self, "file"):
            # Closing writes what is left, which fails again; the file goes either way.
            with suppress(OSError):
                self.file.close()


_TOO_LARGE = "csm.upload_too_large"
_NO_ROOM = "csm.upload_no_room"


def is_full(error: OSError) -> bool:
    """Whether a write failed for want of room."""
    return error.errno in (ENOSPC, EDQUOT, EFBIG)


def is_too_large(request: HttpRequest) -> bool:
    """Whether a file of this request was dropped for its size; to be asked after its fields are read."""
    return bool(request.META.get(_TOO_LARGE))


def has_no_room(request: HttpRequest) -> bool:
    """Whether a file of this request was dropped because the disk is full; asked after its fields are read."""
    return bool(request.META.get(_NO_ROOM))
