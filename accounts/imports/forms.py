"""What people say about a file: when they upload it, and which imports they look for."""

from typing import Any, ClassVar

import django_filters
from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import RegexValidator
from django.utils import timezone

from accounts.imports import selectors, specs
from accounts.ingest.feeds import FEEDS
from accounts.models import ImportRun, SavedMapping, Source

GUESS = ""
_SOURCE = RegexValidator(
    r"^[\w .-]+$", "Use letters, digits, spaces, dots, hyphens and underscores."
)


def feed_choices() -> list[tuple[str, str]]:
    """Feeds by key and label."""
    return [(feed.key, feed.label) for feed in FEEDS.values()]


def known_sources() -> list[str]:
    """Systems files came from, for the field's suggestions; one query."""
    used = ImportRun.objects.order_by().values_list("source", flat=True)
    return sorted(set(used.union(Source.objects.order_by().values_list("key", flat=True))))


class ManyInput(forms.ClearableFileInput):
    """Several files at once."""

    allow_multiple_selected = True


class ManyFiles(forms.FileField):
    """Any number of files; gives a list."""

    widget = ManyInput

    def clean(self, data: Any, initial: Any = None) -> Any:
        """Each checked as a file of its own."""
        return [super(ManyFiles, self).clean(one, initial) for one in data or ()]


