"""Copy the needed files of front-end packages into static/vendor, with licence and checksum."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

ROOT = Path(__file__).resolve().parents[3]

# A source map is not shipped, and collectstatic with hashed names fails on a reference to it.
SOURCE_MAP = re.compile(rb"^[ \t]*(//|/\*)[#@] sourceMappingURL=[^\n]*\n?", re.MULTILINE)

ICONS = [
    "activity",
    "adjustments",
    "adjustments-horizontal",
    "alert-circle",
    "alert-triangle",
    "archive",
    "arrow-left",
    "arrow-right",
    "arrow-up-right",
    "bell",
    "bolt",
    "building",
    "calculator",
    "calendar-event",
    "chart-bar",
    "chart-dots",
    "chart-histogram",
    "chart-line",
    "check",
    "chevron-down",
    "chevron-left",
    "chevron-right",
    "chevron-up",
    "circle-check",
    "clipboard-list",
    "clock",
    "coin",
    "columns",
    "components",
    "copy",
    "database",
    "device-desktop",
    "dots",
    "download",
    "external-link",
    "eye",
    "file-import",
    "filter",
    "flag",
    "grid-dots",
    "heartbeat",
    "help-circle",
    "history",
    "home",
    "inbox",
    "info-circle",
    "key",
    "keyboard",
    "layout-list",
    "list-check",
    "lock",
    "logout",
    "mail",
    "minus",
    "moon",
    "moon-stars",
    "palette",
    "pencil",
    "phone",
    "player-play",
    "plus",
    "refresh",
    "report-analytics",
    "search",
    "selector",
    "settings",
    "star",
    "sun",
    "table",
    "target",
    "ticket",
    "trash",
    "trending-down",
    "trending-up",
    "upload",
    "user",
    "users",
    "x",
]


@dataclass(frozen=True)
class Package:
    """One npm package: which of its files are taken, and where they go.

    ``files`` are paths inside the package. A package without files is one that another has
    compiled into its build: only its licence is taken.
    """

    name: str
    folder: str
    files: tuple[str, ...]
    licence: str | None = "LICENSE"
    target: str = "static/vendor"


PACKAGES = (
    # Tabler's package carries no licence file: its notice stands in the head of the style sheet,
    # and the permission text is that of its sister package.
    Package("@tabler/core", "tabler", ("dist/css/tabler.min.css",), licence=None),
    Package(
        "@tabler/icons",
        "tabler-icons",
        tuple(f"icons/outline/{name}.svg" for name in ICONS),
    ),
    Package("chart.js", "chartjs", ("dist/chart.umd.min.js",), "LICENSE.md"),
    Package(
        "chartjs-chart-matrix",
        "chartjs-chart-matrix",
        ("dist/chartjs-chart-matrix.min.js",),
    ),
    Package(
        "chartjs-plugin-annotation",
        "chartjs-plugin-annotation",
        ("dist/chartjs-plugin-annotation.min.js",),
        "LICENSE.md",
    ),
    Package(
        "chartjs-adapter-date-fns",
        "chartjs-adapter-date-fns",
        ("dist/chartjs-adapter-date-fns.bundle.min.js",),
        "LICENSE.md",
    ),
    # Inside the adapter's bundle.
    Package("date-fns", "date-fns", (), "LICENSE.md"),
    Package("htmx.org", "htmx", ("dist/htmx.min.js",)),
    Package(
        "@fontsource-variable/inter",
        "inter",
        (
            "files/inter-latin-wght-normal.woff2",
            "files/inter-latin-ext-wght-normal.woff2",
        ),
    ),
    Package("axe-core", "axe-core", ("axe.min.js",), target="tests/e2e/vendor"),
)


class Command(BaseCommand):
    """Reads tarballs made by ``npm pack``, so the install never needs Node or a network.

    Files are byte for byte those of the package, except that comment lines naming a source map
    are left out; the manifest says for each file whether that happened.
    """

    help = (
        "Refresh static/vendor. In an empty folder run "
        f"`npm pack {' '.join(p.name for p in PACKAGES)}`, then name that folder here."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("tarballs", type=Path, help="folder with the packages' .tgz files")

    def handle(self, *, tarballs: Path, **options: object) -> None:
        packed = {
            name: (tar, version) for tar in tarballs.glob("*.tgz") for name, version in [_id(tar)]
        }
        missing = [p.name for p in PACKAGES if p.name not in packed]
        if missing:
            raise CommandError(f"no tarball for {', '.join(missing)} in {tarballs}")

        manifests: dict[str, list[dict[str, object]]] = {}
        for package in PACKAGES:
            tar, version = packed[package.name]
            entry = self._copy(package, tar, mit=packed["@tabler/icons"][0])
            manifests.setdefault(package.target, []).append(entry)
            self.stdout.write(f"{package.name} {version}: {len(package.files)} files")
        for target, entries in manifests.items():
            path = ROOT / target / "manifest.json"
            path.write_text(json.dumps({"packages": entries}, indent=1) + "\n")

    def _copy(self, package: Package, tar: Path, mit: Path) -> dict[str, object]:
        folder = ROOT / package.target / package.folder
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        with tarfile.open(tar) as archive:
            meta = json.loads(_read(archive, "package.json"))
            files = {}
            for source in package.files:
                raw = _read(archive, source)
                # Only text: the same bytes inside a font would be chance.
                kept = SOURCE_MAP.sub(b"", raw) if source.endswith((".js", ".css")) else raw
                name = Path(source).name
                (folder / name).write_bytes(kept)
                files[name] = {
                    "from": source,
                    "sha256": hashlib.sha256(kept).hexdigest(),
                    "source_map_comment_removed": kept != raw,
                }
            if package.licence:
                (folder / "LICENSE").write_bytes(_read(archive, package.licence))
            else:
                notice = _read(archive, package.files[0]).split(b"/*!", 1)[1].split(b"*/", 1)[0]
                with tarfile.open(mit) as sister:
                    text = _read(sister, "LICENSE")
                permission = text[text.index(b"Permission is hereby") :]
                (folder / "LICENSE").write_bytes(notice.strip() + b"\n\n" + permission)
        return {
            "name": package.name,
            "version": meta["version"],
            "licence": meta["license"],
            "homepage": meta.get("homepage", ""),
            "folder": package.folder,
            "files": files,
        }


def _id(tar: Path) -> tuple[str, str]:
    with tarfile.open(tar) as archive:
        meta = json.loads(_read(archive, "package.json"))
    return meta["name"], meta["version"]


def _read(archive: tarfile.TarFile, path: str) -> bytes:
    try:
        handle = archive.extractfile(f"package/{path}")
    except KeyError:
        handle = None
    if handle is None:
        raise CommandError(f"{archive.name!s} has no file {path}")
    return handle.read()
