"""However a WSDL has cut its schemas: what they say of a message is found, and named with its place."""

from __future__ import annotations

import pytest
from lxml import etree

from connectors.soap.documents import BUILT_IN
from connectors.soap.schema import MessageSchema, Wrapper
from orderhub.errors import ConnectorProtocolError

XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'
WSDL = '<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:a="urn:a" xmlns:b="urn:b"><types>{}</types></definitions>'
AT = "http://x.example/service?wsdl"


def problems(documents: dict[str, str], message: str, *wrappers: Wrapper) -> list[str]:
    schema = MessageSchema({name: text.encode() for name, text in documents.items()}, wrappers)
    return [str(problem) for problem in schema.problems(etree.fromstring(message))]


def test_the_prefixes_of_the_wsdl_hold_in_its_schemas() -> None:
    wsdl = WSDL.format(
        f'<xs:schema {XS} targetNamespace="urn:a"><xs:element name="m" type="a:T"/>'
        '<xs:simpleType name="T"><xs:restriction base="xs:date"/></xs:simpleType></xs:schema>'
    )
    assert problems({AT: wsdl}, '<m xmlns="urn:a">2026-11-02</m>') == []
    [said] = problems({AT: wsdl}, '<m xmlns="urn:a"/>')
    assert said.startswith("/m: '' is not a valid value")


def test_two_schemas_of_one_namespace_and_one_that_imports_nothing() -> None:
    wsdl = WSDL.format(
        f'<xs:schema {XS} targetNamespace="urn:a" elementFormDefault="qualified"><xs:element name="m"><xs:complexType>'
        '<xs:sequence><xs:element name="n" type="a:N"/><xs:element ref="b:o"/></xs:sequence></xs:complexType></xs:element></xs:schema>'
        f'<xs:schema {XS} targetNamespace="urn:a"><xs:simpleType name="N"><xs:restriction base="xs:int"/></xs:simpleType></xs:schema>'
        f'<xs:schema {XS} targetNamespace="urn:b"><xs:element name="o" type="a:N"/></xs:schema>'
    )
    good = '<m xmlns="urn:a"><n>1</n><b:o xmlns:b="urn:b">2</b:o></m>'
    assert problems({AT: wsdl}, good) == []
    [first, second] = problems({AT: wsdl}, good.replace(">1<", ">one<").replace(">2<", "><"))
    assert first.startswith("/m/n: 'one'")
    assert second.startswith("/m/o: ''")


def test_an_included_schema_without_a_namespace_takes_that_of_its_includer() -> None:
    documents = {
        AT: WSDL.format(
            f'<xs:schema {XS} targetNamespace="urn:a"><xs:include schemaLocation="shared.xsd"/><xs:element name="m" type="a:S"/></xs:schema>'
            f'<xs:schema {XS} targetNamespace="urn:b"><xs:include schemaLocation="shared.xsd"/><xs:element name="m" type="b:S"/></xs:schema>'
        ),
        "http://x.example/shared.xsd": f'<xs:schema {XS}><xs:simpleType name="S"><xs:restriction base="xs:string">'
        '<xs:enumeration value="x"/></xs:restriction></xs:simpleType></xs:schema>',
    }
    for space in ("urn:a", "urn:b"):
        assert problems(documents, f'<m xmlns="{space}">x</m>') == []
        assert "'y'" in problems(documents, f'<m xmlns="{space}">y</m>')[0]


def test_schemas_that_import_each_other() -> None:
    one = (
        f'<xs:schema {XS} xmlns:b="urn:b" targetNamespace="urn:a"><xs:import namespace="urn:b" schemaLocation="b.xsd"/>'
        '<xs:element name="m" type="b:T"/><xs:simpleType name="S"><xs:restriction base="xs:int"/></xs:simpleType></xs:schema>'
    )
    two = (
        f'<xs:schema {XS} xmlns:a="urn:a" targetNamespace="urn:b"><xs:import namespace="urn:a" schemaLocation="a.xsd"/>'
        '<xs:simpleType name="T"><xs:restriction base="a:S"><xs:maxInclusive value="5"/></xs:restriction></xs:simpleType></xs:schema>'
    )
    documents = {
        AT: WSDL.format(f'<xs:schema {XS}><xs:import namespace="urn:a" schemaLocation="a.xsd"/></xs:schema>'),
        "http://x.example/a.xsd": one,
        "http://x.example/b.xsd": two,
    }
    assert problems(documents, '<m xmlns="urn:a">5</m>') == []
    assert "'6'" in problems(documents, '<m xmlns="urn:a">6</m>')[0]


