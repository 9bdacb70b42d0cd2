"""Great Expectations' data docs of the hub's suites and validations: a folder of HTML files that stands on its own."""

from orderhub.validate.data_docs.site import PAGE, build

__all__ = ["PAGE", "build"]
