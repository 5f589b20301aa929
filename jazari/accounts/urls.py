"""Pages of people's own accounts, and of who looks after people."""

from __future__ import annotations

from django.urls import path

from jazari.accounts import views

app_name = "accounts"
urlpatterns = [
    path("", views.my_account, name="mine"),
    path("second-factor/", views.second_factor, name="second-factor"),
]
