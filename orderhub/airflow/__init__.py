"""The only package that imports Airflow: DAGs of the flows, operators, the executor, the plugin."""
