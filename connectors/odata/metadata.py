"""$metadata of OData V2 and V4: sets, types, properties and what leads from one type to another."""

from __future__ import annotations

import msgspec
from lxml import etree

from orderhub.errors import ConnectorProtocolError


class Property(msgspec.Struct, frozen=True, kw_only=True):
    """A property; ``type`` is an Edm type (``Edm.Decimal``) or one of the service's own."""

    name: str
    type: str
    max_length: int | None = None


class EntityType(msgspec.Struct, frozen=True, kw_only=True):
    """A type of entities. ``leads_to`` has the full name of the type that a navigation property leads to."""

    name: str
    properties: dict[str, Property]
    leads_to: dict[str, str]


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """``sets``: name of a set to the full name of its type; ``types`` by full name."""

    sets: dict[str, str]
    types: dict[str, EntityType]

    def of_set(self, name: str) -> EntityType | None:
        """The type of a set's entities."""
        return self.types.get(self.sets.get(name, ""))

    def next_type(self, entity: EntityType | None, name: str) -> EntityType | None:
        """The type that a navigation property leads to."""
        return self.types.get(entity.leads_to.get(name, "")) if entity is not None else None


def read_metadata(content: bytes) -> Metadata:
    """:raises ConnectorProtocolError: no XML, an XML with a DOCTYPE, or no OData metadata."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise _wrong(f"it is no XML ({error})") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise _wrong("it has a DOCTYPE")
    schemas = [node for node in root.iter("{*}Schema") if isinstance(node.tag, str)]
    names = {node.get("Alias"): node.get("Namespace") for node in schemas if node.get("Alias")}

    def full(name: str) -> str:
        """A type's full name; an alias of a namespace is replaced, a collection is that of its members."""
        inner = name.removeprefix("Collection(").removesuffix(")")
        space, _, last = inner.rpartition(".")
        return f"{names.get(space, space)}.{last}" if space else inner

    ends: dict[tuple[str, str], str] = {}
    for schema in schemas:
        for association in schema.iter("{*}Association"):
            for end in association.iter("{*}End"):
                key = (f"{schema.get('Namespace')}.{association.get('Name')}", end.get("Role") or "")
                ends[key] = full(end.get("Type") or "")
    types: dict[str, EntityType] = {}
    bases: dict[str, str] = {}
    for schema in schemas:
        for node in schema.iter("{*}EntityType", "{*}ComplexType"):
            name = f"{schema.get('Namespace')}.{node.get('Name')}"
            bases[name] = full(node.get("BaseType") or "")
            leads_to = {}
            for navigation in node.iter("{*}NavigationProperty"):
                relation = (full(navigation.get("Relationship") or ""), navigation.get("ToRole") or "")
                leads_to[navigation.get("Name") or ""] = ends.get(relation) or full(
                    navigation.get("Type") or ""
                )
            properties = {one.name: one for one in (_property(child) for child in node.iter("{*}Property"))}
            types[name] = EntityType(name=name, properties=properties, leads_to=leads_to)
    for name in types:
        _inherit(name, types, bases)
    sets = {node.get("Name") or "": full(node.get("EntityType") or "") for node in root.iter("{*}EntitySet")}
    if not sets:
        raise _wrong("it has no entity set")
    return Metadata(sets=sets, types=types)


def _property(node: etree._Element) -> Property:
    length = node.get("MaxLength") or ""
    return Property(
        name=node.get("Name") or "",
        type=node.get("Type") or "",
        max_length=int(length) if length.isdigit() else None,
    )


def _inherit(name: str, types: dict[str, EntityType], bases: dict[str, str]) -> None:
    entity, base, seen = types[name], bases.get(name, ""), {name}
    while base in types and base not in seen:
        seen.add(base)
        above = types[base]
        for key, value in above.properties.items():
            entity.properties.setdefault(key, value)
        for key, target in above.leads_to.items():
            entity.leads_to.setdefault(key, target)
        base = bases.get(base, "")


def _wrong(why: str) -> ConnectorProtocolError:
    return ConnectorProtocolError(
        f"The service's $metadata cannot be used: {why}.",
        todo="Check the address of the service and its version.",
    )
