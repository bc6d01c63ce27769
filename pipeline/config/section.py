"""A section of a project file: unknown keys are refused, nothing changes after loading, old spellings are accepted.

A setting that was renamed declares its old spellings itself: its key by ``validation_alias=AliasChoices(new, old)``,
a value by ``OldValue``. Fingerprints and recipes keep the old spelling, so that a rename changes none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self, get_args

from pydantic import AliasChoices, BaseModel, ConfigDict, GetCoreSchemaHandler, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from leadlens.features.secrets import without_secrets


@dataclass(frozen=True)
class OldValue:
    """Type metadata: the setting's value ``new`` was once written ``old``."""

    old: str
    new: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: self.new if value == self.old else value, handler(source)
        )


class Address:
    """Marks where data come from or go to: a password that is written out there is in no fingerprint and no record."""


class Added:
    """Marks a setting that came later: while it is not given, fingerprints are those of before."""


class HowOnly:
    """Marks a setting that says how something is read, and on which no value depends: it is in no fingerprint."""


class Several:
    """Marks a setting that is one thing or a list of them: mistakes are placed as if there was only this form, and a list
    of one is that one.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        one, several = (handler.generate_schema(kind) for kind in get_args(source))
        union = core_schema.tagged_union_schema(
            {"one": one, "several": several}, discriminator=_one_or_several
        )
        return core_schema.no_info_before_validator_function(_alone, union)


def _alone(value: Any) -> Any:
    if isinstance(value, list | tuple) and not value:
        raise ValueError("this list is empty: name at least one")
    return value[0] if isinstance(value, list | tuple) and len(value) == 1 else value


def _one_or_several(value: Any) -> str:
    return "several" if isinstance(value, list | tuple) else "one"


def _old_names(field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    return [str(name) for name in alias.choices[1:]] if isinstance(alias, AliasChoices) else []


def _accept_old_names(schema: dict[str, Any], section: type[BaseModel]) -> None:
    for name, field in section.model_fields.items():
        for old in _old_names(field):
            setting = schema["properties"][name]
            schema["properties"][old] = {**setting, "deprecated": True, "description": f"Now called {name}."}


class Section(BaseModel):
    """Settings that belong together, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_accept_old_names)

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, settings: Any) -> Any:
        for name, field in cls.model_fields.items():
            for old in _old_names(field):
                if isinstance(settings, dict) and name in settings and old in settings:
                    raise ValueError(f"{old} is the old name of {name}: keep only {name}")
        return settings

    def canonical(self) -> dict[str, Any]:
        """The settings as plain JSON values, defaults included, in the spelling that fingerprints are made of."""
        plain = self.model_dump(mode="json")
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if isinstance(value, Section | tuple | dict):
                plain[name] = _canonical(value, plain[name])
            if Added in field.metadata and value == field.get_default(call_default_factory=True):
                del plain[name]
            if HowOnly in field.metadata:
                del plain[name]
            for rename in field.metadata:
                if isinstance(rename, OldValue) and value == rename.new:
                    plain[name] = rename.old
            if Address in field.metadata:
                plain[name] = _without_passwords(plain[name])
            for old in _old_names(field):
                plain[old] = plain.pop(name)
        return plain

    def without_passwords(self) -> Self:
        """The same, with every password masked that is written out in an address: what may leave this machine."""
        own = {name: getattr(self, name) for name in type(self).model_fields}
        changed = {
            name: _without_passwords(value, Address in type(self).model_fields[name].metadata)
            for name, value in own.items()
        }
        return self.model_copy(update=changed)


def _without_passwords(value: Any, address: bool = True) -> Any:
    if isinstance(value, Section):
        return value.without_passwords()
    if isinstance(value, dict):
        return {name: _without_passwords(each, address) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_without_passwords(each, address) for each in value)
    return without_secrets(value) if address and isinstance(value, str) else value


def _canonical(value: Any, plain: Any) -> Any:
    """The same of sections, and of those in a list or under names; what is none is ``plain`` already."""
    if isinstance(value, Section):
        return value.canonical()
    if isinstance(value, tuple):
        return [_canonical(each, own) for each, own in zip(value, plain, strict=True)]
    if isinstance(value, dict):
        return {name: _canonical(each, plain[name]) for name, each in value.items()}
    return plain


def renamed_settings(section: type[BaseModel], settings: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """A note for every old spelling in the plain ``settings`` of the section at ``place`` (``"model."``)."""
    for name, field in section.model_fields.items():
        for old in _old_names(field):
            if old in settings:
                yield f"{place}{old} is now called {place}{name}; the old name goes on working"
        value = settings.get(name)
        for rename in field.metadata:
            if isinstance(rename, OldValue) and value == rename.old:
                yield f"{place}{name}: {rename.old} is now called {rename.new}; the old name goes on working"
        for inner in (field.annotation, *get_args(field.annotation)):
            if isinstance(value, Mapping) and isinstance(inner, type) and issubclass(inner, Section):
                yield from renamed_settings(inner, value, f"{place}{name}.")
