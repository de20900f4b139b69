"""The command line: `python -m pipeline stages=[features,train] data=... attributes=...`.

The only module that knows Hydra. It composes the configuration from `conf/`, merges it into `Settings`
once, and runs the stages. A user's mistake ends with one message and exit code 2.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback

# Before NumPy is loaded: threads that spin while they wait cost a multiple on a busy machine, and work is
# spread over attributes and buckets rather than inside small fits.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ["HYDRA_FULL_ERROR"] = "1"  # errors are told below, in this program's words

from collections.abc import Callable  # noqa: E402
from dataclasses import fields, replace  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, NoReturn  # noqa: E402

import hydra  # noqa: E402
from hydra.core.hydra_config import HydraConfig  # noqa: E402
from hydra.errors import HydraException, MissingConfigException  # noqa: E402
from hydra.experimental.callback import Callback  # noqa: E402
from hydra.types import RunMode  # noqa: E402
from omegaconf import DictConfig, OmegaConf  # noqa: E402
from omegaconf.errors import OmegaConfBaseException  # noqa: E402
from yaml import YAMLError  # noqa: E402

from pipeline.configuration import parse_settings  # noqa: E402
from pipeline.errors import PipelineError, did_you_mean  # noqa: E402
from pipeline.settings import Settings  # noqa: E402

_INSTALL = "pip install --constraint constraints.txt 'hydra-optuna-sweeper==1.3.0'"
CONF = Path(__file__).resolve().parent.parent / "conf"


def settings_of(config: DictConfig) -> Settings:
    """Return a composed configuration, without Hydra's own part, as settings."""
    ours = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    plain: Any = OmegaConf.to_container(ours, resolve=True)
    return parse_settings(plain)


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def _hydra(config: DictConfig) -> float | None:
    from pipeline.run import run

    try:
        settings = settings_of(config)
        if HydraConfig.get().mode == RunMode.MULTIRUN and "sweep" in settings.stages:
            settings = replace(settings, stages=("sweep",))  # the stages before were run before the first trial
        return run(settings)
    except PipelineError as error:  # told here, because Hydra would first print all overrides
        _fail(str(error))
    except OmegaConfBaseException as error:
        _fail(_in_our_words(error))


class Search(Callback):
    """What a search with --multirun does before its trials, and after them.

    Hydra makes it from conf/experiment/sweep.yaml. It would tell errors as warnings; here they end the program.
    """

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Run the stages before the sweep, and the default settings as the first trial."""
        from pipeline.run import run

        for part in ("optuna.study", "optuna.storages"):  # trials are told in this program's words
            logging.getLogger(part).setLevel(logging.WARNING)
        _telling(lambda: run(settings_of(config)))

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Judge the best trial and the default."""
        from pipeline.run import conclude_sweep

        _telling(lambda: conclude_sweep(settings_of(config)))


def main() -> None:
    """Run the command line and leave with exit code 0, or 2 after a user's mistake."""
    if not CONF.is_dir():
        _fail(
            f"{CONF} not found: conf/ stands beside the package in a checkout; install it with pip install --editable"
        )
    sys.argv[1:] = [_addable(argument) for argument in sys.argv[1:]]
    try:
        _hydra()
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        _fail(_in_our_words(error))
    except KeyboardInterrupt:
        _fail("interrupted; the same command goes on where it stopped", 130)


def _telling(step: Callable[[], object]) -> None:
    """Run a step whose exceptions Hydra would swallow."""
    try:
        step()
    except PipelineError as error:
        _fail(str(error))
    except OmegaConfBaseException as error:
        _fail(_in_our_words(error))
    except Exception:
        traceback.print_exc()
        raise SystemExit(1) from None


def _addable(argument: str) -> str:
    """Let `a.b=value` set a key that no file mentions: `Settings` knows which keys exist, and says so.

    >>> _addable("engine.workers=2"), _addable("data=shop")
    ('++engine.workers=2', 'data=shop')
    """
    return f"++{argument}" if re.match(r"(?!hydra\.)[A-Za-z_]\w*\.[\w.]+=", argument) else argument


def _in_our_words(error: Exception) -> str:
    if isinstance(error, MissingConfigException) and error.missing_cfg_file is not None:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        if group == "hydra/sweeper":
            return f"a search needs Optuna and Hydra's sweeper for it: {_INSTALL}, or make sweep, which does it"
        options = [option for option in error.options or [] if not option.startswith("_")]
        return f"{group}={choice}: there is no conf/{error.missing_cfg_file}.yaml {did_you_mean(choice, options)}"
    unknown = re.match(r"Could not override '(\w+)'", str(error))
    if unknown:
        names = [field.name for field in fields(Settings)]
        return f"{unknown[1]}: unknown key {did_you_mean(unknown[1], [*names, 'experiment'])}"
    kind = "not readable as YAML: " if isinstance(error, YAMLError) else ""
    return f"the configuration cannot be used: {kind}{error}"


def _fail(message: str, code: int = 2) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
