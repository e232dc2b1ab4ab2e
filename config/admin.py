"""The admin of doqchat as a site of its own: its title, and how often one may try to log in."""

from django.contrib import admin

from chat.login import LoginForm

admin.site.site_header = admin.site.site_title = "doqchat"
admin.site.login_form = LoginForm
