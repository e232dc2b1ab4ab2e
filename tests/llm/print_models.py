"""Prints the models that the settings make of the variables that are set."""

import json
import sys

from config.settings import LLMS

json.dump(LLMS, sys.stdout)
