"""What verbs print for programs is what Python tells."""

import json
import subprocess
import sys

import pytest

from idm import tasks

TOLD = {"watch": tasks.read_progress, "verify": tasks.verify, "info": tasks.describe}


@pytest.mark.parametrize("verb", TOLD)
def test_programs_get_what_python_tells(idm, run, verb):
    told = json.loads(json.dumps(TOLD[verb](str(run)).to_plain(), default=str))
    assert idm(verb, run, "--json").json == told


def test_progress_is_read_without_torch(run):
    script = f"import sys, idm; print(idm.tasks.read_progress({str(run)!r}).num_steps, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["120", "False"]


def test_names_that_are_not_imported_yet_are_listed():
    script = "import sys, idm.tasks; print('train' in dir(idm.tasks), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_a_package_says_which_names_it_lacks():
    with pytest.raises(AttributeError, match=r"module 'idm\.tasks' has no attribute 'sample_onto'"):
        _ = tasks.sample_onto
