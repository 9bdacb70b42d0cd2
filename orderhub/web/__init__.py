"""Pages and REST API: documents, files, and what happened to each. Knows no Airflow; it is mounted or served alone."""
