"""The star schema that every warehouse has: its tables, what a document's rows are, and when a version begins and ends.

``tables``    the tables and columns, with types of no particular database
``rows``      the rows of a document
``records``   whole rows, with what their version adds
``text``      rows as the text that COPY and LOAD DATA read
``merge``     versions and identity: what becomes of a batch, decided once for all warehouses
``halving``   one document that is refused does not stop the others of its batch
``sql``       the same tables for SQLAlchemy, for databases without arrays and with short index keys
``sql_store`` the steps of a merge on these
``sql_warehouse`` a connector on these
"""
