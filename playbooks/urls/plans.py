from django.urls import path

from playbooks.views import plan_acts, plan_page, plan_shares, plan_starts, plans

urlpatterns = [
    path("plans/", plans.plans, name="plans"),
    path("plans.csv", plans.plans_csv, name="plans_csv"),
    path("plans/board/", plans.board, name="plans_board"),
    path("plans/new/", plan_starts.new, name="plan_new"),
    path("plans/start/", plan_starts.start, name="plan_start"),
    path("plans/<int:pk>/", plan_page.plan, name="plan"),
    path("plans/<int:pk>/edit/", plan_starts.edit, name="plan_edit"),
    path("plans/<int:pk>/act/", plan_acts.act, name="plan_act"),
    path("plans/<int:pk>/print/", plan_page.print_plan, name="plan_print"),
    path("plans/<int:pk>/share/", plan_shares.share, name="plan_share"),
    path("shared/<str:token>/", plan_shares.shared, name="shared_plan"),
]
