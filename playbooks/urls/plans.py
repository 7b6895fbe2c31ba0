from django.urls import path

from playbooks.views import plans

urlpatterns = [
    path("plans/", plans.plans, name="plans"),
    path("plans.csv", plans.plans_csv, name="plans_csv"),
    path("plans/board/", plans.board, name="plans_board"),
    path("plans/new/", plans.new, name="plan_new"),
    path("plans/start/", plans.start, name="plan_start"),
    path("plans/<int:pk>/", plans.plan, name="plan"),
    path("plans/<int:pk>/edit/", plans.edit, name="plan_edit"),
    path("plans/<int:pk>/act/", plans.act, name="plan_act"),
    path("plans/<int:pk>/print/", plans.print_plan, name="plan_print"),
    path("plans/<int:pk>/share/", plans.share, name="plan_share"),
    path("shared/<str:token>/", plans.shared, name="shared_plan"),
]
