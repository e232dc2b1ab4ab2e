"""Webhook endpoints and deliveries in the admin. A secret is shown once."""

from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminURLFieldWidget
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from chat.admin.read_only import ReadOnlyAdmin
from chat.webhooks import deliveries
from chat.webhooks.models import EventType, WebhookDelivery, WebhookEndpoint
from chat.webhooks.trial import send_test


class EndpointForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes no parameter when it runs
    """The form of an endpoint: the events are checkboxes."""

    types = forms.MultipleChoiceField(
        label=_("events"),
        choices=lambda: [(each.value, f"{each.value}: {each.label}") for each in EventType],
        initial=EventType.values,
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("url", "description", "types", "enabled")
        widgets = {"url": AdminURLFieldWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["types"] = self.instance.types.split()

    def clean_types(self) -> str:
        """The types as they are stored."""
        return " ".join(self.cleaned_data["types"])


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # it takes no parameter when it runs
    """Endpoints. The buttons of their pages send a test webhook, and rotate the secret."""

    form = EndpointForm
    list_display = ("url", "description", "types", "enabled", "disabled_because", "created_at")
    readonly_fields = ("disabled_because", "created_at")
    change_form_template = "admin/doqchat/webhookendpoint/change_form.html"

    def get_readonly_fields(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> tuple[str, ...]:
        return self.readonly_fields if obj else ()

    def save_model(self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: bool) -> None:
        if obj.enabled:
            obj.disabled_because = ""
        super().save_model(request, obj, form, change)
        if not change:
            self._show_secret(request, obj)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """What is deleted, for the confirmation: deliveries as a number, because there can be many."""
        chosen = list(objs)
        count = WebhookDelivery.objects.filter(endpoint__in=chosen).count()
        deleted = {
            str(self.opts.verbose_name_plural): len(chosen),
            str(WebhookDelivery._meta.verbose_name_plural): count,
        }
        return [str(each) for each in chosen], deleted, set(), []

    def delete_model(self, request: HttpRequest, obj: WebhookEndpoint) -> None:
        """Delete an endpoint and its deliveries."""
        self.delete_queryset(request, WebhookEndpoint.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        """Delete endpoints, after their deliveries: Django would load each."""
        deliveries.delete(WebhookDelivery.objects.filter(endpoint__in=queryset))
        queryset.delete()

    def response_change(self, request: HttpRequest, obj: WebhookEndpoint) -> HttpResponse:
        """Do what the buttons say."""
        if "_test" in request.POST:
            self._test(request, obj)
        elif "_rotate" in request.POST:
            obj.rotate()
            self._show_secret(request, obj)
        else:
            return super().response_change(request, obj)
        return HttpResponseRedirect(request.path)

    def _test(self, request: HttpRequest, endpoint: WebhookEndpoint) -> None:
        answer = async_to_sync(send_test)(endpoint)
        if answer.error:
            text = _("The test webhook has failed: %(error)s") % {"error": answer.error}
            self.message_user(request, text, messages.ERROR)
        else:
            text = _("The endpoint has accepted the test webhook: HTTP %(status)s.") % {"status": answer.status}
            self.message_user(request, text)

    def _show_secret(self, request: HttpRequest, endpoint: WebhookEndpoint) -> None:
        text = _("The secret is %(secret)s. Copy it now: it is not shown again.") % {"secret": endpoint.secret}
        self.message_user(request, text, messages.WARNING)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """Deliveries, newest first. Dead ones can be retried."""

    list_display = ("queued_at", "endpoint", "type", "sid", "state", "attempts", "due_at", "status", "error")
    list_filter = ("state", "type", "endpoint")
    list_select_related = ("endpoint",)
    search_fields = ("=sid", "=message_id")
    search_help_text = _("A session name or a webhook id.")
    show_full_result_count = False
    exclude = ("data", "event")
    actions = ("retry",)

    @admin.action(description=_("Retry selected dead deliveries"), permissions=["retry"])
    def retry(self, request: HttpRequest, chosen: QuerySet[WebhookDelivery]) -> None:
        count = deliveries.retry(chosen)
        text = ngettext("%(count)s delivery is retried.", "%(count)s deliveries are retried.", count)
        self.message_user(request, text % {"count": count})

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whether the user may retry: that changes a delivery."""
        return admin.ModelAdmin.has_change_permission(self, request)
