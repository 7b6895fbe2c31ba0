from django.urls import path

from playbooks.views import tasks

urlpatterns = [
    path("tasks/", tasks.tasks, name="tasks"),
    path("tasks.csv", tasks.tasks_csv, name="tasks_csv"),
    path("tasks/<int:pk>/act/", tasks.act, name="task_act"),
    path("calendar/", tasks.calendar, name="calendar"),
    path("calendar/feed/", tasks.feed, name="calendar_feed"),
    path("calendar/<str:token>.ics", tasks.ics, name="calendar_ics"),
]
