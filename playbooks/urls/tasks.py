from django.urls import path

from playbooks.views import calendar, tasks

urlpatterns = [
    path("tasks/", tasks.tasks, name="tasks"),
    path("tasks.csv", tasks.tasks_csv, name="tasks_csv"),
    path("tasks/bulk/", tasks.bulk, name="tasks_bulk"),
    path("tasks/undo/<uuid:batch>/", tasks.undo, name="tasks_undo"),
    path("tasks/<int:pk>/act/", tasks.act, name="task_act"),
    path("calendar/", calendar.calendar, name="calendar"),
    path("calendar/feed/", calendar.feed, name="calendar_feed"),
    path("calendar/<str:token>.ics", calendar.ics, name="calendar_ics"),
]
