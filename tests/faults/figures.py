"""What a night and an import leave behind, as rows without the ids and times that may differ."""

from typing import Any

from tests.faults.cluster import Database

_ALERT = (
    "SELECT a.account_id, t.key, {columns} FROM playbooks_alert a "
    "JOIN playbooks_trigger t ON t.id = a.trigger_id ORDER BY 1, 2, a.opened_on, a.state, a.id"
)
# Name → what is compared. Row ids of new rows, workers, leases and times of day differ between two runs.
FIGURES: dict[str, str] = {
    "snapshots": "SELECT as_of, version_id, account_id, score, band, coverage, "
    "predicted_6m_amount, components, inputs, points FROM scoring_snapshot ORDER BY 1, 2, 3",
    "current health": "SELECT account_id, as_of, version_id, score, band, band_name, tone, coverage, "
    "components, change_7d, change_30d, top_driver, top_driver_lost, priority, predicted_6m_amount, tier "
    "FROM scoring_accounthealth ORDER BY 1",
    "band changes": "SELECT as_of, account_id, version_id, previous_as_of, old_band, new_band, old_score, "
    "new_score FROM scoring_bandchange ORDER BY 1, 2, 3",
    "roll-ups": "SELECT as_of, owner_id, team_id, industry, size_segment, version_id, band, accounts, scored, "
    "score_sum, arr_amount, arr_known FROM scoring_dailyrollup ORDER BY 1, 2, 3, 4, 5, 6, 7",
    # Sums of fractions, added up in whatever order the rows stand.
    "totals": "SELECT as_of, scorecard_id, version_id, is_whole, owner_id, team_id, band, band_name, tone, "
    "accounts, scored, round(score_sum::numeric, 6), arr_amount, arr_known FROM scoring_nighttotal "
    "ORDER BY 1, 2, 3, 4, 5, 6, 7",
    "nights": "SELECT as_of, plan, history_only, frozen, state, statistics, accounts, scored, unknown, "
    "band_changes, error FROM scoring_scorerun ORDER BY as_of, id",
    "alerts": _ALERT.format(
        columns="a.state, a.severity, a.opened_on, a.last_held_on, a.exit_since, a.evidence, a.score, "
        "a.band_name, a.arr_amount, a.owner_id, a.overflow, a.taken_by_id, a.ended_on, a.end_reason"
    ),
    "changes of alerts": 'SELECT c.account_id, t.key, c.kind, c."on", c.by_id, c.reason '
    "FROM playbooks_alertchange c JOIN playbooks_alert a ON a.id = c.alert_id "
    "JOIN playbooks_trigger t ON t.id = a.trigger_id ORDER BY 1, 2, 3, 4, 5",
    "plans": "SELECT id, account_id, title, state, exit_since, exit_holds, exit_checked_on, outcome, "
    "closed_on, version FROM playbooks_intervention ORDER BY 1",
    "tasks": "SELECT id, account_id, title, state, due_on, assignee_id FROM playbooks_interventiontask "
    "ORDER BY 1",
    "changes of plans": "SELECT account_id, intervention_id, kind, day, reason FROM "
    '(SELECT account_id, intervention_id, kind, "on" AS day, reason FROM playbooks_interventionchange) x '
    "ORDER BY 1, 2, 3, 4, 5",
    "clocks": "SELECT c.account_id, r.key, c.reason, c.outcome, c.owner_id, c.intervention_id, "
    "c.met_at IS NULL FROM playbooks_clock c JOIN playbooks_clockrule r ON r.id = c.rule_id "
    "ORDER BY 1, 2, 3, 4, 5, 6, 7",
    "lists": "SELECT account_id, alerts_open, alerts_untaken, severity, top_alert_name, plans_open, "
    "plan_title, next_task_title, next_due_on, alert_points FROM playbooks_accountwork ORDER BY 1",
    "notices": "SELECT user_id, kind, title, body, regexp_replace(url, '[0-9]+', '#'), severity, account_id "
    "FROM playbooks_notice "
    "ORDER BY 1, 2, 3, 4, 5, 6, 7",
    "judged nights": "SELECT as_of, state, report, error FROM playbooks_triggernight ORDER BY as_of, id",
    "readings": 'SELECT account_id, "on", source, metrics FROM accounts_reading ORDER BY 1, 2, 3',
    "accounts": "SELECT source, external_id, name, industry, size_segment, arr_amount, renewal_on, owner_id, "
    "team_id FROM accounts_account ORDER BY 1, 2",
    "imports": "SELECT feed, source, file_name, state, rows_read, rows_rejected, rows_held, created_count, "
    "updated_count, unchanged_count, error FROM accounts_importrun ORDER BY id",
    "changes of imports": 'SELECT import_run_id, "table", count(*) FROM accounts_importchange '
    "GROUP BY 1, 2 ORDER BY 1, 2",
}


def figures(database: Database, *, only: tuple[str, ...] = ()) -> dict[str, list[Any]]:
    """Every figure of `FIGURES` by name."""
    with database.connect() as connection:
        return {
            name: [_plain(row) for row in connection.execute(sql).fetchall()]
            for name, sql in FIGURES.items()
            if not only or name in only
        }


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(bytes(each) if isinstance(each, memoryview) else each for each in row)


def same_figures(found: Database, undisturbed: Database, *, only: tuple[str, ...] = ()) -> None:
    """Fails with the first rows that are lost, doubled or different."""
    one, other = figures(found, only=only), figures(undisturbed, only=only)
    for name, rows in other.items():
        mine = one[name]
        if mine == rows:
            continue
        apart = [(a, b) for a, b in zip(mine, rows, strict=False) if a != b][:3]
        raise AssertionError(
            f"{name}: {len(mine)} rows, undisturbed {len(rows)}; first differences {apart!r}"[:3000]
        )
