"""YAML of people: plain values only, refused before it grows."""

from typing import Any, Final

import yaml

_MOST_ALIASES: Final = 20
_DEEPEST: Final = 50
_OPENS = (yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken)
_OPENS_INLINE = (yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken)
_CLOSES = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


class TooMuch(yaml.YAMLError):
    """A document that says little and means a lot; the text says what to write otherwise."""


def parse(text: str, loader: type[yaml.SafeLoader] = yaml.SafeLoader) -> Any:
    """What `text` says. Raises `TooMuch`, and yaml.YAMLError for all else that is wrong with it."""
    aliases = depth = 0
    for token in yaml.scan(text, Loader=loader):
        # A few lines of aliases of aliases are a terabyte once they are spelt out in a message.
        aliases += isinstance(token, yaml.AliasToken)
        if aliases > _MOST_ALIASES:
            raise TooMuch("it uses too many aliases (*name): write some out.")
        depth += isinstance(token, _OPENS + _OPENS_INLINE) - isinstance(token, _CLOSES)
        if depth > _DEEPEST:
            raise TooMuch(f"it is nested more than {_DEEPEST} deep.")
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506 -- a SafeLoader by its type
    except (ValueError, OverflowError) as error:
        # The thirteenth month, a number of five thousand digits.
        raise yaml.YAMLError(str(error)) from error
