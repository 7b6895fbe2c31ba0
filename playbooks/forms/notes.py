"""The form of a note."""

from typing import Any, ClassVar

from django import forms

from playbooks.models import Note
from playbooks.services import note_files


class Files(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of uploads, each checked for kind, size and content."""

    widget = Files

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        given = data if isinstance(data, list | tuple) else [data] if data else []
        cleaned = [super(FilesField, self).clean(one, initial) for one in given]
        if wrong := note_files.faults(cleaned):
            raise forms.ValidationError(wrong)
        return cleaned


class NoteForm(forms.ModelForm):
    """A note, or a promise with the day it is due; files only with a new one."""

    uploads = FilesField(
        label="Files",
        required=False,
        widget=Files(attrs={"accept": note_files.ACCEPT}),
    )

    class Meta:
        model = Note
        fields = ("body", "kind", "due_on")
        labels: ClassVar = {"body": "Note", "kind": "What it is", "due_on": "Due (promises)"}
        widgets: ClassVar = {
            "body": forms.Textarea(attrs={"rows": 4, "maxlength": 20_000}),
            "due_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Two forms of notes may stand on one page.
        self.auto_id = "note_%s"
        if self.instance.pk is not None:
            del self.fields["uploads"]

    def clean_body(self) -> str:
        body: str = self.cleaned_data["body"]
        if len(body) > 20_000:
            raise forms.ValidationError("A note has 20,000 letters at most: attach a file instead.")
        return body

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if given.get("kind") == Note.Kind.PROMISE and not given.get("due_on"):
            self.add_error("due_on", "A promise needs the day it is due.")
        return given
