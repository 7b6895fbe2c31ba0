"""A temporary file the disk has no room for: the upload is dropped, the request is not."""

from pathlib import Path

import pytest
from django.core.files.uploadhandler import SkipFile, StopFutureHandlers
from django.test import RequestFactory

from accounts.imports.uploads import OnDisk, has_no_room

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("size", [100, 100_000], ids=["at its end", "on its way"])
def test_a_full_disk_drops_the_file_and_says_so(size):
    request = RequestFactory().post("/imports/upload/")
    handler = OnDisk(request)
    try:
        handler.new_file("file", "large.csv", "text/csv", None)
    except StopFutureHandlers:
        pass
    handler.file.file.close()
    handler.file.file = FULL.open("wb")
    assert not has_no_room(request)
    try:
        handler.receive_data_chunk(b"x" * size, 0)
    except SkipFile:
        assert size > 10_000
    else:
        assert handler.file_complete(size) is None
    assert has_no_room(request)
    assert handler.file.file.closed


def test_other_trouble_with_the_disk_is_not_called_full():
    handler = OnDisk(RequestFactory().post("/imports/upload/"))
    with pytest.raises(OSError, match="gone"):
        handler._drop(OSError(5, "gone"))
