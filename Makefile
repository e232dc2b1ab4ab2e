# Everything installed goes into .venv; .venv/.runtime and .venv/.dev are the requirements that it was installed from.
# pip changes nothing before it has downloaded everything: if that fails, the installed packages stay as they are.

PYTHON ?= python3
BIN := .venv/bin
PIP_INSTALL := -u -m pip install --disable-pip-version-check --no-input --progress-bar off
INSTALL := $(PIP_INSTALL) --require-hashes
# A path file, because to build the folder pip would download packages without hashes.
CLIENT := -c 'import sys, sysconfig; open(sysconfig.get_path("purelib") + "/doqchat_client.pth", "w").write(sys.argv[1])' \
	'$(CURDIR)/client/src'
# Later versions of Django need a later Python than doqchat; this environment has one, and the latest Django.
NEWEST := .venv/newest-django
# The name of each package that pip processes; warnings and errors are shown unchanged.
PROGRESS := while read -r word name rest; do case "$$word $$name" in \
	Collecting\ *) printf '%s ' "$${name%%[[!=<>~]*}" ;; \
	Installing\ collected) printf '\n설치 중 / installing\n' ;; esac; done
FAILED := echo '패키지를 설치하지 못했습니다. 이미 설치된 패키지는 그대로입니다. /' \
	'The packages could not be installed; the installed ones are unchanged.' >&2; exit 1

.DEFAULT_GOAL := help
.PHONY: help run test test-slow test-newest-django generators check sbom bench chaos attack fuzz screenshots vendor
# Without bytecode, every process of every run compiles all modules and rewrites all assertions again.
unexport PYTHONDONTWRITEBYTECODE

help:
	@echo 'make run                 doqchat을 실행합니다: http://localhost:3000/   run doqchat'
	@echo 'make test                테스트를 실행합니다                           run the tests (ARGS="-k name" for some)'
	@echo 'make test-slow           오래 걸리는 나머지 테스트를 실행합니다        run the other tests, which take long'
	@echo 'make test-newest-django  최신 Django로 모든 테스트를 실행합니다          run all tests on the latest Django'
	@echo 'make generators          npm의 코드 생성기로 API 문서를 검사합니다     generate TypeScript from the API documents (npm)'
	@echo 'make check               포맷, 린트, 타입, 계층을 검사합니다           check format, lint, types and layers'
	@echo 'make vendor              페이지의 외부 라이브러리를 다시 묶습니다(npm)  bundle the libraries of the page (npm)'
	@echo 'make sbom                패키지 목록(SBOM)을 sbom.json에 씁니다        write the list of packages (SBOM) to sbom.json'
	@echo 'make bench               서버의 성능을 측정합니다                      benchmark the server'
	@echo 'make chaos               장애를 주입하고 유실된 메시지를 셉니다        inject faults under load, count lost messages'
	@echo 'make attack              서버를 공격하고 그 영향을 측정합니다          attack a server, measure the effect on others'
	@echo 'make fuzz                생성한 프레임을 서버에 보내고 결과를 검사합니다 send generated frames, check what is stored'

run: .venv/.runtime
	@exec $(BIN)/python manage.py doqchat_up --end-with-parent $$PPID

test: .venv/.dev
	@$(BIN)/python -m pytest -n 4 --dist worksteal $(if $(ARGS),$(ARGS),-m 'not slow')

test-slow: .venv/.dev
	@$(BIN)/python -m pytest -n 4 --dist worksteal -m slow $(ARGS)

test-newest-django: $(NEWEST)/.dev
	@$(NEWEST)/bin/python $(PIP_INSTALL) --quiet --upgrade django || { $(FAILED); }
	@$(NEWEST)/bin/python -c 'import django; print("Django", django.__version__)'
	@$(NEWEST)/bin/python -m pytest -n 4 --dist worksteal $(ARGS)

