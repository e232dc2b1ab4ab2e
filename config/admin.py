"""The admin of standalone doqchat: its title, its start page and its rate-limited login."""

from django.contrib import admin

from chat.access.login import LoginForm

admin.site.site_header = admin.site.site_title = "doqchat"
admin.site.index_template = "admin/start.html"
admin.site.login_form = LoginForm
