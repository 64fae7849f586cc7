"""Two schedulers, and one that was away (fault matrix F49, F50)."""

import pytest

from tests.backstage import Backstage
from tests.faults.conftest import Desk
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_two_schedulers_start_each_due_run_once(backstage: Backstage, desk: Desk) -> None:
    """RUN-28 (F49): also where the first run has ended before the second scheduler looks."""
    backstage.worker()
    names = [f"n{n}" for n in range(6)]
    for _process in range(2):
        backstage.scheduler(FAULTS_SCHEDULE=",".join(names))
    wait_until(lambda: len(desk.runs(status="completed")) == len(names))
    assert sorted(run.inputs["name"] for run in desk.runs()) == names
    assert {(run.trigger, run.outcome, run.initiator_id) for run in desk.runs()} == {("schedule", "succeeded", None)}
