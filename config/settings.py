"""Django's settings, from the environment. `.env.example` explains every variable."""

from logging import LogRecord
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from config.data_directory import COLLECTED, DATABASE, SECRET, make_private_file, tighten
from config.environment import Environment
from config.static_files import cache_forever, static_version
from doqchat.serving.notice import find_running
from doqchat.serving.valkey import embedded_url

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment(BASE_DIR / ".env")

# The public URL of the site, usually behind a proxy
HTTPS = env.flag("DOQCHAT_HTTPS", False)
SITE_PATH = env.url_path("DOQCHAT_PATH")
FORWARDED_ALLOW_IPS = env.words("FORWARDED_ALLOW_IPS", ["127.0.0.1", "::1"])

# The data directory and the store
DATA_DIR = (BASE_DIR / env.text("DOQCHAT_DATA_DIR", ".data")).resolve()
tighten(DATA_DIR)
EMBEDDED_STORE: dict[str, Any] = {
    "PORT": env.integer("DOQCHAT_REDIS_PORT", 6390, minimum=1, maximum=65535),
    "MEMORY": env.memory("DOQCHAT_REDIS_MEMORY", "50%"),
    "PASSWORD": env.text("DOQCHAT_REDIS_PASSWORD"),
}
STORE_URLS = env.store_urls("DOQCHAT_REDIS_URL", embedded_url(EMBEDDED_STORE["PORT"], EMBEDDED_STORE["PASSWORD"]))

# The addresses of a running `manage.py doqchat_up`, unless the variables are set
PORT = env.integer("PORT", 3000, minimum=0, maximum=65535)
running = find_running(DATA_DIR)
if running and not any(map(env.text, ("DOQCHAT_REDIS_URL", "DOQCHAT_REDIS_PORT", "DOQCHAT_REDIS_PASSWORD"))):
    STORE_URLS = running.store_urls

CHANNEL_LAYERS = {"default": {"BACKEND": "doqchat.fanout.layer.SessionChannelLayer"}}

# Shared by web processes: the counts of login attempts. `process` replaces it while the store is unreachable.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": STORE_URLS[:1],
        "KEY_PREFIX": "doqchat:cache",
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    },
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}

# The models behind `llms[alias]`, shaped like Django's CACHES
LLM_MODEL = env.text("DOQCHAT_LLM_MODEL")  # the default's, whichever that is
CONTEXT_TOKENS = env.integer("DOQCHAT_LLM_CONTEXT_TOKENS", 16_000, minimum=1_000, maximum=10_000_000)
GEMINI = {
    "MODEL": LLM_MODEL or "gemini-flash-latest",
    "API_KEY": env.text("GEMINI_API_KEY"),
    "BASE_URL": env.text("GEMINI_BASE_URL"),
    "CONTEXT_TOKENS": CONTEXT_TOKENS,
}
OPENAI = {
    "MODEL": (not GEMINI["API_KEY"] and LLM_MODEL) or "gpt-5.4-mini",
    "API_KEY": env.text("OPENAI_API_KEY"),
    "BASE_URL": env.text("OPENAI_BASE_URL"),
    "CONTEXT_TOKENS": CONTEXT_TOKENS,
}
LLMS: dict[str, dict[str, Any]] = {"demo": {"BACKEND": "doqchat.llm.demo.DemoLLM"}}
if GEMINI["API_KEY"]:
    LLMS["gemini"] = {"BACKEND": "doqchat.llm.google_genai.GoogleGenAI", **GEMINI}
    LLMS["gemini-legacy"] = {"BACKEND": "doqchat.llm.google_generativeai.GoogleGenerativeAI", **GEMINI}
if OPENAI["API_KEY"] or OPENAI["BASE_URL"]:
    LLMS["openai"] = {"BACKEND": "doqchat.llm.openai.OpenAI", **OPENAI}
LLMS["default"] = LLMS.get("gemini") or LLMS.get("openai") or LLMS["demo"]
if prices := env.prices("DOQCHAT_LLM_PRICES"):
    LLMS["default"]["PRICES"] = prices

TOKENS_PER_DAY = 2_000_000 if LLMS["default"] is not LLMS["demo"] else 0  # providers are paid by the token

