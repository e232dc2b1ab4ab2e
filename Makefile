# Everything installed goes into .venv; .venv/.runtime and .venv/.dev are the requirements that it was installed from.
# pip changes nothing before it has got all it needs: what was installed stays when that fails.

PYTHON ?= python3
BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -u -m pip install --disable-pip-version-check --no-input --progress-bar off
# By itself, as there is no hash of a folder; what it needs is among the requirements.
CLIENT := $(PIP_INSTALL) --no-deps --editable ./client
# The name of each package that pip turns to; its warnings and errors come through as they are.
PROGRESS := while read -r word name rest; do case "$$word $$name" in \
	Collecting\ *) printf '%s ' "$${name%%[[!=<>~]*}" ;; \
	Installing\ collected) printf '\n설치 중 / installing\n' ;; esac; done
FAILED := echo '패키지를 설치하지 못했습니다. 전에 설치한 것은 그대로 있습니다. /' \
	'The packages could not be installed; what was installed before is as it was.' >&2; exit 1

.DEFAULT_GOAL := help
.PHONY: help run test check bench chaos attack

help:
	@echo 'make run     doqchat을 실행합니다: http://localhost:3000/   run doqchat'
	@echo 'make test    모든 테스트를 실행합니다                      run all tests (ARGS="-k name" for some)'
	@echo 'make check   형식, 린트, 타입, 계층을 검사합니다           check format, lint, types and layers'
	@echo 'make bench   서버의 성능을 잽니다                          measure the server'
	@echo 'make chaos   장애를 일으키며 메시지가 모두 남는지 봅니다   break things while people talk, count what is lost'
	@echo 'make attack  서버를 공격하며 다른 사람이 느끼는지 봅니다   attack a server, measure what others notice'

run: .venv/.runtime
	@exec $(BIN)/python manage.py doqchat_up --end-with-parent $$PPID

test: .venv/.dev
	@$(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS)

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.dev
	@$(BIN)/python -m benchmarks $(ARGS)

chaos: .venv/.dev
	@$(BIN)/python -m tests.chaos $(ARGS)

attack: .venv/.dev
	@$(BIN)/python -m tests.attack $(ARGS)

.venv/.runtime: requirements.txt | $(BIN)/python
	@cat $^ | cmp -s - $@ || { \
		echo '실행에 필요한 패키지를 받습니다(처음 한 번) / getting what doqchat runs on, this once:'; \
		($(PIP_INSTALL) -r requirements.txt && $(CLIENT) && cat $^ > $@) | $(PROGRESS); \
		cat $^ | cmp -s - $@ || { $(FAILED); }; }
	@touch $@

.venv/.dev: requirements.txt requirements-dev.txt | $(BIN)/python
	@cat $^ | cmp -s - $@ || { \
		echo '개발에 필요한 패키지를 받습니다(처음 한 번) / getting what the tests and checks need, this once:'; \
		($(PIP_INSTALL) -r requirements-dev.txt && $(CLIENT) && cat requirements.txt > .venv/.runtime && cat $^ > $@) \
			| $(PROGRESS); \
		cat $^ | cmp -s - $@ || { $(FAILED); }; }
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'Python 3.11 이상이 필요합니다. 설치한 뒤 make PYTHON=python3.12 run처럼 지정하세요. /' \
			'Python 3.11 or later is needed: install it, then say which, as in make PYTHON=python3.12 run.' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo '가상 환경을 만들 수 없습니다. apt install python3-venv로 설치하세요. /' \
			'Virtual environments are missing: apt install python3-venv' >&2; exit 1; }
	@echo '가상 환경 .venv를 만듭니다 / making the virtual environment .venv'
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }
