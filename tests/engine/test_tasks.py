import pytest
from joblib import delayed

from pipeline.engine import DuckDBEngine, open_engine, run_tasks, task_engine
from pipeline.settings import Engine


def limit_mb(engine):
    text = engine.ibis.raw_sql("SELECT current_setting('memory_limit')").fetchone()[0]
    number, unit = text.split()
    return float(number) * {"GiB": 1024, "MiB": 1}[unit]


def test_tasks_of_one_machine_share_its_limit_and_those_of_a_cluster_have_one_each():
    here, cluster = Engine(memory_limit_gb=2.0), Engine(name="spark", master="local[1]", memory_limit_gb=2.0)
    with task_engine(here, 4) as shared, task_engine(cluster, 4) as own, task_engine(here, 1) as alone:
        assert limit_mb(own) == limit_mb(alone)
        assert limit_mb(own) == pytest.approx(4 * limit_mb(shared), rel=0.05)  # told with few digits


def test_results_come_in_the_order_of_the_jobs(tmp_path):
    jobs = [delayed(pow)(number, 2) for number in range(5)]
    assert list(run_tasks(jobs, Engine(), 2, tmp_path)) == [0, 1, 4, 9, 16]
    assert sorted(run_tasks(jobs, Engine(), 2, tmp_path, in_order=False)) == [0, 1, 4, 9, 16]


def test_the_default_engine_is_within_this_process(tmp_path):
    with open_engine(Engine(), 1, tmp_path) as engine:
        assert isinstance(engine, DuckDBEngine)
