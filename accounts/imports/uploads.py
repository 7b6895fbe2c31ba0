"""What comes in through a form, and how much of it."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest


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


_TOO_LARGE = "csm.upload_too_large"


def is_too_large(request: HttpRequest) -> bool:
    """Whether a file of this request was dropped for its size; to be asked after its fields are read."""
    return bool(request.META.get(_TOO_LARGE))
