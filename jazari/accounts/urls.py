"""Pages of people's own accounts, and of who looks after people."""

from __future__ import annotations

from django.urls import path

from jazari.accounts import invitation_pages, notice_pages, people_pages, token_pages, views

app_name = "accounts"
urlpatterns = [
    path("", views.my_account, name="mine"),
    path("second-factor/", views.second_factor, name="second-factor"),
    path("sign-out-everywhere/", views.sign_out_everywhere, name="sign-out-everywhere"),
    path("tokens/", token_pages.my_tokens, name="tokens"),
    path("tokens/<int:number>/revoke/", token_pages.revoke_token, name="revoke-token"),
    path("notices/", notice_pages.my_notices, name="notices"),
    path("notices/read/", notice_pages.mark_read, name="notices-read"),
    path("notices/by-mail/", notice_pages.choose, name="notices-by-mail"),
    path("invitation/<str:secret>/", invitation_pages.invitation, name="invitation"),
    path("people/", people_pages.people, name="people"),
    path("people/invite/", people_pages.invite, name="invite"),
    path("people/invitations/<int:number>/resend/", people_pages.resend, name="resend-invitation"),
    path("people/invitations/<int:number>/revoke/", people_pages.revoke, name="revoke-invitation"),
    path("people/<int:number>/", people_pages.person, name="person"),
    path("people/<int:number>/give/", people_pages.give_role, name="give-role"),
    path("people/<int:number>/take/", people_pages.take_role, name="take-role"),
    path("people/<int:number>/deactivate/", people_pages.deactivate, name="deactivate"),
    path("people/<int:number>/activate/", people_pages.activate, name="activate"),
]