# The settings of doqchat in any project; doqchat/conf.py has the others and the defaults
DOQCHAT: dict[str, Any] = {
    "STORE_URLS": STORE_URLS,
    "LLMS": LLMS,
    # Such as "SYSTEM": "Answer in one sentence."
    "REPLIES": {"TOKENS_PER_DAY": env.integer("DOQCHAT_TOKENS_PER_DAY", TOKENS_PER_DAY, 0, 10**12) or None},
    "LIMITS": env.limits("DOQCHAT_LIMITS"),
    "ARCHIVE": {
        "LIVE_EVENTS": env.integer("DOQCHAT_LIVE_EVENTS", 1_000, minimum=1, maximum=10**9),
        "LIVE_HOURS": env.integer("DOQCHAT_LIVE_HOURS", 168, minimum=0, maximum=10**6) or None,
        "RETENTION_DAYS": env.integer("DOQCHAT_RETENTION_DAYS", 0, minimum=0, maximum=36_500) or None,
        "IDLE_MINUTES": env.integer("DOQCHAT_IDLE_MINUTES", 60, minimum=0, maximum=10**7) or None,
    },
    "FILTERS": [{"NAME": path} for path in env.words("DOQCHAT_FILTERS")],
    "ACCESS": env.choice("DOQCHAT_ACCESS", "", ["open", "token"]) or None,
    "TOKEN_KEY": env.token_key("DOQCHAT_TOKEN_KEY"),
    "TOKEN_JWKS": env.token_jwks("DOQCHAT_TOKEN_JWKS"),
    "AUTHORIZE": env.text("DOQCHAT_AUTHORIZE") or None,
    "METRICS_TOKEN": env.long_secret("DOQCHAT_METRICS_TOKEN"),
    "AUDIT_DAYS": env.integer("DOQCHAT_AUDIT_DAYS", 365, minimum=0, maximum=36_500) or None,
    "WEBHOOK_PRIVATE_TARGETS": env.flag("DOQCHAT_WEBHOOK_PRIVATE_TARGETS", False),
    "ORIGINS": env.words("DOQCHAT_ORIGINS"),
    "EMBED_ORIGINS": env.words("DOQCHAT_EMBED_ORIGINS"),
    "PROXIES": FORWARDED_ALLOW_IPS,
    "HOST": env.text("HOST", "127.0.0.1"),
    "PORT": PORT,
    "SERVER": env.choice("SERVER", "uvicorn", ["uvicorn", "daphne"]),
    "WEB_WORKERS": env.integer("WEB_WORKERS", 1, minimum=1, maximum=64),
    "LLM_WORKERS": env.integer("LLM_WORKERS", 1, minimum=0, maximum=64),
    "ADDRESS": running.address if running and not env.text("PORT") else None,
    "DATA_DIR": DATA_DIR,
    "EMBEDDED_STORE": None if env.words("DOQCHAT_REDIS_URL") else EMBEDDED_STORE,
    "PROBLEMS": env.problems,
}

# Django
SECRET_KEY = env.secret("SECRET_KEY", DATA_DIR / SECRET)
DEBUG = env.flag("DEBUG", False)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = [
    f"https://{'*' if host.startswith('.') else ''}{host}" for host in ALLOWED_HOSTS if host not in ("*", "[::1]")
]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "config",  # before staticfiles, which has another runserver
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "ninja",
    "servestatic",
    "doqchat.archive",
    "chat",
]
MIDDLEWARE = [
    "chat.monitoring.health.answer_health",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{DATA_DIR / DATABASE}")}
if DATABASES["default"]["NAME"] == str(DATA_DIR / DATABASE):
    make_private_file(DATA_DIR / DATABASE)
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Several processes share the file: wait for a lock instead of failing, and let readers read meanwhile.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]

LANGUAGES = [("ko", _("Korean")), ("en", _("English"))]
LANGUAGE_CODE = env.choice("LANGUAGE_CODE", "en", ["ko", "en"])  # where the browser asks for neither
TIME_ZONE = env.time_zone("TIME_ZONE", "Asia/Seoul")
USE_I18N = True
USE_TZ = True

FORCE_SCRIPT_NAME = SITE_PATH.rstrip("/") or None
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = LANGUAGE_COOKIE_PATH = SITE_PATH
# The version in the URLs changes with the files, so browsers may cache them permanently. Relative imports and url()
# work unchanged. `doqchat_up` collects compressed copies; what is not collected is served from where it is installed.
STATIC_VERSION = static_version(BASE_DIR / "chat" / "static")
STATIC_URL = f"{SITE_PATH}static/{STATIC_VERSION}/"
STATIC_ROOT = DATA_DIR / COLLECTED / "static" / STATIC_VERSION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static_files.CollectedFiles"},
}
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = DEBUG
if not DEBUG:
    SERVESTATIC_ADD_HEADERS_FUNCTION = cache_forever
    SERVESTATIC_ROOT = DATA_DIR / COLLECTED if STATIC_ROOT.is_dir() else None

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 30 * 24 * 3600 if HTTPS else 0
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for subdomains: they do not belong to this site
    "security.W008",  # redirecting to HTTPS: only the proxy knows which requests did not come by it
    "security.W021",  # HSTS preloading: the owner of the domain decides
]
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],  # but for rooms, with DOQCHAT_EMBED_ORIGINS: chat/pages/embedding.py
    }
}


def _is_not_503(record: LogRecord) -> bool:
    return getattr(record, "status_code", None) != 503


LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR"])  # of doqchat; others: WARNING
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "doqchat.serving.logs.LineFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        }
    },
    "filters": {
        "rate_limit": {"()": "doqchat.serving.logs.RateLimitFilter"},
        # An unusable store is logged once (doqchat/store/outages.py), not with every failed request.
        "not_503": {"()": "django.utils.log.CallbackFilter", "callback": _is_not_503},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["rate_limit"]},
        "requests": {"class": "logging.StreamHandler", "formatter": "line"},  # with DEBUG alone: a page has many
    },
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "doqchat": {"level": LOG_LEVEL},
        "chat": {"level": LOG_LEVEL},
        "django": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "django.request": {"filters": ["not_503"]},
        "uvicorn.access": {"handlers": ["requests"], "level": "INFO", "propagate": False},
        "daphne.access": {"handlers": ["requests"], "level": "INFO", "propagate": False},
    },
}
