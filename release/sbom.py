"""The software bill of materials of a release: CycloneDX, with the hashes of the locks. Equal locks give equal bytes."""

from __future__ import annotations

import os
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from release.licences import licence_of
from release.locked import Locked, Pin

SCHEMA = SchemaVersion.V1_6
# Where no release says otherwise: that of tests/installations.py, so that a trial is the same every time too.
_BUILT_AT = "1700000000"


def sbom(locked: Locked, pyproject: Path) -> str:
    """As JSON. Raises ValueError where the official schema refuses it."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    components = {pin: _component(pin, locked) for pin in locked.pins}
    us = Component(
        name=project["name"],
        version=project["version"],
        type=ComponentType.APPLICATION,
        purl=PackageURL("pypi", None, project["name"], project["version"]),
        bom_ref=f"{project['name']}=={project['version']}",
        licenses=[LicenseFactory().make_from_string(project["license"])],
    )
    hashed = " ".join(sorted(digest for pin in locked.pins for digest in pin.hashes))
    bom = Bom(
        components=components.values(), serial_number=uuid5(NAMESPACE_URL, f"{us.bom_ref.value} {hashed}")
    )
    bom.metadata.timestamp = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", _BUILT_AT)), UTC)
    bom.metadata.component = us
    named: dict[str, list[Component]] = {}
    for pin, component in components.items():
        named.setdefault(pin.name, []).append(component)
    bom.register_dependency(us, [one for name in locked.asked for one in named[name]])
    for pin, component in components.items():
        below = [one for name in locked.needs[pin.name] for one in named[name]]
        bom.register_dependency(component, below)
    text = make_outputter(bom, OutputFormat.JSON, SCHEMA).output_as_string(indent=1) + "\n"
    if fault := invalid(text):
        raise ValueError(f"not a valid CycloneDX {SCHEMA.to_version()} document: {fault}")
    return text


def invalid(text: str) -> str | None:
    """What the official schema says against a document."""
    fault = JsonStrictValidator(SCHEMA).validate_str(text)
    return None if fault is None else str(fault)


def _component(pin: Pin, locked: Locked) -> Component:
    licence = licence_of(pin.name, locked.installed.get(pin.name))
    purl = PackageURL("pypi", None, pin.name, pin.version)
    return Component(
        name=pin.name,
        version=pin.version,
        type=ComponentType.LIBRARY,
        scope=ComponentScope(locked.scopes[pin.name].value),
        purl=purl,
        bom_ref=f"{pin.name}=={pin.version}",
        licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
        # One hash per file that an index may hand out for this version; pip takes no other.
        external_references=[
            ExternalReference(
                type=ExternalReferenceType.DISTRIBUTION,
                url=XsUri(purl.to_string()),
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in pin.hashes],
            )
        ],
        properties=[Property(name="leadlens:where", value=pin.marker)] if pin.marker else [],
    )
