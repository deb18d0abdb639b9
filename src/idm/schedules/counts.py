"""How many steps may be asked of a chain, and why it may have fewer than its schedule was defined with."""

from idm.core.counts import whole_number
from idm.core.errors import SettingsError
from idm.schedules.grid import Grid


def refuse_more_steps(schedule: Grid, wanted: int, option: str, *, or_all: bool = True) -> None:
    """Refuse to take more steps than a chain has.

    Args:
        schedule: the chain.
        wanted: how many steps were asked for.
        option: what to call them in the message.
        or_all: whether 0 stands for all steps.

    Raises:
        SettingsError: more than there are, or fewer than one, with the reason why the chain has no more.
    """
    total, wanted = schedule.num_timesteps, whole_number(wanted, option)
    if (0 if or_all else 1) <= wanted <= total:
        return
    zero = "(or 0 for all) " if or_all else ""
    reason = what_is_left_out(schedule) if wanted > total else ""
    raise SettingsError(f"{option}: a number from 1 to {total} {zero}wanted, got {wanted}{reason and f'; {reason}'}")


def what_is_left_out(schedule: Grid) -> str:
    """Say which ends of the schedule that a chain comes from are not in it; empty where it has both ends."""
    defined = schedule.schedule_times
    below, above = (int(left.sum()) for left in (defined < schedule.times[0], defined > schedule.times[-1]))
    parts: list[str] = []
    if below:
        parts.append(f"the noise floor leaves out the {below} with the least noise")
    if above:
        parts.append(f"the {above} with the most noise are left out because x_0 cannot be read from them unclipped")
    return f"of {len(defined)} steps, {' and '.join(parts)}" if parts else ""
