"""The page's texts, for the templates and for the scripts."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from doqchat.conf import access_mode


def names() -> dict[str, str]:
    """The display name of each role."""
    return {"A": "A", "B": "B", "user": _("Guest"), "llm": "AI"}


def author(role: str, own: bool, name: str = "", session: Mapping[str, str] | None = None) -> str:
    """The name above a message.

    Args:
        role: who says it; own: whether that is the reader.
        name: the name in the event; empty for none.
        session: the names in the session's settings by role.
    """
    name = name or (session or {}).get(role) or names().get(role, role)
    return _own_name().format(name=name) if own else name


def _own_name() -> str:
    """The pattern of the reader's own name, with `{name}`."""
    return _("{name} (you)")


def asked() -> str:
    """The tag next to the author of a request to the model."""
    return _("asks the AI")


def removed() -> str:
    """The text in place of a removed message."""
    return _("Removed by a moderator")


def notices() -> dict[str, str]:
    """What a moderator did, by what it was; `{by}` is from `moderators`, `{name}` a role's display name."""
    return {
        "removed": _("{by} removed a message."),
        "muted": _("{by} muted {name}."),
        "unmuted": _("{by} unmuted {name}."),
        "closed": _("{by} closed the session."),
        "reopened": _("{by} reopened the session."),
        "erased": _("An administrator erased everything that was said until here."),
        "held": _("{by} put this conversation on legal hold: nothing of it is removed or erased."),
        "released": _("{by} ended the legal hold of this conversation."),
        "exported": _("{by} exported this conversation."),
    }


def notice() -> dict[str, str]:
    """The text of a moderator's notice, with and without a name."""
    return {"named": _("Notice from {name}: {text}"), "unnamed": _("Notice: {text}")}


def moderators() -> dict[str, str]:
    """Who did it: with and without a name."""
    return {"named": _("Moderator {name}"), "unnamed": _("A moderator")}


def reason() -> str:
    """The pattern of a moderator's reason, with `{reason}`."""
    return _("Reason: {reason}")


def until() -> str:
    """The pattern of a mute's end, with `{time}`."""
    return _("Until {time}")


def failures() -> dict[str, str]:
    """Why the model did not answer, by `code` of `llm.error`; `failed` is the default."""
    return {
        "not_configured": _("The model is not configured. Contact the server's administrator."),
        "no_worker": _("The AI is not running. Contact the server's administrator."),
        "rate_limited": _("The model is receiving too many requests. Try again in a minute."),
        "quota_exhausted": _("The model's quota is used up. The server's administrator can raise it."),
        "unsupported_location": _("The model is not available in this server's country or region."),
        "context_too_long": _("The conversation is too long for the model. Ask a shorter question."),
        "timeout": _("The model took too long and was stopped. Ask again."),
        "unavailable": _("The model is unreachable right now. Try again in a minute."),
        "rejected": _("The answer was stopped, because this site's rules do not allow it."),
        "blocked": _("The model declined to answer. Rephrase the question."),
        "no_answer": _("The model gave no answer. Ask again."),
        "unfinished": _("The answer was cut off. Ask again."),
        "invalid_response": _("The model's answer could not be read. Ask again."),
        "failed": _("The model could not answer. Ask again."),
    }


def endings() -> dict[str, str]:
    """The note below an incomplete answer, by `finish_reason`."""
    return {
        "length": _("The answer was cut off at its length limit."),
        "cancelled": _("The answer was stopped."),
        "safety": _("The answer was cut off by the model's safety filter."),
        "superseded": _("The AI's answer was withdrawn."),
    }


def forbidden() -> str:
    """Why this page may not connect: its token or, with open access, its origin."""
    if access_mode() == "token":
        return _("This link does not let you into the session, or no longer does. Ask for a new one.")
    return _("Pages from this address may not connect. Open the session at the site's own address.")


