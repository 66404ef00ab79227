# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations, dates and instants: around UTC midnight, ends of months and leap days."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils import lifetimes, planning
from ansible_collections.tokensmith.access.plugins.module_utils.choosing import UNKNOWN
from ansible_collections.tokensmith.access.plugins.module_utils.errors import InvalidOption
from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import NEVER, Expiry, Lifetime
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import WantedToken
from hypothesis import example, given
from hypothesis import strategies as st
from unit.memory_platform import PROJECT, Manners, MemoryPlatform, live

DAY = timedelta(days=1)
UNITS = st.sampled_from(("d", "w", "mo", "y"))
LIFETIMES = st.builds(Lifetime, st.integers(1, 60), UNITS)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def moments() -> st.SearchStrategy[datetime]:
    """Instants of eight years, most of them where calendars are treacherous: midnights, ends of months, leap days."""
    anywhere = st.datetimes(datetime(2024, 1, 1), datetime(2032, 12, 31), timezones=st.just(UTC))
    edges = st.builds(
        lambda year, month, day, shift: (
            datetime(year, month, min(day, calendar.monthrange(year, month)[1]), tzinfo=UTC) + shift
        ),
        st.integers(2024, 2032),
        st.integers(1, 12),
        st.sampled_from((1, 28, 29, 30, 31)),
        st.sampled_from(
            (timedelta(0), timedelta(microseconds=1), -timedelta(microseconds=1), timedelta(hours=23, minutes=59))
        ),
    )
    return edges | anywhere


# --- arithmetic -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "text", "end"),
    [
        ("2026-11-22T10:00:00", "7d", "2026-11-29T10:00:00"),
        ("2026-11-22T10:00:00", "2w", "2026-12-06T10:00:00"),
        ("2026-11-22T23:59:59.999999", "1d", "2026-11-23T23:59:59.999999"),
        ("2026-12-31T00:00:00", "1d", "2027-01-01T00:00:00"),
        # Months end where they end.
        ("2027-01-31T12:00:00", "1mo", "2027-02-28T12:00:00"),
        ("2028-01-31T12:00:00", "1mo", "2028-02-29T12:00:00"),
        ("2027-01-28T12:00:00", "1mo", "2027-02-28T12:00:00"),
        ("2027-03-31T12:00:00", "1mo", "2027-04-30T12:00:00"),
        ("2026-11-30T00:00:00", "3mo", "2027-02-28T00:00:00"),
        ("2026-12-01T00:00:00", "1mo", "2027-01-01T00:00:00"),
        ("2028-02-29T00:00:00", "12mo", "2029-02-28T00:00:00"),
        ("2026-11-22T10:00:00", "12mo", "2027-11-22T10:00:00"),
        ("2026-11-22T10:00:00", "25mo", "2028-12-22T10:00:00"),
        # A year is 365 days, leap years or not.
        ("2026-11-22T10:00:00", "1y", "2027-11-22T10:00:00"),
        ("2027-11-22T10:00:00", "1y", "2028-11-21T10:00:00"),
        ("2028-02-29T10:00:00", "1y", "2029-02-28T10:00:00"),
        ("2026-11-22T10:00:00", "4y", "2030-11-21T10:00:00"),
    ],
)
def test_after(start: str, text: str, end: str) -> None:
    assert lifetimes.parse_lifetime("x", text).after(at(start)) == at(end)


@pytest.mark.parametrize(
    ("end", "text", "start"),
    [
        ("2027-03-01T00:00:00", "1d", "2027-02-28T00:00:00"),
        ("2028-03-01T00:00:00", "1d", "2028-02-29T00:00:00"),
        ("2027-03-31T00:00:00", "1mo", "2027-02-28T00:00:00"),
        ("2027-01-31T00:00:00", "2mo", "2026-11-30T00:00:00"),
        ("2027-01-15T08:30:00", "1mo", "2026-12-15T08:30:00"),
        ("2029-02-28T00:00:00", "1y", "2028-02-29T00:00:00"),
        ("2026-11-29T10:00:00", "1w", "2026-11-22T10:00:00"),
    ],
)
def test_before(end: str, text: str, start: str) -> None:
    assert lifetimes.parse_lifetime("x", text).before(at(end)) == at(start)


@given(st.integers(1, 400), st.sampled_from(("d", "w", "y")), moments())
def test_days_weeks_and_years_are_so_many_days_both_ways(count: int, unit: str, moment: datetime) -> None:
    lifetime = Lifetime(count, unit)
    days = count * {"d": 1, "w": 7, "y": 365}[unit]
    assert lifetime.after(moment) - moment == days * DAY
    assert moment - lifetime.before(moment) == days * DAY


@given(st.integers(1, 60), moments())
def test_months_keep_the_day_or_end_with_the_month(count: int, moment: datetime) -> None:
    end = Lifetime(count, "mo").after(moment)
    assert (end.year * 12 + end.month) - (moment.year * 12 + moment.month) == count
    assert end.timetz() == moment.timetz()
    last = calendar.monthrange(end.year, end.month)[1]
    assert end.day == moment.day or (end.day == last < moment.day)
    start = Lifetime(count, "mo").before(end)
    assert timedelta(0) <= moment - start <= 3 * DAY


@given(LIFETIMES, moments(), moments())
def test_what_starts_later_does_not_end_earlier(lifetime: Lifetime, one: datetime, two: datetime) -> None:
    first, second = sorted((one, two))
    assert lifetime.after(first) <= lifetime.after(second)
    assert lifetime.before(first) <= lifetime.before(second)
    assert lifetime.before(first) < first < lifetime.after(first)


# --- rotation ---------------------------------------------------------------------------------------------------------


def enters(ends: str, minted: datetime) -> MemoryPlatform:
    world = MemoryPlatform(Manners(ends=ends))
    world.clock = minted.replace(microsecond=0)
    return world


@given(LIFETIMES, LIFETIMES, moments(), st.sampled_from(("date", "instant", "days")))
@example(Lifetime(1, "mo"), Lifetime(27, "d"), at("2027-01-31T23:59:59"), "date")
@example(Lifetime(2, "mo"), Lifetime(58, "d"), at("2026-12-31T23:59:59"), "date")
@example(Lifetime(35, "d"), Lifetime(1, "mo"), at("2027-02-24T23:59:59"), "date")
@example(Lifetime(366, "d"), Lifetime(1, "y"), at("2027-11-22T23:59:59"), "date")
@example(Lifetime(5, "y"), Lifetime(59, "mo"), at("2028-01-31T00:00:00"), "date")
def test_rotate_before_never_mints_twice_in_a_row(
    expires_in: Lifetime, rotate_before: Lifetime, minted: datetime, ends: str
) -> None:
    """Whatever pair of the two is let through, on whatever day."""
    wish = WantedToken(
        owner=PROJECT,
        name="deploy",
        permissions=frozenset("a"),
        expiry=Expiry(after=expires_in),
        rotate_before=rotate_before,
    )
    world = enters(ends, minted)
    starts = [datetime(2027 + n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in range(24)]
    if any(rotate_before.after(start) >= expires_in.after(start) for start in starts):
        # Refused where, and only where, some month or year would make it so.
        with pytest.raises(InvalidOption, match=r"^rotate_before: "):
            live(world, wish)
        return
    created = live(world, wish)
    assert created.action == "create"
    assert live(world, wish).action == "unchanged"
    assert created.token is not None
    assert created.token.expires_at is not None
    # And once it is due, it is due until it is done.
    world.clock = max(rotate_before.before(created.token.expires_at), world.clock)
    assert live(world, wish).reasons == ("expiring",)
    assert live(world, wish).action == "unchanged"


@pytest.mark.parametrize(
    ("now", "expiring"),
    [("2026-12-14T23:59:59", False), ("2026-12-15T00:00:00", True), ("2026-12-21T23:59:59", True)],
)
def test_rotate_before_is_due_to_the_second(now: str, expiring: bool) -> None:
    world = MemoryPlatform()
    token = world.add(lasts=timedelta(days=30))
    assert token.expires_at == at("2026-12-22T00:00:00")
    wish = WantedToken(
        owner=PROJECT, name="deploy", expiry=Expiry(after=Lifetime(30, "d")), rotate_before=Lifetime(7, "d")
    )
    judgement = planning.judge(wish, [token], UNKNOWN, world, at(now))
    assert judgement.reasons == (("expiring",) if expiring else ())


@given(st.integers(1, 400), moments(), moments(), st.sampled_from(("date", "instant", "days")))
def test_a_copied_lifetime_keeps_its_days(days: int, minted: datetime, again: datetime, ends: str) -> None:
    """Generation after generation, whatever the time of day of each mint."""
    world = enters(ends, minted)
    wish = WantedToken(
        owner=PROJECT, name="deploy", permissions=frozenset("a"), expiry=Expiry(after=Lifetime(days, "d"))
    )
    token = live(world, wish).token
    for moment in (again, again + timedelta(hours=13)):
        assert token is not None
        world.rows = [row for row in world.rows if row.token == token]
        judgement = planning.judge(
            WantedToken(owner=PROJECT, name="deploy", state="rotated"), [token], UNKNOWN, world, token.created_at
        )
        assert judgement.mint is not None
        assert judgement.mint.expiry == Expiry(after=Lifetime(days, "d"))
        world.rows.clear()
        world.clock = moment.replace(microsecond=0)
        token = live(world, wish.with_values(expiry=judgement.mint.expiry)).token


# --- durations as people write them -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lifetime"),
    [
        ("7d", Lifetime(7, "d")),
        ("2w", Lifetime(2, "w")),
        ("3mo", Lifetime(3, "mo")),
        ("1y", Lifetime(1, "y")),
        ("007d", Lifetime(7, "d")),
        ("1000y", Lifetime(1000, "y")),
    ],
)
def test_durations(text: str, lifetime: Lifetime) -> None:
    assert lifetimes.parse_lifetime("expires_in", text) == lifetime
    assert str(lifetime) == text.lstrip("0")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "7",
            "d",
            "7 d",
            " 7d",
            "7d ",
            "7d\n",
            "7D",
            "7days",
            "-7d",
            "+7d",
            "7.5d",
            "1m",
            "1h",
            "\u0667d",
            "1d2w",
        ),
        *("0", "0d", "0mo", "never", "1001y", "99999w", "99999999999d", "1e3d", "None"),
    ],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidOption) as failure:
        lifetimes.parse_lifetime("expires_in", text)
    assert failure.value.option == "expires_in"
    assert str(failure.value) == (
        f"expires_in: {text!r} is not a duration. Give a number of days, weeks, months or years such as 7d, 2w, 3mo or 1y."
    )