def test_arrays_of_soap_encoding_and_the_attributes_of_xml() -> None:
    wsdl = WSDL.format(
        f'<xs:schema {XS} xmlns:e="http://schemas.xmlsoap.org/soap/encoding/" targetNamespace="urn:a">'
        '<xs:import namespace="http://schemas.xmlsoap.org/soap/encoding/"/><xs:import namespace="http://www.w3.org/XML/1998/namespace"/>'
        '<xs:complexType name="List"><xs:complexContent><xs:restriction base="e:Array"><xs:attribute ref="e:arrayType"/>'
        '</xs:restriction></xs:complexContent></xs:complexType><xs:element name="m"><xs:complexType><xs:sequence>'
        '<xs:element name="list" type="a:List"/></xs:sequence><xs:attribute ref="xml:lang"/></xs:complexType></xs:element></xs:schema>'
    )
    known = {name: text.decode() for name, text in BUILT_IN.items() if name.startswith("http://")}
    message = '<a:m xmlns:a="urn:a" xml:lang="de"><list/></a:m>'
    assert problems({AT: wsdl, **known}, message) == []


def test_the_parts_of_an_operation_of_the_older_style() -> None:
    wsdl = WSDL.format(
        f'<xs:schema {XS} targetNamespace="urn:a"><xs:simpleType name="N"><xs:restriction base="xs:int"/></xs:simpleType></xs:schema>'
    )
    wrapper = Wrapper("{urn:a}get", {"first": "{urn:a}N", "second": "{http://www.w3.org/2001/XMLSchema}date"})
    good = '<a:get xmlns:a="urn:a"><first>1</first><second>2026-11-02</second></a:get>'
    assert problems({AT: wsdl}, good, wrapper) == []
    assert problems({AT: wsdl}, good.replace("2026-11-02", ""), wrapper)[0].startswith("/get/second: ''")
    assert "second" in problems({AT: wsdl}, '<a:get xmlns:a="urn:a"><first>1</first></a:get>', wrapper)[0]


def test_a_message_in_a_namespace_that_nobody_declared_is_named() -> None:
    wsdl = WSDL.format(
        f'<xs:schema {XS} targetNamespace="urn:a" elementFormDefault="qualified"><xs:element name="m"><xs:complexType>'
        '<xs:sequence><xs:element name="n" type="xs:int"/></xs:sequence></xs:complexType></xs:element></xs:schema>'
    )
    [said] = problems({AT: wsdl}, '<m xmlns="urn:a"><n xmlns="urn:wrong">1</n></m>')
    assert "{urn:wrong}n" in said
    assert "{urn:a}n" in said
    assert "m" in problems({AT: wsdl}, "<m/>")[0]


def test_a_schema_that_contradicts_itself_is_told() -> None:
    with pytest.raises(ConnectorProtocolError, match="Missing"):
        problems(
            {
                AT: WSDL.format(
                    f'<xs:schema {XS} targetNamespace="urn:a"><xs:element name="m" type="a:Missing"/></xs:schema>'
                )
            },
            "<m/>",
        )


def test_a_schema_cannot_reach_outside() -> None:
    """An import that nobody loaded stays empty, whatever it names."""
    wsdl = WSDL.format(
        f'<xs:schema {XS} targetNamespace="urn:a"><xs:import namespace="urn:c" schemaLocation="file:///etc/passwd"/>'
        '<xs:include schemaLocation="http://127.0.0.1:1/x.xsd"/><xs:element name="m" type="xs:int"/></xs:schema>'
    )
    assert problems({AT: wsdl}, '<m xmlns="urn:a">1</m>') == []
