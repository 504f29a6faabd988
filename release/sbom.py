"""The bill of materials, CycloneDX 1.6 in JSON (https://cyclonedx.org/docs/1.6/json/), by the project's own library."""

from __future__ import annotations

import sysconfig
import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from release.errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib import metadata


def bill(distributions: Sequence[metadata.Distribution], name: str, sha256: str, made: int) -> str:
    """The bill of NAME, one of DISTRIBUTIONS, with all the others as what it depends on, each in its exact version.

    ``sha256`` is of NAME's wheel; ``made`` is the time to put in, in seconds since 1970 (SOURCE_DATE_EPOCH): the same
    inputs give the same bill. Raises ReleaseError for one that does not say its licence.
    """
    components = {canonicalize_name(each.name): _component(each) for each in distributions}
    bom = Bom()
    subject = components.pop(canonicalize_name(name))
    subject.type = ComponentType.APPLICATION
    subject.hashes = [HashType(alg=HashAlgorithm.SHA_256, content=sha256)]
    bom.metadata = BomMetaData(component=subject, timestamp=datetime.fromtimestamp(made, timezone.utc))
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"{subject.purl}#{sha256}")
    python = Component(
        name="python", version=sysconfig.get_python_version(), type=ComponentType.PLATFORM, bom_ref="python"
    )  # its reference would be a random number
    bom.components = [*components.values(), python]
    known = {canonicalize_name(name): subject, **components}
    for each in distributions:
        needed = {canonicalize_name(Requirement(text).name) for text in each.requires or []}
        bom.register_dependency(
            known[canonicalize_name(each.name)], [known[key] for key in sorted(needed & set(known))]
        )
    return str(JsonV1Dot6(bom).output_as_string(indent=2)) + "\n"


def _component(one: metadata.Distribution) -> Component:
    purl = PackageURL("pypi", name=canonicalize_name(one.name), version=one.version)
    fields = one.metadata.json
    told = str(fields.get("license_expression") or fields.get("license") or "")
    if not told or "\n" in told:  # some put the whole text there, some only a classifier
        classifiers = [text for text in fields.get("classifier") or [] if text.startswith("License :: ")]
        told = classifiers[0].rpartition(" :: ")[2] if classifiers else ""
    if not told:
        raise ReleaseError(f"{one.name} would be bundled, and its metadata name no licence for the bill of materials")
    licences = [LicenseFactory().make_from_string(told)]
    return Component(name=one.name, version=one.version, purl=purl, bom_ref=str(purl), licenses=licences)
