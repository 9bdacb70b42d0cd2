"""The ledger: what arrived, what became of it, what still has to happen. It decides; Airflow only schedules."""
