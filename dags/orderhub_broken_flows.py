"""Shows broken files of flows/ as an Airflow import error. Has no DAG, so that the error hides none."""

from orderhub.airflow.dag_factory import refuse_broken_flows

refuse_broken_flows()
