"""Registers the hub with Airflow. The only file of this folder: Airflow runs every one that it finds here."""

from orderhub.airflow.plugin import OrderhubPlugin

__all__ = ["OrderhubPlugin"]