generators: .venv/.dev
	@command -v npm >/dev/null || { echo 'npm이 필요합니다. Node.js 20 이상을 설치하세요. / npm is required: install Node.js 20 or later.' >&2; exit 1; }
	@$(BIN)/python -m pytest tests/generators $(ARGS)

vendor:
	@command -v npm >/dev/null || { echo 'npm이 필요합니다. Node.js 20 이상을 설치하세요. / npm is required: install Node.js 20 or later.' >&2; exit 1; }
	@mkdir -p .build/vendor && cp vendor/.npmrc vendor/*.js vendor/*.json .build/vendor
	@cd .build/vendor && npm ci --ignore-scripts && node build.js

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The warning, that the main component names no dependencies, says nothing about what is installed.
sbom: .venv/.dev
	@$(BIN)/python -W ignore::UserWarning -m cyclonedx_py requirements requirements.txt --pyproject pyproject.toml \
		--output-reproducible --output-file sbom.json $(ARGS)

bench: .venv/.dev
	@$(BIN)/python -m benchmarks $(ARGS)

chaos: .venv/.dev
	@$(BIN)/python -m tests.chaos $(ARGS)

attack: .venv/.dev
	@$(BIN)/python -m tests.attack $(ARGS)

fuzz: .venv/.dev
	@$(BIN)/python -m tests.fuzz $(ARGS)

screenshots: .venv/.dev
	@$(BIN)/python -m tests.page.screenshots

.venv/.runtime: requirements.txt | $(BIN)/python
	@cat $^ | cmp -s - $@ || { \
		echo '실행에 필요한 패키지를 설치합니다(처음 한 번) / installing the runtime packages (first run only):'; \
		($(BIN)/python $(INSTALL) -r requirements.txt && $(BIN)/python $(CLIENT) && cat $^ > $@) | $(PROGRESS); \
		cat $^ | cmp -s - $@ || { $(FAILED); }; }
	@touch $@

.venv/.dev: requirements.txt requirements-dev.txt | $(BIN)/python
	@cat $^ | cmp -s - $@ || { \
		echo '개발에 필요한 패키지를 설치합니다(처음 한 번) / installing the development packages (first run only):'; \
		($(BIN)/python $(INSTALL) -r requirements-dev.txt && $(BIN)/python $(CLIENT) \
			&& cat requirements.txt > .venv/.runtime && cat $^ > $@) | $(PROGRESS); \
		cat $^ | cmp -s - $@ || { $(FAILED); }; }
	@touch $@

$(NEWEST)/.dev: requirements.txt requirements-dev.txt | $(NEWEST)/bin/python
	@echo '최신 Django로 테스트할 패키지를 설치합니다 / installing the packages for the tests on the latest Django'
	@$(NEWEST)/bin/python $(INSTALL) --quiet -r requirements-dev.txt || { $(FAILED); }
	@$(NEWEST)/bin/python $(CLIENT)
	@touch $@

$(NEWEST)/bin/python:
	@for python in $(PYTHON) python3.12 python3.13 python3.14; do \
		$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null || continue; \
		exec $$python -m venv $(NEWEST); \
	done; \
	echo '최신 Django에는 Python 3.12 이상이 필요합니다. 설치한 뒤 make PYTHON=python3.12 test-newest-django처럼 지정하세요. /' \
		'The latest Django requires Python 3.12 or later: install it, then specify it, as in' \
		'make PYTHON=python3.12 test-newest-django.' >&2; exit 1

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'Python 3.11 이상이 필요합니다. 설치한 뒤 make PYTHON=python3.12 run처럼 지정하세요. /' \
			'Python 3.11 or later is required: install it, then specify it, as in make PYTHON=python3.12 run.' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo '가상 환경을 만들 수 없습니다. apt install python3-venv로 설치하세요. /' \
			'The venv module is missing: apt install python3-venv' >&2; exit 1; }
	@echo '가상 환경 .venv를 만듭니다 / creating the virtual environment .venv'
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }
