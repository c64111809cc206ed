"""What ``customers.py`` measures, written by hand for Polars, DuckDB and pandas.

Each gives the same rows and numbers as ours, and leans on what its writer knows of the events: which channels and
actions there are, that nothing comes before ``START``, that dates are midnights and nobody's id or time is missing.
"""

import datetime as dt
from functools import reduce
from operator import or_

import pandas as pd
import polars as pl
from events import ACTIONS, CHANNELS, DAYS, END, START
from polars import col

GAP, DAY, WEEK = dt.timedelta(minutes=30), dt.timedelta(days=1), dt.timedelta(days=7)
INSTANT = dt.timedelta(microseconds=1)
DAY_S, ENGAGED_S, ENGAGED_VIEWS = 86_400, 10, 2
WEEKS = 12  # snapshots, and how many weeks each looks back
DATES = [END - number * WEEK for number in range(WEEKS)]
ACTIVE = ("purchase", "review", "comment", "share")
NAMES = sorted(CHANNELS)
COUNTS = [f"interactions_{name}" for name in NAMES]
BITS = {action: 1 << number for number, action in enumerate(ACTIONS)}
SUMS = ["active", "duration_s", "value", "sentiment", "sentiments", *COUNTS]
COHORT = ["cohort", "age", "customers", "active", "value"]


# Polars


def polars_features(events: pl.LazyFrame) -> pl.LazyFrame:
    seen = _terms(events.filter(col("time") < END, col("time") >= START))
    late = col("time") >= END - (END - START) / 2
    found = seen.group_by("customer_id").agg(
        *_added(),
        late.sum().alias("late"),
        col("time").dt.date().n_unique().alias("active_days"),
        col("order_id").drop_nulls().n_unique().alias("orders"),
    )
    return _finished(found.with_columns(date=pl.lit(END)))


def polars_snapshots(events: pl.LazyFrame) -> pl.LazyFrame:
    """By customer and week, and of these the weeks that each date looks back on."""
    back = (END - INSTANT - col("time")).dt.total_days()
    seen = _terms(events.filter(col("time") < END)).with_columns(week=back // 7, weekday=2 ** (back % 7))
    weekly = seen.group_by("customer_id", "week").agg(*_added(), col("weekday").bitwise_or())
    bought = seen.filter(col("action") == "purchase").group_by("customer_id", "order_id").agg(col("week").max())
    orders = bought.group_by("customer_id", "week").agg(orders=pl.len())
    firsts = weekly.group_by("customer_id").agg(col("first").min())
    grid = [(date, first + week, week < WEEKS // 2) for first, date in enumerate(DATES) for week in range(WEEKS)]
    dates = pl.LazyFrame(grid, {"date": pl.Datetime, "week": pl.Int64, "in_late": pl.Boolean}, orient="row")
    found = (
        weekly.drop("first")
        .join(orders, on=["customer_id", "week"], how="left")
        .join(dates, on="week")
        .group_by("customer_id", "date")
        .agg(
            col("last").max(),
            col("interactions", "orders", *SUMS).sum(),
            col("interactions").filter("in_late").sum().alias("late"),
            col("actions").bitwise_or(),
            col("weekday").bitwise_count_ones().sum().alias("active_days"),
        )
    )
    return _finished(found.join(firsts, on="customer_id"))


def polars_summary(events: pl.LazyFrame) -> pl.LazyFrame:
    since, till = col("time").diff(), col("time").shift(-1) - col("time")
    events = events.select(
        view=col("action") == "view",
        since=since.over("customer_id", order_by="time"),
        till=till.over("customer_id", order_by="time"),
    )
    starts, ends = (~(col(gap) < GAP).fill_null(False) for gap in ("since", "till"))
    return events.select(
        visits=starts.sum(),
        single_visits=(starts & ends).sum(),
        views=col("view").sum(),
        span_s=col("since").filter(~starts).sum().dt.total_seconds(fractional=True),
    )


def polars_visits(events: pl.LazyFrame) -> pl.LazyFrame:
    """With the channel of the first instant found as the lowest of one integer: the time, then the channel."""
    action = col("action")
    channel = reduce(pl.Expr.__add__, ((col("channel") == name) * number for number, name in enumerate(NAMES)))
    goes_on = (col("customer_id") == col("customer_id").shift(1)) & (col("time").diff() < GAP)
    ordered = events.sort("customer_id", "time", "page").with_columns(
        visit=(~goes_on.fill_null(False)).cum_sum(),
        view=action == "view",
        page=pl.when(action == "view").then("page"),
        code=col("time").dt.epoch("us") * len(NAMES) + channel,
    )
    found = ordered.group_by("visit").agg(
        col("customer_id").first(),
        col("time").min().alias("started_at"),
        col("time").max().alias("ended_at"),
        pl.len().alias("events"),
        col("view").sum().alias("views"),
        (action == "purchase").any().alias("converted"),
        col("duration_s").max().alias("own_s"),
        col("page").first(ignore_nulls=True).alias("entry_page"),
        col("page").last(ignore_nulls=True).alias("exit_page"),
        col("code").min(),
    )
    length = (col("ended_at") - col("started_at")).dt.total_seconds(fractional=True)
    found = found.with_columns(duration_s=pl.max_horizontal(pl.when(col("events") > 1).then(length), "own_s"))
    engaged = (col("views") >= ENGAGED_VIEWS) | col("converted") | (col("duration_s") >= ENGAGED_S).fill_null(False)
    channel = pl.lit(pl.Series(NAMES)).gather(col("code") % len(NAMES))
    return found.with_columns(engaged=engaged, channel=channel).drop("visit", "own_s", "code")


def polars_cohorts(events: pl.LazyFrame) -> pl.LazyFrame:
    seen = events.filter(col("time") < END).select("customer_id", month=col("time").dt.truncate("1mo")).unique()
    cohort = col("month").min().over("customer_id")
    counted = seen.group_by(cohort.alias("cohort"), "month").agg(active=pl.len()).collect(engine="streaming").lazy()
    sizes = counted.filter(col("month") == col("cohort")).select("cohort", customers="active")
    grid = sizes.join(counted.select("month").unique(), how="cross").filter(col("month") >= col("cohort"))
    number = col("month").dt.month().cast(pl.Int64) - col("cohort").dt.month()  # the months of one year
    found = grid.join(counted, on=["cohort", "month"], how="left").with_columns(col("active").fill_null(0), age=number)
    return found.with_columns(value=col("active") / col("customers")).select(COHORT)


def _terms(seen: pl.LazyFrame) -> pl.LazyFrame:
    """Events with what is added up of each."""
    action, value = col("action"), col("value")
    return seen.with_columns(
        actions=reduce(or_, (pl.when(action == name).then(bit).otherwise(0) for name, bit in BITS.items())),
        active=action.is_in(ACTIVE),
        duration_s=pl.when(col("duration_s") >= 0).then("duration_s"),
        value=pl.when(action == "purchase").then(value).when(action == "refund").then(-value.abs()),
        order_id=pl.when(action == "purchase").then("order_id"),
        **{count: col("channel") == name for count, name in zip(COUNTS, NAMES, strict=True)},
    )


def _added() -> list[pl.Expr]:
    return [
        col("time").max().alias("last"),
        col("time").min().alias("first"),
        pl.len().alias("interactions"),
        col("actions").bitwise_or(),
        col("sentiment").count().alias("sentiments"),
        col("active", "duration_s", "value", "sentiment", *COUNTS).sum(),
    ]


def _finished(found: pl.LazyFrame) -> pl.LazyFrame:
    """Features, of what was added up."""
    most = pl.max_horizontal(COUNTS)
    return found.select(
        "customer_id",
        "date",
        "interactions",
        "active_days",
        "duration_s",
        "value",
        "orders",
        *COUNTS,
        recency_days=(col("date") - col("last")) / DAY,
        tenure_days=(col("date") - col("first")) / DAY,
        distinct_actions=col("actions").bitwise_count_ones(),
        active_share=col("active") / col("interactions"),
        sentiment_mean=pl.when(col("sentiments") > 0).then(col("sentiment") / col("sentiments")),
        trend=2 * col("late") / col("interactions") - 1,
        preferred_channel=pl.coalesce(
            pl.when(col(count) == most).then(pl.lit(name)) for count, name in zip(COUNTS, NAMES, strict=True)
        ),
    )


# DuckDB

ACTIVE_SQL = ", ".join(f"'{name}'" for name in ACTIVE)
BITS_SQL = " ".join(f"when '{action}' then {bit}" for action, bit in BITS.items())
COUNTS_SQL = ", ".join(
    f"count(*) filter (channel = '{name}') as {count}" for count, name in zip(COUNTS, NAMES, strict=True)
)
PREFERRED_SQL = " ".join(f"when {count} then '{name}'" for count, name in zip(COUNTS, NAMES, strict=True))
ADDED_SQL = f"""max(time) as last, min(time) as first, count(*) as interactions,
    bit_or(case action {BITS_SQL} end) as actions, count(*) filter (action in ({ACTIVE_SQL})) as active,
    sum(duration_s) filter (duration_s >= 0) as duration_s,
    sum(case action when 'purchase' then value when 'refund' then -abs(value) end) as value,
    sum(sentiment) as sentiment, count(sentiment) as sentiments, {COUNTS_SQL}"""
FINISHED_SQL = f"""customer_id, epoch(date - last) / {DAY_S} as recency_days,
    epoch(date - first) / {DAY_S} as tenure_days, interactions::bigint as interactions,
    active_days::bigint as active_days, bit_count(actions) as distinct_actions, active / interactions as active_share,
    coalesce(duration_s, 0) as duration_s, coalesce(value, 0) as value, coalesce(orders, 0)::bigint as orders,
    sentiment / sentiments as sentiment_mean,
    case greatest({", ".join(COUNTS)}) {PREFERRED_SQL} end as preferred_channel,
    2 * late / interactions - 1 as trend, {", ".join(f"{count}::bigint as {count}" for count in COUNTS)}"""
WITHIN_SQL = f"time < timestamp '{END}' and time >= timestamp '{START}'"
FEATURES_SQL = f"""
    with days as (
        select customer_id, count(*) as active_days
        from (select distinct customer_id, time::date from events where {WITHIN_SQL}) group by customer_id),
    orders as (
        select customer_id, count(*) as orders
        from (select distinct customer_id, order_id from events where {WITHIN_SQL} and action = 'purchase')
        group by customer_id)
    select {FINISHED_SQL} from (
        select customer_id, timestamp '{END}' as date, {ADDED_SQL},
            count(*) filter (time >= timestamp '{END - (END - START) / 2}') as late
        from events where {WITHIN_SQL} group by customer_id)
    join days using (customer_id) left join orders using (customer_id)"""
SNAPSHOTS_SQL = f"""
    with seen as not materialized (
        select *, datediff('day', time, timestamp '{END - INSTANT}') as back
        from events where time < timestamp '{END}'),
    weekly as materialized (
        select customer_id, back // 7 as week, bit_or(1 << (back % 7)) as weekdays, {ADDED_SQL}
        from seen group by customer_id, week),
    orders as (
        select customer_id, week, count(*) as orders from (
            select customer_id, max(back // 7) as week from seen where action = 'purchase'
            group by customer_id, order_id)
        group by customer_id, week),
    dates as (
        select timestamp '{END}' - interval 7 day * first as date, first + later as week,
            later < {WEEKS // 2} as in_late
        from range({WEEKS}) as dates(first), range({WEEKS}) as weeks(later)),
    firsts as (select customer_id, min(first) as first from weekly group by customer_id)
    select date, {FINISHED_SQL} from (
        select customer_id, date, max(last) as last, sum(interactions) filter (in_late) as late_or_null,
            coalesce(late_or_null, 0) as late, bit_or(actions) as actions, sum(bit_count(weekdays)) as active_days,
            {", ".join(f"sum({name}) as {name}" for name in ["interactions", "orders", *SUMS])}
        from weekly left join orders using (customer_id, week) join dates using (week) group by customer_id, date)
    join firsts using (customer_id)"""
SUMMARY_SQL = """
    select count(*) filter (starts) as visits, count(*) filter (starts and ends) as single_visits,
        count(*) filter (view) as views, coalesce(sum(till) filter (not ends), 0) / 1e6 as span_s
    from (
        select view, till,
            coalesce(since >= 1_800_000_000, true) as starts, coalesce(till >= 1_800_000_000, true) as ends
        from (
            select view, us - lag(us) over w as since, lead(us) over w - us as till
            from (select customer_id, epoch_us(time) as us, action = 'view' as view from events)
            window w as (partition by customer_id order by us)))"""
VISITS_SQL = f"""
    select * exclude (first),
        views >= {ENGAGED_VIEWS} or converted
            or coalesce(duration_s >= {ENGAGED_S}, false) as engaged,
        first[2] as channel
    from (
        select customer_id, min(time) as started_at, max(time) as ended_at, count(*) as events,
            count(*) filter (action = 'view') as views, bool_or(action = 'purchase') as converted,
            greatest(if(count(*) > 1, epoch(max(time) - min(time)), null), max(duration_s)) as duration_s,
            min((time, page)) filter (action = 'view')[2] as entry_page,
            max((time, page)) filter (action = 'view')[2] as exit_page, min((time, channel)) as first
        from (
            select *, sum(starts) over (partition by customer_id order by time rows unbounded preceding) as visit
            from (
                select *, coalesce(time - lag(time) over w >= interval 30 minute, true)::int as starts
                from events window w as (partition by customer_id order by time)))
        group by customer_id, visit)"""
COHORTS_SQL = f"""
    with seen as materialized (
        select distinct customer_id, date_trunc('month', time)::timestamp as month
        from events where time < timestamp '{END}'),
    arrived as (select customer_id, min(month) as cohort from seen group by customer_id),
    sizes as (select cohort, count(*) as customers from arrived group by cohort),
    counted as (select cohort, month, count(*) as active from seen join arrived using (customer_id) group by all)
    select cohort, datediff('month', cohort, month) as age, customers, coalesce(active, 0) as active,
        coalesce(active, 0) / customers as value
    from sizes join (select distinct month from seen) on month >= cohort left join counted using (cohort, month)"""


# pandas


def pandas_features(events: pd.DataFrame) -> pd.DataFrame:
    return _looking_back(events, *_firsts(events), END, DAYS)


def pandas_snapshots(events: pd.DataFrame) -> pd.DataFrame:
    """One scan a date."""
    firsts = _firsts(events)
    return pd.concat([_looking_back(events, *firsts, date, WEEKS * 7).assign(date=date) for date in DATES])


def pandas_summary(events: pd.DataFrame) -> pd.DataFrame:
    ordered = _in_order(events, "customer_id", "time")
    starts = ordered["starts"]
    alone = starts & starts.shift(-1, fill_value=True)
    views = (events["action"] == "view").sum()
    seconds = ordered["since"][~starts].sum().total_seconds()
    columns = {"visits": starts.sum(), "single_visits": alone.sum(), "views": views, "span_s": seconds}
    return pd.DataFrame(columns, index=[0])


def pandas_visits(events: pd.DataFrame) -> pd.DataFrame:
    ordered = _in_order(events, "customer_id", "time", "page")
    view = ordered["action"] == "view"
    ordered = ordered.assign(
        visit=ordered["starts"].cumsum(),
        view=view,
        bought=ordered["action"] == "purchase",
        page=ordered["page"].where(view),
    )
    found = ordered.groupby("visit").agg(
        customer_id=("customer_id", "first"),
        started_at=("time", "first"),
        ended_at=("time", "last"),
        events=("time", "size"),
        views=("view", "sum"),
        converted=("bought", "any"),
        own_s=("duration_s", "max"),
        entry_page=("page", "first"),
        exit_page=("page", "last"),
    )
    at_start = ordered["time"] == ordered["time"].where(ordered["starts"]).ffill()
    first = ordered.loc[at_start, ["visit", "channel"]].sort_values(["visit", "channel"]).drop_duplicates("visit")
    several = found["events"] > 1
    length = (found["ended_at"] - found["started_at"]).dt.total_seconds()
    stay = pd.concat([length.where(several), found["own_s"]], axis=1).max(axis=1)
    return found.assign(
        duration_s=stay,
        engaged=(found["views"] >= ENGAGED_VIEWS) | found["converted"] | (stay >= ENGAGED_S),
        channel=first.set_index("visit")["channel"],
    ).drop(columns="own_s")


def pandas_cohorts(events: pd.DataFrame) -> pd.DataFrame:
    seen = events.loc[events["time"] < END, ["customer_id", "time"]]
    month = seen["time"].dt.to_period("M").dt.to_timestamp()
    seen = seen.assign(month=month)[["customer_id", "month"]].drop_duplicates()
    seen["cohort"] = seen.groupby("customer_id")["month"].transform("min")
    wide = seen.groupby(["cohort", "month"]).size().unstack(fill_value=0)
    found = wide.stack().rename("active").reset_index().query("month >= cohort")
    customers = found["cohort"].map(seen.groupby("cohort")["customer_id"].nunique())
    age = found["month"].dt.month - found["cohort"].dt.month  # the months of one year
    return found.assign(age=age, customers=customers, value=found["active"] / customers)[COHORT]


def _firsts(events: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """When each customer and each order came first."""
    bought = events[events["action"] == "purchase"]
    return events.groupby("customer_id")["time"].min(), bought.groupby(["customer_id", "order_id"])["time"].min()


def _looking_back(events: pd.DataFrame, first: pd.Series, orders: pd.Series, date: dt.datetime, days: int):
    start, middle = date - days * DAY, date - days / 2 * DAY
    seen = events[(events["time"] >= start) & (events["time"] < date)]
    action, value, seconds = seen["action"], seen["value"], seen["duration_s"]
    seen = seen.assign(
        day=seen["time"].dt.floor("D"),
        active=action.isin(ACTIVE),
        duration_s=seconds.where(seconds >= 0),
        value=value.where(action == "purchase").fillna((-value.abs()).where(action == "refund")),
        late=seen["time"] >= middle,
    )
    found = seen.groupby("customer_id").agg(
        last=("time", "max"),
        interactions=("time", "size"),
        active_days=("day", "nunique"),
        distinct_actions=("action", "nunique"),
        active_share=("active", "mean"),
        duration_s=("duration_s", "sum"),
        value=("value", "sum"),
        sentiment_mean=("sentiment", "mean"),
        late=("late", "sum"),
    )
    counts = seen.groupby(["customer_id", "channel"]).size().unstack(fill_value=0)
    bought = orders[(orders >= start) & (orders < date)].groupby("customer_id").size()
    return found.assign(
        recency_days=(date - found["last"]) / DAY,
        tenure_days=(date - first.reindex(found.index)) / DAY,
        orders=bought.reindex(found.index, fill_value=0),
        preferred_channel=counts.idxmax(axis=1),
        trend=2 * found["late"] / found["interactions"] - 1,
        **counts.add_prefix("interactions_"),
    ).reset_index()


def _in_order(events: pd.DataFrame, *by: str) -> pd.DataFrame:
    """Events in order, with the time since the one before and whether a visit starts."""
    ordered = events.sort_values(list(by))
    since = ordered["time"].diff()
    same = ordered["customer_id"] == ordered["customer_id"].shift()
    return ordered.assign(since=since, starts=~(same & (since < GAP)))


POLARS = {
    "features": polars_features,
    "summary": polars_summary,
    "visits": polars_visits,
    "cohorts": polars_cohorts,
    "snapshots": polars_snapshots,
}
SQL = {
    "features": FEATURES_SQL,
    "summary": SUMMARY_SQL,
    "visits": VISITS_SQL,
    "cohorts": COHORTS_SQL,
    "snapshots": SNAPSHOTS_SQL,
}
PANDAS = {
    "features": pandas_features,
    "summary": pandas_summary,
    "visits": pandas_visits,
    "cohorts": pandas_cohorts,
    "snapshots": pandas_snapshots,
}