@pytest.mark.parametrize(
    ("zero", "never", "end"),
    [
        (True, False, "such as 7d, 2w, 3mo or 1y, or 0."),
        (False, True, "such as 7d, 2w, 3mo or 1y, or never."),
        (True, True, "such as 7d, 2w, 3mo or 1y, or 0, or never."),
    ],
)
def test_what_would_do_is_said(zero: bool, never: bool, end: str) -> None:
    with pytest.raises(InvalidOption) as failure:
        lifetimes.parse_lifetime("overlap", "soon", zero=zero, never=never)
    assert str(failure.value).endswith(end)


def test_zero_and_never_only_where_they_make_sense() -> None:
    assert lifetimes.parse_lifetime("overlap", "0", zero=True).count == 0
    assert str(lifetimes.parse_lifetime("overlap", "0d", zero=True)) == "0"
    assert lifetimes.parse_lifetime("expires_in", "never", never=True) is NEVER
    assert NEVER.never
    assert str(NEVER) == "never"
    assert not Lifetime(0, "d").never


# --- dates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["2026-11-22", "2028-02-29", "9999-12-31"])
def test_dates(text: str) -> None:
    assert lifetimes.parse_date("expires_at", text).isoformat() == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026-02-29", "2026-13-01", "2026-1-1", "20261122", "2026-W47-1", "2026-11-22T10:00:00Z", "22.11.2026"),
        *("0000-01-01", "2026-11-22 ", "\u0662026-11-22", "tomorrow", "1795305600"),
    ],
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(InvalidOption) as failure:
        lifetimes.parse_date("expires_at", text)
    assert str(failure.value) == (
        f"expires_at: {text!r} is not a date. Give YYYY-MM-DD, in UTC and without a time of day "
        "(a token ends at 00:00 UTC of that day)."
    )