class UploadForm(forms.Form):
    """A file and what it is of. Feed and mapping may be left to be guessed from its columns."""

    file = forms.FileField(
        label="File",
        help_text="CSV or other delimited text: UTF-8, UTF-16 or Windows-1252; comma, semicolon, tab or pipe.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
        error_messages={
            "required": "Choose a file.",
            "empty": "The file is empty. Export it again.",
        },
    )
    beside = ManyFiles(
        label="Files that belong to it",
        required=False,
        help_text="Tables of links or names that a mapping joins to it, under their own names.",
    )
    feed = forms.ChoiceField(label="What its rows are", required=False)
    mapping = forms.ChoiceField(label="Mapping", required=False)
    source = forms.CharField(
        label="Source",
        required=False,
        max_length=40,
        validators=[_SOURCE],
        help_text="The system the ids come from. Name the same one next time, and its rows are updated.",
        widget=forms.TextInput(attrs={"list": "sources", "autocomplete": "off"}),
    )
    as_of = forms.DateField(
        label="As of",
        help_text="Dates the figures where the file has no date column.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def __init__(self, *args: Any, limit: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.limit = limit
        self.fields["file"].help_text += f" Up to {selectors.size(limit)}."
        feed = self.fields["feed"]
        mapping = self.fields["mapping"]
        assert isinstance(feed, forms.ChoiceField)
        assert isinstance(mapping, forms.ChoiceField)
        feed.choices = [(GUESS, "Guess from its columns"), *feed_choices()]
        mapping.choices = [(GUESS, "Guess from its columns"), *specs.choices()]
        self.fields["as_of"].initial = timezone.localdate
        for name in ("feed", "mapping"):
            self.fields[name].widget.attrs["class"] = "form-select"

    def clean_file(self) -> UploadedFile:
        """Within the limit; larger ones are dropped while they come in, this says so for the rest."""
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > self.limit:
            raise forms.ValidationError(too_large(self.limit))
        return file

    def clean_as_of(self) -> Any:
        """Not a day that has not come."""
        day = self.cleaned_data["as_of"]
        if day > timezone.localdate():
            raise forms.ValidationError("This day has not come yet.")
        if day.year < 1900:
            raise forms.ValidationError("Write a day from 1900 on.")
        return day


def too_large(limit: int) -> str:
    """What to do about a file that is too large."""
    return (
        f"The file is larger than {selectors.size(limit)}, the most this workbench takes. Split it, "
        "load it with the command import_feed, or raise IMPORT_MAX_BYTES."
    )


ENCODINGS = (
    ("", "Found out"),
    ("utf-8", "UTF-8"),
    ("utf-16", "UTF-16"),
    ("windows-1252", "Windows-1252"),
    ("utf-32", "UTF-32"),
)
SEPARATORS = (
    ("", "Found out"),
    ("comma", "Comma"),
    ("semicolon", "Semicolon"),
    ("tab", "Tab"),
    ("pipe", "Pipe"),
)
DATE_ORDERS = (
    ("", "Found out from all values"),
    ("dmy", "Day first: 31.12.2026"),
    ("mdy", "Month first: 12/31/2026"),
)
DECIMALS = (("", "Point: 1,234.50"), (",", "Comma: 1.234,50"))


class MappingForm(forms.Form):
    """How an upload is read, but for its columns."""

    feed = forms.ChoiceField(label="Feed")
    mapping = forms.ChoiceField(label="Mapping")
    source = forms.CharField(
        label="Source",
        max_length=40,
        validators=[_SOURCE],
        widget=forms.TextInput(attrs={"list": "sources", "autocomplete": "off"}),
    )
    account_source = forms.CharField(
        label="Accounts' source",
        max_length=40,
        required=False,
        validators=[_SOURCE],
        widget=forms.TextInput(
            attrs={"list": "sources", "autocomplete": "off", "placeholder": "the same"}
        ),
    )
    as_of = forms.DateField(label="As of", widget=forms.DateInput(attrs={"type": "date"}))
    delimiter = forms.ChoiceField(label="Delimiter", required=False, choices=SEPARATORS)
    encoding = forms.ChoiceField(label="Encoding", required=False, choices=ENCODINGS)
    date_order = forms.ChoiceField(label="Dates", required=False, choices=DATE_ORDERS)
    decimal = forms.ChoiceField(label="Numbers", required=False, choices=DECIMALS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        feed, mapping = self.fields["feed"], self.fields["mapping"]
        assert isinstance(feed, forms.ChoiceField)
        assert isinstance(mapping, forms.ChoiceField)
        feed.choices = feed_choices()
        mapping.choices = specs.choices()

    @classmethod
    def of(cls, run: ImportRun) -> "MappingForm":
        """The form as an upload stands."""
        spec = run.options.get("spec", {})
        read = {
            name: spec.get(name) or ""
            for name in ("delimiter", "encoding", "date_order", "account_source")
        }
        decimal = "," if spec.get("decimal") == "," else ""
        stored = {name: getattr(run, name) for name in ("feed", "mapping", "source", "as_of")}
        return cls(initial=stored | read | {"decimal": decimal})

    clean_as_of = UploadForm.clean_as_of


class HistoryFilter(django_filters.FilterSet):
    """Imports by feed, source and state."""

    feed = django_filters.ChoiceFilter(label="Feed", empty_label="All feeds")
    source = django_filters.ChoiceFilter(label="Source", empty_label="All sources")
    state = django_filters.ChoiceFilter(
        label="State",
        empty_label="All states",
        choices=[
            (value, "Not loaded yet" if value == ImportRun.State.UPLOADED else label)
            for value, label in ImportRun.State.choices
        ],
    )

    class Meta:
        model = ImportRun
        fields = ("feed", "source", "state")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        used = list(ImportRun.objects.order_by().values_list("feed", "source").distinct())
        feeds = sorted({feed for feed, _ in used})
        self.filters["feed"].extra["choices"] = [
            (feed, selectors.feed_label(feed)) for feed in feeds
        ]
        self.filters["source"].extra["choices"] = [
            (source, source) for source in sorted({source for _, source in used})
        ]


class SaveMappingForm(forms.ModelForm):
    """A name to keep a mapping by. An existing name is replaced."""

    # It stands in the form that loads, where it may stay blank.
    use_required_attribute = False

    class Meta:
        model = SavedMapping
        fields = ("name",)
        labels: ClassVar = {"name": "Save the mapping as"}

    def clean_name(self) -> str:
        """Not one of the shipped names, which would be hidden by it."""
        name: str = self.cleaned_data["name"]
        if name in specs.shipped():
            raise forms.ValidationError(
                f"{name} is the name of a mapping that ships: take another."
            )
        return name

    def validate_unique(self) -> None:
        """Saving again under a name replaces it."""
