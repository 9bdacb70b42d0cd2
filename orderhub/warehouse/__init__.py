"""The central warehouse: versioned orders, suppliers and items, each row with its source document and load."""
