"""MLflow: runs to compare and the registry of models. The only module that knows MLflow."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # nothing leaves the machine
os.environ["DO_NOT_TRACK"] = "true"
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # a dead server is told within seconds

_URI_OF_USER = os.environ.get("MLFLOW_TRACKING_URI")  # read before MLflow writes its own choice there

import mlflow  # noqa: E402
import mlflow.sklearn  # noqa: E402
import pandas as pd  # noqa: E402
from mlflow.entities.model_registry import ModelVersion  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.models import infer_signature  # noqa: E402
from sqlalchemy.exc import SQLAlchemyError  # noqa: E402

from pipeline.columns import CUSTOMER  # noqa: E402
from pipeline.errors import ModelError  # noqa: E402
from pipeline.settings import Tracking  # noqa: E402

Found = TypeVar("Found")

CHAMPION, CHALLENGER = "champion", "challenger"
TRAINING = "lookalike.training"  # tag: fingerprint of the training that a run or version belongs to
_ROLE = "lookalike.role"
PARENT = "mlflow.parentRunId"  # tag: the run that a nested run belongs to
WHOLE = {"level": "training"}  # tag of a training's own run; the runs below it have a tag `attribute` instead
_SHOWN_AS = {"mlflow.experimentKind": "custom_model_development"}  # the UI then opens on the runs, not on traces
_QUIET = ("mlflow", "alembic", "sqlalchemy", "git")


@dataclass(frozen=True)
class Registered:
    """A version in the registry, with what was written beside it."""

    name: str
    version: str
    facts: dict[str, Any]
    run_id: str

    @property
    def label(self) -> str:
        """Return how predictions name the version."""
        return f"{self.name}/{self.version}"


@dataclass(frozen=True)
class Run:
    """A run as it was logged."""

    id: str
    name: str
    tags: dict[str, str]
    params: dict[str, str]


class Tracker:
    """Runs and registered models of one source.

    Parameters
    ----------
    settings
        Where runs are kept. The order is `settings.uri`, MLFLOW_TRACKING_URI, a database in `settings.folder`.
    source
        Name of the source: the experiment, and the beginning of the models' names.

    Raises
    ------
    ModelError
        If the tracking store cannot be opened.
    """

    def __init__(self, settings: Tracking, source: str) -> None:
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.ERROR)
        folder = Path(settings.folder).absolute()
        self.uri = settings.uri or _URI_OF_USER or f"sqlite:///{folder / 'mlflow.db'}"
        self.source = source
        if self.uri.startswith("sqlite"):
            _create(Path(self.uri.removeprefix("sqlite:///")), folder)
        mlflow.set_tracking_uri(self.uri)
        mlflow.set_registry_uri(self.uri)
        name = settings.experiment or source
        try:
            self.client = mlflow.MlflowClient()
            known = self.client.get_experiment_by_name(name)
            artifacts = (folder / "artifacts").as_uri() if self.uri.startswith("sqlite") else None
            self.experiment_id = (
                known.experiment_id if known else self.client.create_experiment(name, artifacts, tags=_SHOWN_AS)
            )
        except (MlflowException, SQLAlchemyError) as error:
            raise ModelError(f"tracking: the store {self.uri} cannot be opened: {_first_line(error)}") from None

    @contextmanager
    def run(
        self, name: str, training: str, tags: Mapping[str, str], parent: str | None = None, shown: str = ""
    ) -> Iterator[str]:
        """Yield the id of a run; a run of the same training and name that was cut off is taken up again.

        A new run is called `shown` in the UI, where given.
        """
        found = self._runs(training, name)
        if found:
            run_id = found[0].info.run_id
            self.client.update_run(run_id, status="RUNNING")
        else:
            nested = {PARENT: parent} if parent else {}
            run = self.client.create_run(
                self.experiment_id, run_name=shown or name, tags={**tags, **nested, TRAINING: training, _ROLE: name}
            )
            run_id = run.info.run_id
        try:
            yield run_id
        except BaseException:
            with suppress(MlflowException, SQLAlchemyError):  # the first error is the one to be told
                self.client.set_terminated(run_id, "FAILED")
            raise
        self.client.set_terminated(run_id, "FINISHED")

    def finished(self, training: str, name: str) -> str | None:
        """Return the id of a finished run of this training and name, or None."""
        runs = [run for run in self._runs(training, name) if run.info.status == "FINISHED"]
        return runs[0].info.run_id if runs else None

    def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Write tags to a run; other than parameters they may be written again."""
        for key, value in tags.items():
            self.client.set_tag(run_id, key, value)

    def note(self, version: Registered, key: str, value: Any) -> None:
        """Write another fact beside a version."""
        self.client.set_model_version_tag(version.name, version.version, key, json.dumps(value))

    def describe(self, version: Registered, text: str) -> None:
        """Give a version the description that the registry's page shows, Markdown of at most 5,000 characters."""
        self.client.update_model_version(version.name, version.version, text)

    def knows(self, label: str) -> bool:
        """Tell whether a version, as `Registered.label` names it, is in the registry."""
        name, _, number = label.rpartition("/")
        return _if_there(lambda: self.client.get_model_version(name, number)) is not None

    def log(
        self,
        run_id: str,
        params: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        tables: Mapping[str, pd.DataFrame] | None = None,
        texts: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Write parameters, finite metrics, tables, texts and a folder of pictures to a run."""
        entities = mlflow.entities
        now = int(pd.Timestamp.now("UTC").timestamp() * 1000)
        listed = [entities.Metric(k, float(v), now, 0) for k, v in (metrics or {}).items() if pd.notna(v)]
        told = [entities.Param(k, str(v)[:6000]) for k, v in (params or {}).items()]
        for start in range(0, max(len(listed), len(told)), 100):
            self.client.log_batch(run_id, listed[start : start + 100], told[start : start + 100])
        for name, table in (tables or {}).items():
            self.client.log_text(run_id, table.to_csv(index=False), f"{name}.csv")
        for name, text in (texts or {}).items():
            self.client.log_text(run_id, text, name)
        if folder is not None and folder.is_dir():
            self.client.log_artifacts(run_id, str(folder), "pictures")

    def log_large(self, run_id: str, name: str, table: pd.DataFrame) -> None:
        """Write a table with a row per customer to a run, as Parquet; `read_table` reads it."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.parquet"
            table.to_parquet(path, index=False)
            self.client.log_artifact(run_id, str(path))

    def trainings(self) -> list[Run]:
        """Return the source's finished trainings, the newest first."""
        query = f"tags.level = '{WHOLE['level']}' and attributes.status = 'FINISHED'"
        runs = self.client.search_runs([self.experiment_id], query, order_by=["attributes.start_time DESC"])
        return [_run(run) for run in runs]

    def find(self, run_id: str) -> Run | None:
        """Return a run by its id, or None if it is gone."""
        found = _if_there(lambda: self.client.get_run(run_id))
        return None if found is None else _run(found)

    def nested(self, run_id: str) -> list[Run]:
        """Return the runs below a run, in the order in which they were begun."""
        query = f"tags.`{PARENT}` = '{run_id}'"
        runs = self.client.search_runs([self.experiment_id], query, order_by=["attributes.start_time ASC"])
        return [_run(run) for run in runs]

    def register(
        self,
        name: str,
        model: Any,
        example: Any,
        answer: Any,
        method: str,
        run_id: str,
        training: str,
        facts: Mapping[str, Any],
    ) -> Registered:
        """Log a scikit-learn object with its signature and register it; once per training and name.

        Parameters
        ----------
        example, answer
            Some rows of input and what `method` returns for them: the signature.
        facts
            What scoring needs to know; kept as tags of the version.
        """
        full = self.full_name(name)
        for version in self._versions(full):
            if version.tags.get(TRAINING) == training:
                return _registered(version)
        with mlflow.start_run(run_id=run_id), warnings.catch_warnings():
            # The signature below says what the input is; the methods' hints need not.
            warnings.filterwarnings("ignore", message=".*Any type hint is inferred")
            logged = mlflow.sklearn.log_model(
                model,
                name=name,
                signature=infer_signature(example, answer),
                # Own estimators are no part of what skops knows; who can write into the store can run code anyway.
                serialization_format="cloudpickle",
                pyfunc_predict_fn=method,
                pip_requirements=[],
            )
        try:
            self.client.create_registered_model(full)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        tags = {TRAINING: training, **{key: json.dumps(value) for key, value in facts.items()}}
        version = self.client.create_model_version(full, logged.model_uri, run_id, tags=tags)
        self.client.update_run(run_id, status="RUNNING")
        return _registered(version)

    def champion(self, name: str) -> Registered | None:
        """Return the version that scores, or None."""
        found = _if_there(lambda: self.client.get_model_version_by_alias(self.full_name(name), CHAMPION))
        return None if found is None else _registered(found)

    def versions(self, name: str) -> list[Registered]:
        """Return all versions of a model, the newest first."""
        found = [_registered(version) for version in self._versions(self.full_name(name))]
        return sorted(found, key=lambda version: int(version.version), reverse=True)

    def promote(self, version: Registered, role: str) -> None:
        """Give a version the alias champion or challenger."""
        self.client.set_registered_model_alias(version.name, role, version.version)

    def load(self, version: Registered) -> Any:
        """Return a registered object; see `load_version`."""
        return self.load_version(version.name, version.version)

    def load_version(self, name: str, number: str) -> Any:
        """Return a registered object by its full name and version.

        Raises
        ------
        ModelError
            If its files are missing or damaged.
        """
        uri = f"models:/{name}/{number}"
        try:
            return mlflow.sklearn.load_model(uri)
        except Exception as error:  # unpickling damaged bytes can raise anything
            raise ModelError(
                f"{uri}: the registered model cannot be loaded: {type(error).__name__}: {_first_line(error)}. "
                "Its files are missing or damaged: train again, or move the alias 'champion' to another version."
            ) from None

    def read_table(self, run_id: str, name: str) -> pd.DataFrame | None:
        """Return a table that a run logged, or None of a run or a table that is gone.

        Raises
        ------
        ModelError
            If the table's file cannot be fetched or is damaged.
        """
        listed = {file.path for file in _if_there(lambda: self.client.list_artifacts(run_id)) or []}
        file = next((file for file in (f"{name}.parquet", f"{name}.csv") if file in listed), None)
        if file is None:
            return None
        try:
            with TemporaryDirectory() as folder:
                path = self.client.download_artifacts(run_id, file, folder)
                return pd.read_parquet(path) if file.endswith(".parquet") else pd.read_csv(path, dtype={CUSTOMER: str})
        except (OSError, ValueError) as error:  # of which what pyarrow and pandas raise of damaged files are kinds
            raise ModelError(
                f"tracking: {file} of run {run_id} in the store {self.uri} cannot be read: {_first_line(error)}. Mend "
                "the store and run the same command again."
            ) from None

    def full_name(self, name: str) -> str:
        """Return a model's name in the registry: `<source>.<name>`."""
        return f"{self.source}.{name}"

    def _runs(self, training: str, name: str) -> list[Any]:
        query = f"tags.`{TRAINING}` = '{training}' and tags.`{_ROLE}` = '{name}'"
        return list(self.client.search_runs([self.experiment_id], query))

    def _versions(self, full: str) -> list[ModelVersion]:
        return list(self.client.search_model_versions(f"name = '{full}'"))


@contextmanager
def told(settings: Tracking, source: str) -> Iterator[Tracker]:
    """Yield the tracker of a source; what its store raises while it is used is told as a `ModelError`."""
    tracker = Tracker(settings, source)
    try:
        yield tracker
    except (MlflowException, SQLAlchemyError) as error:
        raise ModelError(
            f"tracking: the store {tracker.uri} failed: {_first_line(error)}. What was finished is kept: mend the "
            "store (is the disk full, the server up?) and run the same command again."
        ) from None


def _if_there(ask: Callable[[], Found]) -> Found | None:
    """Return what MLflow has, or None of what is not there; a store that fails says nothing of what is there."""
    try:
        return ask()
    except MlflowException as error:
        no_alias = error.error_code == "INVALID_PARAMETER_VALUE" and "alias" in error.message  # of a model without one
        if error.error_code != "RESOURCE_DOES_NOT_EXIST" and not no_alias:
            raise
        return None


def metric_name(text: str) -> str:
    """Return a text as MLflow lets metrics be called.

    >>> metric_name("recall/75K+"), metric_name("recall/<35")
    ('recall/75K or more', 'recall/below 35')
    """
    text = text.replace("+", " or more").replace("<", "below ").replace(">", "above ")
    return "".join(letter if letter.isalnum() or letter in "_-. :/" else "_" for letter in text)


def _create(database: Path, folder: Path) -> None:
    """Make a new database under a temporary name, so that a kill leaves a whole one or none."""
    try:
        for needed in (database.parent, folder):
            needed.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"tracking.folder: {folder} cannot be made: {error.strerror}; name another folder") from None
    if database.exists():
        return
    partial = database.with_name(f".{database.name}.{os.getpid()}.partial")
    try:
        mlflow.MlflowClient(f"sqlite:///{partial}").search_experiments(max_results=1)
        partial.replace(database)
    except (MlflowException, SQLAlchemyError) as error:
        raise ModelError(f"tracking: the store {database} cannot be created: {_first_line(error)}") from None
    finally:
        for left in database.parent.glob(f"{partial.name}*"):
            left.unlink()


def _registered(version: ModelVersion) -> Registered:
    facts = {key: json.loads(value) for key, value in version.tags.items() if key != TRAINING}
    return Registered(version.name, str(version.version), facts, version.run_id or "")


def _run(run: Any) -> Run:
    return Run(run.info.run_id, run.info.run_name, dict(run.data.tags), dict(run.data.params))


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]