@given(moments())
def test_a_date_is_past_from_its_midnight_on(now: datetime) -> None:
    with pytest.raises(InvalidOption, match="is not in the future"):
        lifetimes.parse_date("expires_at", now.date().isoformat(), now)
    tomorrow = now.date() + DAY
    assert lifetimes.parse_date("expires_at", tomorrow.isoformat(), now) == tomorrow
    assert Expiry(on=tomorrow).moment(now) == datetime.combine(tomorrow, datetime.min.time(), UTC)


def test_expiries() -> None:
    now = at("2026-11-22T10:00:00")
    assert Expiry(after=NEVER).moment(now) is None
    assert Expiry(after=NEVER).never
    assert not Expiry(on=date(2027, 1, 1)).never
    assert not Expiry(after=Lifetime(1, "d")).never
    assert Expiry().moment(now) is None
    assert [str(each) for each in (Expiry(on=date(2027, 1, 1)), Expiry(after=Lifetime(3, "mo")))] == [
        "2027-01-01",
        "3mo",
    ]


@pytest.mark.parametrize(
    ("left", "days"),
    [
        (timedelta(days=6, hours=23), 6),
        (timedelta(days=1), 1),
        (timedelta(hours=23), 0),
        (timedelta(0), 0),
        (-timedelta(seconds=1), -1),
        (timedelta(days=-2), -2),
    ],
)
def test_days_left(left: timedelta, days: int) -> None:
    now = at("2026-11-22T10:00:00")
    assert lifetimes.days_left(now + left, now) == days


def test_what_never_ends_has_no_days_left() -> None:
    assert lifetimes.days_left(None, at("2026-11-22T10:00:00")) is None


# --- a server's timestamps --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00"),
        ("2026-11-22T10:00:00.123Z", "2026-11-22T10:00:00.123000"),
        ("2026-11-22T10:00:00.123456789Z", "2026-11-22T10:00:00.123456"),
        ("2026-11-22T10:00:00+02:00", "2026-11-22T08:00:00"),
        ("2026-11-22T10:00:00+0200", "2026-11-22T08:00:00"),
        ("2026-11-22T01:00:00+02:00", "2026-11-21T23:00:00"),
        ("2026-11-22 10:00:00", "2026-11-22T10:00:00"),
        ("2026-11-22", "2026-11-22T00:00:00"),
    ],
)
def test_instants(text: str, moment: str) -> None:
    found = lifetimes.parse_instant(text)
    assert found == at(moment)
    assert found is not None
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [None, "", "yesterday", "2026-02-30T10:00:00Z", 1795305600, True, ["2026-11-22"], "0001-01-01T00:00:00+14:00"],
)
def test_what_is_no_instant(value: object) -> None:
    assert lifetimes.parse_instant(value) is None


def test_milliseconds_since_1970() -> None:
    assert lifetimes.from_epoch_ms(1795341600123) == at("2026-11-22T10:00:00.123000")
    assert lifetimes.from_epoch_ms(0) == at("1970-01-01T00:00:00")
    for value in (None, "1795341600123", True, float("nan"), float("inf"), 10**30):
        assert lifetimes.from_epoch_ms(value) is None


def test_what_results_show() -> None:
    moment = datetime(2026, 11, 22, 1, 30, 15, 999999, tzinfo=timezone(timedelta(hours=2)))
    assert lifetimes.iso(moment) == "2026-11-21T23:30:15Z"
    assert lifetimes.iso_date(moment) == "2026-11-21"
    assert lifetimes.iso(None) is None
    assert lifetimes.iso_date(None) is None


@pytest.mark.parametrize(
    ("hours", "days"), [(1, 1), (24, 1), (47, 1), (48, 2), (90 * 24 + 23, 90), (2_912_116 * 24, 2_912_116)]
)
def test_whole_days_do_not_outlive_the_wanted_end_and_survive_a_slow_request(hours: int, days: int) -> None:
    now = at("2026-11-22T10:00:00")
    end = lifetimes.in_whole_days(now + timedelta(hours=hours), now)
    assert end == now + days * DAY
    assert lifetimes.count_days(end, now + timedelta(minutes=10)) == days
    assert lifetimes.in_whole_days(None, now) is None
