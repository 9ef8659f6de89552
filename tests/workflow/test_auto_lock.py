from telemed_desk.workflow.auto_lock import AutoLock


def test_it_locks_after_the_idle_time_and_not_before() -> None:
    lock = AutoLock(idle_s=300)
    lock.used(1000.0)
    assert not lock.is_due(1299.9, in_call=False)
    assert lock.is_due(1300.0, in_call=False)


def test_a_call_holds_the_lock_off_and_idle_time_starts_after_it() -> None:
    lock = AutoLock(idle_s=300)
    lock.used(0.0)
    assert not lock.is_due(5000.0, in_call=True)
    assert not lock.is_due(5299.0, in_call=False)
    assert lock.is_due(5300.0, in_call=False)
