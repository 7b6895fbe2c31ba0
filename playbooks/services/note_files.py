"""Files beside notes: which kinds, how large, and that they are what their name says."""

import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final
from uuid import uuid4

from csm.lib.errors import WorkbenchError
from playbooks.models import Note, NoteFile, Policy

MOST_FILES: Final = 5
_HEAD: Final = 2048


@dataclass(frozen=True)
class Kind:
    """A kind of file: what it is handed out as, and whether a file is one."""

    content_type: str
    holds: Callable[[Any], bool]


def _starts(*signs: bytes) -> Callable[[Any], bool]:
    return lambda file: _head(file).startswith(signs)


def _is_text(file: Any) -> bool:
    file.seek(0)
    # Whole: a text whose first lines are harmless may not be one.
    return all(b"\x00" not in chunk for chunk in file.chunks())


def _is_webp(file: Any) -> bool:
    head = _head(file)
    return head.startswith(b"RIFF") and head[8:12] == b"WEBP"


def _office(folder: str) -> Callable[[Any], bool]:
    """A document of that folder, without macros."""

    def holds(file: Any) -> bool:
        file.seek(0)
        try:
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
            return False
        return (
            "[Content_Types].xml" in names
            and any(name.startswith(folder) for name in names)
            and not any(name.lower().endswith("vbaproject.bin") for name in names)
        )

    return holds


_OPEN_XML: Final = "application/vnd.openxmlformats-officedocument"
_TEXT: Final = Kind("text/plain; charset=utf-8", _is_text)
_JPEG: Final = Kind("image/jpeg", _starts(b"\xff\xd8\xff"))
KINDS: Final = {
    "pdf": Kind("application/pdf", _starts(b"%PDF-")),
    "png": Kind("image/png", _starts(b"\x89PNG\r\n\x1a\n")),
    "jpg": _JPEG,
    "jpeg": _JPEG,
    "gif": Kind("image/gif", _starts(b"GIF87a", b"GIF89a")),
    "webp": Kind("image/webp", _is_webp),
    "docx": Kind(f"{_OPEN_XML}.wordprocessingml.document", _office("word/")),
    "xlsx": Kind(f"{_OPEN_XML}.spreadsheetml.sheet", _office("xl/")),
    "pptx": Kind(f"{_OPEN_XML}.presentationml.presentation", _office("ppt/")),
    "txt": _TEXT,
    "md": _TEXT,
    "csv": Kind("text/csv; charset=utf-8", _is_text),
}
ACCEPT: Final = ",".join(f".{extension}" for extension in KINDS)


def faults(files: Sequence[Any], already: int = 0) -> list[str]:
    """Why uploads cannot be kept, in sentences; empty when all can."""
    found = []
    if len(files) + already > MOST_FILES:
        found.append(f"A note takes {MOST_FILES} files at most.")
    most = Policy.current().attachment_max_bytes
    for file in files:
        name = readable(file.name)
        extension = PurePath(name).suffix[1:].lower()
        kind = KINDS.get(extension)
        if kind is None:
            found.append(f"{name}: this kind of file is not taken. Taken: {', '.join(KINDS)}.")
        elif file.size > most:
            found.append(f"{name} is larger than {most / 1e6:g} MB.")
        elif not file.size:
            found.append(f"{name} is empty.")
        elif not kind.holds(file):
            found.append(f"{name} is not a .{extension} file inside: save it again as one.")
    return found


def attach(note: Note, files: Sequence[Any]) -> list[NoteFile]:
    """Keep uploads beside a note, under names nobody can guess. Raises WorkbenchError with the fault."""
    if wrong := faults(files):
        raise WorkbenchError(" ".join(wrong))
    kept = []
    for file in files:
        name = readable(file.name)
        extension = PurePath(name).suffix[1:].lower()
        file.seek(0)
        row = NoteFile(
            note=note, name=name, size=file.size, content_type=KINDS[extension].content_type
        )
        row.file.save(f"{uuid4().hex}.{extension}", file, save=False)
        row.save()
        kept.append(row)
    return kept


def readable(name: str) -> str:
    """The last part of a file's name without control characters, at most 120 letters, extension kept."""
    plain = re.sub(
        r"[\x00-\x1f\x7f\"<>|:*?\u202a-\u202e\u2066-\u2069]", "", name.replace("\\", "/")
    )
    path = PurePath(plain.rpartition("/")[2].strip() or "file")
    return f"{path.stem[:100]}{path.suffix[:20]}"


def _head(file: Any) -> bytes:
    file.seek(0)
    head: bytes = file.read(_HEAD)
    return head
