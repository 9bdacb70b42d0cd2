"""Settings, and the parts that the hub starts, watches and stops: PostgreSQL, Valkey, the ERP, Airflow, the intake.

Importing this package imports none of them.
"""
