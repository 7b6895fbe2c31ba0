"""Addresses of the pages over several apps; `csm.urls` mounts them at the root."""

from django.urls import path

from csm.portfolio import account, exports, home, insights, list_acts, lists, search
from csm.portfolio.facts import views as facts
from csm.portfolio.work import alerts, notes, plans

urlpatterns = [
    path("", home.home, name="home"),
    path("portfolio/", lists.portfolio, name="portfolio"),
    path("portfolio.csv", exports.portfolio_csv, name="portfolio_csv"),
    path("at-risk/", lists.at_risk, name="at_risk"),
    path("at-risk.csv", exports.at_risk_csv, name="at_risk_csv"),
    path("at-risk/take/", list_acts.take, name="at_risk_take"),
    path("lists/<slug:name>/assign/", list_acts.assign_matching, name="assign_matching"),
    path("accounts/<int:pk>/", account.account, name="account"),
    path("accounts/<int:pk>/health/", account.account_health, name="account_health"),
    path("accounts/<int:pk>/health.csv", account.account_history_csv, name="account_history_csv"),
    path("accounts/<int:pk>/timeline/", facts.account_timeline, name="account_timeline"),
    path("accounts/<int:pk>/usage/", facts.account_usage, name="account_usage"),
    path("accounts/<int:pk>/facts/<slug:key>.csv", facts.facts_csv, name="account_facts_csv"),
    path("accounts/<int:pk>/facts/<slug:tab>/", facts.facts, name="account_facts"),
    path("accounts/<int:pk>/facts/<slug:tab>/figures/", facts.figures, name="account_figures"),
    path("accounts/<int:pk>/alerts/", alerts.account_alerts, name="account_alerts"),
    path("accounts/<int:pk>/plans/", plans.account_plans, name="account_plans"),
    path("accounts/<int:pk>/notes/", notes.account_notes, name="account_notes"),
    path("insights/", insights.insights, name="insights"),
    path("insights/report.zip", insights.report_zip, name="report_zip"),
    path("insights/<slug:table>.csv", insights.insights_csv, name="insights_csv"),
    path("search/", search.search, name="search"),
]
