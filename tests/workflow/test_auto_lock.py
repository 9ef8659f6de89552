from telemed_desk.workflow.auto_lock import AutoLock


def test_it_locks_after_the_idle_time_and_not_before() -> None:
    lock = AutoLock(idle_s=300)
    lock.unlocked(1000.0)
    for now_s in range(1000, 1300):
        assert lock.why_now(float(now_s), in_call=False) == ""
    assert lock.why_now(1300.0, in_call=False) == "idle"


def test_use_holds_it_off() -> None:
    lock = AutoLock(idle_s=300)
    lock.unlocked(0.0)
    for now_s in range(1000):
        lock.used(float(now_s))
        assert lock.why_now(float(now_s), in_call=False) == ""


def test_a_call_holds_the_lock_off_and_idle_time_starts_after_it() -> None:
    lock = AutoLock(idle_s=300)
    lock.unlocked(0.0)
    for now_s in range(5001):
        assert lock.why_now(float(now_s), in_call=True) == ""
    for now_s in range(5001, 5300):
        assert lock.why_now(float(now_s), in_call=False) == ""
    assert lock.why_now(5300.0, in_call=False) == "idle"


def test_the_systems_lock_waits_for_the_end_of_the_call_and_for_text_not_saved_yet() -> None:
    lock = AutoLock()
    lock.unlocked(0.0)
    lock.ask("system-lock")
    assert lock.why_now(1.0, in_call=True) == ""
    assert lock.why_now(2.0, in_call=False, unsaved=True) == ""
    assert lock.why_now(3.0, in_call=False) == "system-lock"
    lock.unlocked(4.0)
    assert lock.why_now(5.0, in_call=False) == "", "done with"


def test_text_that_the_disk_does_not_take_is_not_locked_away() -> None:
    lock = AutoLock(idle_s=60)
    lock.unlocked(0.0)
    for now_s in range(500):
        assert lock.why_now(float(now_s), in_call=False, unsaved=True) == ""
    assert lock.why_now(500.0, in_call=False) == "idle"


def test_a_pc_that_slept_is_locked_when_it_wakes_also_when_a_call_was_running() -> None:
    lock = AutoLock(idle_s=900)
    lock.unlocked(0.0)
    assert lock.why_now(1.0, in_call=False) == ""
    assert lock.why_now(3600.0, in_call=False) == "sleep"
    lock.unlocked(3700.0)
    assert lock.why_now(3701.0, in_call=True) == ""
    assert lock.why_now(9000.0, in_call=True) == ""
    assert lock.why_now(9001.0, in_call=False) == "sleep"


def test_being_locked_for_long_is_no_sleep() -> None:
    lock = AutoLock(idle_s=300)
    lock.unlocked(0.0)
    assert lock.why_now(1.0, in_call=False) == ""
    lock.unlocked(4000.0)  # nobody looks while it is locked
    assert lock.why_now(4001.0, in_call=False) == ""
