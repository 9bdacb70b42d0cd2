"""The routes: pages of documents and files, the API, and its reference."""