def refusals() -> dict[str, str]:
    """Why a message was not sent, by `code` of `error`; the default is the server's sentence.

    `{when}` is the time until the limit ends, as in "in 5 seconds"; `{message}` is the server's sentence.
    """
    return {
        "rate_limited": _("Rate limit exceeded. Try again {when}."),
        "unavailable": _("The server cannot store messages right now. Nothing was sent; try again in a moment."),
        "rejected": _("This session's rules do not allow this message. {message}"),
        "session_closed": _("This session is closed. You can no longer send messages here."),
        "muted": _("A moderator has muted you. Nothing was sent."),
        "not_found": _("That answer has already ended."),
        "too_large": _("This message is too large. Send it in parts."),
        "forbidden": forbidden() if access_mode() == "open" else _("Your link does not allow this."),
        "internal": _("Internal server error. Try again in a moment."),
        "unsent": _("Not sent"),
        "uncertain": _("This may not have been sent. Check the conversation above."),
    }


def put_off() -> dict[str, str]:
    """The note below a message that is resent automatically, by `code` of `error`."""
    return {
        "rate_limited": _("Rate limit exceeded. The message will be resent automatically."),
        "unavailable": _("The server cannot store messages right now. Your message will be sent as soon as possible."),
    }


def connection() -> dict[str, Any]:
    """The state of the connection; `delayed` and `stopped` are by close code, `waiting` is the default of the first."""
    return {
        "connecting": _("Connecting…"),
        "connected": _("Connected"),
        "behind": _("Loading the messages that you have missed…"),
        "waiting": _("Connection lost. Trying again in {seconds} s."),
        "delayed": {
            "1013": _("The server cannot store messages right now. Trying again in {seconds} s."),
            "4413": _("Your connection is too slow to keep up. Trying again in {seconds} s."),
            "4429": _("This page has sent too many requests. Trying again in {seconds} s."),
        },
        "offline": _("You are offline. Your messages will be sent when you reconnect."),
        "stopped": {
            "4400": _("This address is not valid. Open the session again from the home page."),
            "4401": _("This session needs a valid link. Ask for a new one."),
            "4403": forbidden(),
            "4404": _("There is no such session. Check the link."),
            "4410": _("This session is closed. You can no longer send messages here."),
        },
    }


def home() -> dict[str, Any]:
    """The texts of the home page's scripts."""
    return {
        "recent": {
            "role": _("You are {role}"),
            "said": _("{by}: {text}"),
            "new": _("{count} new"),
            "more": _("{count} or more new"),
            "remove": _("Remove {title} from this list"),
            "none": _("No session matches."),
            "unknown": _("Open the link that you were given to see this session."),
            "failed": _("New messages cannot be checked right now."),
        },
        "search": search(),
    }


def search() -> dict[str, str]:
    """The state of a search."""
    return {
        "searching": _("Searching…"),
        "none": _("No message contains this."),
        "one": _("1 message"),
        "some": _("{count} messages"),
        "first": _("The newest {count} messages"),
        "short": _("Type at least two letters or digits."),
        "limited": _("Too many searches. Try again in a minute."),
        "failed": _("The search failed. Try again in a moment."),
        "more": _("More results"),
        "again": _("Try again"),
    }


def changes() -> dict[str, Any]:
    """What has changed in the session; `{by}` is from `by`, `{value}` the new value."""
    return {
        "by": {"own": _("You"), "other": pgettext("who did it", "{name}"), "staff": _("An administrator")},
        "undo": _("Undo"),
        "joined": _("{by} joined."),
        "left": _("{by} left."),
        "policy": {
            "off": _("{by} set the AI to answer only when asked."),
            "mention": _("{by} set the AI to answer when it is called."),
            "always": _("{by} set the AI to answer every message."),
        },
        "settings": {
            "title": _("{by} changed the title to “{value}”."),
            "name_llm": _("{by} named the AI “{value}”."),
            "llm": _("{by} chose the model “{value}”."),
            "other": _("{by} changed the settings."),
        },
    }


