"""What SQS answers to a batch: nothing counts as done that is not named as done."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pik.adapters.sqs.entries import refused

ASKED = {str(number): f"message-{number}" for number in range(5)}
some = st.sets(st.sampled_from(sorted(ASKED)))


@given(done=some, failed=some)
def test_exactly_what_is_not_named_as_done_is_refused(done: set[str], failed: set[str]) -> None:
    answer = {
        "Successful": [{"Id": entry_id} for entry_id in done],
        "Failed": [{"Id": entry_id, "Code": "InternalError", "Message": "again"} for entry_id in failed],
    }
    found = refused(answer, ASKED)
    assert found.keys() == {ASKED[entry_id] for entry_id in ASKED.keys() - done}
    for entry_id in ASKED.keys() - done:
        told = str(found[ASKED[entry_id]])
        assert told == ("InternalError: again" if entry_id in failed else "Unknown: no answer")


def test_an_answer_without_lists_refuses_all_and_one_of_strangers_too() -> None:
    assert refused({}, ASKED).keys() == set(ASKED.values())
    strangers = {"Successful": [{"Id": f"other-{number}"} for number in range(5)]}
    assert refused(strangers, ASKED).keys() == set(ASKED.values())
