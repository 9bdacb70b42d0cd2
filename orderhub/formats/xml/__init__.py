"""XML: reader and mapping dialect (UBL, cXML, IDoc as XML, whatever a partner calls an order)."""
