"""One Airflow DAG per file in flows/. Nothing is decided here: orderhub.airflow.dag_factory does it."""

from orderhub.airflow.dag_factory import flow_dags

globals().update(flow_dags())