def setting_names() -> list[tuple[str, str]]:
    """The settings that are display names, with their labels."""
    return [("name_llm", _("Name of the AI")), ("name_a", _("Name of A")), ("name_b", _("Name of B"))]


def _invalid_settings() -> dict[str, str]:
    """Which values a setting can have, by its name."""
    name = _("A name has at most 40 characters, and no brackets, @ or invisible characters.")
    return {
        "title": _("A title is one line of at most 80 characters."),
        "name_a": name,
        "name_b": name,
        "name_llm": name,
        "system": _("The instructions are limited to 8,000 characters."),
        "wait_seconds": _("Enter a number between 0.3 and 30."),
        "llm": _("This server does not offer this model."),
    }


def wording() -> dict[str, Any]:
    """All texts of the page's scripts, in the language of the request."""
    return {
        "names": names(),
        "own": _own_name(),
        "asked": asked(),
        "removed": removed(),
        "notices": notices(),
        "notice": notice(),
        "moderators": moderators(),
        "reason": reason(),
        "until": until(),
        "muted": {
            "timed": _("A moderator has muted you. You can write again {when}."),
            "endless": _("A moderator has muted you."),
        },
        "removal": {
            "offer": _("Remove this message"),
            "confirm": _("Remove?"),
            "failed": _("This message could not be removed. Try again in a moment."),
        },
        "connection": connection(),
        "failures": failures(),
        "endings": endings(),
        "refusals": refusals(),
        "putOff": put_off(),
        "sending": _("Sending…"),
        "held": _("Waiting for the connection"),
        "unsent": _("Not sent"),
        "retry": _("Send again"),
        "discard": _("Discard"),
        "copyText": _("Copy"),
        "stop": _("Stop"),
        "takeOver": _("Let me answer"),
        "answering": {
            "waiting": _("is thinking…"),
            "streaming": _("is answering…"),
            "inLine": _("is waiting for its turn"),
            "stopping": _("is stopping…"),
        },
        "settings": {
            "saved": _("Saved"),
            "failed": _("This could not be changed. Try again in a moment."),
            "invalid": _invalid_settings(),
        },
        "here": _("online"),
        "connections": _("{count} windows"),
        "away": _("offline"),
        "typing": {
            "one": _("{name} is typing…"),
            "several": _("{names} are typing…"),
            "many": _("{count} people are typing…"),
        },
        "ownName": {"refused": _("A name has at most 40 characters, without brackets and @.")},
        "unread": _("New messages"),
        "seen": _("Seen by {names}"),
        "notifications": {
            "offer": _("Be notified of messages when you are elsewhere?"),
            "accept": _("Turn on"),
            "blocked": _("The browser blocks notifications of this site. You can allow them in its settings."),
        },
        "changes": changes(),
        "reads": _("You can only read here"),
        "count": _("{count} of {limit} characters"),
        "over": _("Too long by {count}"),
        "copied": _("Copied"),
        "copy": {"code": _("Copy code")},
        "again": {
            "finished": _("Answer again"),
            "failed": _("Try again"),
            "missing": _("The question is not on this page. Show earlier messages, or ask again below."),
        },
        "share": _("Join our session"),
        "unloaded": _("This part of the page could not be loaded. Try again in a moment."),
        "gap": _("Some earlier messages are no longer stored."),
        "newer": {"none": _("To the latest message"), "some": _("To the latest message; new: {count}")},
        "search": search(),
        "download": {
            "loading": _("Loading the conversation…"),
            "done": _("Downloaded"),
            "cancelled": _("The download was cancelled."),
            "empty": _("There is nothing to download yet."),
            "limited": _("Too many downloads. Try again in a minute."),
            "failed": _("The conversation could not be downloaded. Try again in a moment."),
        },
        "history": {"failed": _("Earlier messages could not be loaded. Try again in a moment.")},
    }
